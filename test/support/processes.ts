/** Real daemons for tests: `node dist/cli/main.js …` in temporary directories, all gone when the test is, passed or failed. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Program } from '../../cli/command.ts';
import { Daemon } from '../../cli/daemon.ts';
import { findFreePorts } from '../../cli/free-ports.ts';
import { LocalCluster } from '../../cli/local-cluster.ts';
import { RingClient } from '../../client/index.ts';

const SCRIPT = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const READY_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;
const LOOK_MS = 20;

// The daemons of a test are configured by their flags only, whatever the environment of whoever runs the tests says.
for (const name of Object.keys(process.env)) if (name.startsWith('RING_LEVEL_')) Reflect.deleteProperty(process.env, name);

export const PROGRAM: Program = { executable: process.execPath, leadingArguments: [SCRIPT], typed: 'ring-level' };

/** For `beforeAll` of a file that spawns daemons. */
export function requireBuild(): void {
  if (!existsSync(SCRIPT)) throw new Error('this test runs the built program: npm run build');
}

/** The first answer of `look` that is not null. Throws with what it waited for, and the last error, when the time is up. */
export async function eventually<T>(what: string, look: () => Promise<T | null>, timeoutMs = 20_000): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (let last: unknown = null; ; ) {
    try {
      const found = await look();
      if (found !== null) return found;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`, { cause: last });
    await delay(LOOK_MS);
  }
}

export async function temporaryDirectory(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'ring-level-node-test-'));
  return { path, [Symbol.asyncDispose]: async () => rm(path, { recursive: true, force: true }) };
}

/** Arguments of `ring-level` for one node that is a cluster by itself, with more flags after them. */
export function loneNodeArguments(directory: string, port: number, more: readonly string[] = []): readonly string[] {
  return ['node', '--id', '0', '--dir', directory, '--listen', `127.0.0.1:${port}`, '--peers', `0=ws://127.0.0.1:${port}`, '--replication-factor', '1', '--cluster-id', 'test', '--log-level', 'error', ...more];
}

export async function freePort(): Promise<number> {
  const [port] = await findFreePorts(1);
  if (port === undefined) throw new Error('no port');
  return port;
}

export interface RunningDaemon extends AsyncDisposable {
  readonly daemon: Daemon;
  readonly client: RingClient;
  kill(): Promise<void>;
}

/** A daemon that takes requests, and a client of it. */
export async function startDaemon(args: readonly string[], node = 0): Promise<RunningDaemon> {
  // A test that is broken off, by its time limit or otherwise, leaves no daemon behind.
  const daemon = await Daemon.start({ node, program: PROGRAM, args: [...args, '--stop-with-parent'], readyTimeoutMs: READY_TIMEOUT_MS }, { onLog: () => undefined, onExit: () => undefined });
  const client = new RingClient(daemon.url, { spread: 'none' });
  return {
    daemon,
    client,
    async kill() {
      await daemon.kill();
    },
    async [Symbol.asyncDispose]() {
      await client.close();
      await daemon.stop(STOP_TIMEOUT_MS);
    },
  };
}

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** Runs a Node program to its end; one that does not end in time is killed. */
export async function runToEnd(nodeArguments: readonly string[], timeoutMs = 20_000): Promise<Ended> {
  const child = spawn(process.execPath, nodeArguments, { stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => {
      clearTimeout(timer);
      resolve({ status, signal, output });
    });
  });
}

/** A start that is expected to fail. */
export async function runDaemonToEnd(args: readonly string[]): Promise<Ended> {
  return runToEnd([SCRIPT, ...args]);
}

export interface DaemonCluster extends AsyncDisposable {
  readonly processes: LocalCluster;
  readonly urls: readonly string[];
  /** One for each node, talking to that one only. */
  readonly clients: readonly RingClient[];
  /** A client that knows all nodes, from this one on. */
  clientFrom(node: number): RingClient;
}

/** Daemons that all hear each other. */
export async function startDaemons(nodes: number, replicationFactor: number, flags: readonly string[] = []): Promise<DaemonCluster> {
  const directory = await temporaryDirectory();
  const ports = await findFreePorts(nodes);
  let processes: LocalCluster;
  try {
    processes = await LocalCluster.start({ program: PROGRAM, directory: directory.path, clusterId: 'test', replicationFactor, ports, nodeFlags: ['--log-level', 'error', ...flags] });
  } catch (error) {
    await directory[Symbol.asyncDispose]();
    throw error;
  }
  const { urls } = processes;
  const clients = urls.map((url) => new RingClient(url, { spread: 'none' }));
  const others: RingClient[] = [];
  const cluster: DaemonCluster = {
    processes,
    urls,
    clients,
    clientFrom(node) {
      const client = new RingClient([...urls.slice(node), ...urls.slice(0, node)]);
      others.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...clients, ...others].map(async (client) => client.close()));
      await processes.stop();
      await directory[Symbol.asyncDispose]();
    },
  };
  try {
    await settled(cluster);
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

/** Waits until each of these nodes (all, if none are named) believes every other of them alive. */
export async function settled(cluster: DaemonCluster, nodes: readonly number[] = cluster.urls.map((_, node) => node)): Promise<void> {
  await eventually('every node sees every other', async () => {
    const answers = await Promise.all(nodes.map(async (node) => cluster.clients[node]?.status({ timeoutMs: 2_000 })));
    const all = answers.every((answer, index) => {
      const own = answer?.nodes[nodes[index] ?? 0];
      return own?.peers.filter((peer) => nodes.includes(peer.node)).every((peer) => peer.liveness === 'alive') ?? false;
    });
    return all ? true : null;
  });
}

export async function convergedAt(client: { converged(): Promise<{ readonly converged: boolean }> }, timeoutMs = 20_000): Promise<void> {
  await eventually('all replicas are equal', async () => ((await client.converged()).converged ? true : null), timeoutMs);
}
