/** What `status`, `converged`, `locate` and `topology` answer, as JSON. */

export interface PeerView {
  readonly node: number;
  readonly address: string;
  readonly liveness: 'alive' | 'suspect' | 'dead';
  /** Why the peer refuses this node, or the other way round; null when it does not. */
  readonly refused: string | null;
  /** Peer's wall clock minus this node's, estimated; null before the first heartbeat. */
  readonly clockOffsetMs: number | null;
  readonly hintsWaiting: number;
  readonly hintBytes: number;
  readonly dirtyPartitions: number;
}

export interface NodeStatus {
  readonly node: number;
  readonly incarnation: number;
  readonly version: string;
  readonly store: 'open' | 'reopening' | 'closed';
  /** Records, tombstones included; exact once `scanned`. */
  readonly records: number;
  /** Whether the Merkle trees are complete. */
  readonly scanned: boolean;
  /** Why what the store does not have may have been lost; null: it is trusted. Until it was compared with its peers no strict quorum counts it. */
  readonly untrusted: string | null;
  /** Entries that were found to be damaged and were not replaced yet. */
  readonly damagedRecords: number;
  readonly durability: 'fsync' | 'os';
  /** More than `clock.maxDriftMs` off the median of the others. */
  readonly clockSuspicious: boolean;
  readonly peers: readonly PeerView[];
  readonly counters: Readonly<Record<string, number>>;
}

export interface ClusterStatus {
  readonly clusterId: string;
  readonly epoch: number;
  readonly replicationFactor: number;
  readonly partitions: number;
  /** The node that was asked. */
  readonly askedNode: number;
  /** In order of node id; null: no answer. */
  readonly nodes: readonly (NodeStatus | null)[];
  readonly converged: ConvergedAnswer;
}

export interface ConvergedAnswer {
  readonly converged: boolean;
  /** Why not, in words; empty when converged. */
  readonly reasons: readonly string[];
}

export interface LocateAnswer {
  readonly hash: number;
  readonly partition: number;
  readonly homeNode: number;
  readonly replicas: readonly number[];
  readonly fallbacks: readonly number[];
  readonly epoch: number;
}

export interface TopologyAnswer {
  readonly clusterId: string;
  /** The node that was asked. */
  readonly node: number;
  readonly epoch: number;
  readonly hashSeed: number;
  readonly partitionCount: number;
  readonly replicationFactor: number;
  readonly members: readonly { readonly id: number; readonly address: string }[];
  /** Partition → its replicas, the home node first. */
  readonly replicas: readonly (readonly number[])[];
}
