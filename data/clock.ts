/**
 * The hybrid logical clock of one node, and the ceiling that keeps it from ever issuing a version twice.
 *
 * Invariants
 *  C1  `last` never goes back; whatever is issued is greater than all that was issued, merged or restored before.
 *  C2  Nothing is issued at or above `ceiling`, and `ceiling` is raised only after the new one is on disk.
 *  C3  A start begins at the ceiling that was on disk, so a clock that was set back over a restart does no harm.
 *  C4  The ceiling is written in the same batch as a record above it (data/store.ts), so it is above every version
 *      that this node has stored, its own or another's.
 *
 * How far ahead is reserved: some seconds of wall time, so that a node writes its ceiling every few seconds and not
 * for each write. A clock that already runs ahead of the wall clock (after quick restarts, or behind a peer whose
 * clock is ahead) reserves only a little beyond itself; otherwise every restart would push it ahead by seconds.
 */
import { TICKS_PER_MS, TIMESTAMP_MAX, type Version } from './version.ts';

export const RESERVE_AHEAD_MS = 10_000;
/** What is reserved beyond a clock that is ahead of the wall clock: 64 ms are 65,536 versions. */
export const RESERVE_AHEAD_OF_CLOCK_MS = 64;

export class HybridClock {
  readonly #writer: number;
  #last: number;
  #ceiling: number;

  /** `ceiling`: the timestamp that was durably reserved before, 0 for a new directory. */
  constructor(writer: number, ceiling: number) {
    this.#writer = writer;
    this.#last = ceiling;
    this.#ceiling = ceiling;
  }

  /** The greatest timestamp issued or seen. */
  get last(): number {
    return this.#last;
  }

  get ceiling(): number {
    return this.#ceiling;
  }

  /** Takes over a timestamp seen elsewhere, if it is ahead (C1). */
  merge(timestamp: number): void {
    if (timestamp > this.#last && timestamp <= TIMESTAMP_MAX) this.#last = timestamp;
  }

  /** The clock's reading for a peer frame; issues nothing. */
  read(wallMs: number): number {
    return Math.max(this.#last, wallMs * TICKS_PER_MS);
  }

  /**
   * A version greater than `floor` and than all before it, or `null` when the ceiling must be raised first:
   * reserve `nextCeiling(wallMs, floor)`, then ask again.
   */
  issue(wallMs: number, floor: number): Version | null {
    const timestamp = Math.max(this.#last + 1, floor + 1, wallMs * TICKS_PER_MS);
    if (timestamp >= this.#ceiling) return null;
    this.#last = timestamp;
    return { timestamp, writer: this.#writer };
  }

  /** The ceiling to put on disk next, or `null` while what is reserved is far enough ahead. */
  nextCeiling(wallMs: number, floor = 0): number | null {
    const here = Math.max(this.#last, floor);
    const wall = wallMs * TICKS_PER_MS;
    const wanted = Math.max(wall + RESERVE_AHEAD_MS * TICKS_PER_MS, here + RESERVE_AHEAD_OF_CLOCK_MS * TICKS_PER_MS);
    const enough = Math.max(wall + (RESERVE_AHEAD_MS / 2) * TICKS_PER_MS, here + (RESERVE_AHEAD_OF_CLOCK_MS / 2) * TICKS_PER_MS);
    return this.#ceiling >= enough ? null : Math.min(wanted, TIMESTAMP_MAX);
  }

  /** Call when `ceiling` is on disk, and only then (C2). */
  ceilingReserved(ceiling: number): void {
    if (ceiling > this.#ceiling) this.#ceiling = ceiling;
  }
}
