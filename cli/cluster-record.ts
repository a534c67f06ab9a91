/** `cluster.json`: what a local cluster's directory belongs to, so that the next start finds the same cluster. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { CommandError, codeOf, messageOf } from './errors.ts';
import { makeDirectory } from '../node/index.ts';

export interface ClusterRecord {
  readonly format: 1;
  readonly clusterId: string;
  readonly nodes: number;
  readonly replicationFactor: number;
  /** One for each node; the nodes' topology names them, so they are fixed. */
  readonly ports: readonly number[];
}

/** What the command line says; null where it says nothing. */
export interface ClusterWish {
  readonly nodes: number | null;
  readonly replicationFactor: number | null;
  /** The first port; null or 0: as recorded, else any. */
  readonly port: number | null;
}

export async function readClusterRecord(directory: string): Promise<ClusterRecord | null> {
  const path = recordPath(directory);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw new CommandError('RING_START_FAILED', `${path} can't be read: ${messageOf(error)}`, { cause: error });
  }
  const record = parseRecord(text);
  if (record === null) {
    throw new CommandError('RING_START_FAILED', `${path} is not the record of a local cluster; give another --dir`);
  }
  return record;
}

/** Throws RING_CLUSTER_DIFFERS when the wish is for another cluster than the recorded one. */
export function checkWish(record: ClusterRecord, wish: ClusterWish, directory: string): void {
  const differing: string[] = [];
  const compare = (flag: string, wished: number | null, recorded: number): void => {
    if (wished !== null && wished !== recorded) differing.push(`--${flag} ${wished}, there ${recorded}`);
  };
  compare('nodes', wish.nodes, record.nodes);
  compare('replication-factor', wish.replicationFactor, record.replicationFactor);
  compare('port', wish.port === 0 ? null : wish.port, record.ports[0] ?? 0);
  if (differing.length === 0) return;
  throw new CommandError(
    'RING_CLUSTER_DIFFERS',
    `${directory} holds another cluster: ${differing.join('; ')}. Leave these flags out to start that one, or give another --dir`,
  );
}

/** Written whole or not at all. */
export async function writeClusterRecord(directory: string, record: ClusterRecord): Promise<void> {
  await makeDirectory(directory);
  const path = recordPath(directory);
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, `${JSON.stringify(record, null, 2)}\n`, { flush: true });
  await rename(draft, path);
}

export function parseRecord(text: string): ClusterRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  if (!('format' in value && 'clusterId' in value && 'nodes' in value && 'replicationFactor' in value && 'ports' in value)) return null;
  const { format, clusterId, nodes, replicationFactor, ports } = value;
  if (format !== 1 || typeof clusterId !== 'string' || typeof nodes !== 'number' || typeof replicationFactor !== 'number') return null;
  if (!Array.isArray(ports) || ports.length !== nodes || !ports.every((port): port is number => Number.isInteger(port))) return null;
  return { format, clusterId, nodes, replicationFactor, ports };
}

function recordPath(directory: string): string {
  return join(directory, 'cluster.json');
}
