/**
 * What chance decides about one disk: how long each thing takes, and how long a log gets. Why it exists: the spans are
 * the model's guess of a real disk, and stand in one table; all are drawn from the source of the disk, in the order of
 * what happens to it, so that a seed gives one run.
 */
import type { SeededRandom } from '../support/seeded-random.ts';
import type { DiskCounts } from './disk-counts.ts';

const FLUSH_MS = { min: 1_000, max: 30_000 };
const COMPACTION_MS = { min: 5, max: 3_000 };
const OPEN_MS = { min: 1, max: 20 };
const OS_WRITE_MS = { min: 0.01, max: 0.06 };
const FSYNC_MS = { min: 0.3, max: 2 };
const FSYNC_LATE_MS = { min: 20, max: 200 };
const FSYNC_LATE_PROBABILITY = 0.01;
const FSYNC_SLOW_MS = { min: 50, max: 1_000 };
const SCAN_MS = { min: 0.02, max: 0.3 };
const LOG_BYTES = { min: 4 << 10, max: 64 << 10 };

interface Span {
  readonly min: number;
  readonly max: number;
}

export class DiskChance {
  readonly #random: SeededRandom;
  readonly #counts: DiskCounts;
  #fsync: 'usual' | 'slow' = 'usual';

  constructor(random: SeededRandom, counts: DiskCounts) {
    this.#random = random;
    this.#counts = counts;
  }

  setSlowFsync(fsync: 'usual' | 'slow'): void {
    this.#fsync = fsync;
  }

  fsyncMs(): number {
    const isLate = this.#random.isBelow(FSYNC_LATE_PROBABILITY);
    if (this.#fsync === 'slow' || isLate) this.#counts.slowFsyncs++;
    return this.#draw(this.#fsync === 'slow' ? FSYNC_SLOW_MS : isLate ? FSYNC_LATE_MS : FSYNC_MS);
  }

  osWriteMs(): number {
    return this.#draw(OS_WRITE_MS);
  }

  scanMs(): number {
    return this.#draw(SCAN_MS);
  }

  openMs(): number {
    return this.#draw(OPEN_MS);
  }

  /** Until the kernel writes a dirty log out. */
  flushMs(): number {
    return this.#draw(FLUSH_MS);
  }

  /** Until an old log is compacted into tables. */
  compactionMs(): number {
    return this.#draw(COMPACTION_MS);
  }

  logBytesMax(): number {
    return this.#draw(LOG_BYTES);
  }

  #draw({ min, max }: Span): number {
    return min + (max - min) * this.#random.next();
  }
}
