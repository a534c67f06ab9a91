/** Loaded into a daemon before its own program (`--import`): leaves the address of its inspector in a file. */
import { writeFileSync } from 'node:fs';
import { url } from 'node:inspector';
import { isMainThread } from 'node:worker_threads';
import { inspectorFile } from './inspected-program.ts';

const directory = new URL(import.meta.url).searchParams.get('directory');
const address = url();
// Threads are begun with the same flags, and have no inspector of their own.
if (isMainThread && directory !== null && address !== undefined) writeFileSync(inspectorFile(process.pid, directory), address);
