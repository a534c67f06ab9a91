/** client/: the package root. A client of a cluster, its errors, and the shapes of its answers. */
export { versionToString, type Version } from '../data/index.ts';
export {
  type ClusterStatus, type Consistency, type ConvergedAnswer, type DetailedReadAnswer, type DetailedWriteAnswer, type ErrorCode, type ExplainAnswer, type ExplainDoubt, type Explained, type ExplainedCopy, type ExplainedHint,
  type ExplainedNode, type ExplainedWinner, type ExplainFindingCode, type ExplainRule, type InspectedCopy, type InspectedHint, type LocateAnswer, type NodeRead, type NodeStatus, type PeerView, type ReadAnswer, type ReadSaid,
  type ReplicaWrite, type WriteAnswer, type WriteSaid,
} from '../wire/index.ts';
export { RingClient } from './client.ts';
export { RingError, type RingErrorDetail } from './errors.ts';
export { type KeyEntry, type KeyScanOptions, type ScanEntry, type ScanOptions } from './scan.ts';
export { type RequestOptions, type RetryWrites, type RingClientOptions } from './options.ts';
