/**
 * Where things lie in the database: one-byte keyspaces (ARCHITECTURE F13: sublevels cost a quarter of the batch rate).
 *
 *   keyspace      key after the first byte                     value
 *   1 record      partition (2) · hash (4) · key               a record (data/record.ts)
 *   2 ordered key key                                          one byte (F10: empty values leak)
 *   3 hint        target node (2) · partition (2) · key        a record, or a reference: 2 · version (12) · crc32 (4)
 *   4 meta        name                                         by name
 *
 * Records lie in hash order within their partition, so that a partition, and a leaf of its Merkle tree, is one range.
 */
import { readU16, readU32, writeU16, writeU32 } from './bytes.ts';
import { crc32 } from './crc32.ts';
import { nodeId, partition, type NodeId, type Partition } from './identifiers.ts';
import { VERSION_BYTES, isVersionAt, readVersion, writeVersion, type Version } from './version.ts';

export const KEYSPACE = { record: 1, orderedKey: 2, hint: 3, meta: 4 } as const;

/** Names in the meta keyspace; `dirty` is followed by target and partition, `peer` by the node that is remembered. */
export const META = { identity: 'identity', ceiling: 'ceiling', sequence: 'sequence', topology: 'topology', dirty: 'dirty', doubt: 'doubt', peer: 'peer' } as const;

const RECORD_KEY_PREFIX_BYTES = 7;
export const HINT_KEY_PREFIX_BYTES = 5;
export const PRESENT = Uint8Array.of(1);
const HINT_REFERENCE_FORMAT = 2;
const HINT_REFERENCE_BYTES = 1 + VERSION_BYTES + 4;

/** Half-open range of database keys. */
export interface KeyRange {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

export function recordKey(partitionOfKey: Partition, hash: number, key: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(RECORD_KEY_PREFIX_BYTES + key.length);
  bytes[0] = KEYSPACE.record;
  writeU16(bytes, 1, partitionOfKey);
  writeU32(bytes, 3, hash);
  bytes.set(key, RECORD_KEY_PREFIX_BYTES);
  return bytes;
}

export interface RecordKeyParts {
  readonly partition: Partition;
  readonly hash: number;
  /** A view into the database key. */
  readonly key: Uint8Array;
}

/** Takes a database key of the record keyspace. */
export function parseRecordKey(bytes: Uint8Array): RecordKeyParts {
  return { partition: partition(readU16(bytes, 1)), hash: readU32(bytes, 3), key: bytes.subarray(RECORD_KEY_PREFIX_BYTES) };
}

export function orderedKey(key: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(1 + key.length);
  bytes[0] = KEYSPACE.orderedKey;
  bytes.set(key, 1);
  return bytes;
}

/** The inverse of `orderedKey`; a view. */
export function parseOrderedKey(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(1);
}

export function hintKey(target: NodeId, partitionOfKey: Partition, key: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(HINT_KEY_PREFIX_BYTES + key.length);
  bytes[0] = KEYSPACE.hint;
  writeU16(bytes, 1, target);
  writeU16(bytes, 3, partitionOfKey);
  bytes.set(key, HINT_KEY_PREFIX_BYTES);
  return bytes;
}

export interface HintKeyParts {
  readonly target: NodeId;
  readonly partition: Partition;
  readonly key: Uint8Array;
}

export function parseHintKey(bytes: Uint8Array): HintKeyParts {
  return { target: nodeId(readU16(bytes, 1)), partition: partition(readU16(bytes, 3)), key: bytes.subarray(HINT_KEY_PREFIX_BYTES) };
}

/** A hint whose record this node keeps anyway, as a replica of the key. The checksum covers the key too. */
export function encodeHintReference(key: Uint8Array, version: Version): Uint8Array {
  const bytes = new Uint8Array(HINT_REFERENCE_BYTES);
  bytes[0] = HINT_REFERENCE_FORMAT;
  writeVersion(bytes, 1, version);
  writeU32(bytes, 1 + VERSION_BYTES, referenceChecksum(key, bytes));
  return bytes;
}

/** The version that a reference names; null when the hint is a record, or damaged. */
export function hintReference(key: Uint8Array, value: Uint8Array): Version | null {
  if (value[0] !== HINT_REFERENCE_FORMAT || value.length !== HINT_REFERENCE_BYTES) return null;
  return readU32(value, 1 + VERSION_BYTES) === referenceChecksum(key, value) && isVersionAt(value, 1) ? readVersion(value, 1) : null;
}

function referenceChecksum(key: Uint8Array, reference: Uint8Array): number {
  return crc32(reference, 0, 1 + VERSION_BYTES, crc32(key));
}

export function metaKey(name: string): Uint8Array {
  const bytes = Buffer.allocUnsafe(1 + Buffer.byteLength(name));
  bytes[0] = KEYSPACE.meta;
  bytes.write(name, 1);
  return bytes;
}

export function dirtyMetaName(target: NodeId, partitionOfKey: Partition): string {
  return `${META.dirty}/${target}/${partitionOfKey}`;
}

/** What is remembered of a peer (node/peer-memory.ts). */
export function peerMetaName(node: NodeId): string {
  return `${META.peer}/${node}`;
}

export function isPeerMetaName(name: string): boolean {
  return name.startsWith(`${META.peer}/`);
}

export function parseDirtyMetaName(name: string): { readonly target: NodeId; readonly partition: Partition } | null {
  const match = /^dirty\/(\d{1,4})\/(\d{1,5})$/.exec(name);
  return match === null ? null : { target: nodeId(Number(match[1])), partition: partition(Number(match[2])) };
}

/** A key whose record was damaged and replaced by one that may be older than what was lost. */
export function doubtKey(key: Uint8Array): Uint8Array {
  const prefix = metaKey(`${META.doubt}/`);
  const bytes = Buffer.allocUnsafe(prefix.length + key.length);
  bytes.set(prefix);
  bytes.set(key, prefix.length);
  return bytes;
}

/** The inverse of `doubtKey`; a view. */
export function parseDoubtKey(databaseKey: Uint8Array): Uint8Array {
  return databaseKey.subarray(DOUBTS.from.length);
}

export const RECORDS: KeyRange = keyspaceRange(KEYSPACE.record);
/** Records, ordered keys and hints: all that a scrub reads. */
export const ALL_DATA: KeyRange = { from: Uint8Array.of(KEYSPACE.record), to: Uint8Array.of(KEYSPACE.hint + 1) };
export const HINTS: KeyRange = keyspaceRange(KEYSPACE.hint);
export const ORDERED_KEYS: KeyRange = keyspaceRange(KEYSPACE.orderedKey);
export const DOUBTS: KeyRange = { from: metaKey(`${META.doubt}/`), to: metaKey(`${META.doubt}0`) };
export const DIRTY: KeyRange = { from: metaKey(`${META.dirty}/`), to: metaKey(`${META.dirty}0`) };

function keyspaceRange(keyspace: number): KeyRange {
  return { from: Uint8Array.of(keyspace), to: Uint8Array.of(keyspace + 1) };
}

/** The records of the leaves `first` to `last` of a partition; a leaf is the top byte of the hash. */
export function partitionRange(partitionOfLeaves: Partition, first: number, last: number): KeyRange {
  return { from: leafStart(partitionOfLeaves, first), to: leafStart(partitionOfLeaves, last + 1) };
}

/** The first possible database key of a leaf; `leaf` 256 is the end of the partition. */
function leafStart(partitionOfLeaf: Partition, leaf: number): Uint8Array {
  if (leaf > 0xff && partitionOfLeaf === 0xffff) return RECORDS.to;
  const bytes = new Uint8Array(4);
  bytes[0] = KEYSPACE.record;
  writeU16(bytes, 1, leaf > 0xff ? partitionOfLeaf + 1 : partitionOfLeaf);
  bytes[3] = leaf & 0xff;
  return bytes;
}

export function hintsOf(target: NodeId): KeyRange {
  const from = Uint8Array.of(KEYSPACE.hint, 0, 0);
  const to = Uint8Array.of(KEYSPACE.hint, 0, 0);
  writeU16(from, 1, target);
  writeU16(to, 1, target + 1);
  return { from, to };
}

/** The smallest key after `key`, of the database or of a client; where a scan that stopped at `key` goes on. */
export function keyAfter(key: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(key.length + 1);
  bytes.set(key);
  return bytes;
}
