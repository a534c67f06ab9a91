/**
 * Placement: from a key, or a hash, to the nodes that keep it. Pure; asked for every request, so it allocates nothing.
 */
import { hashKey, partitionOfHash, type NodeId, type Partition } from '../data/index.ts';
import type { Topology } from './topology.ts';

/** Where one partition lives. Replicas, then fallback nodes: the preference list. */
export interface Preference {
  readonly partition: Partition;
  /** The home node first. */
  readonly replicas: readonly NodeId[];
  /** The other members, on around the circle from the last replica. */
  readonly fallbacks: readonly NodeId[];
}

export class Placement {
  readonly topology: Topology;
  /** How many of the replicas are a majority. */
  readonly majority: number;
  /** The sets of replicas that partitions have, each once: what holds for all of these holds for every key. */
  readonly replicaSets: readonly (readonly NodeId[])[];
  readonly #preferences: readonly Preference[];

  constructor(topology: Topology) {
    this.topology = topology;
    this.majority = Math.floor(topology.replicationFactor / 2) + 1;
    const ids = topology.members.map((member) => member.id);
    this.#preferences = topology.replicas.map((replicas, index) => ({
      partition: partitionOfHash(index, topology.partitionCount),
      replicas,
      fallbacks: fallbacksOf(ids, replicas),
    }));
    this.replicaSets = [...new Map(topology.replicas.map((replicas) => [replicas.join(), replicas])).values()];
  }

  hash(key: Uint8Array): number {
    return hashKey(key, this.topology.hashSeed);
  }

  ofKey(key: Uint8Array): Preference {
    return this.ofHash(this.hash(key));
  }

  ofHash(hash: number): Preference {
    return this.ofPartition(partitionOfHash(hash, this.topology.partitionCount));
  }

  ofPartition(partition: Partition): Preference {
    const preference = this.#preferences[partition];
    if (preference === undefined) throw new RangeError(`there is no partition ${partition}`);
    return preference;
  }

  /** The partitions of which all of `nodes` are replicas, in order. */
  sharedPartitions(nodes: readonly NodeId[]): readonly Partition[] {
    return this.#preferences
      .filter((preference) => nodes.every((node) => preference.replicas.includes(node)))
      .map((preference) => preference.partition);
  }
}

function fallbacksOf(ids: readonly NodeId[], replicas: readonly NodeId[]): NodeId[] {
  const last = replicas.at(-1);
  const start = last === undefined ? 0 : ids.indexOf(last) + 1;
  return [...ids.slice(start), ...ids.slice(0, start)].filter((id) => !replicas.includes(id));
}
