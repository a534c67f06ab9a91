/** Daemons of the built program for a benchmark, as processes of their own, in a directory that goes with them. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RingClient, type ClusterStatus, type Consistency } from '../client/index.ts';
import { findFreePorts } from '../cli/free-ports.ts';
import type { Program } from '../cli/command.ts';
import { LocalCluster } from '../cli/local-cluster.ts';
import { fillRecords } from './load/load-process.ts';
import type { TargetAddress } from './load/plan.ts';
import type { MeasuredStore } from './measure.ts';
import type { MeasuredProcess, StoreCounters } from './resources.ts';
import type { Durability, Settings } from './settings.ts';

export interface BenchClusterOptions {
  /** A directory for the cluster is made below it, and removed when the cluster stops. */
  readonly directory: string;
  readonly nodes: number;
  readonly replicationFactor: number;
  readonly durability: Durability;
  /** Of the requests of a load. */
  readonly consistency: Consistency;
  /** More flags for every node: `['--set', 'hints.maxBytes=1024']`. */
  readonly nodeFlags?: readonly string[];
  /** How the daemons are started, if not as the plain program; node i keeps its data in `node-i` below `directory`. */
  readonly wrapProgram?: (program: Program, directory: string) => Program;
}

const LOOK_MS = 50;
const WAIT_MS = 600_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** The names of a node's counters. A group of writes is one fsync, unless durability is left to the system. */
const FSYNCS = 'groups';
const FRAMES = 'framesSent';
const FRAME_BYTES = 'frameBytesSent';

/** Daemons on `directory`; nobody has heard anybody yet. */
export async function startDaemons(directory: string, nodes: number, replicationFactor: number, nodeFlags: readonly string[], wrapProgram: BenchClusterOptions['wrapProgram'] = (program) => program): Promise<LocalCluster> {
  const main = fileURLToPath(new URL(`../cli/main${extname(import.meta.url)}`, import.meta.url));
  return LocalCluster.start({
    program: wrapProgram({ executable: process.execPath, leadingArguments: [...process.execArgv, main], typed: 'ring-level' }, directory),
    directory,
    clusterId: randomUUID(),
    replicationFactor,
    ports: await findFreePorts(nodes),
    nodeFlags: ['--log-level', 'error', ...nodeFlags],
  });
}

/** Runs `work` on a fresh cluster as the settings say, and stops it. */
export async function withCluster<T>(settings: Settings, work: (cluster: BenchCluster) => Promise<T>, nodeFlags: readonly string[] = []): Promise<T> {
  const cluster = await BenchCluster.start({ ...settings, nodeFlags });
  try {
    return await work(cluster);
  } finally {
    await cluster.stop();
  }
}

export class BenchCluster implements MeasuredStore {
  readonly #directory: string;
  readonly #cluster: LocalCluster;
  readonly #client: RingClient;
  readonly #options: BenchClusterOptions;

  /** Resolves when every node hears every other. */
  static async start(options: BenchClusterOptions): Promise<BenchCluster> {
    const directory = await mkdtemp(join(options.directory, 'cluster-'));
    let bench: BenchCluster | null = null;
    try {
      const flags = ['--durability', options.durability, ...(options.nodeFlags ?? [])];
      bench = new BenchCluster(directory, await startDaemons(directory, options.nodes, options.replicationFactor, flags, options.wrapProgram), options);
      await bench.waitAllAlive();
      return bench;
    } catch (error) {
      await bench?.stop();
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  private constructor(directory: string, cluster: LocalCluster, options: BenchClusterOptions) {
    this.#directory = directory;
    this.#cluster = cluster;
    this.#options = options;
    this.#client = new RingClient(cluster.urls, { timeoutMs: REQUEST_TIMEOUT_MS });
  }

  get urls(): readonly string[] {
    return this.#cluster.urls;
  }

  get target(): TargetAddress {
    return { store: 'ring-level', urls: this.urls, consistency: this.#options.consistency };
  }

  /** Those that run. */
  processes(): readonly MeasuredProcess[] {
    return this.urls.flatMap((_, node) => {
      const pid = this.#cluster.pidOf(node);
      return pid === null ? [] : [{ name: `node ${node}`, pid }];
    });
  }

  directory(node: number): string {
    return this.#cluster.directoryOf(node);
  }

  async status(): Promise<ClusterStatus> {
    return this.#client.status();
  }

  /** Of all nodes together; null when none counts it. A restart begins at 0 again. */
  async counterIfAny(name: string): Promise<number | null> {
    return sumOf(await this.status(), name);
  }

  async counter(name: string): Promise<number> {
    return (await this.counterIfAny(name)) ?? 0;
  }

  async counters(): Promise<StoreCounters> {
    const status = await this.status();
    return { fsyncs: this.#options.durability === 'fsync' ? sumOf(status, FSYNCS) : 0, frames: sumOf(status, FRAMES), frameBytes: sumOf(status, FRAME_BYTES) };
  }

  async kill(node: number): Promise<void> {
    await this.#cluster.killNode(node);
  }

  /** SIGTERM; resolves when the process is gone. */
  async stopNode(node: number): Promise<void> {
    const pid = this.#cluster.pidOf(node);
    if (pid === null) return;
    process.kill(pid, 'SIGTERM');
    await this.waitFor(`node ${node} has stopped`, async () => this.#cluster.pidOf(node) === null);
  }

  /** SIGSTOP. */
  pause(node: number): void {
    this.#cluster.pauseNode(node);
  }

  resume(node: number): void {
    this.#cluster.resumeNode(node);
  }

  /** Milliseconds until it takes requests. */
  async startAgain(node: number): Promise<number> {
    const started = performance.now();
    await this.#cluster.startNode(node);
    return performance.now() - started;
  }

  async wipe(node: number): Promise<void> {
    await this.#cluster.wipeNode(node);
  }

  async waitAllAlive(): Promise<void> {
    await this.waitFor('all nodes hear each other', async () => (await this.status()).nodes.every((node) => node?.peers.every((peer) => peer.liveness === 'alive') ?? false));
  }

  async waitConverged(waitMs = WAIT_MS): Promise<void> {
    await this.waitFor('converged', async () => (await this.#client.converged()).converged, waitMs);
  }

  async waitForSweeps(sweeps: number): Promise<void> {
    await this.waitFor(`${sweeps} sweeps`, async () => (await this.counter('sweeps')) >= sweeps);
  }

  async waitUntilGone(node: number): Promise<void> {
    await this.waitFor(`node ${node} is gone`, async () => (await this.status()).nodes[node] === null);
  }

  /** Every other node goes round this one. */
  async waitUntilUnheard(node: number): Promise<void> {
    await this.waitFor(`node ${node} is not heard`, async () => {
      const others = (await this.status()).nodes.filter((_, id) => id !== node);
      return others.every((other) => other?.peers.every((peer) => peer.node !== node || peer.liveness !== 'alive') ?? false);
    });
  }

  async fill(records: number, { keyBytes, valueBytes }: Pick<Settings, 'keyBytes' | 'valueBytes'>): Promise<void> {
    await fillRecords(this.target, records, keyBytes, valueBytes);
  }

  /** Stops the daemons and removes their data. */
  async stop(): Promise<void> {
    await this.#client.close();
    await this.#cluster.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }

  async waitFor(what: string, condition: () => Promise<boolean>, waitMs = WAIT_MS): Promise<void> {
    const deadline = performance.now() + waitMs;
    while (!(await condition())) {
      if (performance.now() > deadline) throw new Error(`waited ${waitMs} ms in vain: ${what}`);
      await new Promise((resolve) => {
        setTimeout(resolve, LOOK_MS);
      });
    }
  }
}

function sumOf({ nodes }: ClusterStatus, name: string): number | null {
  const counts = nodes.flatMap((node) => node?.counters[name] ?? []);
  return counts.length === 0 ? null : counts.reduce((sum, count) => sum + count, 0);
}
