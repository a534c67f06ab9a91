/** A directory for all data of one command of the benchmark, which goes when the work is done. */
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError, messageOf } from '../cli/errors.ts';
import { makeDirectory } from '../node/index.ts';

/** Processes that were killed a moment ago may still write. */
const REMOVE = { recursive: true, force: true, maxRetries: 10, retryDelay: 100 } as const;
const directories = new Set<string>();

/** Throws a `UsageError` when there can be no directory below `parentDirectory`. */
export async function withDirectory<T>(parentDirectory: string, work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await makeOwnDirectory(parentDirectory);
  directories.add(directory);
  try {
    return await work(directory);
  } finally {
    directories.delete(directory);
    await rm(directory, REMOVE);
  }
}

/** For work that is broken off: the directories go when the process exits, after the listeners for that which are there now. */
export function removeDirectoriesAtExit(): void {
  process.once('exit', () => {
    for (const directory of directories) rmSync(directory, REMOVE);
  });
}

async function makeOwnDirectory(parentDirectory: string): Promise<string> {
  try {
    await makeDirectory(parentDirectory);
    return await mkdtemp(join(parentDirectory, 'ring-level-bench-'));
  } catch (error) {
    throw new UsageError(`bench: --dir is ${JSON.stringify(parentDirectory)}, where no directory can be made: ${messageOf(error)}`);
  }
}
