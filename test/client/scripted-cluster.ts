/** Scripted nodes that are members of one topology, and tell it. */
import { Placement, firstTopology } from '../../coordinator/index.ts';
import { nodeId } from '../../data/index.ts';
import { TYPE, type TopologyAnswer } from '../../wire/index.ts';
import type { RingClient } from '../../client/index.ts';
import { ScriptedNode, answer, type Arrival } from './scripted-node.ts';

export type Script = (node: number, arrival: Arrival) => void;

const HASH_SEED = 5;

export class ScriptedCluster {
  readonly nodes: ScriptedNode[] = [];
  /** What happens to requests from now on; those for the topology are answered unless `tell` is changed. */
  script: Script = (_node, arrival) => answer(arrival);
  /** What a node says when it is asked for the topology. */
  tell: Script = (node, { request, reply }) => reply([TYPE.json, request[1], JSON.stringify(this.topologyOf(node))]);
  readonly #replicationFactor: number;

  private constructor(replicationFactor: number) {
    this.#replicationFactor = replicationFactor;
  }

  static async start(nodes: number, replicationFactor: number): Promise<ScriptedCluster> {
    const cluster = new ScriptedCluster(replicationFactor);
    for (let id = 0; id < nodes; id++) await cluster.startNode(id);
    return cluster;
  }

  get urls(): readonly string[] {
    return this.nodes.map(({ url }) => url);
  }

  get placement(): Placement {
    const members = this.urls.map((address, id) => ({ id: nodeId(id), address }));
    return new Placement(firstTopology(members, this.#replicationFactor, HASH_SEED));
  }

  async startNode(id: number): Promise<ScriptedNode> {
    const node = await ScriptedNode.start((arrival) => (arrival.request[0] === TYPE.topology ? this.tell : this.script)(id, arrival), this.nodes[id]?.port ?? 0);
    this.nodes[id] = node;
    return node;
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  topologyOf(node: number): TopologyAnswer {
    const { epoch, members, replicationFactor, hashSeed, partitionCount, replicas } = this.placement.topology;
    return { clusterId: 'scripted', node, epoch, members, replicationFactor, hashSeed, partitionCount, replicas };
  }

  node(id: number): ScriptedNode {
    const node = this.nodes[id];
    if (node === undefined) throw new Error(`there is no node ${id}`);
    return node;
  }

  replicasOf(key: string): readonly number[] {
    return this.placement.ofKey(Buffer.from(key)).replicas;
  }

  /** So many keys that have this home node. */
  keysOf(homeNode: number, count = 1, prefix = 'key'): readonly string[] {
    const keys: string[] = [];
    const { placement } = this;
    for (let number = 0; keys.length < count; number++) {
      const key = `${prefix}${number}`;
      if (placement.ofKey(Buffer.from(key)).replicas[0] === homeNode) keys.push(key);
    }
    return keys;
  }

  /** The keys that have arrived at a node, in their order. */
  keysAt(id: number): readonly string[] {
    return this.node(id).arrivals.flatMap(({ request }) => (request[0] === TYPE.get || request[0] === TYPE.put ? [Buffer.from(request[2]).toString()] : []));
  }

  countOf(id: number, type: number): number {
    return this.node(id).arrivals.filter(({ request }) => request[0] === type).length;
  }

  /** Reads until what belongs to each of these nodes arrives there. */
  async spread(client: RingClient, ids: readonly number[] = this.nodes.map((_, id) => id)): Promise<void> {
    const deadlineMs = performance.now() + 10_000;
    for (const id of ids) {
      const keys = this.keysOf(id, 40, 'warm');
      for (let isThere = false; !isThere; ) {
        if (performance.now() > deadlineMs) throw new Error(`nothing arrives at node ${id}`);
        const before = this.countOf(id, TYPE.get);
        await Promise.all(keys.map((key) => client.get(key)));
        isThere = this.countOf(id, TYPE.get) === before + keys.length;
      }
    }
    for (const { arrivals } of this.nodes) arrivals.length = 0;
  }
}
