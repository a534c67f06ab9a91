/** A result of the benchmark as a file. */
import { open, writeFile } from 'node:fs/promises';
import { UsageError, messageOf } from '../cli/errors.ts';

/** Throws a `UsageError` now rather than when everything was measured. */
export async function assertWritable(path: string): Promise<void> {
  try {
    await (await open(path, 'a')).close();
  } catch (error) {
    throw new UsageError(`bench: --json is ${JSON.stringify(path)}, which can't be written: ${messageOf(error)}`);
  }
}

export async function writeJson(path: string, result: object): Promise<void> {
  await writeFile(path, `${JSON.stringify(result, null, 2)}\n`);
}
