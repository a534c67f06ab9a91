/** What a script runs against: a cluster whose nodes can be failed, paused, cut off and set to another time. */
import { mkdtemp, rm } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { RingClient } from '../client/index.ts';
import { createCluster, type Cluster } from '../node/cluster.ts';
import type { Program } from './command.ts';
import { findFreePorts } from './free-ports.ts';
import { LocalCluster } from './local-cluster.ts';
import type { Output } from './output.ts';

export type Groups = readonly (readonly number[])[];

export interface ScriptTarget {
  readonly urls: readonly string[];
  /** Nodes that ended without being failed, in words; a script in which that happens has failed. */
  readonly deaths: readonly string[];
  fail(node: number): Promise<void>;
  /** Resolves when the node takes requests. */
  recover(node: number): Promise<void>;
  pause(node: number): Promise<void>;
  resume(node: number): Promise<void>;
  /** Whatever the node's state: afterwards it runs, on an empty directory. */
  wipe(node: number): Promise<void>;
  /** `groups` null: everybody hears everybody. `nodes`: those that can be told. */
  partition(groups: Groups | null, nodes: readonly number[]): Promise<void>;
  /** Only for a node that runs. */
  skew(node: number, milliseconds: number): Promise<void>;
  close(): Promise<void>;
}

export interface TargetSize {
  readonly nodes: number;
  readonly replicationFactor: number;
}

/** A short time between sweeps, for scripts that wait until replicas are equal. */
const SWEEP_INTERVAL_MS = 1000;

/** Real daemons on a fresh temporary directory, which is removed at the end. */
export async function startDaemonTarget({ nodes, replicationFactor }: TargetSize, program: Program, output: Output): Promise<ScriptTarget> {
  const directory = await mkdtemp(join(tmpdir(), 'ring-level-run-'));
  const removeDirectory = (): Promise<void> => rm(directory, { recursive: true, force: true });
  const deaths: string[] = [];
  try {
    const cluster = await LocalCluster.start(
      {
        program,
        directory,
        clusterId: randomUUID(),
        replicationFactor,
        ports: await findFreePorts(nodes),
        nodeFlags: ['--test-control', '--log-level', 'error', '--set', `sweep.intervalMs=${SWEEP_INTERVAL_MS}`],
      },
      {
        onLog: (node, line) => output.problem(`node ${node} | ${line}`),
        onDeath: (node, how) => deaths.push(`node ${node} died (${how})`),
      },
    );
    return daemonTarget(cluster, deaths, removeDirectory);
  } catch (error) {
    await removeDirectory();
    throw error;
  }
}

function daemonTarget(cluster: LocalCluster, deaths: readonly string[], removeDirectory: () => Promise<void>): ScriptTarget {
  const control = async (node: number, command: object): Promise<void> => {
    const client = new RingClient(cluster.urls[node] ?? '');
    try {
      await client.control(command);
    } finally {
      await client.close();
    }
  };
  return {
    urls: cluster.urls,
    deaths,
    fail: (node) => cluster.killNode(node),
    recover: (node) => cluster.startNode(node),
    pause: (node) => Promise.resolve(cluster.pauseNode(node)),
    resume: (node) => Promise.resolve(cluster.resumeNode(node)),
    wipe: (node) => cluster.wipeNode(node),
    partition: async (groups, nodes) => {
      const command = groups === null ? { heal: true } : { partition: groups };
      await Promise.all(nodes.map((node) => control(node, command)));
    },
    skew: (node, milliseconds) => control(node, { skewMs: milliseconds }),
    close: async () => {
      await cluster.stop();
      await removeDirectory();
    },
  };
}

/** All nodes in this process, in memory. */
export async function startInProcessTarget({ nodes, replicationFactor }: TargetSize): Promise<ScriptTarget> {
  const cluster: Cluster = await createCluster({
    nodes,
    replicationFactor,
    config: { sweep: { intervalMs: SWEEP_INTERVAL_MS, maxBytesPerSecond: 67_108_864 }, logLevel: 'error' },
  });
  return {
    urls: cluster.urls,
    deaths: [],
    fail: (node) => cluster.fail(node),
    recover: (node) => cluster.recover(node),
    pause: (node) => cluster.pause(node),
    resume: (node) => cluster.resume(node),
    wipe: (node) => cluster.wipe(node),
    partition: (groups) => (groups === null ? cluster.heal() : cluster.partition(groups)),
    skew: (node, milliseconds) => cluster.skew(node, milliseconds),
    close: () => cluster.close(),
  };
}
