/**
 * The files of a LevelDB database, by name and as bytes. The one file that must never be opened here is LOCK: closing it
 * would give up the lock of a LevelDB that runs in this process (ARCHITECTURE F8).
 *
 *   CURRENT   the name of the MANIFEST      MANIFEST-000002   which tables and logs count
 *   000003.log   not yet in a table         000004.ldb        a table
 */
import { readFile, readdir } from 'node:fs/promises';
import { DataError, errorCode } from './errors.ts';

const NUMBERED = /^(\d+)\.(ldb|sst|log)$/;
const CURRENT = /^(MANIFEST-\d+)\n$/;

/** Whether the directory holds files of a database. Throws `RING_STORE_UNAVAILABLE`. */
export async function holdsDatabase(directory: string): Promise<boolean> {
  return (await readNames(directory)).some((name) => NUMBERED.test(name) || name.startsWith('MANIFEST-') || name === 'CURRENT');
}

/** What CURRENT says; null when that is nothing that LevelDB would take. */
export function manifestName(current: Uint8Array): string | null {
  return CURRENT.exec(Buffer.from(current).toString('latin1'))?.[1] ?? null;
}

/** In the order in which they were written. */
export function logFiles(names: readonly string[]): { readonly number: number; readonly name: string }[] {
  return numbered(names, 'log');
}

export function fileName(number: number, extension: 'log' | 'ldb'): string {
  return `${String(number).padStart(6, '0')}.${extension}`;
}

/** By the number of the table. `.sst` is what older LevelDBs wrote. */
export function tableNames(names: readonly string[]): Map<number, string> {
  return new Map([...numbered(names, 'sst'), ...numbered(names, 'ldb')].map(({ number, name }) => [number, name]));
}

/** Empty when there is no such directory. */
export async function readNames(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw unreadable(directory, error);
  }
}

/** null when it is gone or the disk cannot read it. */
export async function readWhole(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (['ENOENT', 'EIO'].includes(errorCode(error))) return null;
    throw error;
  }
}

export function unreadable(directory: string, error: unknown): DataError {
  if (error instanceof DataError) return error;
  return new DataError('RING_STORE_UNAVAILABLE', `cannot read ${directory}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}

function numbered(names: readonly string[], extension: string): { readonly number: number; readonly name: string }[] {
  return names
    .map((name) => NUMBERED.exec(name))
    .flatMap((match) => (match !== null && match[2] === extension ? [{ number: Number(match[1]), name: match[0] }] : []))
    .toSorted((a, b) => a.number - b.number);
}
