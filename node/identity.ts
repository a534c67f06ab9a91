/**
 * The identity file beside the database: whose directory this is.
 *
 *   new     written before the database is made; nothing was ever acknowledged from here
 *   ready   the database exists and must never be made again (ARCHITECTURE F4: a lost CURRENT would delete every table)
 */
import { randomInt } from 'node:crypto';
import { mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { INCARNATION_MAX, incarnation, isIncarnation, type Incarnation, type NodeId } from '../data/index.ts';
import { NodeError, codeOf, messageOf } from './errors.ts';

export const DIRECTORY_FORMAT = 1;
const IDENTITY_NAME = 'identity.json';

export interface Identity {
  readonly format: number;
  readonly clusterId: string;
  readonly nodeId: number;
  readonly incarnation: Incarnation;
  readonly state: 'new' | 'ready';
}

export function newIdentity(clusterId: string, node: NodeId): Identity {
  return { format: DIRECTORY_FORMAT, clusterId, nodeId: node, incarnation: incarnation(randomInt(INCARNATION_MAX + 1)), state: 'new' };
}

/** null when there is none. Throws `RING_DIRECTORY_UNUSABLE` or `RING_DIRECTORY_NEWER`. */
export async function readIdentity(directory: string): Promise<Identity | null> {
  let text: string;
  try {
    text = await readFile(join(directory, IDENTITY_NAME), 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw new NodeError('RING_DIRECTORY_UNUSABLE', `cannot read ${join(directory, IDENTITY_NAME)}: ${messageOf(error)}`, error);
  }
  const identity = parseIdentity(text);
  if (identity === null) throw new NodeError('RING_DIRECTORY_UNUSABLE', `${join(directory, IDENTITY_NAME)} is not an identity file; remove it to have it restored from the database`);
  return identity;
}

/** null when the text is no identity. A newer format throws `RING_DIRECTORY_NEWER`. */
export function parseIdentity(text: string): Identity | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { format, clusterId, nodeId, incarnation: number, state } = value as Record<keyof Identity, unknown>;
  if (typeof format === 'number' && format > DIRECTORY_FORMAT) {
    throw new NodeError('RING_DIRECTORY_NEWER', `the directory has format ${format}, this ring-level knows up to ${DIRECTORY_FORMAT}; use the newer ring-level that wrote it`);
  }
  if (format !== DIRECTORY_FORMAT || typeof clusterId !== 'string' || typeof nodeId !== 'number' || !isIncarnation(number)) return null;
  if (state !== 'new' && state !== 'ready') return null;
  return { format, clusterId, nodeId, incarnation: number, state };
}

/** Durable when it resolves: written aside, synced, renamed, directory synced. */
export async function writeIdentity(directory: string, identity: Identity): Promise<void> {
  const path = join(directory, IDENTITY_NAME);
  const aside = `${path}.tmp`;
  const file = await open(aside, 'w');
  try {
    await file.writeFile(JSON.stringify(identity));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(aside, path);
  await syncDirectory(directory);
}

/**
 * Makes the directory, and those above it, durable too, so that their names survive a power cut. Step by step:
 * Node's recursive `mkdir` never ends where a file system says ENOENT to every new name, as /proc does.
 */
export async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdirUnlessThere(directory);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dirname(directory) === directory) throw error;
    await makeDirectory(dirname(directory));
    await mkdirUnlessThere(directory);
  }
}

async function mkdirUnlessThere(directory: string): Promise<void> {
  try {
    await mkdir(directory);
  } catch (error) {
    if (codeOf(error) === 'EEXIST' && (await stat(directory)).isDirectory()) return;
    throw error;
  }
  await syncDirectory(dirname(directory));
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Throws `RING_DIRECTORY_FOREIGN` unless the directory is this node's. */
export function checkIdentity(directory: string, identity: Identity, clusterId: string, node: NodeId): void {
  if (identity.clusterId !== clusterId) {
    throw new NodeError('RING_DIRECTORY_FOREIGN', `${directory} belongs to cluster ${identity.clusterId}, not ${clusterId}; choose another directory, or give the same members and --cluster-id as before`);
  }
  if (identity.nodeId !== node) {
    throw new NodeError('RING_DIRECTORY_FOREIGN', `${directory} belongs to node ${identity.nodeId}, not node ${node}; choose that node's directory`);
  }
}
