/**
 * One node with its edges: directory, sockets, clock, log. It brings what the engine (node/engine.ts) asks for.
 *
 * Started in order: directory, store, server, engine; stopped in reverse. A failed start undoes what it has begun.
 */
import { WebSocket } from 'ws';
import type { NodeConfig } from '../config/index.ts';
import { firstTopology, type Topology } from '../coordinator/index.ts';
import { nodeId, type NodeId } from '../data/index.ts';
import { FRAME_BYTES_MAX, type NodeStatus } from '../wire/index.ts';
import { deriveClusterId } from './cluster-id.ts';
import { NodeEngine, type EnginePorts } from './engine.ts';
import { openLog, type Log } from './log.ts';
import { NodeMetrics } from './metrics.ts';
import { PACKAGE_VERSION } from './package-version.ts';
import { HANDSHAKE_TIMEOUT_MS } from './peer-link.ts';
import type { HeldDisk, MessageSocket } from './ports.ts';
import { NodeServer } from './server.ts';
import type { StatusReporter } from './status.ts';
import { TestControl } from './test-control.ts';
import { NodeTime } from './time.ts';

export interface DaemonHooks {
  /** The node can no longer serve, and has stopped; its process should end. */
  onFatal(reason: string): void;
}

export type OpenDisk = (clusterId: string, onCompromised: (reason: string) => void) => Promise<HeldDisk>;

export class Daemon {
  readonly nodeId: NodeId;
  readonly time: NodeTime;
  readonly control: TestControl;
  readonly #config: NodeConfig;
  readonly #held: HeldDisk;
  readonly #log: Log;
  readonly #engine: NodeEngine;
  readonly #server: NodeServer;
  #port = 0;
  #stopped = false;

  private constructor(config: NodeConfig, held: HeldDisk, time: NodeTime, control: TestControl, log: Log, engine: NodeEngine, server: NodeServer) {
    this.nodeId = nodeId(config.nodeId);
    this.time = time;
    this.control = control;
    this.#config = config;
    this.#held = held;
    this.#log = log;
    this.#engine = engine;
    this.#server = server;
  }

  /** Throws a NodeError, DataError or TopologyError; everything is closed then. */
  static async start(config: NodeConfig, openDisk: OpenDisk, hooks: DaemonHooks, setClock: (time: NodeTime) => void = () => undefined): Promise<Daemon> {
    const log = openLog(config.nodeId, config.logLevel);
    const topology = configuredTopology(config);
    let daemon: Daemon | null = null;
    const onFatal = (reason: string): void => {
      log.error({ reason }, 'the node must stop');
      const ended = daemon === null ? Promise.resolve() : daemon.crash();
      ended.then(
        () => hooks.onFatal(reason),
        () => hooks.onFatal(reason),
      );
    };
    const held = await openDisk(config.clusterId ?? deriveClusterId(topology), onFatal);
    if (!held.lastRunEndedInOrder) log.warn('the last run on this directory did not end in order');
    if (held.disk.distrusted?.kind === 'damaged') log.error({ reason: held.disk.distrusted.text }, 'the store is untrusted until it was compared with its peers');
    const time = new NodeTime();
    setClock(time);
    const control = new TestControl(config.nodeId, config.testControl, time);
    let server: NodeServer | null = null;
    const ports: EnginePorts = {
      time,
      random: { next: () => Math.random() },
      dial: dialSocket,
      log,
      isCut: (node) => control.isCut(node),
      control: (command) => control.apply(command),
      processCounters: () => ({ connections: server?.clients ?? 0, residentBytes: process.memoryUsage.rss() }),
      fatal: onFatal,
    };
    let engine: NodeEngine;
    try {
      engine = await NodeEngine.open(config, topology, held.disk, ports, PACKAGE_VERSION);
    } catch (error) {
      await held.disk.kv.close();
      await held.release();
      throw error;
    }
    server = makeServer(config, engine);
    daemon = new Daemon(config, held, time, control, log, engine, server);
    try {
      await daemon.#start();
      return daemon;
    } catch (error) {
      await engine.close();
      server.destroy();
      await held.release();
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
    return this.#engine.status;
  }

  /** Stops in order: no new requests, batch in flight awaited, database closed, lock given up. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.resume();
    this.#engine.stopTimers();
    await this.#server.close();
    await this.#engine.close();
    await this.#held.release();
    this.#log.info('stopped');
  }

  /** As a crash would: connections break, nothing is answered or flushed any more. The directory can be opened again when it resolves. */
  async crash(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#engine.halt();
    this.#server.destroy();
    await this.#engine.close();
    await this.#held.release();
  }

  /** Stands still, as a stopped process would, until `resume`. */
  pause(): void {
    this.#engine.pause();
    this.#server.pause();
  }

  resume(): void {
    if (!this.#engine.isPaused) return;
    this.#server.resume();
    this.#engine.resume();
  }

  /** Peers are heard before clients are: they wait in the handshake until the node has found those that are there. */
  async #start(): Promise<void> {
    this.#port = await this.#server.listen();
    await this.#engine.start();
    this.#server.admitClients();
    const { incarnation, clusterId } = this.#held.disk;
    this.#log.info({ url: this.url, incarnation, cluster: clusterId }, 'ready');
  }
}

function configuredTopology(config: NodeConfig): Topology {
  const members = config.members.map((member) => ({ ...member, id: nodeId(member.id) }));
  return firstTopology(members, config.replicationFactor, config.hashSeed);
}

function dialSocket(address: string): MessageSocket {
  const socket = new WebSocket(address, {
    perMessageDeflate: false,
    maxPayload: FRAME_BYTES_MAX,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    skipUTF8Validation: false,
    followRedirects: false,
    generateMask: noMask,
  });
  socket.binaryType = 'nodebuffer';
  return socket;
}

/**
 * A key of zeros, with which frames are sent as they are. Masks keep a browser's script from writing what a proxy takes
 * for a request of its own (RFC 6455, 10.3); between two daemons there is neither.
 */
function noMask(mask: Buffer): void {
  mask.fill(0);
}

function makeServer(config: NodeConfig, engine: NodeEngine): NodeServer {
  const { listen, limits, allowedOrigins } = config;
  const metrics = new NodeMetrics(() => engine.status.node());
  return new NodeServer(
    { host: listen.host, port: listen.port, connectionsMax: limits.connectionsMax, allowedOrigins },
    {
      client: (socket) => engine.acceptClient(socket),
      peer: (socket) => engine.acceptPeer(socket),
      health: () => {
        const body: NodeStatus = engine.status.node();
        return { ok: body.store === 'open', body };
      },
      metrics: async () => metrics.render(),
    },
  );
}
