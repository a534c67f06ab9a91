/** The page without a bundler: the file that the package brings along. */
import * as ringLevel from 'ring-level/browser';
import { run } from './run.ts';

await run(ringLevel);
