/** What a node says of itself, and what it gathers from the others to say of the cluster. */
import { decideConverged, decodeRoots, distrustText, encodeRoots, type Liveness, type NodeRoots, type Placement, type Trust } from '../coordinator/index.ts';
import type { NodeId, Store } from '../data/index.ts';
import { TYPE, type ClusterStatus, type ConvergedAnswer, type LocateAnswer, type NodeStatus, type PeerReply, type TopologyAnswer } from '../wire/index.ts';
import type { PeerCalls } from './peer-calls.ts';
import type { PeerLink } from './peer-link.ts';

export interface StatusSources {
  readonly self: NodeId;
  readonly clusterId: string;
  readonly incarnation: number;
  readonly version: string;
  readonly maxDriftMs: number;
  readonly placement: Placement;
  readonly store: Store;
  readonly trust: Trust;
  readonly liveness: Liveness;
  readonly calls: PeerCalls;
  readonly links: ReadonlyMap<NodeId, PeerLink>;
  /** Peer's wall clock minus this node's, as the heartbeats showed it. */
  readonly clockOffsetMsByNode: ReadonlyMap<NodeId, number>;
  counters(): Readonly<Record<string, number>>;
}

const GATHER_TIMEOUT_MS = 2_000;

export class StatusReporter {
  readonly #sources: StatusSources;

  constructor(sources: StatusSources) {
    this.#sources = sources;
  }

  node(): NodeStatus {
    const { self, incarnation, version, store, trust, placement, liveness, links, clockOffsetMsByNode, counters } = this.#sources;
    return {
      node: self,
      incarnation,
      version,
      store: store.state,
      records: store.trees.countAll(),
      scanned: store.isScanned,
      untrusted: distrustText(trust.reason),
      damagedRecords: store.damagedKeys + store.doubtfulKeys,
      durability: store.durability,
      clockSuspicious: this.#isClockSuspicious(),
      peers: placement.topology.members
        .filter(({ id }) => id !== self)
        .map(({ id, address }) => ({
          node: id,
          address,
          liveness: liveness.state(id),
          refused: links.get(id)?.refusal ?? null,
          clockOffsetMs: clockOffsetMsByNode.get(id) ?? null,
          hintsWaiting: store.ledger.count(id).hints,
          hintBytes: store.ledger.count(id).bytes,
          dirtyPartitions: store.ledger.dirtyPartitions(id).length,
        })),
      counters: counters(),
    };
  }

  async cluster(): Promise<ClusterStatus> {
    const { self, clusterId, placement } = this.#sources;
    const { topology } = placement;
    const [replies, converged] = await Promise.all([this.#askAll((id) => [TYPE.nodeStatus, id]), this.converged()]);
    return {
      clusterId,
      epoch: topology.epoch,
      replicationFactor: topology.replicationFactor,
      partitions: topology.partitionCount,
      askedNode: self,
      nodes: topology.members.map(({ id }) => {
        if (id === self) return this.node();
        const reply = replies.get(id) ?? null;
        return reply?.[0] === TYPE.nodeStatusReply ? (JSON.parse(reply[2]) as NodeStatus) : null;
      }),
      converged,
    };
  }

  async converged(): Promise<ConvergedAnswer> {
    const { self, placement, store, trust } = this.#sources;
    const replies = await this.#askAll((id) => [TYPE.roots, id]);
    const rootsByNode = new Map<NodeId, NodeRoots | null>();
    for (const [node, reply] of replies) {
      rootsByNode.set(node, reply?.[0] === TYPE.rootList ? { complete: reply[2] === 1, roots: decodeRoots(reply[3]), hints: reply[4], trusted: reply[5] === 1 } : null);
    }
    rootsByNode.set(self, { complete: store.isScanned, roots: decodeRoots(encodeRoots(store.trees, placement.sharedPartitions([self]))), hints: store.ledger.countAll(), trusted: trust.reason === null });
    return decideConverged(placement, rootsByNode);
  }

  locate(key: Uint8Array): LocateAnswer {
    const { placement } = this.#sources;
    const hash = placement.hash(key);
    const { partition, replicas, fallbacks } = placement.ofHash(hash);
    const [homeNode = 0] = replicas;
    return { hash, partition, homeNode, replicas, fallbacks, epoch: placement.topology.epoch };
  }

  topology(): TopologyAnswer {
    const { self, clusterId, placement } = this.#sources;
    const { epoch, hashSeed, partitionCount, replicationFactor, members, replicas } = placement.topology;
    return {
      clusterId,
      node: self,
      epoch,
      hashSeed,
      partitionCount,
      replicationFactor,
      members: members.map(({ id, address }) => ({ id, address })),
      replicas,
    };
  }

  async #askAll(build: Parameters<PeerCalls['call']>[2]): Promise<Map<NodeId, PeerReply | null>> {
    const { links, calls, liveness } = this.#sources;
    const entries = await Promise.all(
      [...links.keys()].map(async (node): Promise<[NodeId, PeerReply | null]> => [node, liveness.isAlive(node) ? await calls.call(node, GATHER_TIMEOUT_MS, build) : null]),
    );
    return new Map(entries);
  }

  /** Whether this node's clock is further than `clock.maxDriftMs` off the median of the others. */
  #isClockSuspicious(): boolean {
    const offsets = [...this.#sources.clockOffsetMsByNode.values()].toSorted((a, b) => a - b);
    const median = offsets[Math.floor(offsets.length / 2)];
    return median !== undefined && Math.abs(median) > this.#sources.maxDriftMs;
  }
}
