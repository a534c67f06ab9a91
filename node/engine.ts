/**
 * One node without its edges: everything that decides, stores and talks, over the ports of node/ports.ts. The daemon
 * gives it real sockets, files and clocks; the simulation virtual ones. It wires; the parts decide.
 *
 *   clients ──► ClientSession ──► Coordinator ──► Outbox ──► PeerLink ══► PeerSession ──► Replica ──► Store
 *                                     │                                                     ▲
 *                                     └── the node's own requests, at the end of the tick ──┘
 */
import type { NodeConfig } from '../config/index.ts';
import {
  Coordinator,
  Liveness,
  Placement,
  RangeReplica,
  Replica,
  Trust,
  topologyDigest,
  type LivenessChange,
  type PeerStanding,
  type ReplicaRequest,
  type Topology,
} from '../coordinator/index.ts';
import { HybridClock, Store, nodeId, readCeiling, writerOf, type NodeId, type StoreEvent } from '../data/index.ts';
import { PROTOCOL_VERSION, TYPE, type FrameHeader, type PeerReply, type PeerRequest, type ReadMessage } from '../wire/index.ts';
import { adoptTopology } from './adopt-topology.ts';
import { Background } from './background.ts';
import { ClientSession, type ClientService } from './client-session.ts';
import { messageOf } from './errors.ts';
import { Explainer } from './explainer.ts';
import { Outbox, TickScheduler } from './outbox.ts';
import { PeerCalls } from './peer-calls.ts';
import { PeerFrames } from './peer-frames.ts';
import { PeerLink } from './peer-link.ts';
import { PeerMemory, judgeMemory, RUN_MAX, type NodeRun, type Remembered } from './peer-memory.ts';
import { PeerService } from './peer-service.ts';
import { PeerSession, type PeerSessionOptions } from './peer-session.ts';
import type { Dial, MessageSocket, NodeDisk, NodeLog, Random, Time, Timer } from './ports.ts';
import { RangeQueue } from './range-queue.ts';
import { ReadQueue } from './read-queue.ts';
import { Scrubber } from './scrubber.ts';
import { StatusReporter } from './status.ts';

export interface EnginePorts {
  readonly time: Time;
  readonly random: Random;
  readonly dial: Dial;
  readonly log: NodeLog;
  /** A test control may cut this node off from a peer. */
  isCut(node: NodeId): boolean;
  /** Test controls of a client; throws what it is told. */
  control(command: string): unknown;
  /** What the process around counts, for the status. */
  processCounters(): Readonly<Record<string, number>>;
  /** The node can no longer serve: an error of the disk that says that nothing on it is certain. */
  fatal(reason: string): void;
}

const TICK_MS = 20;
/** How long a start waits for peers that neither answer nor refuse. */
const FIRST_LINKS_MS = 400;
const CEILING_CHECK_MS = 1_000;
const DAMAGED_LISTED_MAX = 1_000;
/** How LevelDB says that it met what it never wrote, and how data/level-kv.ts does. */
const UNREADABLE = /Corruption|Invalid argument|is damaged/;

export class NodeEngine {
  readonly nodeId: NodeId;
  readonly status: StatusReporter;
  readonly #explainer: Explainer;
  readonly #config: NodeConfig;
  readonly #disk: NodeDisk;
  readonly #ports: EnginePorts;
  readonly #topology: Topology;
  readonly #clock: HybridClock;
  readonly #store: Store;
  readonly #trust: Trust;
  readonly #memory: PeerMemory;
  readonly #liveness: Liveness;
  readonly #coordinator: Coordinator;
  readonly #replica: Replica;
  readonly #ranges: RangeReplica;
  readonly #calls: PeerCalls;
  readonly #background: Background;
  readonly #scrubber: Scrubber;
  readonly #links = new Map<NodeId, PeerLink>();
  readonly #frames = new PeerFrames(() => this.#header());
  readonly #scheduler: TickScheduler;
  readonly #clockOffsets = new Map<NodeId, number>();
  readonly #timers: Timer[] = [];
  readonly #own: Outbox<PeerRequest>;
  readonly #ownReads: ReadQueue;
  readonly #ownRanges: RangeQueue;
  readonly #peerSessionOptions: PeerSessionOptions;
  readonly #run: NodeRun;
  /** The furthest that any peer has seen an earlier run get, beyond what this one found. */
  #rollbackKnown = 0;
  #trustHealed = 0;
  #paused = false;

  /** Opens the store on `disk`; nothing runs yet. Throws a NodeError or DataError; the database is the caller's to close then. */
  static async open(config: NodeConfig, topology: Topology, disk: NodeDisk, ports: EnginePorts, version: string): Promise<NodeEngine> {
    const { time } = ports;
    const clock = new HybridClock(writerOf(nodeId(config.nodeId), disk.incarnation), readCeiling(disk.kv));
    const events: { listener: (event: StoreEvent) => void } = { listener: () => undefined };
    const store = await Store.open(
      { kv: disk.kv, clock, wallMs: () => time.wallMs(), sleep: (milliseconds) => time.sleep(milliseconds), report: (event) => events.listener(event) },
      {
        ...config.store,
        partitionCount: topology.partitionCount,
        hashSeed: topology.hashSeed,
        durability: config.durability,
        hintBytesMax: config.hints.maxBytes,
      },
    );
    await adoptTopology(store, topology);
    const engine = new NodeEngine(config, topology, disk, ports, version, store, clock);
    events.listener = (event) => engine.#storeEvent(event);
    return engine;
  }

  private constructor(config: NodeConfig, topology: Topology, disk: NodeDisk, ports: EnginePorts, version: string, store: Store, clock: HybridClock) {
    this.nodeId = nodeId(config.nodeId);
    this.#config = config;
    this.#topology = topology;
    this.#disk = disk;
    this.#ports = ports;
    this.#store = store;
    this.#clock = clock;
    const { time } = ports;
    const placement = new Placement(topology);
    const peers = topology.members.map((member) => member.id).filter((id) => id !== this.nodeId);
    this.#trust = new Trust(this.nodeId, placement, disk.distrusted);
    this.#memory = new PeerMemory(store, peers, (node) => this.#coordinator.onNodeForgot(node));
    this.#run = { incarnation: disk.incarnation, run: 1 + Math.floor(ports.random.next() * RUN_MAX), openedAt: store.sequence };
    this.#scheduler = new TickScheduler(time);
    this.#liveness = new Liveness(this.nodeId, peers, config.heartbeat, time.monotonicMs());
    this.#replica = new Replica(this.nodeId, placement, store, this.#trust);
    this.#ownReads = new ReadQueue({ replica: this.#replica, time, isFull: () => false, reply: (replies) => this.#replied(this.nodeId, replies) });
    this.#ranges = new RangeReplica(store, this.#trust);
    this.#ownRanges = this.#makeOwnRanges();
    this.#own = new Outbox(this.#scheduler, (requests) => this.#serveOwn(requests));
    this.#coordinator = this.#makeCoordinator(placement);
    this.#calls = new PeerCalls((node, request) => this.#links.get(node)?.send(request) ?? false, () => time.monotonicMs());
    this.#background = this.#makeBackground(placement);
    this.#scrubber = this.#makeScrubber(placement);
    this.status = this.#makeStatus(placement, version);
    this.#explainer = new Explainer({ self: this.nodeId, placement, store, trust: this.#trust, liveness: this.#liveness, calls: this.#calls, time }, config.sweep.intervalMs);
    this.#peerSessionOptions = this.#makePeerSessionOptions(placement);
    for (const { id, address } of topology.members) if (id !== this.nodeId) this.#links.set(id, this.#makeLink(id, address));
  }

  /** Resolves when the peers that are there were found: until then clients should wait. */
  async start(): Promise<void> {
    await this.#store.reserveCeiling(0);
    for (const link of this.#links.values()) link.dial();
    this.#background.start();
    this.#scrubber.start();
    this.#every(TICK_MS, () => this.#tick());
    this.#every(this.#config.heartbeat.intervalMs, () => this.#beat());
    this.#every(CEILING_CHECK_MS, () => this.#keepUp());
    // Without its peers a node answers as if it were the last one left: let it find those that are there first.
    const found = Promise.all([...this.#links.values()].map(async (link) => link.tried)).then(async () => this.#trust.settled);
    await Promise.race([found, this.#ports.time.sleep(FIRST_LINKS_MS)]);
  }

  acceptClient(socket: MessageSocket): void {
    new ClientSession(socket, {
      coordinator: this.#coordinator,
      scheduler: this.#scheduler,
      service: async (request) => this.#serveClient(request),
      time: this.#ports.time,
    });
  }

  acceptPeer(socket: MessageSocket): void {
    new PeerSession(socket, this.#peerSessionOptions);
  }

  /** Background work ended, batch in flight awaited, database closed. Connections are the caller's. */
  async close(): Promise<void> {
    this.stopTimers();
    for (const link of this.#links.values()) link.close();
    this.#calls.close();
    await Promise.all([this.#background.stop(), this.#scrubber.stop()]);
    await this.#store.close();
  }

  /** Nothing happens by itself any more, and nothing more is sent. */
  halt(): void {
    this.#scheduler.pause();
    this.stopTimers();
  }

  stopTimers(): void {
    for (const timer of this.#timers) timer.cancel();
  }

  /** Stands still, as a stopped process would, until `resume`. */
  pause(): void {
    this.#paused = true;
    this.#scheduler.pause();
    this.#background.pause();
    this.#scrubber.pause();
    for (const link of this.#links.values()) link.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    for (const link of this.#links.values()) link.resume();
    this.#background.resume();
    this.#scrubber.resume();
    this.#scheduler.resume();
  }

  /** Database keys of entries that were found to be damaged and could not be replaced yet. */
  damagedEntries(): readonly Uint8Array[] {
    return this.#store.damagedList(DAMAGED_LISTED_MAX);
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  // --- time ----------------------------------------------------------------------------------------------------

  #every(milliseconds: number, work: () => void): void {
    this.#timers.push(
      this.#ports.time.every(milliseconds, () => {
        if (!this.#paused) work();
      }),
    );
  }

  #tick(): void {
    const now = this.#ports.time.monotonicMs();
    for (const change of this.#liveness.tick(now)) this.#livenessChanged(change);
    this.#calls.tick();
    this.#coordinator.tick(now);
  }

  #beat(): void {
    const { time, log } = this.#ports;
    const now = time.monotonicMs();
    for (const [node, link] of this.#links) {
      if (!link.isUp) continue;
      this.#calls
        .call(node, this.#config.heartbeat.deadAfterMs, (id) => [TYPE.heartbeat, id])
        .then((reply) => {
          if (reply?.[0] === TYPE.heartbeatReply) this.#clockOffsets.set(node, Math.round(reply[2] - time.wallMs() + (time.monotonicMs() - now) / 2));
        })
        .catch((error: unknown) => log.error({ error: messageOf(error) }, 'heartbeat'));
    }
  }

  /** What must be on disk now and then: the clock's ceiling, and what is remembered of the peers. */
  #keepUp(): void {
    if (this.#store.state !== 'open') return;
    this.#memory.save();
    this.#store.reserveCeiling(0).catch((error: unknown) => this.#ports.log.warn({ error: messageOf(error) }, 'ceiling'));
  }

  #livenessChanged(change: LivenessChange | null): void {
    if (change === null) return;
    const { node, state } = change;
    this.#ports.log.info({ peer: node, state }, 'liveness');
    if (state === 'alive') {
      this.#background.peerUp(node);
      return;
    }
    this.#coordinator.onNodeLost(node);
    this.#calls.onNodeLost(node);
    if (state === 'dead') this.#links.get(node)?.reset();
  }

  // --- trust ---------------------------------------------------------------------------------------------------

  #storeEvent(event: StoreEvent): void {
    const { log } = this.#ports;
    switch (event.event) {
      case 'reopened':
      case 'damaged':
      case 'version-conflict':
        log.warn({}, `store: ${event.event}`);
        return;
      case 'write-failed':
      case 'read-failed':
      case 'reopen-failed':
        log.warn({ error: messageOf(event.error) }, `store: ${event.event}`);
        this.#diskFailed(messageOf(event.error));
        return;
      case 'rolled-back':
        log.error({}, 'store: the database lost groups that it had committed');
        this.#distrust('the database lost writes that it had committed');
        return;
    }
  }

  /** Whether the process must end: it can't go on with what the disk says, and the next start can. */
  #diskFailed(reason: string): void {
    // What the disk has after an I/O error is certain only to a process that reads it anew.
    if (reason.includes('Input/output error')) {
      this.#ports.fatal(`the disk failed: ${reason}`);
    } else if (UNREADABLE.test(reason)) {
      // The mark has the next start read every table, repair what it can, and heal.
      const end = (): void => this.#ports.fatal(`the database is damaged, start the node again to have it repaired: ${reason}`);
      this.#disk.markUnreadable(reason).then(end, end);
    }
  }

  #distrust(text: string): void {
    this.#trust.distrust(text);
    this.#ports.log.error({ reason: text }, 'the store is untrusted until it was compared with its peers');
    this.#background.trustChanged();
    this.#disk.markUntrusted(text).catch((error: unknown) => this.#ports.log.error({ error: messageOf(error) }, 'the untrusted mark could not be kept'));
  }

  /** A peer says how far it has seen this node get: further than its database does, and the database is an old one. */
  #remembered(peer: NodeId, remembered: Remembered): void {
    const verdict = judgeMemory(remembered, this.#run, this.#rollbackKnown);
    if (verdict === 'as expected') return;
    this.#rollbackKnown = Math.max(this.#rollbackKnown, remembered.sequence, remembered.before);
    this.#store.skipSequence(this.#rollbackKnown);
    if (this.#disk.distrusted?.kind === 'new') return;
    this.#distrust(verdict === 'older' ? `node ${peer} has seen writes of this directory that it no longer has` : `node ${peer} knows this node with another directory`);
  }

  #exchanged(peer: NodeId, generation: number, standing: PeerStanding): void {
    if (!this.#trust.exchanged(peer, generation, standing)) return;
    this.#ports.log.info({}, 'the store is trusted: it was compared with its peers');
    this.#trustHealed++;
    this.#disk.clearUntrusted().catch((error: unknown) => this.#ports.log.error({ error: messageOf(error) }, 'the untrusted mark could not be removed'));
  }

  // --- messages ------------------------------------------------------------------------------------------------

  #header(): FrameHeader {
    return [TYPE.frameHeader, this.#topology.epoch, this.#clock.read(this.#ports.time.wallMs()), this.#store.sequence];
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
      else if (request[0] === TYPE.range) this.#ownRanges.push(request);
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
        return this.status.cluster();
      case TYPE.converged:
        return this.status.converged();
      case TYPE.locate:
        return this.status.locate(request[2]);
      case TYPE.explain:
        return this.#explainer.explain(request[2]);
      case TYPE.topology:
        return this.status.topology();
      case TYPE.control:
        return this.#ports.control(request[2]);
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
        wallMs: () => this.#ports.time.wallMs(),
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

  #makeOwnRanges(): RangeQueue {
    const { log, time } = this.#ports;
    return new RangeQueue({
      ranges: this.#ranges,
      time,
      isFull: () => false,
      reply: (reply) => this.#replied(this.nodeId, [reply]),
      report: (error) => log.warn({ error: messageOf(error) }, 'a range could not be read'),
    });
  }

  #makeBackground(placement: Placement): Background {
    const { sweep, hints, store } = this.#config;
    return new Background(
      {
        placement,
        store: this.#store,
        calls: this.#calls,
        time: this.#ports.time,
        random: this.#ports.random,
        trust: this.#trust,
        isAlive: (node) => this.#liveness.isAlive(node),
        exchanged: (peer, generation, standing) => this.#exchanged(peer, generation, standing),
        report: (message, details) => this.#ports.log.info(details, message),
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

  #makeScrubber(placement: Placement): Scrubber {
    const { scrub } = this.#config;
    return new Scrubber(
      {
        placement,
        store: this.#store,
        calls: this.#calls,
        time: this.#ports.time,
        scrubFiles: this.#disk.scrubFiles,
        unreadable: (reason) => this.#diskFailed(reason),
        filesDamaged: (findings) => {
          // The trees still count what the files have lost, and would call it equal.
          this.#store.recount();
          this.#distrust(findings.join('; '));
        },
        report: (message, details) => this.#ports.log.warn(details, message),
      },
      { self: this.nodeId, intervalMs: scrub.intervalMs, bytesPerSecond: scrub.maxBytesPerSecond, first: this.#disk.areFilesChecked ? 'after the interval' : 'soon' },
    );
  }

  #makeStatus(placement: Placement, version: string): StatusReporter {
    return new StatusReporter({
      self: this.nodeId,
      clusterId: this.#disk.clusterId,
      incarnation: this.#disk.incarnation,
      version,
      maxDriftMs: this.#config.clock.maxDriftMs,
      placement,
      store: this.#store,
      trust: this.#trust,
      liveness: this.#liveness,
      calls: this.#calls,
      links: this.#links,
      clockOffsetMsByNode: this.#clockOffsets,
      counters: () => ({
        ...this.#coordinator.counters,
        ...this.#store.counters,
        ...this.#background.counters,
        ...this.#scrubber.counters,
        ...this.#scheduler.sent,
        storesHealed: this.#trustHealed,
        requestsInFlight: this.#coordinator.inFlight,
        requestBytesInFlight: this.#coordinator.heldBytes,
        ...this.#ports.processCounters(),
      }),
    });
  }

  #makeLink(id: NodeId, address: string): PeerLink {
    const { time, random, dial, log } = this.#ports;
    return new PeerLink(
      {
        node: id,
        address,
        clock: this.#clock,
        memory: this.#memory,
        scheduler: this.#scheduler,
        time,
        random,
        dial,
        frames: this.#frames,
        hello: () => [PROTOCOL_VERSION, this.#disk.clusterId, topologyDigest(this.#topology), this.nodeId, id, this.#disk.incarnation, this.#run.run, this.#memory.tell(id)],
        header: () => this.#header(),
      },
      {
        up: (node) => this.#livenessChanged(this.#liveness.linkUp(node, time.monotonicMs())),
        down: (node) => {
          this.#livenessChanged(this.#liveness.linkDown(node));
          this.#coordinator.onNodeLost(node);
          this.#calls.onNodeLost(node);
        },
        heard: (node) => this.#livenessChanged(this.#liveness.heard(node, time.monotonicMs())),
        replies: (node, replies) => this.#replied(node, replies),
        remembered: (node, remembered) => this.#remembered(node, remembered),
        refused: (node, reason) => log.error({ peer: node, reason }, 'a peer refuses this node'),
        isCut: (node) => this.#ports.isCut(node),
        garbled: (node, reason) => log.error({ peer: node, reason }, 'a peer sent a frame that cannot be read'),
      },
    );
  }

  #makePeerSessionOptions(placement: Placement): PeerSessionOptions {
    const { log, time } = this.#ports;
    const service = new PeerService({
      self: this.nodeId,
      placement,
      store: this.#store,
      trust: this.#trust,
      time,
      nodeStatus: () => this.status.node(),
      sweptBy: (peer) => this.#background.sweptBy(peer),
      report: (error) => log.warn({ error: messageOf(error) }, 'a peer request failed'),
    });
    return {
      self: this.nodeId,
      clusterId: this.#disk.clusterId,
      topologyDigest: topologyDigest(this.#topology),
      incarnation: this.#disk.incarnation,
      run: this.#run.run,
      members: new Set(this.#topology.members.map((member) => member.id)),
      clock: this.#clock,
      memory: this.#memory,
      scheduler: this.#scheduler,
      time,
      replica: this.#replica,
      ranges: this.#ranges,
      service,
      header: () => this.#header(),
      isCut: (node) => this.#ports.isCut(node),
      greeted: (node) => this.#links.get(node)?.dialNow(),
      remembered: (node, remembered) => this.#remembered(node, remembered),
      refused: (from, reason) => log.error({ peer: from, reason }, 'refused a peer'),
    };
  }
}
