/** One fear a test: a lock that nobody holds and nobody gets, and a lock that is held and taken. */
import { mkdir, open, readFile, readdir, readlink, rm, utimes, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lockDirectory } from '../../node/directory-lock.ts';
import { temporaryDirectory } from '../support/kv-places.ts';

const IN_USE = { code: 'RING_DIRECTORY_IN_USE' };

async function lockHere(path: string): ReturnType<typeof lockDirectory> {
  return lockDirectory(path, () => undefined);
}

/** As a process leaves it that died `ageMs` after its last refresh. `owner`: null for no file. */
async function leaveLock(path: string, ageMs: number, owner: string | null): Promise<void> {
  const lock = join(path, 'node.lock');
  await mkdir(lock);
  if (owner !== null) await writeFile(join(path, 'owner.json'), owner);
  const seconds = (Date.now() - ageMs) / 1000;
  await utimes(lock, seconds, seconds);
}

describe('a lock whose owner cannot be read', () => {
  it.each([
    ['empty', ''],
    ['half', '{"pid":12'],
    ['zeros', '\0'.repeat(80)],
    ['missing', null],
  ])('because its file is %s is taken over when nobody refreshes it, and only then', async (_, owner) => {
    await using directory = await temporaryDirectory();
    await leaveLock(directory.path, 5_000, owner);
    await expect(lockHere(directory.path)).rejects.toMatchObject(IN_USE);
    await rm(join(directory.path, 'node.lock'), { recursive: true });
    await leaveLock(directory.path, 7_000, owner);
    const release = await lockHere(directory.path);
    expect(JSON.parse(await readFile(join(directory.path, 'owner.json'), 'utf8'))).toMatchObject({ pid: process.pid });
    await expect(lockHere(directory.path)).rejects.toMatchObject(IN_USE);
    await release();
    expect(await readdir(directory.path)).toStrictEqual(['owner.json']);
  });

  it('is not taken from who holds it, however often it is tried', async () => {
    await using directory = await temporaryDirectory();
    const release = await lockHere(directory.path);
    await writeFile(join(directory.path, 'owner.json'), '');
    for (let attempt = 0; attempt < 5; attempt++) await expect(lockHere(directory.path)).rejects.toMatchObject(IN_USE);
    await release();
  });

  it('or was refreshed in what is the future by this clock is not taken', async () => {
    await using directory = await temporaryDirectory();
    await leaveLock(directory.path, -60_000, '');
    await expect(lockHere(directory.path)).rejects.toMatchObject(IN_USE);
  });
});

describe('a lock whose owner can be read', () => {
  it('and runs is not taken, though it was not refreshed for a while', async () => {
    await using directory = await temporaryDirectory();
    await (await lockHere(directory.path))();
    await leaveLock(directory.path, 7_000, null);
    await expect(lockHere(directory.path)).rejects.toMatchObject(IN_USE);
  });

  it('and is of an earlier boot is taken over at once', async () => {
    await using directory = await temporaryDirectory();
    await leaveLock(directory.path, 0, JSON.stringify({ pid: process.pid, startTime: '1', bootId: 'earlier' }));
    await (await lockHere(directory.path))();
  });
});

describe('the owner of a lock', () => {
  it('is on disk, with its name, before the lock is given', async () => {
    await using directory = await temporaryDirectory();
    const { synced } = await syncsDuring(directory.path, async () => (await lockHere(directory.path))());
    expect(synced).toStrictEqual([join(directory.path, 'owner.json.tmp'), directory.path]);
  });
});

/** The paths that were fsynced, at that time, in order: Node's own method with an ear at it, as a power cut is not at hand. */
async function syncsDuring(path: string, work: () => Promise<void>): Promise<{ readonly synced: readonly string[] }> {
  const handle = await open(path, 'r');
  const prototype = Object.getPrototypeOf(handle) as Pick<FileHandle, 'sync'>;
  await handle.close();
  const { sync } = prototype;
  const synced: string[] = [];
  prototype.sync = async function heard(this: FileHandle): Promise<void> {
    synced.push(await readlink(`/proc/self/fd/${this.fd}`));
    return sync.call(this);
  };
  try {
    await work();
  } finally {
    prototype.sync = sync;
  }
  return { synced };
}
