/**
 * Redis for a comparison: a primary and two replicas, each with an append-only file.
 *
 * A replica with `appendfsync always` answers the primary's REPLCONF GETACK after it has synced its own file: both
 * happen at the end of one turn of its event loop, the file first (`beforeSleep` in Redis' server.c). So WAIT 1 tells
 * of two nodes that have the write on disk.
 */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findFreePorts } from '../../cli/free-ports.ts';
import type { TargetAddress } from '../load/plan.ts';
import { NO_COUNTERS, type MeasuredProcess, type StoreCounters } from '../resources.ts';
import type { Durability } from '../settings.ts';
import { PeerProcess, waitUntil } from './peer-process.ts';
import type { StoreServers } from './store-servers.ts';
import { INFO_REPLICATION, ReplyReader } from './resp.ts';
import { makeDirectory } from '../../node/index.ts';

const REPLICAS = 2;
/** With the primary a majority of three. */
const WAIT_REPLICAS = 1;
const READY_TIMEOUT_MS = 60_000;
/** A pause must not look like a lost link. */
const REPLICATION_TIMEOUT_SECONDS = 86_400;
const FSYNC: Readonly<Record<Durability, string>> = { fsync: 'always', os: 'everysec' };
const ACKNOWLEDGEMENT: Readonly<Record<Durability, string>> = {
  fsync: 'fsync on the primary and on 1 of 2 replicas (appendfsync always, WAIT 1)',
  os: 'on the primary and on 1 of 2 replicas, fsync once a second (appendfsync everysec, WAIT 1)',
};

export class RedisServers implements StoreServers {
  readonly name = 'redis';
  readonly version: string;
  readonly configuration: string;
  readonly acknowledgement: string;
  readonly target: TargetAddress;
  readonly #port: number;
  readonly #processes: readonly PeerProcess[];

  /** Both replicas are in sync. When one can't start, those that did are stopped again. */
  static async start(directory: string, durability: Durability): Promise<RedisServers> {
    const version = await redisVersion();
    const [primary = 0, ...replicas] = await findFreePorts(1 + REPLICAS);
    const files = await Promise.all([primary, ...replicas].map(async (port) => writeConfiguration(directory, port, durability, port === primary ? null : primary)));
    const processes = files.map((file) => PeerProcess.start('redis-server', [file]));
    const servers = new RedisServers(version, durability, primary, processes);
    try {
      await servers.#waitInSync();
      return servers;
    } catch (error) {
      await servers.stop();
      throw error;
    }
  }

  private constructor(version: string, durability: Durability, port: number, processes: readonly PeerProcess[]) {
    this.version = version;
    this.configuration = settings(durability).join(', ');
    this.acknowledgement = ACKNOWLEDGEMENT[durability];
    this.target = { store: 'redis', port, waitReplicas: WAIT_REPLICAS };
    this.#port = port;
    this.#processes = processes;
  }

  processes(): readonly MeasuredProcess[] {
    return this.#processes.map(({ pid }, index) => ({ name: `redis ${index}`, pid }));
  }

  async counters(): Promise<StoreCounters> {
    return NO_COUNTERS;
  }

  pause(): void {
    for (const one of this.#processes) one.pause();
  }

  async resume(): Promise<void> {
    for (const one of this.#processes) one.resume();
    await this.#waitInSync();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map(async (one) => one.stop()));
  }

  async #waitInSync(): Promise<void> {
    const isInSync = async (): Promise<boolean> => onlineReplicas(await replicationInfo(this.#port)) === REPLICAS;
    await waitUntil(isInSync, this.#processes, READY_TIMEOUT_MS, `${REPLICAS} replicas of Redis in sync`);
  }
}

/** How many replicas INFO calls online. */
export function onlineReplicas(info: string): number {
  return [...info.matchAll(/^slave\d+:.*\bstate=online\b/gm)].length;
}

function settings(durability: Durability): readonly string[] {
  return [
    'appendonly yes',
    `appendfsync ${FSYNC[durability]}`,
    'save ""',
    'repl-diskless-sync yes',
    'repl-diskless-sync-delay 0',
    `repl-timeout ${REPLICATION_TIMEOUT_SECONDS}`,
  ];
}

/** The configuration file's path. */
async function writeConfiguration(directory: string, port: number, durability: Durability, primaryPort: number | null): Promise<string> {
  const own = join(directory, `redis-${port}`);
  await makeDirectory(own);
  const lines = ['bind 127.0.0.1', `port ${port}`, `dir ${JSON.stringify(own)}`, ...settings(durability)];
  if (primaryPort !== null) lines.push(`replicaof 127.0.0.1 ${primaryPort}`);
  const file = join(own, 'redis.conf');
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}

async function redisVersion(): Promise<string> {
  const { stdout } = await promisify(execFile)('redis-server', ['--version']);
  return /v=(\S+)/.exec(stdout)?.[1] ?? 'unknown';
}

/** Empty while the primary does not answer. */
async function replicationInfo(port: number): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' });
  try {
    await once(socket, 'connect');
    return await new Promise((resolve, reject) => {
      const reader = new ReplyReader((reply) => resolve(reply.kind === 'bulk' ? String(reply.bytes) : ''));
      socket.on('data', (chunk: Buffer) => reader.add(chunk));
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('the connection ended')));
      socket.write(INFO_REPLICATION);
    });
  } catch {
    return '';
  } finally {
    socket.destroy();
  }
}
