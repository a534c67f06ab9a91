/**
 * One node of the simulation: the engine that ships, on a virtual disk, network and clock. What the daemon does around
 * the engine (whose directory it is, whether it is trusted, when clients are let in) is done here over the virtual disk.
 */
import { defaultNodeConfig, type NodeConfig } from '../../config/index.ts';
import type { DistrustReason, Topology } from '../../coordinator/index.ts';
import { DataError, incarnation, readCeiling, type Incarnation } from '../../data/index.ts';
import { NodeError } from '../../node/errors.ts';
import { NodeEngine, type EnginePorts } from '../../node/engine.ts';
import type { MessageSocket, NodeDisk, NodeLog } from '../../node/ports.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { Coverage } from './coverage.ts';
import type { VirtualDisk } from './virtual-disk.ts';
import type { VirtualNetwork } from './virtual-network.ts';
import type { EndKind, VirtualProcess, VirtualWorld } from './virtual-time.ts';

export interface SimNodeOptions {
  readonly id: number;
  readonly topology: Topology;
  readonly durability: 'fsync' | 'os';
  readonly sweep: 'on' | 'off';
  readonly recentBytesMax: number;
  /** How fast its clocks run. */
  readonly rate: number;
  readonly wallOffsetMs: number;
}

export interface SimWorld {
  readonly world: VirtualWorld;
  readonly network: VirtualNetwork;
  readonly random: SeededRandom;
  readonly coverage: Coverage;
  readonly trace: (line: () => string) => void;
  /** A bug: code of the node threw. */
  broken(what: string): void;
}

/** What the identity file holds. */
interface StoredIdentity {
  readonly incarnation: Incarnation;
}

/** As it is dialled: a host and a port. */
export function nameOfNode(id: number): string {
  return `node-${id}:1`;
}

export const CLUSTER = 'simulation';
const RESTART_AFTER_FATAL_MS = 300;

export class SimNode {
  readonly id: number;
  readonly name: string;
  readonly disk: VirtualDisk;
  engine: NodeEngine | null = null;
  process: VirtualProcess | null = null;
  wallOffsetMs: number;
  readonly #options: SimNodeOptions;
  readonly #sim: SimWorld;
  #isWanted = false;
  #waitingClients: MessageSocket[] = [];
  /** Whether clients are let in. */
  isAdmitting = false;
  /** Counters of the runs that have ended. */
  readonly #past = new Map<string, number>();

  constructor(options: SimNodeOptions, disk: VirtualDisk, sim: SimWorld) {
    this.id = options.id;
    this.name = nameOfNode(options.id);
    this.disk = disk;
    this.wallOffsetMs = options.wallOffsetMs;
    this.#options = options;
    this.#sim = sim;
  }

  get isUp(): boolean {
    return this.process !== null;
  }

  /** How long its process has run; 0 while it does not. */
  get upForMs(): number {
    return this.process?.monotonicMs() ?? 0;
  }

  get isPaused(): boolean {
    return this.process?.state === 'paused';
  }

  /** Up, started, and not stopped. */
  get isServing(): boolean {
    return this.engine !== null && this.isAdmitting && !this.isPaused;
  }

  start(): void {
    this.#isWanted = true;
    if (this.process !== null) return;
    const process = this.#sim.world.process(this.name, {
      rate: this.#options.rate,
      wallOffsetMs: this.wallOffsetMs,
      failed: (error) => this.#sim.broken(`${this.name} threw ${describeError(error)}`),
    });
    this.process = process;
    this.isAdmitting = false;
    this.#waitingClients = [];
    this.#sim.trace(() => `${this.name}: starts`);
    process.run(1, () => {
      this.#run(process).catch((error: unknown) => {
        if (!process.isAlive) return;
        // A full or failing disk may keep it from starting; whoever watches it tries again.
        if (error instanceof NodeError || error instanceof DataError) this.#fatal(process, error.message);
        else this.#sim.broken(`${this.name} did not start: ${describeError(error)}`);
      });
    });
  }

  end(how: EndKind): void {
    this.#isWanted = false;
    this.#ended(how);
  }

  pause(): void {
    this.process?.pause();
  }

  resume(): void {
    this.process?.resume();
  }

  setWallOffset(milliseconds: number): void {
    this.wallOffsetMs = milliseconds;
    this.process?.setWallOffset(milliseconds);
  }

  /** A counter of its status, over all its runs. */
  count(name: string): number {
    return (this.#past.get(name) ?? 0) + (this.engine?.status.node().counters[name] ?? 0);
  }

  #ended(how: EndKind): void {
    const { process, engine } = this;
    if (process === null) return;
    this.#sim.trace(() => `${this.name}: ${how === 'crash' ? 'crashes' : 'loses power'}`);
    for (const [name, count] of Object.entries(engine?.status.node().counters ?? {})) this.#past.set(name, (this.#past.get(name) ?? 0) + count);
    this.engine = null;
    this.process = null;
    this.isAdmitting = false;
    process.kill(how);
  }

  async #run(process: VirtualProcess): Promise<void> {
    const { network } = this.#sim;
    const engine = await NodeEngine.open(this.#config(), this.#options.topology, this.#openDisk(process), this.#ports(process), 'simulation');
    this.engine = engine;
    network.listen(this.name, process, (socket, path) => {
      if (path === '/peer') engine.acceptPeer(socket);
      else if (this.isAdmitting) engine.acceptClient(socket);
      else this.#wait(socket);
    });
    await engine.start();
    this.isAdmitting = true;
    for (const socket of this.#waitingClients) {
      engine.acceptClient(socket);
      socket.resume();
    }
    this.#waitingClients = [];
    this.#sim.trace(() => `${this.name}: ready`);
  }

  /** The daemon keeps clients in their handshake until then. */
  #wait(socket: MessageSocket): void {
    socket.pause();
    this.#waitingClients.push(socket);
  }

  /** As node/directory.ts does with files. */
  #openDisk(process: VirtualProcess): NodeDisk {
    const { disk } = this;
    if (disk.identity === null) {
      disk.identity = this.#newIdentity();
      disk.marker = { kind: 'new' } satisfies DistrustReason;
    }
    const kv = disk.open(process);
    if (kv.damageFound.length > 0) {
      disk.marker = { kind: 'damaged', text: kv.damageFound.join('; ') } satisfies DistrustReason;
      this.#sim.coverage.add('logDamageNoticed');
    }
    const isNew = (disk.marker as DistrustReason | null)?.kind === 'new';
    // A damaged database may have lost its clock's ceiling: a version could be issued twice.
    if (!isNew && (kv.damageFound.length > 0 || readCeiling(kv) === 0)) {
      disk.identity = this.#newIdentity();
      disk.marker ??= { kind: 'damaged', text: 'the ceiling of the clock cannot be read' } satisfies DistrustReason;
    }
    const { incarnation: number } = disk.identity as StoredIdentity;
    return {
      kv,
      clusterId: CLUSTER,
      incarnation: number,
      distrusted: disk.marker as DistrustReason | null,
      markUntrusted: async (text) => this.#setMarker(process, { kind: 'damaged', text }),
      markUnreadable: async (text) => this.#setMarker(process, { kind: 'damaged', text }),
      clearUntrusted: async () => this.#setMarker(process, null),
      areFilesChecked: true,
      scrubFiles: null,
    };
  }

  async #setMarker(process: VirtualProcess, marker: DistrustReason | null): Promise<void> {
    await new Promise<void>((resolve) => {
      process.run(1 + this.#sim.random.next() * 5, () => {
        this.disk.marker = marker;
        resolve();
      });
    });
  }

  #newIdentity(): StoredIdentity {
    return { incarnation: incarnation(this.#sim.random.below(1 << 20)) };
  }

  #config(): NodeConfig {
    const { id, topology, durability, sweep, recentBytesMax } = this.#options;
    return defaultNodeConfig({
      nodeId: id,
      directory: null,
      members: topology.members.map((member) => ({ id: member.id, address: member.address })),
      replicationFactor: topology.replicationFactor,
      hashSeed: topology.hashSeed,
      durability,
      requestTimeoutMs: 3_000,
      hedgeAfterMs: 200,
      replicaTimeoutMs: 1_500,
      sweep: { intervalMs: sweep === 'on' ? 2_000 : 0 },
      scrub: { intervalMs: 1_000, maxBytesPerSecond: 1 << 20 },
      store: { recentBytesMax },
    });
  }

  #ports(process: VirtualProcess): EnginePorts {
    const log = (level: string) => (details: Readonly<Record<string, unknown>>, message: string) => {
      this.#sim.trace(() => `${this.name}: ${level} ${message} ${JSON.stringify(details)}`);
    };
    const nodeLog: NodeLog = { info: log('info'), warn: log('warn'), error: log('error') };
    return {
      time: process,
      random: this.#sim.random,
      dial: (address) => this.#sim.network.dial(process, this.name, address),
      log: nodeLog,
      isCut: () => false,
      control: () => {
        throw new TypeError('no test controls here');
      },
      processCounters: () => ({}),
      fatal: (reason) => this.#fatal(process, reason),
    };
  }

  /** The daemon ends its process; whoever watches it starts it again. */
  #fatal(process: VirtualProcess, reason: string): void {
    if (this.process !== process) return;
    this.#sim.trace(() => `${this.name}: stops: ${reason}`);
    this.#sim.coverage.add('fatalStops');
    this.#sim.world.after(0, () => {
      if (this.process !== process) return;
      this.#ended('crash');
      this.#sim.world.after(RESTART_AFTER_FATAL_MS, () => {
        if (this.#isWanted) this.start();
      });
    });
  }
}

function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
