/**
 * The lock on a data directory: proper-lockfile, with a quick takeover from an owner that is provably gone.
 *
 * proper-lockfile leaves its lock behind at SIGKILL and would wait many seconds to call it stale. So the owner is
 * written down beside it: pid, the process's start time and the boot id. When that process no longer exists the lock
 * is removed at once. Should two contenders both take over, LevelDB's own lock lets only one open the database.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lock } from 'proper-lockfile';
import { NodeError, codeOf, messageOf } from './errors.ts';

const LOCK_NAME = 'node.lock';
const OWNER_NAME = 'owner.json';
const STALE_MS = 10_000;
const UPDATE_MS = 2_500;

interface Owner {
  readonly pid: number;
  /** Clock ticks since boot at which the process started; '' where /proc is missing. */
  readonly startTime: string;
  readonly bootId: string;
}

export type ReleaseLock = () => Promise<void>;

/** `directory` must exist and be a real path. `onCompromised`: another process took the lock; stop serving at once. */
export async function lockDirectory(directory: string, onCompromised: (reason: string) => void): Promise<ReleaseLock> {
  surviveFileSizeLimit();
  const take = async (): Promise<ReleaseLock> =>
    lock(directory, {
      lockfilePath: join(directory, LOCK_NAME),
      realpath: true,
      stale: STALE_MS,
      update: UPDATE_MS,
      retries: 0,
      onCompromised: (error) => onCompromised(messageOf(error)),
    });
  let release: ReleaseLock;
  try {
    release = await take();
  } catch (error) {
    if (codeOf(error) !== 'ELOCKED') throw new NodeError('RING_DIRECTORY_UNUSABLE', `cannot lock ${directory}: ${messageOf(error)}`, error);
    const owner = await readOwner(directory);
    if (owner === null || (await isRunning(owner))) throw inUse(directory, owner);
    await rm(join(directory, LOCK_NAME), { recursive: true, force: true });
    try {
      release = await take();
    } catch (second) {
      throw codeOf(second) === 'ELOCKED' ? inUse(directory, await readOwner(directory)) : second;
    }
  }
  try {
    // Renamed into place: a crash leaves the old owner or the new one, never half of one.
    const aside = join(directory, `${OWNER_NAME}.tmp`);
    await writeFile(aside, JSON.stringify(await describeSelf()));
    await rename(aside, join(directory, OWNER_NAME));
  } catch (error) {
    await release();
    throw new NodeError('RING_DIRECTORY_UNUSABLE', `cannot write in ${directory}: ${messageOf(error)}`, error);
  }
  return release;
}

/**
 * Node ignores SIGXFSZ, so that a write beyond RLIMIT_FSIZE fails with EFBIG, as one on a full disk does with ENOSPC.
 * signal-exit, which proper-lockfile brings, undoes that and ends the process, unless somebody else listens too.
 */
function surviveFileSizeLimit(): void {
  if (!process.listeners('SIGXFSZ').includes(ignoreSignal)) process.on('SIGXFSZ', ignoreSignal);
}

function ignoreSignal(): void {
  // The write that failed is told by its error.
}

function inUse(directory: string, owner: Owner | null): NodeError {
  const who = owner === null ? 'another process' : `process ${owner.pid}`;
  return new NodeError('RING_DIRECTORY_IN_USE', `${directory} is in use by ${who}; stop that one first, or choose another directory`);
}

async function readOwner(directory: string): Promise<Owner | null> {
  try {
    const value: unknown = JSON.parse(await readFile(join(directory, OWNER_NAME), 'utf8'));
    if (typeof value !== 'object' || value === null) return null;
    const { pid, startTime, bootId } = value as Record<keyof Owner, unknown>;
    return typeof pid === 'number' && typeof startTime === 'string' && typeof bootId === 'string' ? { pid, startTime, bootId } : null;
  } catch {
    return null;
  }
}

async function isRunning(owner: Owner): Promise<boolean> {
  const bootId = await readBootId();
  if (bootId !== '' && owner.bootId !== '' && bootId !== owner.bootId) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
  const startTime = await readStartTime(owner.pid);
  return startTime === '' || owner.startTime === '' || startTime === owner.startTime;
}

async function describeSelf(): Promise<Owner> {
  return { pid: process.pid, startTime: await readStartTime(process.pid), bootId: await readBootId() };
}

async function readBootId(): Promise<string> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  } catch {
    return '';
  }
}

/** Field 22 of /proc/PID/stat; the name in field 2 may hold spaces, so counting starts behind its bracket. */
async function readStartTime(pid: number): Promise<string> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
