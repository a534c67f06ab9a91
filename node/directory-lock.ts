/**
 * The lock on a data directory: proper-lockfile, with a quick takeover from an owner that is provably gone.
 *
 * proper-lockfile leaves its lock behind at SIGKILL and would wait many seconds to call it stale. So the owner is
 * written down beside it: pid, the process's start time and the boot id. When that process no longer exists the lock
 * is removed at once. Should two contenders both take over, LevelDB's own lock lets only one open the database.
 *
 *   on disk                                     what happens to the lock
 *   owner runs                                  stays; refused
 *   owner does not run, or of another boot      taken over at once
 *   owner unreadable, lock refreshed lately     stays; refused
 *   owner unreadable, lock not refreshed        taken over at once: whoever runs refreshes it every `UPDATE_MS`
 */
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { lock } from 'proper-lockfile';
import { writeDurably } from '../data/index.ts';
import { NodeError, codeOf, messageOf } from './errors.ts';

export const OWNER_NAME = 'owner.json';
const LOCK_NAME = 'node.lock';
const STALE_MS = 10_000;
const UPDATE_MS = 2_500;
/** Two refreshes missed, and a second for clocks and file systems that count in seconds. */
const UNREFRESHED_MS = 2 * UPDATE_MS + 1_000;

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
    if (await (owner === null ? isRefreshed(directory) : isRunning(owner))) throw inUse(directory, owner);
    await rm(join(directory, LOCK_NAME), { recursive: true, force: true });
    try {
      release = await take();
    } catch (second) {
      throw codeOf(second) === 'ELOCKED' ? inUse(directory, await readOwner(directory)) : second;
    }
  }
  try {
    // A crash or a power cut leaves the old owner or the new one, never half of one, and never none.
    await writeDurably(directory, OWNER_NAME, JSON.stringify(await describeSelf()));
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

/** Whether somebody may be alive who holds the lock. A lock that is gone by now is nobody's. */
async function isRefreshed(directory: string): Promise<boolean> {
  try {
    return (await stat(join(directory, LOCK_NAME))).mtimeMs > Date.now() - UNREFRESHED_MS;
  } catch (error) {
    return codeOf(error) !== 'ENOENT';
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
