/**
 * What a node does as a replica for range reads: gives what its store has of a stretch of keys, in slices, so that
 * other requests get their turn in between.
 *
 * Invariants
 *  P1  A damaged or missing record is given as damaged, and never left out; a failed lookup makes the whole reply failed.
 *  P2  The reply is marked as untrusted when the store was untrusted at any time while it was read, or a record in it is
 *      doubtful (coordinator/replica.ts, P4, P6).
 *  P3  Between two slices of SLICE_ENTRIES the caller decides when to go on.
 */
import { DataError, RECORD_HEADER_BYTES, type KeySpan, type OrderedEntry, type ScanDirection, type Store } from '../data/index.ts';
import { RANGE_FLAGS, RANGE_STATUS, TYPE, type RangeMessage, type RangeRecordsMessage } from '../wire/index.ts';
import type { Trust } from './trust.ts';

/** A record takes LevelDB 4 to 16 µs. */
const SLICE_ENTRIES = 64;

export class RangeReplica {
  readonly #store: Store;
  readonly #trust: Trust;

  constructor(store: Store, trust: Trust) {
    this.#store = store;
    this.#trust = trust;
  }

  /** `pause` is awaited between two slices (P3). */
  async serve(request: RangeMessage, pause: () => Promise<void>): Promise<RangeRecordsMessage> {
    try {
      return await this.#read(request, pause);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      return failedRange(request);
    }
  }

  async #read([, id, from, to, entriesMax, bytesMax, flags]: RangeMessage, pause: () => Promise<void>): Promise<RangeRecordsMessage> {
    const direction: ScanDirection = isFlagSet(flags, RANGE_FLAGS.reverse) ? 'reverse' : 'forward';
    const isWhole = !isFlagSet(flags, RANGE_FLAGS.keysOnly);
    const pairs: (Uint8Array | null)[] = [];
    let isCertain = this.#trust.reason === null;
    let bytes = 0;
    let span: KeySpan = { from, to };
    for (;;) {
      const limits = { entriesMax: Math.min(SLICE_ENTRIES, entriesMax - pairs.length / 2), bytesMax: bytesMax - bytes };
      const slice = await this.#store.orderedSlice(span, limits, direction);
      isCertain &&= slice.isCertain;
      for (const entry of slice.entries) {
        const record = given(entry, isWhole);
        pairs.push(entry.key, record);
        bytes += entry.key.length + (record?.length ?? 0);
      }
      const { next } = slice;
      if (next === null || pairs.length >= 2 * entriesMax || bytes >= bytesMax) {
        isCertain &&= this.#trust.reason === null;
        return [TYPE.rangeRecords, id, isCertain ? RANGE_STATUS.ok : RANGE_STATUS.untrusted, pairs, next];
      }
      span = direction === 'forward' ? { from: next, to } : { from, to: next };
      await pause();
    }
  }
}

export function isFlagSet(flags: number, flag: number): boolean {
  return (flags & flag) !== 0;
}

/** The node could not look: nothing is said of any key. */
export function failedRange([, id]: RangeMessage): RangeRecordsMessage {
  return [TYPE.rangeRecords, id, RANGE_STATUS.failed, [], null];
}

function given({ record }: OrderedEntry, isWhole: boolean): Uint8Array | null {
  if (record === 'damaged') return null;
  return isWhole ? record : record.subarray(0, RECORD_HEADER_BYTES);
}
