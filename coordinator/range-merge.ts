/**
 * What several nodes gave of one range, merged into one slice in key order. Pure.
 *
 *   node A   a──c──d─────g│            each gave all that it has up to its end (│)
 *   node B   a──b──d──e│
 *   merged   a──b──c──d──e│            up to the nearest end
 *
 * Invariants
 *  M1  Nothing beyond the nearest end of any reply is given: its node was not heard there.
 *  M2  Each key once, with the newest record of all replies; one whose newest record is a tombstone not at all.
 *  M3  A key of which a copy is damaged is given, or left out, only if `isEnough` says that the other copies decide.
 */
import { compareBytes, compareVersions, isTombstone, valueOf, versionOf, type NodeId, type RecordBytes, type ScanDirection } from '../data/index.ts';

/** What one node has of a range, up to `resume`. */
export interface RangeReply {
  readonly node: NodeId;
  /** False when its store may have lost something. */
  readonly isTrusted: boolean;
  /** key, record …; null: damaged. */
  readonly pairs: readonly (Uint8Array | null)[];
  readonly resume: Uint8Array | null;
}

export interface MergePlan {
  readonly direction: ScanDirection;
  readonly content: 'values' | 'keys';
  readonly entriesMax: number;
  /** Of keys and values; the first entry may go beyond. */
  readonly bytesMax: number;
  /** Whether a key is certain though its copy is damaged on these nodes; `found`: the newest of the others, if any. */
  isEnough(key: Uint8Array, damagedOn: readonly NodeId[], found: RecordBytes | null): boolean;
}

export type Merged =
  | { readonly outcome: 'merged'; readonly pairs: readonly (Uint8Array | null)[]; readonly resume: Uint8Array | null }
  | { readonly outcome: 'damaged'; readonly nodes: readonly NodeId[] };

type Order = (a: Uint8Array, b: Uint8Array) => number;

export function mergeRanges(replies: readonly RangeReply[], plan: MergePlan): Merged {
  const order: Order = plan.direction === 'forward' ? compareBytes : (a, b) => compareBytes(b, a);
  const end = nearestEnd(replies, order);
  const heads = new Heads(replies, order);
  const pairs: (Uint8Array | null)[] = [];
  let bytes = 0;
  let before: Uint8Array | null = null;
  for (;;) {
    const key = heads.next();
    if (key === null || isBeyond(key, end, plan.direction, order)) return { outcome: 'merged', pairs, resume: end };
    // The key that does not fit any more is the first of the next slice.
    const here = plan.direction === 'forward' ? key : before;
    if (pairs.length >= 2 * plan.entriesMax) return { outcome: 'merged', pairs, resume: here };
    const { newest, damagedOn } = heads.take(key);
    if (damagedOn.length > 0 && !plan.isEnough(key, damagedOn, newest)) return { outcome: 'damaged', nodes: damagedOn };
    if (newest !== null && !isTombstone(newest)) {
      const value = plan.content === 'values' ? valueOf(newest) : null;
      const size = key.length + (value?.length ?? 0);
      if (pairs.length > 0 && bytes + size > plan.bytesMax) return { outcome: 'merged', pairs, resume: here };
      pairs.push(key, value);
      bytes += size;
    }
    before = key;
  }
}

/** M1. */
function nearestEnd(replies: readonly RangeReply[], order: Order): Uint8Array | null {
  let nearest: Uint8Array | null = null;
  for (const { resume } of replies) if (resume !== null && (nearest === null || order(resume, nearest) < 0)) nearest = resume;
  return nearest;
}

/** Where a reply ends is the first key that it did not look at; in reverse, the last that it did. */
function isBeyond(key: Uint8Array, end: Uint8Array | null, direction: ScanDirection, order: Order): boolean {
  if (end === null) return false;
  return direction === 'forward' ? order(key, end) >= 0 : order(key, end) > 0;
}

const NOWHERE: readonly NodeId[] = [];

/** How far each reply has been read. */
class Heads {
  readonly #replies: readonly RangeReply[];
  readonly #order: Order;
  readonly #positions: number[];

  constructor(replies: readonly RangeReply[], order: Order) {
    this.#replies = replies;
    this.#order = order;
    this.#positions = replies.map(() => 0);
  }

  /** The first key that was not taken yet. */
  next(): Uint8Array | null {
    let first: Uint8Array | null = null;
    for (let index = 0; index < this.#positions.length; index++) {
      const key = this.#keyOf(index);
      if (key !== null && (first === null || this.#order(key, first) < 0)) first = key;
    }
    return first;
  }

  /** Goes on behind this key in all replies that have it. */
  take(key: Uint8Array): { readonly newest: RecordBytes | null; readonly damagedOn: readonly NodeId[] } {
    let newest: RecordBytes | null = null;
    let damagedOn: NodeId[] | null = null;
    for (const [index, { node, pairs }] of this.#replies.entries()) {
      const head = this.#keyOf(index);
      if (head === null || this.#order(head, key) !== 0) continue;
      const at = this.#positions[index] ?? 0;
      this.#positions[index] = at + 2;
      const record = pairs[at + 1] ?? null;
      if (record === null) (damagedOn ??= []).push(node);
      else if (newest === null || compareVersions(versionOf(record), versionOf(newest)) > 0) newest = record;
    }
    return { newest, damagedOn: damagedOn ?? NOWHERE };
  }

  #keyOf(index: number): Uint8Array | null {
    return this.#replies[index]?.pairs[this.#positions[index] ?? 0] ?? null;
  }
}
