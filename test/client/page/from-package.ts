/** The page as a bundler makes it, from the package's own name. */
import * as ringLevel from 'ring-level';
import { run } from './run.ts';

await run(ringLevel);
