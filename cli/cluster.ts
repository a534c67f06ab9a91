/** `ring-level cluster`: a whole cluster on this machine, to try it out. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { RingClient } from '../client/index.ts';
import { createCluster } from '../node/cluster.ts';
import { integerFlag, readArguments } from './arguments.ts';
import { checkWish, readClusterRecord, writeClusterRecord, type ClusterRecord, type ClusterWish } from './cluster-record.ts';
import { clusterSize } from './cluster-size.ts';
import { EXIT, type Command, type CommandContext } from './command.ts';
import { UsageError, describeError } from './errors.ts';
import { findFreePorts } from './free-ports.ts';
import { LocalCluster } from './local-cluster.ts';
import { waitUntilSettled } from './settled.ts';
import { StopRequest } from './signals.ts';

const DEFAULT_PORT = 7400;
const DEFAULT_DIRECTORY = 'var/demo';
const NODES_MAX = 100;
const SETTLE_TIMEOUT_MS = 10_000;

export const clusterCommand: Command = {
  name: 'cluster',
  summary: 'a whole cluster on this machine',
  help: `ring-level cluster [flags]

Starts n daemons as child processes, prints one line for each and then 'cluster ready'. Restarts none by itself: when
one dies it says so, with the command that starts it again. SIGTERM or Ctrl-C stops all in order. The directory
remembers the cluster: the next start with the same --dir needs no other flag.

  --nodes N                how many daemons (default 3)
  --replication-factor N   how many nodes keep each key (default 3, or --nodes when that is less)
  --dir DIR                node i keeps its data in DIR/node-i (default ${DEFAULT_DIRECTORY})
  --port P                 ports P, P+1, … (default ${DEFAULT_PORT}); 0: free ones, or those that DIR remembers
  --log-level LEVEL        of the daemons: silent, error, warn (default), info or debug
  --in-process             all nodes inside this one process`,
  async run(args, context) {
    const parsed = readArguments(args, {
      command: 'cluster',
      flags: { nodes: 'text', 'replication-factor': 'text', dir: 'text', port: 'text', 'log-level': 'text', 'in-process': 'switch' },
      positionals: [],
    });
    const wish: ClusterWish = {
      nodes: optionalInteger('nodes', parsed.text('nodes'), 1, NODES_MAX),
      replicationFactor: optionalInteger('replication-factor', parsed.text('replication-factor'), 1, NODES_MAX),
      port: optionalInteger('port', parsed.text('port'), 0, 65_535),
    };
    const directory = parsed.text('dir') ?? DEFAULT_DIRECTORY;
    try {
      const recorded = await readClusterRecord(directory);
      if (recorded !== null) checkWish(recorded, wish, directory);
      const record = recorded ?? (await newRecord(wish));
      const undo = recorded === null ? await prepareDirectory(directory, record) : () => Promise.resolve();
      if (parsed.isOn('in-process')) return await serveInProcess(record, { directory, undo }, context);
      return await serveDaemons(record, { directory, logLevel: parsed.text('log-level') ?? 'warn', undo }, context);
    } catch (error) {
      if (error instanceof UsageError) throw error;
      context.output.problem(`ring-level: ${describeError(error)}`);
      return EXIT.failed;
    }
  },
};

async function newRecord({ nodes, replicationFactor, port }: ClusterWish): Promise<ClusterRecord> {
  const size = clusterSize('cluster', nodes, replicationFactor);
  const first = port ?? DEFAULT_PORT;
  if (first + size.nodes - 1 > 65_535) throw new UsageError(`cluster: --port ${first} leaves no room for ${size.nodes} ports up to 65535`);
  const ports = first === 0 ? await findFreePorts(size.nodes) : Array.from({ length: size.nodes }, (_, node) => first + node);
  return { format: 1, clusterId: randomUUID(), ...size, ports };
}

/**
 * Records the new cluster. What it gives undoes that, and removes node directories that were not there before: for a first
 * start that failed (a port in use), so that the next may be another one. No request was ever taken then.
 */
async function prepareDirectory(directory: string, record: ClusterRecord): Promise<() => Promise<void>> {
  const nodeDirectories = record.ports.map((_, node) => join(directory, `node-${node}`)).filter((path) => !existsSync(path));
  await writeClusterRecord(directory, record);
  return async () => {
    await Promise.all([...nodeDirectories, join(directory, 'cluster.json')].map((path) => rm(path, { recursive: true, force: true })));
  };
}

interface DaemonPlace {
  readonly directory: string;
  readonly logLevel: string;
  /** Called when the start fails. */
  undo(): Promise<void>;
}

async function serveDaemons(record: ClusterRecord, { directory, logLevel, undo }: DaemonPlace, { output, program }: CommandContext): Promise<number> {
  using stop = new StopRequest();
  const starting = LocalCluster.start(
    {
      program,
      directory,
      clusterId: record.clusterId,
      replicationFactor: record.replicationFactor,
      ports: record.ports,
      nodeFlags: ['--log-level', logLevel],
    },
    {
      onReady: (node, { url, pid, directory: dir }) => output.line(`node ${node} ready ${url} pid ${pid} dir ${dir}`),
      onLog: (node, line) => output.problem(`node ${node} | ${line}`),
      onDeath: (node, how, restartCommand) => {
        output.line(`node ${node} died (${how}); start it again with:\n  ${restartCommand}`);
      },
    },
  );
  const started = starting.catch(async (error: unknown) => {
    await undo();
    throw error;
  });
  const cluster = await Promise.race([started, stop.asked.then(() => null)]);
  // Stopped while starting: the children end with this process.
  if (cluster === null) {
    started.catch(() => undefined);
    return EXIT.failed;
  }
  const missing = await Promise.race([settle(cluster.urls), stop.asked.then(() => null)]);
  if (missing !== null) output.problem(`ring-level: ${missing}`);
  output.line('cluster ready');
  for (const line of usageLines(cluster.urls, program.typed)) output.line(line);
  const last = record.nodes - 1;
  output.line(`  kill a node              kill -9 PID (see above)`);
  output.line(`  start node ${last} again       ${cluster.restartCommand(last)}`);
  output.line(`  stop everything          Ctrl-C`);
  await stop.asked;
  await cluster.stop();
  return EXIT.ok;
}

async function serveInProcess(record: ClusterRecord, { directory, undo }: Omit<DaemonPlace, 'logLevel'>, { output, program }: CommandContext): Promise<number> {
  using stop = new StopRequest();
  const { nodes, replicationFactor, ports, clusterId } = record;
  const cluster = await createCluster({ nodes, replicationFactor, ports, dir: directory, config: { clusterId } }).catch(async (error: unknown) => {
    await undo();
    throw error;
  });
  for (const [node, url] of cluster.urls.entries()) {
    output.line(`node ${node} ready ${url} pid ${process.pid} dir ${join(directory, `node-${node}`)}`);
  }
  output.line('cluster ready');
  for (const line of usageLines(cluster.urls, program.typed)) output.line(line);
  output.line(`  stop everything          Ctrl-C`);
  await stop.asked;
  await cluster.close();
  return EXIT.ok;
}

/** Every node sees all others; else, after a while, what is missing. */
async function settle(urls: readonly string[]): Promise<string | null> {
  const nodes = [...urls.keys()];
  const clients = urls.map((url) => new RingClient(url));
  try {
    const expected = new Map(clients.map((client, node) => [node, { client, peers: nodes.filter((peer) => peer !== node) }]));
    return await waitUntilSettled(expected, SETTLE_TIMEOUT_MS);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

function usageLines(urls: readonly string[], typed: string): readonly string[] {
  const url = urls[0] === `ws://127.0.0.1:${DEFAULT_PORT}` ? '' : ` --url ${urls[0] ?? ''}`;
  return [
    '',
    'in another terminal:',
    `  write                    ${typed} put user1 alice${url}`,
    `  read                     ${typed} get user1${url}`,
    `  delete                   ${typed} delete user1${url}`,
    `  through any other node   ${typed} get user1 --url ${urls.at(-1) ?? ''}`,
    `  see the cluster          ${typed} status${url}`,
  ];
}

function optionalInteger(flag: string, text: string | null, least: number, most: number): number | null {
  return text === null ? null : integerFlag('cluster', flag, text, least, most);
}
