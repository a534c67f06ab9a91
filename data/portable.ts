/**
 * The part of data/ that runs everywhere, in a browser too: keys and their hash, versions, identifiers, byte order, and
 * what the wire must know of records and trees. wire/ and client/ import from here only, so that no builtin of Node and
 * no LevelDB is ever reached from them; test/repository walks the imports to see that.
 */
export { compareBytes, equalBytes, readU16, readU32, readU64, writeU16, writeU32, writeU64 } from './bytes.ts';
export { IdTable, type Identified } from './id-table.ts';
export {
  INCARNATION_MAX,
  NODE_ID_MAX,
  epoch,
  incarnation,
  isEpoch,
  isIncarnation,
  isNodeId,
  isPartition,
  nodeId,
  partition,
  type Epoch,
  type Incarnation,
  type NodeId,
  type Partition,
} from './identifiers.ts';
export { KEY_BYTES_MAX, VALUE_BYTES_MAX, hashKey, partitionOfHash } from './key.ts';
export { DIGEST_BYTES, LEAVES } from './merkle.ts';
export { RECORD_HEADER_BYTES } from './record-layout.ts';
export type { RecordBytes } from './record.ts';
export {
  TICKS_PER_MS,
  TIMESTAMP_MAX,
  VERSION_BYTES,
  compareVersions,
  incarnationOfWriter,
  isVersionAt,
  newest,
  nodeOfWriter,
  readVersion,
  versionFromString,
  versionToBytes,
  versionToString,
  writeVersion,
  writerOf,
  type Version,
} from './version.ts';
