/**
 * One node, put together: the only place that knows all parts. It wires; the parts decide.
 *
 *   clients ──► ClientSession ──► Coordinator ──► Outbox ──► PeerLink ══► PeerSession ──► Replica ──► Store
 *                                     │                                                     ▲
 *                                     └── the node's own requests, at the end of the tick ──┘
 *
 * Started in order: directory, store, links, server; stopped in reverse. A failed start undoes what it has begun.
 */
import type { NodeConfig } from '../config/index.ts';
import {
  Coordinator,
  Liveness,
  Placement,
  Replica,
  decodeTopology,
  encodeTopology,
  firstTopology,
  topologyDigest,
  type LivenessChange,
  type ReplicaRequest,
  type Topology,
} from '../coordinator/index.ts';
import { HybridClock, META, Store, nodeId, readCeiling, writerOf, type NodeId } from '../data/index.ts';
import { PROTOCOL_VERSION, TYPE, type FrameHeader, type NodeStatus, type PeerReply, type PeerRequest, type ReadMessage } from '../wire/index.ts';
import { Background } from './background.ts';
import { ClientSession, type ClientService } from './client-session.ts';
import { deriveClusterId } from './cluster-id.ts';
import type { OpenDirectory } from './directory.ts';
import { NodeError, messageOf } from './errors.ts';
import { openLog, type Log } from './log.ts';
import { NodeMetrics } from './metrics.ts';
import { Outbox, TickScheduler } from './outbox.ts';
import { PeerCalls } from './peer-calls.ts';
import { PeerLink } from './peer-link.ts';
import { PeerService } from './peer-service.ts';
import { PeerSession } from './peer-session.ts';
import { ReadQueue } from './read-queue.ts';
import { NodeServer } from './server.ts';
import { StatusReporter } from './status.ts';
import { TestControl } from './test-control.ts';
import { NodeTime, sleep } from './time.ts';
import { PACKAGE_VERSION } from './package-version.ts';

export interface DaemonHooks {
  /** The node can no longer serve, and has stopped; its process should end. */
  onFatal(reason: string): void;
}

const TICK_MS = 20;
/** How long a start waits for peers that neither answer nor refuse. */
const FIRST_LINKS_MS = 400;
const CEILING_CHECK_MS = 1_000;

export class Daemon {
  readonly nodeId: NodeId;
  readonly time: NodeTime;
  readonly control: TestControl;
  readonly #config: NodeConfig;
  readonly #directory: OpenDirectory;
  readonly #log: Log;
  readonly #topology: Topology;
  readonly #clock: HybridClock;
  readonly #store: Store;
  readonly #liveness: Liveness;
  readonly #coordinator: Coordinator;
  readonly #replica: Replica;
  readonly #calls: PeerCalls;
  readonly #background: Background;
  readonly #links = new Map<NodeId, PeerLink>();
  readonly #scheduler = new TickScheduler();
  readonly #server: NodeServer;
  readonly #status: StatusReporter;
  readonly #clockOffsets = new Map<NodeId, number>();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #own: Outbox<PeerRequest>;
  readonly #ownReads: ReadQueue;
  #port = 0;
  #stopped = false;
  #paused = false;

  private constructor(config: NodeConfig, directory: OpenDirectory, topology: Topology, store: Store, clock: HybridClock, time: NodeTime, control: TestControl, log: Log) {
    this.#config = config;
    this.#directory = directory;
    this.#topology = topology;
    this.#store = store;
    this.#clock = clock;
    this.time = time;
    this.control = control;
    this.#log = log;
    this.nodeId = nodeId(config.nodeId);
    const placement = new Placement(topology);
    const peers = topology.members.map((member) => member.id).filter((id) => id !== this.nodeId);
    this.#liveness = new Liveness(this.nodeId, peers, config.heartbeat, time.monotonicMs());
    this.#replica = new Replica(this.nodeId, placement, store);
    this.#ownReads = new ReadQueue({ replica: this.#replica, isFull: () => false, reply: (replies) => this.#replied(this.nodeId, replies) });
    this.#own = new Outbox(this.#scheduler, (requests) => this.#serveOwn(requests));
    this.#coordinator = this.#makeCoordinator(placement);
    this.#calls = new PeerCalls((node, request) => this.#links.get(node)?.send(request) ?? false, () => time.monotonicMs());
    this.#background = this.#makeBackground(placement);
    this.#status = this.#makeStatus(placement);
    for (const { id, address } of topology.members) if (id !== this.nodeId) this.#links.set(id, this.#makeLink(id, address));
    this.#server = this.#makeServer(placement);
  }

  /** Throws a NodeError, DataError or TopologyError; everything is closed then. */
  static async start(config: NodeConfig, openDirectory: (clusterId: string, onCompromised: (reason: string) => void) => Promise<OpenDirectory>, hooks: DaemonHooks, setClock: (time: NodeTime) => void = () => undefined): Promise<Daemon> {
    const log = openLog(config.nodeId, config.logLevel);
    const members = config.members.map((member) => ({ ...member, id: nodeId(member.id) }));
    const configured = firstTopology(members, config.replicationFactor, config.hashSeed);
    const clusterId = config.clusterId ?? deriveClusterId(configured);
    let daemon: Daemon | null = null;
    const onFatal = (reason: string): void => {
      log.error({ reason }, 'the node must stop');
      const ended = daemon === null ? Promise.resolve() : daemon.crash();
      ended.then(
        () => hooks.onFatal(reason),
        () => hooks.onFatal(reason),
      );
    };
    const directory = await openDirectory(clusterId, onFatal);
    try {
      const time = new NodeTime();
      setClock(time);
      const clock = new HybridClock(writerOf(nodeId(config.nodeId), directory.identity.incarnation), readCeiling(directory.kv));
      const store = await Store.open(
        { kv: directory.kv, clock, wallMs: () => time.wallMs(), sleep, report: (event) => log.warn(describe(event), `store: ${event.event}`) },
        {
          ...config.store,
          partitionCount: configured.partitionCount,
          hashSeed: configured.hashSeed,
          durability: config.durability,
          hintBytesMax: config.hints.maxBytes,
        },
      );
      const topology = await adoptTopology(store, configured);
      daemon = new Daemon(config, directory, topology, store, clock, time, new TestControl(config.nodeId, config.testControl, time), log);
      await daemon.#start();
      return daemon;
    } catch (error) {
      await (daemon === null ? directory.kv.close() : daemon.#closeParts());
      await directory.release();
      throw error;
    }
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    const { host } = this.#config.listen;
    return `ws://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${this.#port}`;
  }

  get status(): StatusReporter {
    return this.#status;
  }

  /** Stops in order: no new requests, batch in flight awaited, database closed, lock given up. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.resume();
    this.#stopTimers();
    await this.#server.close();
    await this.#closeParts();
    await this.#directory.release();
    this.#log.info('stopped');
  }

  /** As a crash would: connections break, nothing is answered or flushed any more. The directory can be opened again when it resolves. */
  async crash(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#scheduler.pause();
    this.#stopTimers();
    this.#server.destroy();
    await this.#closeParts();
    await this.#directory.release();
  }

  /** Stands still, as a stopped process would, until `resume`. */
  pause(): void {
    this.#paused = true;
    this.#scheduler.pause();
    this.#background.pause();
    this.#server.pause();
    for (const link of this.#links.values()) link.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    for (const link of this.#links.values()) link.resume();
    this.#server.resume();
    this.#background.resume();
    this.#scheduler.resume();
  }

  // --- start and stop ------------------------------------------------------------------------------------------

  async #start(): Promise<void> {
    await this.#store.reserveCeiling(0);
    this.#port = await this.#server.listen();
    for (const link of this.#links.values()) link.dial();
    this.#background.start();
    this.#every(TICK_MS, () => this.#tick());
    this.#every(this.#config.heartbeat.intervalMs, () => this.#beat());
    this.#every(CEILING_CHECK_MS, () => {
      if (this.#store.state === 'open') this.#store.reserveCeiling(0).catch((error: unknown) => this.#log.warn({ error: messageOf(error) }, 'ceiling'));
    });
    // Without its peers a node answers as if it were the last one left: let it find those that are there first.
    await Promise.race([Promise.all([...this.#links.values()].map(async (link) => link.tried)), sleep(FIRST_LINKS_MS)]);
    this.#server.admitClients();
    this.#log.info({ url: this.url, incarnation: this.#directory.identity.incarnation, cluster: this.#directory.identity.clusterId }, 'ready');
  }

  #every(milliseconds: number, work: () => void): void {
    this.#timers.push(
      setInterval(() => {
        if (!this.#paused) work();
      }, milliseconds),
    );
  }

  #stopTimers(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  async #closeParts(): Promise<void> {
    this.#stopTimers();
    for (const link of this.#links.values()) link.close();
    this.#calls.close();
    await this.#background.stop();
    await this.#store.close();
    this.#server.destroy();
  }

  // --- time ----------------------------------------------------------------------------------------------------

  #tick(): void {
    const now = this.time.monotonicMs();
    for (const change of this.#liveness.tick(now)) this.#livenessChanged(change);
    this.#calls.tick();
    this.#coordinator.tick(now);
  }

  #beat(): void {
    const now = this.time.monotonicMs();
    for (const [node, link] of this.#links) {
      if (!link.isUp) continue;
      this.#calls
        .call(node, this.#config.heartbeat.deadAfterMs, (id) => [TYPE.heartbeat, id])
        .then((reply) => {
          if (reply?.[0] === TYPE.heartbeatReply) this.#clockOffsets.set(node, Math.round(reply[2] - this.time.wallMs() + (this.time.monotonicMs() - now) / 2));
        })
        .catch((error: unknown) => this.#log.error({ error: messageOf(error) }, 'heartbeat'));
    }
  }

  #livenessChanged(change: LivenessChange | null): void {
    if (change === null) return;
    const { node, state } = change;
    this.#log.info({ peer: node, state }, 'liveness');
    if (state === 'alive') {
      this.#background.peerUp(node);
      return;
    }
    this.#coordinator.onNodeLost(node);
    this.#calls.onNodeLost(node);
    if (state === 'dead') this.#links.get(node)?.reset();
  }

  // --- messages ------------------------------------------------------------------------------------------------

  #header(): FrameHeader {
    return [TYPE.frameHeader, this.#topology.epoch, this.#clock.read(this.time.wallMs())];
  }

  #send(to: NodeId, request: PeerRequest): boolean {
    if (to !== this.nodeId) return this.#links.get(to)?.send(request) ?? false;
    this.#own.push(request);
    return true;
  }

  /** The node's own requests never see a socket; they are served in arrays like a peer's. */
  #serveOwn(requests: readonly PeerRequest[]): void {
    const reads: ReadMessage[] = [];
    const others: PeerRequest[] = [];
    for (const request of requests) {
      if (request[0] === TYPE.read) reads.push(request);
      else others.push(request);
    }
    if (others.length > 0) this.#replica.serve(others as readonly ReplicaRequest[], (replies) => this.#replied(this.nodeId, replies));
    if (reads.length > 0) this.#ownReads.push(reads);
  }

  #replied(from: NodeId, replies: readonly PeerReply[]): void {
    for (const reply of replies) {
      if (reply[1] % 2 === 0) this.#coordinator.onReply(from, reply);
      else this.#calls.onReply(reply);
    }
  }

  async #serveClient(request: Parameters<ClientService>[0]): Promise<unknown> {
    switch (request[0]) {
      case TYPE.status:
        return this.#status.cluster();
      case TYPE.converged:
        return this.#status.converged();
      case TYPE.locate:
        return this.#status.locate(request[2]);
      case TYPE.control:
        return this.control.apply(request[2]);
    }
  }

  // --- parts ---------------------------------------------------------------------------------------------------

  #makeCoordinator(placement: Placement): Coordinator {
    const config = this.#config;
    return new Coordinator(
      placement,
      {
        clock: this.#clock,
        send: (to, request) => this.#send(to, request),
        isAlive: (node) => this.#liveness.isAlive(node),
        wallMs: () => this.time.wallMs(),
        reserveCeiling: (floor, done) => {
          this.#store.reserveCeiling(floor).then(done, done);
        },
      },
      {
        self: this.nodeId,
        requestTimeoutMs: config.requestTimeoutMs,
        requestsInFlightMax: config.limits.requestsInFlightMax,
        requestBytesInFlightMax: config.limits.requestBytesInFlightMax,
        times: { hedgeAfterMs: config.hedgeAfterMs, replicaTimeoutMs: config.replicaTimeoutMs },
        fsync: config.durability === 'fsync' ? 1 : 0,
      },
    );
  }

  #makeBackground(placement: Placement): Background {
    const { sweep, hints, store } = this.#config;
    return new Background(
      {
        placement,
        store: this.#store,
        calls: this.#calls,
        time: this.time,
        isAlive: (node) => this.#liveness.isAlive(node),
        report: (message, details) => this.#log.info(details, message),
      },
      {
        self: this.nodeId,
        sweepIntervalMs: sweep.intervalMs,
        maxBytesPerSecond: sweep.maxBytesPerSecond,
        hintBatchBytes: hints.batchBytes,
        scanSliceEntries: store.scanSliceEntries,
      },
    );
  }

  #makeStatus(placement: Placement): StatusReporter {
    return new StatusReporter({
      self: this.nodeId,
      clusterId: this.#directory.identity.clusterId,
      incarnation: this.#directory.identity.incarnation,
      version: PACKAGE_VERSION,
      maxDriftMs: this.#config.clock.maxDriftMs,
      placement,
      store: this.#store,
      liveness: this.#liveness,
      calls: this.#calls,
      links: this.#links,
      clockOffsetMsByNode: this.#clockOffsets,
      counters: () => ({
        ...this.#coordinator.counters,
        ...this.#store.counters,
        ...this.#background.counters,
        requestsInFlight: this.#coordinator.inFlight,
        requestBytesInFlight: this.#coordinator.heldBytes,
        connections: this.#server.clients,
        residentBytes: process.memoryUsage.rss(),
      }),
    });
  }

  #makeLink(id: NodeId, address: string): PeerLink {
    const { identity } = this.#directory;
    return new PeerLink(
      {
        node: id,
        address,
        clock: this.#clock,
        scheduler: this.#scheduler,
        hello: [PROTOCOL_VERSION, identity.clusterId, topologyDigest(this.#topology), this.nodeId, id, identity.incarnation],
        header: () => this.#header(),
      },
      {
        up: (node) => this.#livenessChanged(this.#liveness.linkUp(node, this.time.monotonicMs())),
        down: (node) => {
          this.#livenessChanged(this.#liveness.linkDown(node));
          this.#coordinator.onNodeLost(node);
          this.#calls.onNodeLost(node);
        },
        heard: (node) => this.#livenessChanged(this.#liveness.heard(node, this.time.monotonicMs())),
        replies: (node, replies) => this.#replied(node, replies),
        refused: (node, reason) => this.#log.error({ peer: node, reason }, 'a peer refuses this node'),
        isCut: (node) => this.control.isCut(node),
        garbled: (node, reason) => this.#log.error({ peer: node, reason }, 'a peer sent a frame that cannot be read'),
      },
    );
  }

  #makeServer(placement: Placement): NodeServer {
    const { listen, limits, allowedOrigins } = this.#config;
    const service = new PeerService({
      self: this.nodeId,
      placement,
      store: this.#store,
      time: this.time,
      nodeStatus: () => this.#status.node(),
      sweptBy: (peer) => this.#background.sweptBy(peer),
      report: (error) => this.#log.warn({ error: messageOf(error) }, 'a peer request failed'),
    });
    const peerOptions = {
      self: this.nodeId,
      clusterId: this.#directory.identity.clusterId,
      topologyDigest: topologyDigest(this.#topology),
      incarnation: this.#directory.identity.incarnation,
      members: new Set(this.#topology.members.map((member) => member.id)),
      clock: this.#clock,
      scheduler: this.#scheduler,
      replica: this.#replica,
      service,
      header: () => this.#header(),
      isCut: (node: NodeId) => this.control.isCut(node),
      greeted: (node: NodeId) => this.#links.get(node)?.dialNow(),
      refused: (from: number, reason: string) => this.#log.error({ peer: from, reason }, 'refused a peer'),
    };
    const metrics = new NodeMetrics(() => this.#status.node());
    return new NodeServer(
      { host: listen.host, port: listen.port, connectionsMax: limits.connectionsMax, allowedOrigins },
      {
        client: (socket) => {
          new ClientSession(socket, {
            coordinator: this.#coordinator,
            scheduler: this.#scheduler,
            service: async (request) => this.#serveClient(request),
            nowMs: () => this.time.monotonicMs(),
          });
        },
        peer: (socket) => {
          new PeerSession(socket, peerOptions);
        },
        health: () => {
          const body: NodeStatus = this.#status.node();
          return { ok: body.store === 'open', body };
        },
        metrics: async () => metrics.render(),
      },
    );
  }
}

/** The topology that the directory was made with must be the configured one; members may have moved to other addresses. */
async function adoptTopology(store: Store, configured: Topology): Promise<Topology> {
  const bytes = store.readMeta(META.topology);
  if (bytes !== undefined) {
    const stored = decodeTopology(bytes);
    if (topologyDigest(stored) !== topologyDigest(configured)) {
      throw new NodeError(
        'RING_DIRECTORY_FOREIGN',
        `the directory was made for ${stored.members.length} nodes with replication factor ${stored.replicationFactor}, not for ${configured.members.length} with ${configured.replicationFactor}; give the same members and replication factor as before`,
      );
    }
  }
  const encoded = encodeTopology(configured);
  if (bytes === undefined || Buffer.compare(bytes, encoded) !== 0) {
    const [outcome] = await store.writeAll([{ kind: 'meta', name: META.topology, value: encoded }]);
    if (outcome?.status !== 'applied') throw new NodeError('RING_DIRECTORY_UNUSABLE', 'the topology could not be written to the database');
  }
  return configured;
}

function describe(event: { readonly event: string; readonly error?: unknown }): Record<string, unknown> {
  return event.error === undefined ? {} : { error: messageOf(event.error) };
}

