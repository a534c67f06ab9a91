/**
 * What is done to the files of a damaged database before LevelDB may have it, so that nothing is lost that could still
 * be looked at, and a repair finds only what it can bear.
 *
 *  - An open replays a damaged log and deletes it: the log is kept.
 *  - A repair takes every table in the directory: of a damaged one it gets the good blocks, or none of it.
 *  - A repair replays logs without looking at their checksums (LevelDB 1.20, db/repair.cc): a flipped bit would become
 *    a key, a value, or a sequence number beyond all others. So it gets logs whose unreadable ranges are zeros, which it
 *    skips, as an open would.
 *  - A repair that is interrupted must be begun again: CURRENT is moved away first, and only a repair's end makes one.
 */
import { copyFile, link, lstat, mkdir, open, readFile, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DataError, errorCode } from './errors.ts';
import type { Inspection } from './leveldb-check.ts';
import { holdsDatabase } from './leveldb-files.ts';
import { rebuildTable } from './leveldb-rebuild.ts';

/** Where LevelDB's repair puts the logs and MANIFESTs that it has read. */
const REPAIR_LEFTOVERS = 'lost';
const NAMES_MAX = 10_000;

/** Moves a file or directory into the directory `aside`; durable when it resolves. Nothing happens when it is not there. */
export async function setAside(path: string, aside: string): Promise<void> {
  await intoAside(path, aside, async (free) => rename(path, free));
}

/** Keeps the faulty logs of an inspection in the directory `aside`, and leaves them where they are. */
export async function keepFaultyLogs(directory: string, inspection: Inspection, aside: string): Promise<void> {
  for (const { name } of inspection.faultyLogs) {
    const path = join(directory, name);
    await intoAside(path, aside, async (free) => linkOrCopy(path, free));
  }
}

/** Makes a damaged database fit for LevelDB's repair. To be repeated from the inspection on when it fails or is interrupted. */
export async function prepareRepair(directory: string, inspection: Inspection, aside: string): Promise<void> {
  await setAside(join(directory, 'CURRENT'), aside);
  for (const name of inspection.damagedTables) await replaceTable(directory, name, aside);
  for (const { name, unreadable } of inspection.faultyLogs.filter((log) => log.unreadable.length > 0)) {
    const bytes = await readFile(join(directory, name));
    for (const { from, to } of unreadable) bytes.fill(0, from, to);
    await writeDurably(directory, name, bytes);
  }
}

async function replaceTable(directory: string, name: string, aside: string): Promise<void> {
  const path = join(directory, name);
  const rebuilt = await rebuildTable(path);
  if (rebuilt === null) return setAside(path, aside);
  await intoAside(path, aside, async (free) => linkOrCopy(path, free));
  await writeDurably(directory, name, rebuilt);
}

/** Puts away what a repair has left, and makes its work durable: it syncs neither its MANIFEST nor the directory. */
export async function settleRepair(directory: string, aside: string): Promise<void> {
  await setAside(join(directory, REPAIR_LEFTOVERS), aside);
  if (await holdsDatabase(directory)) await syncDirectory(directory);
}

/** Durable when it resolves: written aside, synced, renamed, directory synced. A crash leaves the old file or the new one. */
export async function writeDurably(directory: string, name: string, content: string | Uint8Array): Promise<void> {
  const path = join(directory, name);
  const unfinished = `${path}.tmp`;
  const file = await open(unfinished, 'w');
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(unfinished, path);
  await syncDirectory(directory);
}

export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Under the first free name of `name-1`, `name-2`, …; the directory's lock sees to it that no other process looks for one. */
async function intoAside(path: string, aside: string, put: (free: string) => Promise<void>): Promise<void> {
  try {
    if (!(await isThere(path))) return;
    await mkdir(aside, { recursive: true });
    await syncDirectory(dirname(aside));
    await put(await freeName(aside, basename(path)));
    await syncDirectory(aside);
    await syncDirectory(dirname(path));
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError('RING_STORE_UNAVAILABLE', `cannot set ${path} aside: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** A log is never changed once LevelDB has left it, only deleted; not every file system has links. */
async function linkOrCopy(path: string, free: string): Promise<void> {
  try {
    await link(path, free);
  } catch {
    await copyFile(path, free);
  }
}

async function freeName(aside: string, name: string): Promise<string> {
  for (let number = 1; number <= NAMES_MAX; number++) {
    const path = join(aside, `${name}-${number}`);
    if (!(await isThere(path))) return path;
  }
  throw new DataError('RING_STORE_UNAVAILABLE', `${aside} is full of ${name}; remove what nobody needs`);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
