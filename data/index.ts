/** data/: what is kept. Keys and partitions, versions, records, the disk layout, the store, Merkle trees, hints. */
export * from './portable.ts';
export { decodeCheckedNumbers, encodeCheckedNumbers } from './checked-numbers.ts';
export { HybridClock } from './clock.ts';
export { DataError, assert, errorCode, type DataErrorCode } from './errors.ts';
export { HintLedger, type HintCount } from './hint-ledger.ts';
export { inspectKey, type CopyOnDisk, type CopyState, type HintOnDisk, type HintState, type KeyOnDisk } from './inspect-key.ts';
export { checkKey, checkValue } from './key.ts';
export { KEYSPACE, META, dirtyMetaName, metaKey, partitionRange, peerMetaName, recordKey as recordDatabaseKey, type KeyRange } from './layout.ts';
export { openLevelKv, repairLevelKv, type CreateMode, type LevelKvOptions } from './level-kv.ts';
export { inspectDatabase, type FaultyLog, type Inspection } from './leveldb-check.ts';
export { holdsDatabase } from './leveldb-files.ts';
export { keepFaultyLogs, prepareRepair, setAside, settleRepair, syncDirectory, writeDurably } from './leveldb-salvage.ts';
export { scrubTables, type TableScrub } from './leveldb-scrub.ts';
export type { ReadBudget } from './leveldb-table.ts';
export { MemoryKv } from './memory-kv.ts';
export { MerkleTrees, differingLeaves, isEmptyLeaf, leafOfHash } from './merkle.ts';
export { type KeySpan, type OrderedEntry, type OrderedSlice } from './ordered-slice.ts';
export { KvBatch, type Durability, type KvEntry, type OrderedKv, type ScanDirection, type ScanLimits } from './ordered-kv.ts';
export { encodeRecord, isIntact, isTombstone, valueOf, versionBytesOf, versionOf } from './record.ts';
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
export { hintVersion, type WriteIntent, type WriteOutcome } from './write-group.ts';
