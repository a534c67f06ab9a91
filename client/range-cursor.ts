/**
 * A place in a range of stored keys from which entries are taken forwards, one slice of the range in memory at a time and
 * at most one more on its way.
 *
 * Invariants
 *  U1  What is still to be asked for begins exactly where the last slice ended. A slice that fails changes nothing, so
 *      whoever asks again goes on with the same entry.
 *  U2  Slices grow as those of `scanRange` do. From the second one on the next is asked for ahead of need: who takes a
 *      few entries pays for a few, who walks does not wait for each slice.
 *  U3  A slice that was asked for before a seek is not used after it.
 */
import { compareBytes } from '../data/portable.ts';
import { RANGE_FLAGS, SCAN_ENTRIES_MAX } from '../wire/index.ts';
import type { KeyBounds } from './keyspace.ts';
import { FIRST_SLICE_ENTRIES, SLICE_ENTRIES_MAX, type AskSlice, type Slice } from './scan.ts';

export type Direction = 'forwards' | 'reverse';

export interface CursorOptions {
  readonly direction: Direction;
  /** `keys`: entries come without values. */
  readonly parts: 'keys' | 'entries';
  /** Entries of the first slice; default FIRST_SLICE_ENTRIES. */
  readonly firstSliceEntries?: number;
}

export class RangeCursor {
  readonly #ask: AskSlice;
  readonly #direction: Direction;
  readonly #flags: number;
  /** What is still to be asked for. */
  #from: Uint8Array | null;
  #to: Uint8Array | null;
  #isEnded: boolean;
  #entries: Slice['entries'] = [];
  #position = 0;
  /** What the next slice asks for at most, and at the least, however few entries are wanted. */
  #size: number;
  #least = 1;
  #sliceCount = 0;
  #ahead: Promise<Slice> | null = null;

  constructor(ask: AskSlice, { from, to }: KeyBounds, { direction, parts, firstSliceEntries = FIRST_SLICE_ENTRIES }: CursorOptions) {
    this.#ask = ask;
    this.#direction = direction;
    this.#flags = (direction === 'reverse' ? RANGE_FLAGS.reverse : 0) + (parts === 'keys' ? RANGE_FLAGS.keysOnly : 0);
    this.#from = from;
    this.#to = to;
    this.#isEnded = isEmpty(from, to);
    this.#size = firstSliceEntries;
  }

  /** Entries that can be taken without a request. */
  get buffered(): number {
    return this.#entries.length - this.#position;
  }

  /**
   * Buffers `wanted` entries, or all that are left in the range. `left`: more than so many will never be taken. Rejects
   * with what the request for a slice rejects with.
   */
  async fill(wanted: number, left: number): Promise<void> {
    const enough = Math.min(wanted, left);
    while (this.buffered < enough && !this.#isEnded) {
      const asked = this.#entriesToAsk(enough - this.buffered, left - this.buffered);
      const { entries, resume } = await this.#takeSlice(asked);
      this.#entries = this.buffered === 0 ? entries : [...this.#entries.slice(this.#position), ...entries];
      this.#position = 0;
      this.#moveTo(resume);
      this.#sliceCount += 1;
      this.#size = Math.min(this.#size * 2, SLICE_ENTRIES_MAX);
      // Much of what lies here is deleted: the few that are left to find would take many slices of few.
      this.#least = entries.length < asked ? this.#size : 1;
      if (this.#sliceCount > 1 && !this.#isEnded && left > this.buffered) this.#askAhead(this.#entriesToAsk(1, left - this.buffered));
    }
  }

  /** The next entry; undefined when none is buffered. */
  shift(): Slice['entries'][number] | undefined {
    const entry = this.#entries[this.#position];
    if (entry !== undefined) this.#position += 1;
    return entry;
  }

  /** At most so many of the entries that are buffered. */
  take(count: number): Slice['entries'] {
    const taken = this.#entries.slice(this.#position, this.#position + count);
    this.#position += taken.length;
    return taken;
  }

  /** Goes on with these bounds from now on, in the direction as before. */
  restart({ from, to }: KeyBounds): void {
    this.#from = from;
    this.#to = to;
    this.#isEnded = isEmpty(from, to);
    this.#entries = [];
    this.#position = 0;
    this.#ahead = null;
    this.#least = 1;
  }

  #entriesToAsk(wanted: number, left: number): number {
    return Math.max(this.#least, Math.min(Math.max(this.#size, wanted), left, SCAN_ENTRIES_MAX));
  }

  async #takeSlice(entries: number): Promise<Slice> {
    const ahead = this.#ahead;
    this.#ahead = null;
    if (ahead !== null) {
      try {
        return await ahead;
      } catch {
        // What was wrong when nobody waited for it may be right again: the request below tells.
      }
    }
    return this.#request(entries);
  }

  #askAhead(entries: number): void {
    const ahead = this.#request(entries);
    // Who takes it hears of its failure; it may be that nobody does.
    ahead.catch(() => undefined);
    this.#ahead = ahead;
  }

  async #request(limit: number): Promise<Slice> {
    return this.#ask({ from: this.#from, to: this.#to, limit, flags: this.#flags });
  }

  #moveTo(resume: Uint8Array | null): void {
    if (resume === null) this.#isEnded = true;
    else if (this.#direction === 'reverse') this.#to = resume;
    else this.#from = resume;
  }
}

function isEmpty(from: Uint8Array | null, to: Uint8Array | null): boolean {
  return from !== null && to !== null && compareBytes(from, to) >= 0;
}
