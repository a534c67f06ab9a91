/** What of the client is public and the same wherever it runs: errors, options, and the shapes of answers. */
export { versionToString, type Version } from '../data/portable.ts';
export type { ClusterStatus, Consistency, ConvergedAnswer, ErrorCode, LocateAnswer, NodeStatus, PeerView } from '../wire/index.ts';
export type { DetailedReadAnswer, DetailedWriteAnswer, NodeRead, ReadAnswer, ReadSaid, ReplicaWrite, WriteAnswer, WriteSaid } from '../wire/index.ts';
export type {
  ExplainAnswer,
  ExplainDoubt,
  Explained,
  ExplainedCopy,
  ExplainedHint,
  ExplainedNode,
  ExplainedWinner,
  ExplainFindingCode,
  ExplainRule,
  InspectedCopy,
  InspectedHint,
} from '../wire/index.ts';
export { ReplicatedLevel, type LevelClient, type LevelReadAnswer } from './replicated-level.ts';
export type {
  LevelBatchOperation,
  LevelBatchOptions,
  LevelClearOptions,
  LevelDelOptions,
  LevelGetManyOptions,
  LevelGetOptions,
  LevelHasManyOptions,
  LevelHasOptions,
  LevelIteratorOptions,
  LevelKeyIteratorOptions,
  LevelPutOptions,
  LevelValueIteratorOptions,
  ReplicatedLevelOptions,
  RingLevelOptions,
} from './level-options.ts';
export { RingError, type RingErrorDetail } from './errors.ts';
export { type KeyEntry, type KeyScanOptions, type ScanEntry, type ScanOptions } from './scan.ts';
export { type RequestOptions, type RetryWrites, type RingClientOptions } from './options.ts';
