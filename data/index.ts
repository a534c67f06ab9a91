/** data/: what is kept. Keys and partitions, versions, records, the disk layout, the store, Merkle trees, hints. */
export { compareBytes, equalBytes, readU16, readU32, readU64, writeU16, writeU32, writeU64 } from './bytes.ts';
export { decodeCheckedNumbers, encodeCheckedNumbers } from './checked-numbers.ts';
export { HybridClock } from './clock.ts';
export { DataError, assert, errorCode, type DataErrorCode } from './errors.ts';
export { HintLedger, type HintCount } from './hint-ledger.ts';
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
export { inspectKey, type CopyOnDisk, type CopyState, type HintOnDisk, type HintState, type KeyOnDisk } from './inspect-key.ts';
export { KEY_BYTES_MAX, VALUE_BYTES_MAX, checkKey, checkValue, hashKey, partitionOfHash } from './key.ts';
export { KEYSPACE, META, dirtyMetaName, metaKey, partitionRange, peerMetaName, recordKey as recordDatabaseKey, type KeyRange } from './layout.ts';
export { openLevelKv, repairLevelKv, type CreateMode, type LevelKvOptions } from './level-kv.ts';
export { inspectDatabase, type FaultyLog, type Inspection } from './leveldb-check.ts';
export { holdsDatabase } from './leveldb-files.ts';
export { keepFaultyLogs, prepareRepair, setAside, settleRepair, syncDirectory, writeDurably } from './leveldb-salvage.ts';
export { scrubTables, type TableScrub } from './leveldb-scrub.ts';
export type { ReadBudget } from './leveldb-table.ts';
export { MemoryKv } from './memory-kv.ts';
export { DIGEST_BYTES, LEAVES, MerkleTrees, differingLeaves, isEmptyLeaf, leafOfHash } from './merkle.ts';
export { IdTable, type Identified } from './id-table.ts';
export { type KeySpan, type OrderedEntry, type OrderedSlice } from './ordered-slice.ts';
export { KvBatch, type Durability, type KvEntry, type OrderedKv, type ScanDirection, type ScanLimits } from './ordered-kv.ts';
export { RECORD_HEADER_BYTES } from './record-layout.ts';
export {
  encodeRecord,
  isIntact,
  isTombstone,
  valueOf,
  versionBytesOf,
  versionOf,
  type RecordBytes,
} from './record.ts';
export { RecentRecords, type Stamp } from './recent-records.ts';
export { parseDamagedKey } from './scrub.ts';
export {
  Store,
  readCeiling,
  type ReadOutcome,
  type RecordSlice,
  type StoreCounters,
  type StoreEvent,
  type StoreOptions,
  type StorePorts,
  type StoreState,
  type StoredRecord,
} from './store.ts';
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
export { hintVersion, type WriteIntent, type WriteOutcome } from './write-group.ts';
