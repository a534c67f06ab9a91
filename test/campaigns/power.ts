/**
 * A power cut: takes from a data directory what its daemon, now dead by SIGKILL, had not synced.
 *
 * The model
 *  - Bytes. A file keeps what it had at its last fsync or fdatasync, and of what came later a random part, whose end may
 *    be garbage, zeros, or have a hole. A file that was never synced may be gone.
 *  - Names are ordered, as in the journals of ext4 and XFS: a sync of any file or directory makes durable every create,
 *    rename and unlink before it; of those after the last sync, a random number at the end is undone. POSIX promises
 *    less (a name is durable by the fsync of its directory only); LevelDB 1.20 itself relies on the order, as it never
 *    syncs the directory after a new log or after CURRENT was renamed. `mkdir` and `rmdir` are durable at once.
 *  - What was there when the daemon started is durable.
 */
import { closeSync, ftruncateSync, linkSync, openSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { SeededRandom } from '../support/seeded-random.ts';
import { sizesOf, type Shim } from './shim.ts';

export interface PowerCut {
  /** Bytes that were written and are gone, or are no longer what was written. */
  readonly bytesLost: number;
  readonly filesLost: number;
  readonly namesUndone: number;
}

/** `null`: never synced. */
type SyncedSize = number | null;
type SizesByPath = Map<string, SyncedSize>;

interface NameChange {
  undo(sizes: SizesByPath): void;
}

const TORN_BYTES_MAX = 8192;
const LOCK_AGE_S = 3600;

/** The process must be gone. */
export function cutPower(directory: string, shim: Shim, random: SeededRandom): PowerCut {
  const { sizes, pending } = replay(directory, shim);
  const kept = random.below(pending.length + 1);
  for (const change of pending.slice(kept).toReversed()) change.undo(sizes);
  let [bytesLost, filesLost] = [0, 0];
  for (const [path, size] of sizesOf(directory)) {
    const synced = sizes.get(path) ?? null;
    if (synced !== null && synced >= size) continue;
    if (synced === null && random.isBelow(0.3)) {
      rmSync(join(directory, path));
      filesLost++;
      bytesLost += size;
    } else {
      bytesLost += tear(join(directory, path), synced ?? 0, size, random);
    }
  }
  ageLock(directory);
  return { bytesLost, filesLost, namesUndone: pending.length - kept };
}

/** What the journal says to be synced, and the changes of names since the last sync, in order. */
function replay(directory: string, shim: Shim): { readonly sizes: SizesByPath; readonly pending: readonly NameChange[] } {
  const sizes: SizesByPath = new Map(shim.baseline);
  let pending: NameChange[] = [];
  for (const line of readFileSync(shim.journal, 'utf8').split('\n')) {
    const [event, path = '', second = '', third = ''] = line.split('\t');
    switch (event) {
      case 'C':
        sizes.set(path, null);
        pending.push({ undo: (now) => now.delete(path) && rmSync(join(directory, path), { force: true }) });
        break;
      case 'T':
        sizes.set(path, Math.min(sizes.get(path) ?? 0, Number(second)));
        break;
      case 'S':
        sizes.set(path, Number(second));
        pending = [];
        break;
      case 'D':
        pending = [];
        break;
      case 'R':
        pending.push(renamed(directory, shim.shadow, sizes, { from: path, to: second, kept: third }));
        break;
      case 'U':
        pending.push(unlinked(directory, shim.shadow, sizes, { path, kept: second }));
        break;
      default:
        break;
    }
  }
  return { sizes, pending };
}

function renamed(directory: string, shadow: string, sizes: SizesByPath, { from, to, kept }: { from: string; to: string; kept: string }): NameChange {
  const replaced = sizes.get(to);
  sizes.set(to, sizes.get(from) ?? null);
  sizes.delete(from);
  return {
    undo(now) {
      renameSync(join(directory, to), join(directory, from));
      now.set(from, now.get(to) ?? null);
      now.delete(to);
      if (kept === '-') return;
      linkSync(join(shadow, kept), join(directory, to));
      now.set(to, replaced ?? null);
    },
  };
}

function unlinked(directory: string, shadow: string, sizes: SizesByPath, { path, kept }: { path: string; kept: string }): NameChange {
  const size = sizes.get(path);
  sizes.delete(path);
  return {
    undo(now) {
      if (kept === '-') return;
      linkSync(join(shadow, kept), join(directory, path));
      now.set(path, size ?? null);
    },
  };
}

/** Leaves the synced part and a random part of the rest. Returns how many bytes are no longer what was written. */
function tear(path: string, synced: number, size: number, random: SeededRandom): number {
  const left = random.below(size - synced + 1);
  const file = openSync(path, 'r+');
  try {
    ftruncateSync(file, synced + left);
    const lost = size - synced - left;
    if (left === 0) return lost;
    const spoilt = 1 + random.below(Math.min(left, TORN_BYTES_MAX));
    switch (random.below(4)) {
      case 0:
        return lost;
      case 1:
        writeSync(file, Buffer.alloc(spoilt), 0, spoilt, synced + left - spoilt);
        return lost + spoilt;
      case 2:
        // Pages reach the disk in any order: a hole somewhere in what was not synced.
        writeSync(file, Buffer.alloc(spoilt), 0, spoilt, synced + random.below(left - spoilt + 1));
        return lost + spoilt;
      default:
        writeSync(file, Buffer.from(Array.from({ length: spoilt }, () => random.below(256))), 0, spoilt, synced + left - spoilt);
        return lost + spoilt;
    }
  } finally {
    closeSync(file);
  }
}

/** A machine takes longer to come back than the lock of a dead process to go stale. */
function ageLock(directory: string): void {
  const lock = join(directory, 'node.lock');
  if (statSync(lock, { throwIfNoEntry: false }) === undefined) return;
  const seconds = Date.now() / 1000 - LOCK_AGE_S;
  utimesSync(lock, seconds, seconds);
}
