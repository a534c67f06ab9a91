/** From a hash, or a key, to the nodes that keep it. */
import { Placement, firstTopology, topologyDigest, type Topology } from '../../../coordinator/index.ts';
import { nodeId } from '../../../data/index.ts';
import { deriveClusterId } from '../../../node/cluster-id.ts';
import { toHex, utf8 } from './form.ts';

interface Place {
  readonly hash: number;
  readonly partition: number;
  readonly homeNode: number;
  readonly replicas: readonly number[];
  readonly fallbacks: readonly number[];
}

export interface PlacementVector {
  readonly nodes: number;
  readonly replicationFactor: number;
  readonly hashSeed: number;
  readonly partitionCount: number;
  readonly topologyDigest: string;
  readonly clusterId: string;
  readonly members: readonly { readonly id: number; readonly address: string }[];
  readonly hashes: readonly Place[];
  readonly keys: readonly (Place & { readonly key: string })[];
}

const CLUSTERS: readonly (readonly [nodes: number, replicationFactor: number, hashSeed: number])[] = [
  [1, 1, 0],
  [2, 1, 0],
  [2, 2, 1],
  [3, 1, 0],
  [3, 2, 0],
  [3, 3, 0],
  [3, 3, 7],
  [4, 3, 0],
  [5, 3, 0xffff_ffff],
  [5, 5, 0],
  [7, 2, 0],
  [10, 3, 12_345],
];
const KEYS = [...['user1', 'user2', 'a', 'größe', '🙂'].map(utf8), Uint8Array.of(0), Uint8Array.of(0, 1, 255), new Uint8Array(1_024).fill(0x6b)];

export function placements(): readonly PlacementVector[] {
  return CLUSTERS.map(([nodes, replicationFactor, hashSeed]) => {
    const members = Array.from({ length: nodes }, (_, id) => ({ id: nodeId(id), address: `ws://127.0.0.1:${7_400 + id}` }));
    const topology = firstTopology(members, replicationFactor, hashSeed);
    const placement = new Placement(topology);
    return {
      nodes,
      replicationFactor,
      hashSeed,
      partitionCount: topology.partitionCount,
      topologyDigest: topologyDigest(topology),
      clusterId: deriveClusterId(topology),
      members,
      hashes: hashesFor(topology).map((hash) => placeOf(placement, hash)),
      keys: KEYS.map((key) => ({ key: toHex(key), ...placeOf(placement, placement.hash(key)) })),
    };
  });
}

/** The ends, and around the first turn of the circle and the first round of partitions. */
function hashesFor({ partitionCount, members }: Topology): readonly number[] {
  const n = members.length;
  return [...new Set([0, 1, 2, n - 1, n, n + 1, partitionCount - 1, partitionCount, partitionCount + 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff])];
}

function placeOf(placement: Placement, hash: number): Place {
  const { partition, replicas, fallbacks } = placement.ofHash(hash);
  return { hash, partition, homeNode: replicas[0] ?? -1, replicas, fallbacks };
}
