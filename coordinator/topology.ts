/**
 * The topology: who is a member, and which nodes keep which partition. An immutable value with a number, its epoch;
 * all nodes store it, every peer frame names its epoch, and a peer that has another one is refused.
 *
 * In the first topology the home node of partition p is node `p % n`, and its replicas are the `replicationFactor`
 * nodes from the home node on, in circular order of node id. The partition count is a multiple of n, so that the home
 * node of a key is `hash(key) % n`.
 *
 * Source: DeCandia et al., "Dynamo", SOSP 2007, section 6.2, strategy 3 (equal partitions, placement apart from them).
 */
import { epoch, hashKey, isEpoch, isNodeId, nodeId, type Epoch, type NodeId } from '../data/index.ts';

export interface Member {
  readonly id: NodeId;
  /** `ws://host:port`. Where a member is reached, not who it is: no part of the digest. */
  readonly address: string;
  readonly zone?: string;
}

export interface Topology {
  readonly epoch: Epoch;
  /** In order of node id. */
  readonly members: readonly Member[];
  readonly replicationFactor: number;
  readonly hashSeed: number;
  readonly partitionCount: number;
  /** Partition → its replicas, the home node first. */
  readonly replicas: readonly (readonly NodeId[])[];
}

export const PARTITIONS_PER_NODE = 64;
/** Partitions are 16 bits on the wire: 1,000 × 64 fit. */
export const MEMBERS_MAX = 1000;

export class TopologyError extends Error {
  readonly code = 'RING_TOPOLOGY_INVALID';
  readonly retryable = false;

  constructor(message: string) {
    super(message);
    this.name = 'TopologyError';
  }
}

/** Throws `RING_TOPOLOGY_INVALID` for no members, gaps in their numbers, or fewer members than replicas. */
export function firstTopology(members: readonly Member[], replicationFactor: number, hashSeed: number): Topology {
  const n = members.length;
  const sorted = members.toSorted((a, b) => a.id - b.id);
  if (n < 1 || n > MEMBERS_MAX) throw new TopologyError(`a cluster has 1 to ${MEMBERS_MAX} nodes, not ${n}`);
  for (const [index, member] of sorted.entries()) {
    if (member.id !== index) throw new TopologyError(`node ids count from 0 without gaps; node ${index} is missing`);
  }
  if (!Number.isInteger(replicationFactor) || replicationFactor < 1 || replicationFactor > n) {
    throw new TopologyError(`the replication factor is a whole number from 1 to the number of nodes (${n}), not ${replicationFactor}`);
  }
  const partitionCount = n * PARTITIONS_PER_NODE;
  const replicas = Array.from({ length: partitionCount }, (_, p) =>
    Array.from({ length: replicationFactor }, (_unused, i) => nodeId((p + i) % n)),
  );
  return { epoch: epoch(1), members: sorted, replicationFactor, hashSeed, partitionCount, replicas };
}

/** 16 hex digits over all that decides where a record lies. Two nodes with different digests must not talk. */
export function topologyDigest(topology: Topology): string {
  const text = JSON.stringify([
    topology.epoch,
    topology.members.map((member) => member.id),
    topology.replicationFactor,
    topology.hashSeed,
    topology.partitionCount,
    topology.replicas,
  ]);
  const bytes = new TextEncoder().encode(text);
  return [0, 1].map((seed) => hashKey(bytes, seed).toString(16).padStart(8, '0')).join('');
}

/** As kept in the store's meta keyspace: with its digest, because a flipped bit in a number is JSON too. */
export function encodeTopology(topology: Topology): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ ...topology, digest: topologyDigest(topology) }));
}

/** Throws `RING_TOPOLOGY_INVALID`. */
export function decodeTopology(bytes: Uint8Array): Topology {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new TopologyError('the stored topology is not JSON');
  }
  if (!isTopology(value)) throw new TopologyError('the stored topology is incomplete');
  const { digest, ...topology } = value as Topology & { readonly digest?: unknown };
  if (digest !== topologyDigest(topology)) throw new TopologyError('the stored topology is damaged');
  return topology;
}

function isTopology(value: unknown): value is Topology {
  if (typeof value !== 'object' || value === null) return false;
  const { epoch: number, members, replicationFactor, hashSeed, partitionCount, replicas } = value as Record<keyof Topology, unknown>;
  return (
    isEpoch(number) &&
    Array.isArray(members) &&
    members.every(isMember) &&
    Number.isInteger(replicationFactor) &&
    Number(replicationFactor) >= 1 &&
    Number.isInteger(hashSeed) &&
    Array.isArray(replicas) &&
    replicas.length > 0 &&
    replicas.length === partitionCount &&
    arePlaced(replicas, new Set(members.map(({ id }) => id)), Number(replicationFactor))
  );
}

/** Whether every partition lies on so many different members. */
function arePlaced(replicas: readonly unknown[], ids: ReadonlySet<unknown>, replicationFactor: number): boolean {
  return replicas.every(
    (nodes) => Array.isArray(nodes) && nodes.length === replicationFactor && new Set(nodes).size === nodes.length && nodes.every((node) => ids.has(node)),
  );
}

function isMember(value: unknown): value is Member {
  if (typeof value !== 'object' || value === null) return false;
  const { id, address } = value as Record<keyof Member, unknown>;
  return isNodeId(id) && typeof address === 'string';
}
