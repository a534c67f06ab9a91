/**
 * A version: which of two writes of one key is the later one.
 *
 *   version = (timestamp, writer)
 *   timestamp   hybrid logical clock: Unix milliseconds × 1024 + counter, one safe integer (good until 2248)
 *   writer      (4095 − node id) << 20 | incarnation, one unsigned 32-bit integer
 *
 * Invariants
 *  V1  The order is total: first the timestamp, then the writer. A greater writer has the lower node id,
 *      so at equal timestamps the lowest node id wins.
 *  V2  The 12 bytes (u64 timestamp, u32 writer, both big-endian) sort as the versions do.
 *  V3  No version is ever issued twice (data/clock.ts), so two records with one version are one record.
 *
 * Source: Kulkarni et al., "Logical Physical Clocks", OPODIS 2014 (hybrid logical clocks).
 */
import { readU32, readU64, writeU32, writeU64 } from './bytes.ts';
import { DataError } from './errors.ts';
import { INCARNATION_MAX, NODE_ID_MAX, incarnation, nodeId, type Incarnation, type NodeId } from './identifiers.ts';

/** Which of two writes of one key is the later one: the greater timestamp, then the greater writer. */
export interface Version {
  /** Unix milliseconds × 1024 + counter. */
  readonly timestamp: number;
  /** Node id and incarnation, in an order in which the lower node id is the greater number. */
  readonly writer: number;
}

export const VERSION_BYTES = 12;
export const TIMESTAMP_MAX = Number.MAX_SAFE_INTEGER;
/** Counter steps in one millisecond. */
export const TICKS_PER_MS = 1024;
const INCARNATION_BITS = 20;

export function writerOf(node: NodeId, incarnationOfNode: Incarnation): number {
  return (((NODE_ID_MAX - node) << INCARNATION_BITS) | incarnationOfNode) >>> 0;
}

export function nodeOfWriter(writer: number): NodeId {
  return nodeId(NODE_ID_MAX - (writer >>> INCARNATION_BITS));
}

export function incarnationOfWriter(writer: number): Incarnation {
  return incarnation(writer & INCARNATION_MAX);
}

/** Negative when `a` is the older, 0 when they are one version, positive when `a` is the newer (V1). */
export function compareVersions(a: Version, b: Version): number {
  return a.timestamp === b.timestamp ? a.writer - b.writer : a.timestamp - b.timestamp;
}

/** The newer of the two; commutative, associative, idempotent. `null` is older than every version. */
export function newest<V extends Version | null>(a: V, b: V): V {
  if (a === null) return b;
  if (b === null) return a;
  return compareVersions(a, b) >= 0 ? a : b;
}

export function writeVersion(into: Uint8Array, offset: number, version: Version): void {
  writeU64(into, offset, version.timestamp);
  writeU32(into, offset + 8, version.writer);
}

/** The 12 bytes at `offset`; whether they are a valid version is `isVersionAt`. */
export function readVersion(bytes: Uint8Array, offset: number): Version {
  return { timestamp: readU64(bytes, offset), writer: readU32(bytes, offset + 8) };
}

/** False when the bytes are too few or the timestamp is not a safe integer. */
export function isVersionAt(bytes: Uint8Array, offset: number): boolean {
  return bytes.length >= offset + VERSION_BYTES && readU64(bytes, offset) <= TIMESTAMP_MAX;
}

export function versionToBytes(version: Version): Uint8Array {
  const bytes = new Uint8Array(VERSION_BYTES);
  writeVersion(bytes, 0, version);
  return bytes;
}

/** For people: `<milliseconds>.<counter>-n<node>.<incarnation in hex>`, for example `1764000000000.3-n1.0c0de`. */
export function versionToString(version: Version): string {
  const milliseconds = Math.floor(version.timestamp / TICKS_PER_MS);
  const counter = version.timestamp % TICKS_PER_MS;
  const hex = incarnationOfWriter(version.writer).toString(16).padStart(5, '0');
  return `${milliseconds}.${counter}-n${nodeOfWriter(version.writer)}.${hex}`;
}

const VERSION_TEXT = /^(\d{1,13})\.(\d{1,4})-n(\d{1,4})\.([0-9a-f]{5})$/;

/** The inverse of `versionToString`; throws `RING_VERSION_INVALID`. */
export function versionFromString(text: string): Version {
  const match = VERSION_TEXT.exec(text);
  const [milliseconds, counter, node] = [Number(match?.[1]), Number(match?.[2]), Number(match?.[3])];
  const timestamp = milliseconds * TICKS_PER_MS + counter;
  if (match === null || counter >= TICKS_PER_MS || node > NODE_ID_MAX || timestamp > TIMESTAMP_MAX) {
    throw new DataError('RING_VERSION_INVALID', `not a version: ${JSON.stringify(text.slice(0, 64))}; one looks like 1764000000000.3-n1.0c0de`);
  }
  return { timestamp, writer: writerOf(nodeId(node), incarnation(Number.parseInt(match[4] ?? '', 16))) };
}
