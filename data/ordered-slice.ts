/**
 * A stretch of the keys of one node in byte order, with their records: what a range read takes from a store. The order
 * comes from the ordered key index, the records from where their hashes put them.
 *
 * Invariants
 *  E1  Every key that was in the index when the slice was begun is in it, up to `next`: with its record, tombstones
 *      included, or as damaged when that cannot be read or is missing (data/store.ts, S4, S6). Never left out.
 *  E2  A key whose index entry was itself lost is not seen here, until a scrub writes the entry anew.
 */
import { nextOf } from './inventory.ts';
import { ORDERED_KEYS, keyAfter, orderedKey, parseOrderedKey, type KeyRange } from './layout.ts';
import type { KvEntry, ScanDirection, ScanLimits } from './ordered-kv.ts';
import type { RecordBytes } from './record.ts';

/** Half-open range of clients' keys; null: from the first key on, or to the last. */
export interface KeySpan {
  readonly from: Uint8Array | null;
  readonly to: Uint8Array | null;
}

export interface OrderedEntry {
  readonly key: Uint8Array;
  readonly record: RecordBytes | 'damaged';
}

export interface OrderedSlice {
  readonly entries: readonly OrderedEntry[];
  /** Of their keys and records. */
  readonly bytes: number;
  /** Whether no record in it is doubtful (data/write-group.ts, G4). */
  readonly isCertain: boolean;
  /** Where the next slice begins: its `from`, in reverse its `to`. null at the end. */
  readonly next: Uint8Array | null;
}

export interface OrderedContext {
  read(key: Uint8Array): RecordBytes | null | 'damaged';
  isDoubtful(key: Uint8Array): boolean;
}

/** Where the keys of a span lie in the database. */
export function spanRange({ from, to }: KeySpan): KeyRange {
  return { from: from === null ? ORDERED_KEYS.from : orderedKey(from), to: to === null ? ORDERED_KEYS.to : orderedKey(to) };
}

/** Reads the records of the index entries that a scan under these limits gave. In one turn, so that a doubt and its record are of one moment. */
export function readInOrder(index: readonly KvEntry[], limits: ScanLimits, direction: ScanDirection, context: OrderedContext): OrderedSlice {
  const entries: OrderedEntry[] = [];
  let bytes = 0;
  let isCertain = true;
  for (const { key: databaseKey } of index) {
    if (bytes >= limits.bytesMax) return { entries, bytes, isCertain, next: resumeAfter(entries.at(-1)?.key, direction) };
    const key = parseOrderedKey(databaseKey);
    const record = context.read(key);
    // Its index entry was of no key, and was dropped meanwhile.
    if (record === null) continue;
    if (context.isDoubtful(key)) isCertain = false;
    entries.push({ key, record });
    bytes += key.length + (record === 'damaged' ? 0 : record.length);
  }
  const last = index.at(-1);
  const isEnd = last === undefined || nextOf(index, limits) === null;
  return { entries, bytes, isCertain, next: isEnd ? null : resumeAfter(parseOrderedKey(last.key), direction) };
}

/** A span leaves out its end, so in reverse the last key itself is the end of what is left. */
function resumeAfter(key: Uint8Array | undefined, direction: ScanDirection): Uint8Array | null {
  if (key === undefined) return null;
  return direction === 'forward' ? keyAfter(key) : Uint8Array.from(key);
}
