/**
 * Two small files beside the database: whose directory this is, and whether its database can be trusted.
 *
 *   identity.json    new     written before the database is made; nothing was ever acknowledged from here
 *                    ready   the database exists and must never be made again (ARCHITECTURE F4: a lost CURRENT would
 *                            delete every table)
 *   untrusted.json   there while the database's silence about a key means nothing, and why: it is new, or was damaged.
 *                    Written before LevelDB may open what is damaged, since its open removes the evidence.
 */
import { randomInt } from 'node:crypto';
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { INCARNATION_MAX, incarnation, isIncarnation, syncDirectory, writeDurably, type Incarnation, type NodeId } from '../data/index.ts';
import { NodeError, codeOf, messageOf } from './errors.ts';

export const DIRECTORY_FORMAT = 1;
export const IDENTITY_NAME = 'identity.json';
const UNTRUSTED_NAME = 'untrusted.json';

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

/** The same node with an incarnation that it has not had: no version that it issued before can be issued again. */
export function withNewIncarnation(identity: Identity): Identity {
  const other = (identity.incarnation + 1 + randomInt(INCARNATION_MAX)) % (INCARNATION_MAX + 1);
  return { ...identity, incarnation: incarnation(other) };
}

/** Throws `RING_DIRECTORY_UNUSABLE` or `RING_DIRECTORY_NEWER`. */
export async function readIdentity(directory: string): Promise<Identity | 'missing' | 'unreadable'> {
  const text = await readText(join(directory, IDENTITY_NAME));
  return text === null ? 'missing' : (parseIdentity(text) ?? 'unreadable');
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

/** Durable when it resolves. */
export async function writeIdentity(directory: string, identity: Identity): Promise<void> {
  await writeDurably(directory, IDENTITY_NAME, JSON.stringify(identity));
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

/** Throws `RING_DIRECTORY_FOREIGN` unless the directory is this node's. */
export function checkIdentity(directory: string, identity: Identity, clusterId: string, node: NodeId): void {
  if (identity.clusterId !== clusterId) {
    throw new NodeError('RING_DIRECTORY_FOREIGN', `${directory} belongs to cluster ${identity.clusterId}, not ${clusterId}; choose another directory, or give the same members and --cluster-id as before`);
  }
  if (identity.nodeId !== node) {
    throw new NodeError('RING_DIRECTORY_FOREIGN', `${directory} belongs to node ${identity.nodeId}, not node ${node}; choose that node's directory`);
  }
}

/** Whether the database's silence about a key means that there is none. */
export type StoreCondition =
  | { readonly state: 'sound' }
  | { readonly state: 'new' }
  /** One sentence each, for the operator. */
  | { readonly state: 'damaged'; readonly findings: readonly string[] };

/** What untrusted.json says. */
export interface Distrust {
  readonly reason: 'new' | 'damaged';
  readonly findings: readonly string[];
  /** The clock ceiling may be among what is lost: the next open must go on under a new incarnation. */
  readonly incarnation: 'current' | 'to-be-renewed';
  /** So many runs in a row ended because the open database could not be read, though its files were found in order. */
  readonly unreadableRuns: number;
}

const FINDINGS_MAX = 100;
const FINDING_LENGTH_MAX = 500;

export function conditionOf(distrust: Distrust | null): StoreCondition {
  if (distrust === null) return { state: 'sound' };
  return distrust.reason === 'new' ? { state: 'new' } : { state: 'damaged', findings: distrust.findings };
}

/** What is known already, and more damage. */
export function withDamage(before: Distrust | null, findings: readonly string[], unreadableRuns = before?.unreadableRuns ?? 0): Distrust {
  const all = new Set([...(before?.findings ?? []), ...findings.map((finding) => finding.slice(0, FINDING_LENGTH_MAX))]);
  return { reason: 'damaged', findings: [...all].slice(0, FINDINGS_MAX), incarnation: 'to-be-renewed', unreadableRuns };
}

/** null when there is none. A file that cannot be understood says that much: damaged. Throws `RING_DIRECTORY_UNUSABLE`. */
export async function readDistrust(directory: string): Promise<Distrust | null> {
  const text = await readText(join(directory, UNTRUSTED_NAME));
  return text === null ? null : (parseDistrust(text) ?? withDamage(null, [`${UNTRUSTED_NAME}: cannot be read`]));
}

/** Durable when it resolves. */
export async function writeDistrust(directory: string, distrust: Distrust): Promise<void> {
  await writeDurably(directory, UNTRUSTED_NAME, JSON.stringify(distrust));
}

/** Durable when it resolves. */
export async function removeDistrust(directory: string): Promise<void> {
  await rm(join(directory, UNTRUSTED_NAME), { force: true });
  await syncDirectory(directory);
}

function parseDistrust(text: string): Distrust | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { reason, findings, incarnation, unreadableRuns } = value as Record<keyof Distrust, unknown>;
  if ((reason !== 'new' && reason !== 'damaged') || (incarnation !== 'current' && incarnation !== 'to-be-renewed')) return null;
  if (!Array.isArray(findings) || !findings.every((finding) => typeof finding === 'string')) return null;
  return { reason, findings, incarnation, unreadableRuns: typeof unreadableRuns === 'number' ? unreadableRuns : 0 };
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw new NodeError('RING_DIRECTORY_UNUSABLE', `cannot read ${path}: ${messageOf(error)}`, error);
  }
}
