/** What `status`, `converged`, `locate` and `topology` answer, as JSON. */

/** What a node knows of another one. */
export interface PeerView {
  /** The id of the other one. */
  readonly node: number;
  /** As the topology has it. */
  readonly address: string;
  /** Silent for less than `heartbeat.suspectAfterMs`, for less than `heartbeat.deadAfterMs`, or longer. */
  readonly liveness: 'alive' | 'suspect' | 'dead';
  /** Why the peer refuses this node, or the other way round; null when it does not. */
  readonly refused: string | null;
  /** Its wall clock minus that of the node that tells, estimated, milliseconds; null before the first heartbeat. */
  readonly clockOffsetMs: number | null;
  /** Hints that the node that tells keeps for it. */
  readonly hintsWaiting: number;
  /** Bytes of these hints. */
  readonly hintBytes: number;
  /** Partitions for which hints were given up; a sweep is owed instead. */
  readonly dirtyPartitions: number;
}

/** A node as it sees itself. */
export interface NodeStatus {
  /** Its id. */
  readonly node: number;
  /** Which life of its directory; part of the versions that it gives. */
  readonly incarnation: number;
  /** Of the package. */
  readonly version: string;
  /** Only while it is open reads and writes are answered from it. */
  readonly store: 'open' | 'reopening' | 'closed';
  /** Records, tombstones included; exact once `scanned`. */
  readonly records: number;
  /** Whether the Merkle trees are complete. */
  readonly scanned: boolean;
  /** Why what the store does not have may have been lost; null: it is trusted. Until it was compared with its peers no strict quorum counts it. */
  readonly untrusted: string | null;
  /** Entries that were found to be damaged and were not replaced yet. */
  readonly damagedRecords: number;
  /** When a write counts as being on disk. */
  readonly durability: 'fsync' | 'os';
  /** More than `clock.maxDriftMs` off the median of the others. */
  readonly clockSuspicious: boolean;
  /** All other members, as it sees them. */
  readonly peers: readonly PeerView[];
  /** Since its start, by name; the names may change between versions. */
  readonly counters: Readonly<Record<string, number>>;
}

/** The cluster as the node that was asked sees it. */
export interface ClusterStatus {
  /** The same on all nodes. */
  readonly clusterId: string;
  /** Of the topology. */
  readonly epoch: number;
  /** How many nodes keep each key. */
  readonly replicationFactor: number;
  /** How many there are. */
  readonly partitions: number;
  /** The node that was asked. */
  readonly askedNode: number;
  /** In order of node id; null: no answer. */
  readonly nodes: readonly (NodeStatus | null)[];
  readonly converged: ConvergedAnswer;
}

/** Whether all replicas are equal. */
export interface ConvergedAnswer {
  readonly converged: boolean;
  /** Why not, in words; empty when converged. */
  readonly reasons: readonly string[];
}

/** Where a key lives. */
export interface LocateAnswer {
  /** XXH32 of the key. */
  readonly hash: number;
  /** The hash modulo the number of partitions. */
  readonly partition: number;
  /** The first of the replicas. */
  readonly homeNode: number;
  /** Node ids, the home node first. */
  readonly replicas: readonly number[];
  /** The nodes after them in the preference list. */
  readonly fallbacks: readonly number[];
  /** Of the topology. */
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
