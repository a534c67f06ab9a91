/**
 * A whole cluster in this process, for embedding and for tests of programs that use one: real nodes, real sockets on
 * loopback, data in directories or in memory. What fails here fails as it would in a daemon of its own, but for the
 * process: `fail` breaks every connection of a node and drops what it had not yet answered.
 */
import { rm } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { RingClient, type ConvergedAnswer, type ExplainAnswer, type RequestOptions, type WriteAnswer } from '../client/index.ts';
import { defaultNodeConfig, type NodeConfig, type NodeConfigInput } from '../config/index.ts';
import { Placement, firstTopology, type DistrustReason } from '../coordinator/index.ts';
import { MemoryKv, nodeId } from '../data/index.ts';
import type { ClusterStatus } from '../wire/index.ts';
import { Daemon } from './daemon.ts';
import { openDirectoryDisk } from './directory-disk.ts';
import { NodeError, codeOf } from './errors.ts';
import { newIdentity, type Identity } from './identity.ts';
import type { HeldDisk } from './ports.ts';

/** What a cluster in this process can be told. */
export interface ClusterOptions {
  /** 1 to 1,000; their ids are 0, 1, 2 … */
  readonly nodes: number;
  /** How many nodes keep each key, 1 to `nodes`. */
  readonly replicationFactor: number;
  /** Node i keeps its data in `dir/node-i`. Without it everything is in memory and gone when the cluster is closed. */
  readonly dir?: string;
  /** Of the key hash, 0 to 4,294,967,295; default 0. */
  readonly hashSeed?: number;
  /** One for each node; without them free ones are taken. */
  readonly ports?: readonly number[];
  /** Anything else of a node's configuration, by the keys of the README; `logLevel` is `silent` by default. */
  readonly config?: NodeConfigInput;
}

/**
 * A running cluster. `put`, `get`, `delete` and `explain` go through the running node with the lowest id and reject as
 * those of `RingClient`, with `RING_UNAVAILABLE` when no node is left; what takes the id of a node rejects with
 * `RangeError` when there is none. What waits for nodes to hear each other rejects with `RING_UNAVAILABLE` after 10 s.
 */
export interface Cluster {
  /** Where the nodes listen, by their ids. */
  readonly urls: readonly string[];
  /** Writes a value. */
  put(key: string | Uint8Array, value: string | Uint8Array, options?: RequestOptions): Promise<WriteAnswer>;
  /** null: absent, deleted, or (at the default consistency) no node is left. */
  get(key: string | Uint8Array, options?: RequestOptions): Promise<Uint8Array | null>;
  /** Writes a tombstone, whether or not there is a value. */
  delete(key: string | Uint8Array, options?: RequestOptions): Promise<WriteAnswer>;
  /** Crashes a node: its connections break, what it had not answered is dropped. */
  fail(id: number): Promise<void>;
  /** Starts a crashed node again, on what it had on disk. Resolves when it and the nodes that it can reach hear each other. */
  recover(id: number): Promise<void>;
  /** A node falls silent, its connections stay open. */
  pause(id: number): Promise<void>;
  /** It goes on. */
  resume(id: number): Promise<void>;
  /** Crashes a node if it runs, removes its data, starts it again. */
  wipe(id: number): Promise<void>;
  /** Nodes of different groups no longer hear each other. */
  partition(groups: readonly (readonly number[])[]): Promise<void>;
  /** All hear each other again. */
  heal(): Promise<void>;
  /** Sets a node's wall clock ahead, or behind when negative; holds over restarts. */
  skew(id: number, milliseconds: number): Promise<void>;
  /** Whether all replicas are equal now; not so when no node is left. */
  converged(): Promise<ConvergedAnswer>;
  /** The cluster as the running node with the lowest id sees it. */
  status(): Promise<ClusterStatus>;
  /** Why the key has its value, as the running node with the lowest id finds it. */
  explain(key: string | Uint8Array): Promise<ExplainAnswer>;
  /** The node ids that keep a key, the home node first. */
  replicasOf(key: string | Uint8Array): readonly number[];
  /** Stops all nodes in order. */
  close(): Promise<void>;
  /** As `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Resolves when every node takes requests, all hear each other, and all count in quorums. Rejects with the node's own error
 * (`RING_LISTEN_FAILED`, `RING_DIRECTORY_IN_USE`, `RING_CONFIG_INVALID`, `RING_TOPOLOGY_INVALID` …), or `RING_UNAVAILABLE`
 * when they do not find each other within 10 s; nothing is left running then.
 */
export async function createCluster(options: ClusterOptions): Promise<Cluster> {
  for (let attempt = 0; ; attempt++) {
    const cluster = new LocalCluster(options, options.ports ?? (await freePorts(options.nodes)));
    try {
      await cluster.start();
      return cluster;
    } catch (error) {
      await cluster.close();
      // Another process took one of the ports meanwhile.
      if (options.ports !== undefined || codeOf(error) !== 'RING_LISTEN_FAILED' || attempt >= PORT_ATTEMPTS) throw error;
    }
  }
}

const PORT_ATTEMPTS = 5;
const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 10_000;
const LOOK_MS = 10;

/** A node's memory in place of a directory. */
interface MemoryDisk {
  kv: MemoryKv;
  identity: Identity;
  distrusted: DistrustReason | null;
}

interface Seat {
  readonly id: number;
  readonly config: NodeConfig;
  daemon: Daemon | null;
  client: RingClient | null;
  paused: boolean;
  skewMs: number;
  disk: MemoryDisk | null;
}

class LocalCluster implements Cluster {
  readonly urls: readonly string[];
  readonly #placement: Placement;
  readonly #seats: readonly Seat[];
  #groups: readonly (readonly number[])[] = [];

  constructor(options: ClusterOptions, ports: readonly number[]) {
    const members = ports.map((port, id) => ({ id, address: `ws://${HOST}:${port}` }));
    this.urls = members.map((member) => member.address);
    const hashSeed = options.hashSeed ?? 0;
    this.#placement = new Placement(
      firstTopology(
        members.map(({ id, address }) => ({ id: nodeId(id), address })),
        options.replicationFactor,
        hashSeed,
      ),
    );
    this.#seats = ports.map((port, id) => ({
      id,
      config: defaultNodeConfig({
        clusterId: 'in-process',
        logLevel: 'silent',
        ...options.config,
        nodeId: id,
        directory: options.dir === undefined ? null : join(options.dir, `node-${id}`),
        listen: { host: HOST, port },
        members,
        replicationFactor: options.replicationFactor,
        hashSeed,
      }),
      daemon: null,
      client: null,
      paused: false,
      skewMs: 0,
      disk: null,
    }));
  }

  async start(): Promise<void> {
    await Promise.all(this.#seats.map(async (seat) => this.#start(seat)));
    await this.#settle(() => this.#allHearEachOther() && this.#allAreTrusted());
  }

  async put(key: string | Uint8Array, value: string | Uint8Array, options?: RequestOptions): Promise<WriteAnswer> {
    return this.#anyClient().put(key, value, options);
  }

  async get(key: string | Uint8Array, options?: RequestOptions): Promise<Uint8Array | null> {
    if (this.#liveSeat() === undefined && (options?.consistency ?? 'available') === 'available') return null;
    return this.#anyClient().get(key, options);
  }

  async delete(key: string | Uint8Array, options?: RequestOptions): Promise<WriteAnswer> {
    return this.#anyClient().delete(key, options);
  }

  async fail(id: number): Promise<void> {
    const seat = this.#seat(id);
    const { daemon, client } = seat;
    seat.daemon = null;
    seat.client = null;
    seat.paused = false;
    await daemon?.crash();
    await client?.close();
  }

  async recover(id: number): Promise<void> {
    const seat = this.#seat(id);
    if (seat.daemon !== null) return;
    await this.#start(seat);
    await this.#settle();
  }

  async pause(id: number): Promise<void> {
    const seat = this.#seat(id);
    seat.paused = seat.daemon !== null;
    seat.daemon?.pause();
  }

  async resume(id: number): Promise<void> {
    const seat = this.#seat(id);
    seat.paused = false;
    seat.daemon?.resume();
  }

  async wipe(id: number): Promise<void> {
    await this.fail(id);
    const seat = this.#seat(id);
    seat.disk = null;
    if (seat.config.directory !== null) await rm(seat.config.directory, { recursive: true, force: true });
    await this.#start(seat);
    await this.#settle();
  }

  async partition(groups: readonly (readonly number[])[]): Promise<void> {
    this.#groups = groups;
    for (const { daemon } of this.#seats) daemon?.control.partition(groups);
  }

  async heal(): Promise<void> {
    this.#groups = [];
    for (const { daemon } of this.#seats) daemon?.control.heal();
  }

  async skew(id: number, milliseconds: number): Promise<void> {
    const seat = this.#seat(id);
    seat.skewMs = milliseconds;
    seat.daemon?.time.skew(milliseconds);
  }

  async converged(): Promise<ConvergedAnswer> {
    const daemon = this.#liveSeat()?.daemon;
    if (daemon === undefined || daemon === null) return { converged: false, reasons: ['no node is left'] };
    return daemon.status.converged();
  }

  async status(): Promise<ClusterStatus> {
    const daemon = this.#liveSeat()?.daemon;
    if (daemon === undefined || daemon === null) throw new NodeError('RING_UNAVAILABLE', 'no node is left');
    return daemon.status.cluster();
  }

  async explain(key: string | Uint8Array): Promise<ExplainAnswer> {
    return this.#anyClient().explain(key);
  }

  replicasOf(key: string | Uint8Array): readonly number[] {
    return this.#placement.ofKey(typeof key === 'string' ? Buffer.from(key) : key).replicas;
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#seats.map(async (seat) => {
        const { daemon, client } = seat;
        seat.daemon = null;
        seat.client = null;
        await client?.close();
        await daemon?.stop();
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #start(seat: Seat): Promise<void> {
    const { config } = seat;
    seat.daemon = await Daemon.start(
      config,
      async (clusterId, onCompromised) =>
        config.directory === null
          ? openMemory(seat, clusterId)
          : openDirectoryDisk(config.directory, { clusterId, nodeId: nodeId(seat.id), replicationFactor: config.replicationFactor, onCompromised }, config.store),
      {
        onFatal: () => {
          seat.daemon = null;
        },
      },
      (time) => time.skew(seat.skewMs),
    );
    seat.daemon.control.partition(this.#groups);
    seat.client = new RingClient(seat.daemon.url, { spread: 'none' });
  }

  #seat(id: number): Seat {
    const seat = this.#seats[id];
    if (seat === undefined) throw new RangeError(`there is no node ${id}`);
    return seat;
  }

  #liveSeat(): Seat | undefined {
    return this.#seats.find((seat) => seat.daemon !== null && !seat.paused);
  }

  #anyClient(): RingClient {
    const client = this.#liveSeat()?.client;
    if (client === undefined || client === null) throw new NodeError('RING_UNAVAILABLE', 'no node is left');
    return client;
  }

  /** Until then a node answers as if it were alone: a read misses what only others keep. */
  async #settle(isSettled: () => boolean = () => this.#allHearEachOther()): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (!isSettled()) {
      if (performance.now() > deadline) throw new NodeError('RING_UNAVAILABLE', 'the nodes did not find each other in time');
      await new Promise((resolve) => {
        setTimeout(resolve, LOOK_MS);
      });
    }
  }

  /** Of the nodes that run, are not paused and are on one side of the partition. */
  #allHearEachOther(): boolean {
    const running = this.#seats.filter((seat) => seat.daemon !== null && !seat.paused);
    return running.every((seat) => {
      const peers = seat.daemon?.status.node().peers ?? [];
      return running.every((other) => other === seat || !this.#canReach(seat.id, other.id) || peers.find((peer) => peer.node === other.id)?.liveness === 'alive');
    });
  }

  /** New stores have no say in a quorum before they were compared with each other. */
  #allAreTrusted(): boolean {
    return this.#seats.every(({ daemon }) => daemon === null || daemon.status.node().untrusted === null);
  }

  #canReach(from: number, to: number): boolean {
    const groupOf = (id: number): readonly number[] | undefined => this.#groups.find((group) => group.includes(id));
    const [left, right] = [groupOf(from), groupOf(to)];
    return left === undefined || right === undefined || left === right;
  }
}

function openMemory(seat: Seat, clusterId: string): HeldDisk {
  seat.disk = seat.disk === null ? { kv: new MemoryKv(), identity: newIdentity(clusterId, nodeId(seat.id)), distrusted: { kind: 'new' } } : { ...seat.disk, kv: seat.disk.kv.restarted() };
  const memory = seat.disk;
  return {
    disk: {
      kv: memory.kv,
      clusterId,
      incarnation: memory.identity.incarnation,
      distrusted: memory.distrusted,
      markUntrusted: async (text) => {
        memory.distrusted = { kind: 'damaged', text };
      },
      markUnreadable: async (text) => {
        memory.distrusted = { kind: 'damaged', text };
      },
      clearUntrusted: async () => {
        memory.distrusted = null;
      },
      areFilesChecked: true,
      scrubFiles: null,
    },
    lastRunEndedInOrder: true,
    release: async () => Promise.resolve(),
  };
}

/** Ports that were free a moment ago, all different. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, async () => listenAnywhere()));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map(async (server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function listenAnywhere(): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, HOST, () => resolve(server));
  });
}
