/**
 * Three daemons of the built program that a campaign may do anything to. Unlike cli/local-cluster.ts it lets each node
 * have its own environment and its own addresses of its peers, and lets a start fail.
 */
import { mkdirSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findFreePorts } from '../../cli/free-ports.ts';
import { RingClient, type ClusterStatus } from '../../client/index.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { DaemonProcess, describeExit, type Exit } from './daemon-process.ts';
import { Links } from './proxy.ts';
import { cutPower, type PowerCut } from './power.ts';
import { Shim, type SyncMode } from './shim.ts';

export const NODES = [0, 1, 2] as const;

export interface ClusterOptions {
  readonly directory: string;
  readonly replicationFactor: number;
  /** More flags for every node. */
  readonly flags: readonly string[];
  /** The compiled fault-shim.c, and what it does with fsync. */
  readonly library: string;
  readonly sync: SyncMode;
  /** How nodes reach each other. */
  readonly network: 'direct' | 'proxied';
}

const SCRIPT = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const READY_TIMEOUT_MS = 30_000;
const LOOK_MS = 20;
const START_AGAIN_MS = 20_000;
/** Small, so that logs rotate and tables are compacted all the time; sweeps often, so that the end is soon. */
const FLAGS = ['--log-level', 'error', '--set', 'sweep.intervalMs=500', '--set', 'store.writeBufferBytes=262144', '--set', 'heartbeat.intervalMs=100', '--set', 'heartbeat.suspectAfterMs=500', '--set', 'replicaTimeoutMs=1000', '--set', 'scrub.intervalMs=1000', '--set', 'scrub.maxBytesPerSecond=67108864'];

/** A daemon that ended instead of becoming ready. */
export class StartFailed extends Error {
  readonly exit: Exit;

  constructor(node: number, exit: Exit) {
    super(`node ${node} did not start: ${describeExit(exit)}`);
    this.name = 'StartFailed';
    this.exit = exit;
  }
}

export class CampaignCluster implements AsyncDisposable {
  readonly urls: readonly string[];
  /** As the last answer had it. */
  whyNotConverged = '';
  readonly shims: readonly Shim[];
  readonly #options: ClusterOptions;
  readonly #daemons = new Map<number, DaemonProcess>();
  readonly #status: RingClient;
  readonly #links: Links | null;

  static async start(options: ClusterOptions): Promise<CampaignCluster> {
    mkdirSync(options.directory, { recursive: true });
    const urls = (await findFreePorts(NODES.length)).map((port) => `ws://127.0.0.1:${port}`);
    const links = options.network === 'proxied' ? await Links.between(urls) : null;
    const cluster = new CampaignCluster({ ...options, directory: realpathSync(options.directory) }, urls, links);
    try {
      await cluster.startAll();
      await cluster.settled();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(options: ClusterOptions, urls: readonly string[], links: Links | null) {
    this.#options = options;
    this.urls = urls;
    this.#links = links;
    this.shims = NODES.map((node) => {
      const beside = join(options.directory, `shim-${node}`);
      mkdirSync(beside, { recursive: true });
      return new Shim(options.library, this.directoryOf(node), beside, options.sync);
    });
    this.#status = new RingClient(this.urls, { timeoutMs: 2_000 });
  }

  get links(): Links {
    if (this.#links === null) throw new Error('this cluster has no proxies');
    return this.#links;
  }

  get replicationFactor(): number {
    return this.#options.replicationFactor;
  }

  directoryOf(node: number): string {
    return join(this.#options.directory, `node-${node}`);
  }

  /** A directory of the campaign's own, beside those of the nodes. */
  scratch(name: string): string {
    return join(this.#options.directory, name);
  }

  shimOf(node: number): Shim {
    const shim = this.shims[node];
    if (shim === undefined) throw new RangeError(`no node ${node}`);
    return shim;
  }

  daemonOf(node: number): DaemonProcess | null {
    return this.#daemons.get(node) ?? null;
  }

  isRunning(node: number): boolean {
    const daemon = this.#daemons.get(node);
    return daemon !== undefined && daemon.ended === null;
  }

  /** Starts it without waiting for it. */
  spawn(node: number): DaemonProcess {
    const daemon = new DaemonProcess(SCRIPT, this.#arguments(node), this.shimOf(node).environment());
    this.#daemons.set(node, daemon);
    return daemon;
  }

  /** Resolves when it takes requests. Throws `StartFailed`. */
  async startNode(node: number): Promise<void> {
    const daemon = this.spawn(node);
    const timer = setTimeout(() => daemon.signal('SIGKILL'), READY_TIMEOUT_MS);
    const outcome = await daemon.ready;
    clearTimeout(timer);
    if (outcome !== 'ready') throw new StartFailed(node, outcome);
    if (this.shimOf(node).pid !== daemon.pid) throw new Error('the library was not loaded into the daemon');
  }

  /**
   * Tries again as long as it says that another process has the directory: a lock without a readable owner lasts some
   * seconds. Returns how often it was told so.
   */
  async startNodePatiently(node: number): Promise<number> {
    const deadline = performance.now() + START_AGAIN_MS;
    for (let refusals = 0; ; refusals++) {
      try {
        await this.startNode(node);
        return refusals;
      } catch (error) {
        const isLocked = error instanceof StartFailed && error.message.includes('RING_DIRECTORY_IN_USE');
        if (!isLocked || performance.now() > deadline) throw error;
        await delay(500);
      }
    }
  }

  async startAll(): Promise<void> {
    await Promise.all(NODES.filter((node) => !this.isRunning(node)).map(async (node) => this.startNode(node)));
  }

  /** SIGKILL, all in one go. */
  async kill(nodes: readonly number[]): Promise<void> {
    await Promise.all(nodes.map(async (node) => this.#daemons.get(node)?.kill()));
  }

  /** SIGTERM. */
  async stop(nodes: readonly number[]): Promise<readonly Exit[]> {
    const exits = await Promise.all(nodes.map(async (node) => this.#daemons.get(node)?.stop()));
    return exits.filter((exit) => exit !== undefined);
  }

  /** What an operator does with a node that does not start: an empty directory. */
  async wipe(node: number): Promise<void> {
    await this.kill([node]);
    rmSync(this.directoryOf(node), { recursive: true, force: true });
    await this.startNode(node);
  }

  pause(node: number): void {
    this.#daemons.get(node)?.signal('SIGSTOP');
  }

  resume(node: number): void {
    this.#daemons.get(node)?.signal('SIGCONT');
  }

  /** Kills these nodes at once and takes what they had not synced. They stay down. */
  async cutPower(nodes: readonly number[], random: SeededRandom): Promise<readonly PowerCut[]> {
    await this.kill(nodes);
    return nodes.map((node) => cutPower(this.directoryOf(node), this.shimOf(node), random));
  }

  async status(): Promise<ClusterStatus> {
    return this.#status.status();
  }

  /** Waits until every node sees every other. */
  async settled(timeoutMs = 30_000): Promise<void> {
    await until('every node sees every other', timeoutMs, async () => (await this.status()).nodes.every((node) => node?.peers.every((peer) => peer.liveness === 'alive') ?? false));
  }

  /** Waits until all replicas are equal, and stores open. */
  async converged(timeoutMs: number): Promise<void> {
    await until('all replicas are equal', timeoutMs, async () => this.isConverged(), () => this.whyNotConverged);
  }

  async isConverged(): Promise<boolean> {
    const { converged, reasons } = await this.#status.converged();
    this.whyNotConverged = reasons.join('; ');
    return converged;
  }

  /** Waits until every node has read all its records and knows of no damaged one. */
  /** How many times each node has read everything that it stores; -1 for one that cannot be asked. */
  async scrubs(): Promise<readonly number[]> {
    return (await this.status()).nodes.map((node) => node?.counters['scrubs'] ?? -1);
  }

  async intact(timeoutMs: number): Promise<void> {
    let left = '';
    await until(
      'no node has damaged records',
      timeoutMs,
      async () => {
        const { nodes } = await this.status();
        left = JSON.stringify(nodes.map((node) => node && { scanned: node.scanned, damaged: node.damagedRecords }));
        return nodes.every((node) => node !== null && node.scanned && node.damagedRecords === 0);
      },
      () => left,
    );
  }

  /** What each node believes of its peers and holds for them, for a failure's message. */
  async views(): Promise<string> {
    const { nodes } = await this.status();
    return JSON.stringify(nodes.map((node) => node && { store: node.store, records: node.records, scanned: node.scanned, damaged: node.damagedRecords, peers: node.peers.map(({ node: peer, liveness, refused, hintsWaiting, dirtyPartitions }) => ({ peer, liveness, refused, hintsWaiting, dirtyPartitions })) }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#status.close();
    await this.kill(NODES);
    await this.#links?.close();
    for (const shim of this.shims) shim.close();
  }

  #arguments(node: number): readonly string[] {
    const peers = this.urls.map((url, id) => `${id}=${id === node ? url : (this.#links?.address(node, id) ?? url)}`);
    const listen = new URL(this.urls[node] ?? '').host;
    return ['node', '--id', String(node), '--dir', this.directoryOf(node), '--listen', listen, '--peers', peers.join(','), '--replication-factor', String(this.replicationFactor), '--cluster-id', 'campaign', ...FLAGS, ...this.#options.flags];
  }
}

/** Asks until the answer is true; an error counts as false. Throws when the time is up. */
export async function until(what: string, timeoutMs: number, look: () => Promise<boolean>, why: () => string = () => ''): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (let last: unknown = null; ; ) {
    try {
      if (await look()) return;
      last = null;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${what} ${why()}`, { cause: last });
    await delay(LOOK_MS);
  }
}
