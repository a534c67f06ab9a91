/**
 * Anti-entropy: one exchange between two nodes, after which both have the newest of what either had.
 *
 *   initiator                                  peer
 *   roots of the shared partitions       ──►   those that differ
 *   for each: its 256 leaves             ──►   the peer's 256 leaves
 *   for each run of differing leaves, with those between them that both have nothing in:
 *     the peer's are empty: the records  ──►   stored
 *     else: (key, version) of a stretch  ──►   newer records, and the keys that it wants
 *           the wanted records           ──►   stored
 *
 * Invariants
 *  A1  The exchange only ever writes newer records, on both sides; it never deletes.
 *  A2  Equal replicas cost one small message each way; d differences cost O(d).
 *  A3  A stretch is a range of database keys within one partition, bounded in entries and bytes on both sides; the
 *      peer says where it stopped, and the initiator goes on from there.
 *
 * The exchange is a generator: it yields what is to be done and is resumed with the outcome, so that the same code
 * runs over sockets and in a simulation. Source: Merkle trees for repair, Dynamo section 4.7; the two-level exchange
 * is that of riak_core's hashtree.
 */
import {
  DIGEST_BYTES,
  LEAVES,
  compareBytes,
  compareVersions,
  differingLeaves,
  isEmptyLeaf,
  partition,
  partitionRange,
  readU16,
  readVersion,
  recordDatabaseKey,
  versionBytesOf,
  versionOf,
  writeU16,
  type KeyRange,
  type MerkleTrees,
  type Partition,
  type RecordSlice,
  type ScanLimits,
  type StoredRecord,
} from '../data/index.ts';
import { TYPE, type PeerReply, type PeerRequest } from '../wire/index.ts';
import { pairsOfRecords, recordsOfPairs } from './replica.ts';

/** What an exchange wants done; it is resumed with what `SweepResume` says for it. */
export type SweepEffect =
  | { readonly do: 'ask'; readonly build: (id: number) => PeerRequest }
  | { readonly do: 'slice'; readonly range: KeyRange; readonly limits: ScanLimits }
  | { readonly do: 'store'; readonly records: readonly StoredRecord[] };
/** ask: the reply, or null when the link failed. slice: the records. store: null when they were not kept. */
export type SweepResume = PeerReply | RecordSlice | 'stored' | null;
export type Exchange = Generator<SweepEffect, SweepResult, SweepResume>;

export interface SweepResult {
  readonly outcome: 'equal' | 'healed' | 'interrupted';
  readonly partitions: number;
  readonly received: number;
  readonly sent: number;
}

export interface SweepTally {
  partitions: number;
  received: number;
  sent: number;
}

const ROOT_ENTRY_BYTES = 2 + DIGEST_BYTES;
/** So few that reading and comparing them holds nobody up for long. */
export const STRETCH_LIMITS: ScanLimits = { entriesMax: 256, bytesMax: 262_144 };

/** Ends an exchange whose peer, link or store failed. */
class Interrupted extends Error {}

/** The initiator's side. `shared`: the partitions that both nodes keep. */
export function* exchange(trees: MerkleTrees, shared: readonly Partition[]): Exchange {
  const tally: SweepTally = { partitions: 0, received: 0, sent: 0 };
  try {
    const reply = yield* ask((id) => [TYPE.sweepRoots, id, encodeRoots(trees, shared)]);
    if (reply[0] !== TYPE.differing || reply[2] === 0) throw new Interrupted();
    const differing = decodePartitions(reply[3]);
    for (const number of differing) yield* healPartition(trees, number, tally);
    return { outcome: differing.length === 0 ? 'equal' : 'healed', ...tally };
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    return { outcome: 'interrupted', ...tally };
  }
}

function* healPartition(trees: MerkleTrees, number: Partition, tally: SweepTally): Generator<SweepEffect, void, SweepResume> {
  const reply = yield* ask((id) => [TYPE.sweepLeaves, id, number, trees.leaves(number)]);
  if (reply[0] !== TYPE.leaves) throw new Interrupted();
  const theirs = reply[2];
  // Empty: the peer is building its trees anew.
  if (theirs.length !== LEAVES * DIGEST_BYTES) throw new Interrupted();
  tally.partitions++;
  for (const run of runsOfLeaves(differingLeaves(trees.leaves(number), theirs), (leaf) => isEmptyLeaf(theirs, leaf))) {
    const range = partitionRange(number, run.first, run.last);
    if (run.peerIsEmpty) yield* pushStretch(range, tally);
    else yield* compareStretches(number, run.first, range, tally);
  }
}

function* pushStretch(range: KeyRange, tally: SweepTally): Generator<SweepEffect, void, SweepResume> {
  let { from } = range;
  for (;;) {
    const slice = yield* takeSlice({ from, to: range.to });
    yield* push(slice.records, tally);
    if (slice.next === null) return;
    from = slice.next;
  }
}

function* compareStretches(number: Partition, leaf: number, range: KeyRange, tally: SweepTally): Generator<SweepEffect, void, SweepResume> {
  let { from } = range;
  while (compareBytes(from, range.to) < 0) {
    const slice = yield* takeSlice({ from, to: range.to });
    const to = slice.next ?? range.to;
    const versions = slice.records.flatMap(({ key, record }) => [key, versionBytesOf(record)]);
    const start = from;
    const reply = yield* ask((id) => [TYPE.sweepVersions, id, number, leaf, start, to, versions]);
    if (reply[0] !== TYPE.newer) throw new Interrupted();
    const [, , newer, wanted, resumeFrom] = reply;
    const records = recordsOfPairs(newer);
    if (records.length > 0) {
      if ((yield { do: 'store', records }) !== 'stored') throw new Interrupted();
      tally.received += records.length;
    }
    yield* push(pick(slice.records, wanted), tally);
    const next = resumeFrom ?? to;
    // A peer that does not get on would hold the exchange for ever.
    if (compareBytes(next, from) <= 0) throw new Interrupted();
    from = next;
  }
}

function* push(records: readonly StoredRecord[], tally: SweepTally): Generator<SweepEffect, void, SweepResume> {
  if (records.length === 0) return;
  const reply = yield* ask((id) => [TYPE.sweepRecords, id, pairsOfRecords(records)]);
  if (reply[0] !== TYPE.handedOff || reply[2] !== 1) throw new Interrupted();
  tally.sent += records.length;
}

function* ask(build: (id: number) => PeerRequest): Generator<SweepEffect, PeerReply, SweepResume> {
  const reply = yield { do: 'ask', build };
  if (!Array.isArray(reply)) throw new Interrupted();
  return reply as unknown as PeerReply;
}

function* takeSlice(range: KeyRange): Generator<SweepEffect, RecordSlice, SweepResume> {
  const slice = yield { do: 'slice', range, limits: STRETCH_LIMITS };
  if (slice === null || typeof slice !== 'object' || !('records' in slice)) throw new Interrupted();
  return slice;
}

// --- the peer's side -------------------------------------------------------------------------------------------------

/** Those of the initiator's roots that are not this node's; partitions that the two do not share count as equal. */
export function differingPartitions(trees: MerkleTrees, shared: readonly Partition[], roots: Uint8Array): Uint8Array {
  const both = new Set(shared);
  const differing: Partition[] = [];
  for (let at = 0; at + ROOT_ENTRY_BYTES <= roots.length; at += ROOT_ENTRY_BYTES) {
    const number = partition(readU16(roots, at));
    if (both.has(number) && !trees.isRoot(number, roots, at + 2)) differing.push(number);
  }
  const bytes = new Uint8Array(differing.length * 2);
  for (const [index, number] of differing.entries()) writeU16(bytes, index * 2, number);
  return bytes;
}

export interface StretchComparison {
  /** What the other lacks. */
  readonly newer: readonly StoredRecord[];
  /** Keys of which the other has the newer record. */
  readonly wanted: readonly Uint8Array[];
}

/**
 * Compares this node's records with the other's (key, version) list, over the same stretch of the same partition.
 * `until`: this node stopped reading there; of the other's keys beyond it nothing is said yet.
 */
export function compareStretch(
  mine: readonly StoredRecord[],
  versions: readonly Uint8Array[],
  databaseKeyOf: (key: Uint8Array) => Uint8Array,
  until: Uint8Array | null,
): StretchComparison {
  const theirs = new Map<string, Uint8Array>();
  for (let i = 0; i + 1 < versions.length; i += 2) {
    const [key, version] = [versions[i], versions[i + 1]];
    if (key !== undefined && version !== undefined) theirs.set(mapKey(key), version);
  }
  const newer: StoredRecord[] = [];
  const wanted: Uint8Array[] = [];
  for (const stored of mine) {
    const name = mapKey(stored.key);
    const version = theirs.get(name);
    theirs.delete(name);
    const order = version === undefined ? 1 : compareVersions(versionOf(stored.record), readVersion(version, 0));
    if (order > 0) newer.push(stored);
    else if (order < 0) wanted.push(stored.key);
  }
  for (const name of theirs.keys()) {
    const key = Buffer.from(name, 'latin1');
    if (until === null || compareBytes(databaseKeyOf(key), until) < 0) wanted.push(key);
  }
  return { newer, wanted };
}

// --- roots -----------------------------------------------------------------------------------------------------------

/** partition (2) · root (8), repeated. */
export function encodeRoots(trees: MerkleTrees, partitions: readonly Partition[]): Uint8Array {
  const bytes = new Uint8Array(partitions.length * ROOT_ENTRY_BYTES);
  for (const [index, number] of partitions.entries()) {
    writeU16(bytes, index * ROOT_ENTRY_BYTES, number);
    trees.writeRoot(number, bytes, index * ROOT_ENTRY_BYTES + 2);
  }
  return bytes;
}

export function decodeRoots(bytes: Uint8Array): Map<Partition, Uint8Array> {
  const roots = new Map<Partition, Uint8Array>();
  for (let at = 0; at + ROOT_ENTRY_BYTES <= bytes.length; at += ROOT_ENTRY_BYTES) {
    roots.set(partition(readU16(bytes, at)), bytes.subarray(at + 2, at + ROOT_ENTRY_BYTES));
  }
  return roots;
}

function decodePartitions(bytes: Uint8Array): Partition[] {
  return Array.from({ length: Math.floor(bytes.length / 2) }, (_, index) => partition(readU16(bytes, index * 2)));
}

interface LeafRun {
  readonly first: number;
  readonly last: number;
  readonly peerIsEmpty: boolean;
}

/**
 * Leaves that the peer either all has something in, or all has nothing in, as one, with the leaves between them that are
 * empty at both: there is nothing to read in those. `leaves`: those that differ, in order; any other is equal.
 */
function runsOfLeaves(leaves: readonly number[], isEmptyAtPeer: (leaf: number) => boolean): LeafRun[] {
  const runs: LeafRun[] = [];
  for (const leaf of leaves) {
    const peerIsEmpty = isEmptyAtPeer(leaf);
    const before = runs.at(-1);
    if (before !== undefined && before.peerIsEmpty === peerIsEmpty && areAllBetween(before.last, leaf, isEmptyAtPeer)) runs[runs.length - 1] = { ...before, last: leaf };
    else runs.push({ first: leaf, last: leaf, peerIsEmpty });
  }
  return runs;
}

function areAllBetween(from: number, to: number, holds: (leaf: number) => boolean): boolean {
  for (let leaf = from + 1; leaf < to; leaf++) if (!holds(leaf)) return false;
  return true;
}

function pick(records: readonly StoredRecord[], keys: readonly Uint8Array[]): StoredRecord[] {
  if (keys.length === 0) return [];
  const names = new Set(keys.map(mapKey));
  return records.filter(({ key }) => names.has(mapKey(key)));
}

function mapKey(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}

/** For `compareStretch`: where a key lies. */
export function databaseKeyIn(number: Partition, hashOf: (key: Uint8Array) => number): (key: Uint8Array) => Uint8Array {
  return (key) => recordDatabaseKey(number, hashOf(key), key);
}
