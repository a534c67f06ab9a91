/** client/: the package root. A client of a cluster, its errors, and the shapes of its answers. */
export { versionToString, type Version } from '../data/index.ts';
export { type ClusterStatus, type Consistency, type ConvergedAnswer, type ErrorCode, type LocateAnswer, type NodeStatus, type PeerView, type ReadAnswer, type WriteAnswer } from '../wire/index.ts';
export { RingClient } from './client.ts';
export { RingError, type RingErrorDetail } from './errors.ts';
export { type KeyEntry, type KeyScanOptions, type ScanEntry, type ScanOptions } from './scan.ts';
export { type RequestOptions, type RingClientOptions } from './options.ts';
