/**
 * A walk over a range of keys, slice after slice. One request gives one slice and where the next begins, so nothing is
 * held open on any node, and a lost connection costs one slice. Pure but for the function that asks.
 *
 * Invariants
 *  W1  The next slice begins exactly where the last one ended, whatever it held; it may have held nothing.
 *  W2  The first slice is small and each later one twice as large, so that who takes a few entries pays for a few.
 */
import { RANGE_BOUND_BYTES_MAX, RANGE_FLAGS, utf8Bytes, type EntriesMessage } from '../wire/index.ts';
import { RingError } from './errors.ts';
import type { RequestOptions } from './options.ts';

interface RangeOptions extends RequestOptions {
  /** The first key, itself included; default: the first there is. */
  readonly from?: string | Uint8Array;
  /** The end, itself not included; default: behind the last key. */
  readonly to?: string | Uint8Array;
  /** All keys that begin so; instead of `from` and `to`. */
  readonly prefix?: string | Uint8Array;
  /** From the end of the range downwards; default `false`. */
  readonly reverse?: boolean;
  /** At most so many entries; default: all. */
  readonly limit?: number;
}

/** What a scan with values can be told. */
export interface ScanOptions extends RangeOptions {
  /** Default `false`. */
  readonly keysOnly?: false;
}

/** What a scan without values can be told; they are not sent then. */
export interface KeyScanOptions extends RangeOptions {
  /** `true`. */
  readonly keysOnly: true;
}

/** What a scan without values yields. */
export interface KeyEntry {
  /** The program's own bytes, as is the value. */
  readonly key: Uint8Array;
}

/** What a scan yields. */
export interface ScanEntry extends KeyEntry {
  readonly value: Uint8Array;
}

/** One request for a slice; the bounds are those of the message. `flags`: RANGE_FLAGS. */
export interface SliceRequest {
  readonly from: Uint8Array | null;
  readonly to: Uint8Array | null;
  readonly limit: number;
  readonly flags: number;
}

export interface Slice {
  readonly entries: readonly (KeyEntry | ScanEntry)[];
  /** Where the next slice begins: its `from`, in reverse its `to`; null at the end. */
  readonly resume: Uint8Array | null;
}

export type AskSlice = (request: SliceRequest) => Promise<Slice>;

/** Entries of the first slice, and of later ones at most. */
export const FIRST_SLICE_ENTRIES = 100;
export const SLICE_ENTRIES_MAX = 1_000;
/** The method of a client that asks for one slice. This package's own: what walks otherwise than `scan` builds on it. */
export const ASK_SLICE = Symbol('askSlice');

/** Throws what `ask` rejects with, `RangeError` for options that cannot be, and `RingError` (`RING_KEY_INVALID`). */
export async function* scanRange(ask: AskSlice, options: ScanOptions | KeyScanOptions): AsyncGenerator<KeyEntry | ScanEntry, void, undefined> {
  const { reverse = false, keysOnly = false, limit = Infinity } = options;
  if (limit !== Infinity && (!Number.isSafeInteger(limit) || limit < 1)) throw new RangeError('the limit of a scan is a whole number from 1 on');
  const flags = (reverse ? RANGE_FLAGS.reverse : 0) + (keysOnly ? RANGE_FLAGS.keysOnly : 0);
  let { from, to } = boundsOf(options);
  let left = limit;
  for (let size = FIRST_SLICE_ENTRIES, least = 1; ; size = Math.min(size * 2, SLICE_ENTRIES_MAX)) {
    const asked = Math.max(least, Math.min(size, left));
    const { entries, resume } = await ask({ from, to, limit: asked, flags });
    for (const entry of entries) {
      yield entry;
      left -= 1;
      if (left === 0) return;
    }
    if (resume === null) return;
    if (reverse) to = resume;
    else from = resume;
    // Much of what lies here is deleted: the few that are left to find would take many slices of few.
    least = entries.length < asked ? size : 1;
  }
}

/** Copies, as views would keep the whole frame in memory. */
export function sliceAnswer([, , pairs, resume]: EntriesMessage): Slice {
  const entries: (KeyEntry | ScanEntry)[] = [];
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    const [key, value] = [pairs[index], pairs[index + 1]];
    if (!key) continue;
    entries.push(value ? { key: new Uint8Array(key), value: new Uint8Array(value) } : { key: new Uint8Array(key) });
  }
  return { entries, resume: resume === null ? null : new Uint8Array(resume) };
}

function boundsOf({ from, to, prefix }: RangeOptions): Pick<SliceRequest, 'from' | 'to'> {
  if (prefix === undefined) return { from: from === undefined ? null : boundBytes(from), to: to === undefined ? null : boundBytes(to) };
  if (from !== undefined || to !== undefined) throw new RangeError('a scan has a prefix, or from and to');
  const start = boundBytes(prefix);
  return { from: start, to: prefixEnd(start) };
}

function boundBytes(bound: string | Uint8Array): Uint8Array {
  const bytes = typeof bound === 'string' ? utf8Bytes(bound) : new Uint8Array(bound);
  if (bytes === null) throw new RingError('RING_KEY_INVALID', 'a bound in text holds no lone surrogates');
  if (bytes.length > RANGE_BOUND_BYTES_MAX) throw new RingError('RING_KEY_INVALID', `a range begins and ends with at most ${RANGE_BOUND_BYTES_MAX} bytes`);
  return bytes;
}

/** The smallest bound behind all keys with this prefix; null when there is none: the prefix is empty, or all 0xff. */
function prefixEnd(prefix: Uint8Array): Uint8Array | null {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length -= 1;
  if (length === 0) return null;
  // A copy: the `slice` of a Buffer is none.
  const end = Uint8Array.from(prefix.subarray(0, length));
  end[length - 1] = (end[length - 1] ?? 0) + 1;
  return end;
}
