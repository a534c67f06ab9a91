/** Three daemons for a benchmark. */
import { fileURLToPath } from 'node:url';
import { RingClient, type ClusterStatus } from '../client/index.ts';
import { findFreePorts } from '../cli/free-ports.ts';
import { LocalCluster } from '../cli/local-cluster.ts';
import { fill } from './load.ts';

export const NODES = 3;
/** So few hints that what is written while a node is down is healed by the sweep; nothing else differs from the defaults. */
const NODE_FLAGS = ['--set', 'hints.maxBytes=1024', '--set', 'hints.batchBytes=1024'];
/** A hint for a key as long as this fills `hints.maxBytes`. */
const FILLING_KEY_BYTES = 1000;
const LOOK_MS = 50;
const WAIT_MS = 600_000;

/** Three daemons of the built program, as processes of their own. */
export async function startDaemons(directory: string, clusterId: string, replicationFactor: number, nodeFlags: readonly string[]): Promise<LocalCluster> {
  const main = fileURLToPath(new URL('../cli/main.js', import.meta.url));
  return LocalCluster.start({
    program: { executable: process.execPath, leadingArguments: [main], typed: 'ring-level' },
    directory,
    clusterId,
    replicationFactor,
    ports: await findFreePorts(NODES),
    nodeFlags,
  });
}

export class BenchCluster {
  readonly #cluster: LocalCluster;
  readonly #client: RingClient;

  static async start(directory: string, clusterId: string): Promise<BenchCluster> {
    const cluster = await startDaemons(directory, clusterId, NODES, ['--log-level', 'error', ...NODE_FLAGS]);
    const bench = new BenchCluster(cluster);
    await bench.#waitFor(async () => (await bench.status()).nodes.every((node) => node?.peers.every((peer) => peer.liveness === 'alive') ?? false));
    return bench;
  }

  private constructor(cluster: LocalCluster) {
    this.#cluster = cluster;
    this.#client = new RingClient(cluster.urls, { timeoutMs: 30_000 });
  }

  get urls(): readonly string[] {
    return this.#cluster.urls;
  }

  directory(node: number): string {
    return this.#cluster.directoryOf(node);
  }

  async status(): Promise<ClusterStatus> {
    return this.#client.status();
  }

  /** Of all nodes together. A restart begins at 0 again. */
  async counter(name: string): Promise<number> {
    const { nodes } = await this.status();
    return nodes.reduce((sum, node) => sum + (node?.counters[name] ?? 0), 0);
  }

  async kill(node: number): Promise<void> {
    await this.#cluster.killNode(node);
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

  async waitConverged(): Promise<void> {
    await this.#waitFor(async () => (await this.#client.converged()).converged);
  }

  async waitForSweeps(sweeps: number): Promise<void> {
    await this.#waitFor(async () => (await this.counter('sweeps')) >= sweeps);
  }

  /** Writes `count` records while `node` is down, after one whose hint leaves no room for others. */
  async writeWithoutNode(node: number, count: number, keyBytes: number, valueBytes: number): Promise<void> {
    await this.kill(node);
    await this.#waitFor(async () => (await this.#client.status()).nodes[node] === null);
    const others = this.urls.filter((_, index) => index !== node);
    await fill(others, 1, FILLING_KEY_BYTES, valueBytes);
    await fill(others, count, keyBytes, valueBytes);
    await this.startAgain(node);
  }

  async stop(): Promise<void> {
    await this.#client.close();
    await this.#cluster.stop();
  }

  async #waitFor(condition: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + WAIT_MS;
    while (!(await condition())) {
      if (performance.now() > deadline) throw new Error('waited too long');
      await new Promise((resolve) => {
        setTimeout(resolve, LOOK_MS);
      });
    }
  }
}
