/**
 * Hand-off: delivering the hints for one target that is back, in batches under a byte budget.
 *
 * Invariants
 *  H1  A hint is removed only after the target said that it has the record, or a newer one, on disk, and only if the
 *      hint is not newer by then (data/write-group.ts, drop-hint). Nothing else removes a hint.
 *  H2  Delivering twice does no harm, so a crash of either side at any step loses nothing.
 */
import type { NodeId, RecordSlice, ScanLimits, StoredRecord } from '../data/index.ts';
import { TYPE, type PeerReply, type PeerRequest } from '../wire/index.ts';
import { pairsOfRecords } from './replica.ts';

export type HandOffEffect =
  | { readonly do: 'hint-slice'; readonly target: NodeId; readonly from: Uint8Array | null; readonly limits: ScanLimits }
  | { readonly do: 'ask'; readonly build: (id: number) => PeerRequest }
  | { readonly do: 'drop-hints'; readonly target: NodeId; readonly records: readonly StoredRecord[] };
export type HandOffResume = RecordSlice | PeerReply | 'dropped' | null;

/** So few that reading them holds nobody up for long. */
const ENTRIES_MAX = 256;

/** Returns how many hints were delivered; ends early when the target does not take them. */
export function* handOff(target: NodeId, batchBytes: number): Generator<HandOffEffect, number, HandOffResume> {
  const limits: ScanLimits = { entriesMax: ENTRIES_MAX, bytesMax: batchBytes };
  let delivered = 0;
  let from: Uint8Array | null = null;
  for (;;) {
    const slice: HandOffResume = yield { do: 'hint-slice', target, from, limits };
    if (slice === null || typeof slice !== 'object' || !('records' in slice)) return delivered;
    const { records, next }: RecordSlice = slice;
    if (records.length > 0) {
      const reply = yield { do: 'ask', build: (id) => [TYPE.handOff, id, pairsOfRecords(records)] };
      if (!Array.isArray(reply) || reply[0] !== TYPE.handedOff || reply[2] !== 1) return delivered;
      if ((yield { do: 'drop-hints', target, records }) !== 'dropped') return delivered;
      delivered += records.length;
    }
    if (next === null) return delivered;
    from = next;
  }
}
