/** Real nodes over real sockets whose disks are in the test's hands: it sees what lies in them, and can damage it. */
import { RingClient } from '../../client/index.ts';
import { defaultNodeConfig, type NodeConfig, type NodeConfigInput } from '../../config/index.ts';
import { Placement, firstTopology, type DistrustReason } from '../../coordinator/index.ts';
import { KvBatch, MemoryKv, hashKey, incarnation, nodeId, partitionOfHash, type Partition } from '../../data/index.ts';
import { Daemon } from '../../node/daemon.ts';
import type { HeldDisk, ScrubFiles } from '../../node/ports.ts';
import type { NodeStatus } from '../../wire/index.ts';
import { eventually, freePort } from './processes.ts';

export const QUICK: NodeConfigInput = {
  heartbeat: { intervalMs: 50, suspectAfterMs: 300, deadAfterMs: 2_000 },
  sweep: { intervalMs: 200 },
  scrub: { intervalMs: 50, maxBytesPerSecond: 1 << 30 },
};
const CLUSTER_ID = 'damaged';

/** A node's disk, which outlives its process. */
interface Disk {
  kv: MemoryKv;
  incarnation: number;
  distrusted: DistrustReason | null;
}

interface Seat {
  readonly config: NodeConfig;
  disk: Disk;
  daemon: Daemon | null;
  client: RingClient | null;
}

export class MemoryNodes implements AsyncDisposable {
  readonly placement: Placement;
  /** What the check of a node's database files finds; nothing unless a test puts it here. */
  readonly fileFindings = new Map<number, readonly string[]>();
  readonly #seats: readonly Seat[];

  private constructor(ports: readonly number[], replicationFactor: number, config: NodeConfigInput) {
    const members = ports.map((port, id) => ({ id, address: `ws://127.0.0.1:${port}` }));
    this.placement = new Placement(firstTopology(members.map(({ id, address }) => ({ id: nodeId(id), address })), replicationFactor, 0));
    this.#seats = ports.map((port, id) => ({
      config: defaultNodeConfig({ clusterId: CLUSTER_ID, logLevel: 'silent', ...QUICK, ...config, nodeId: id, directory: null, listen: { host: '127.0.0.1', port }, members, replicationFactor, hashSeed: 0 }),
      disk: newDisk(id, 1),
      daemon: null,
      client: null,
    }));
  }

  static async start(nodes: number, replicationFactor: number, config: NodeConfigInput = {}): Promise<MemoryNodes> {
    const ports: number[] = [];
    for (let id = 0; id < nodes; id++) ports.push(await freePort());
    const cluster = new MemoryNodes(ports, replicationFactor, config);
    await Promise.all(ports.map(async (_, id) => cluster.recover(id)));
    await cluster.converged();
    return cluster;
  }

  kv(id: number): MemoryKv {
    return this.#seat(id).disk.kv;
  }

  client(id: number): RingClient {
    const { client } = this.#seat(id);
    if (client === null) throw new Error(`node ${id} has failed`);
    return client;
  }

  status(id: number): NodeStatus {
    const { daemon } = this.#seat(id);
    if (daemon === null) throw new Error(`node ${id} has failed`);
    return daemon.status.node();
  }

  /** What a node's disk says of itself between two runs. */
  distrusted(id: number): DistrustReason | null {
    return this.#seat(id).disk.distrusted;
  }

  /** What a copy of the directory would hold: to put back later. Takes a node that has failed. */
  async copy(id: number): Promise<MemoryKv> {
    const entries = await this.kv(id).scan({ from: Uint8Array.of(0), to: Uint8Array.of(255) }, { entriesMax: 1_000_000, bytesMax: 1 << 30 });
    const batch = new KvBatch();
    for (const { key, value } of entries) batch.put(key, value);
    const copy = new MemoryKv();
    await copy.write(batch, 'os');
    return copy;
  }

  putBack(id: number, copy: MemoryKv): void {
    this.#seat(id).disk.kv = copy;
  }

  /** As if it had been made another time, and was compared with its peers since. */
  makeAnew(id: number): void {
    this.#seat(id).disk.incarnation++;
  }

  async fail(id: number): Promise<void> {
    const seat = this.#seat(id);
    const { daemon, client } = seat;
    seat.daemon = null;
    seat.client = null;
    await daemon?.crash();
    await client?.close();
    seat.disk.kv = seat.disk.kv.restarted();
  }

  async recover(id: number): Promise<void> {
    const seat = this.#seat(id);
    seat.daemon = await Daemon.start(seat.config, async () => this.#hold(id, seat.disk), {
      onFatal: () => {
        seat.daemon = null;
      },
    });
    seat.client = new RingClient(seat.daemon.url, { spread: 'none' });
  }

  async wipe(id: number): Promise<void> {
    await this.fail(id);
    const seat = this.#seat(id);
    seat.disk = newDisk(id, seat.disk.incarnation + 1);
    await this.recover(id);
  }

  /** Nodes that run hear each other. */
  async acquainted(): Promise<void> {
    const running = this.#seats.flatMap(({ daemon }) => (daemon === null ? [] : [daemon]));
    await eventually('all nodes hear each other', async () => {
      const all = running.every((daemon) => daemon.status.node().peers.filter(({ liveness }) => liveness === 'alive').length === running.length - 1);
      return Promise.resolve(all ? true : null);
    });
  }

  /** All nodes run, and agree. */
  async converged(): Promise<void> {
    await this.acquainted();
    await eventually('all replicas are equal', async () => ((await this.#seats[0]?.daemon?.status.converged())?.converged === true ? true : null));
  }

  /** A key with these replicas, the home node first; `number` tells them apart. */
  keyOn(replicas: readonly number[], number = 0): string {
    let left = number;
    for (let i = 0; i < 100_000; i++) {
      if (this.replicasOf(`key${i}`).join() === replicas.join() && left-- === 0) return `key${i}`;
    }
    throw new Error(`no key on ${replicas.join()}`);
  }

  replicasOf(key: string): readonly number[] {
    return this.placement.ofKey(Buffer.from(key)).replicas;
  }

  hashOf = (key: Uint8Array): number => hashKey(key, 0);
  partitionOf = (hash: number): Partition => partitionOfHash(hash, this.placement.topology.partitionCount);

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { daemon, client } of this.#seats) {
      await client?.close();
      await daemon?.stop();
    }
  }

  #hold(id: number, disk: Disk): HeldDisk {
    const scrubFiles: ScrubFiles = async () => {
      const findings = this.fileFindings.get(id) ?? [];
      this.fileFindings.delete(id);
      return Promise.resolve(findings);
    };
    return {
      disk: {
        kv: disk.kv,
        clusterId: CLUSTER_ID,
        incarnation: incarnation(disk.incarnation),
        distrusted: disk.distrusted,
        markUntrusted: async (text) => {
          disk.distrusted = { kind: 'damaged', text };
          return Promise.resolve();
        },
        markUnreadable: async (text) => {
          disk.distrusted = { kind: 'damaged', text };
          return Promise.resolve();
        },
        clearUntrusted: async () => {
          disk.distrusted = null;
          return Promise.resolve();
        },
        areFilesChecked: true,
        scrubFiles,
      },
      lastRunEndedInOrder: true,
      release: async () => Promise.resolve(),
    };
  }

  #seat(id: number): Seat {
    const seat = this.#seats[id];
    if (seat === undefined) throw new RangeError(`there is no node ${id}`);
    return seat;
  }
}

function newDisk(id: number, number: number): Disk {
  return { kv: new MemoryKv(), incarnation: 100 * (id + 1) + number, distrusted: { kind: 'new' } };
}
