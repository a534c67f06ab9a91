/**
 * A node's data directory, from nothing or from an earlier run to an open database.
 *
 *   DIR/identity.json   whose it is            DIR/node.lock   proper-lockfile's lock
 *   DIR/owner.json      who holds the lock     DIR/db          LevelDB
 */
import { access, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { KvBatch, META, metaKey, openLevelKv, type LevelKvOptions, type NodeId, type OrderedKv } from '../data/index.ts';
import { lockDirectory } from './directory-lock.ts';
import { NodeError, codeOf, messageOf } from './errors.ts';
import { checkIdentity, makeDirectory, newIdentity, parseIdentity, readIdentity, writeIdentity, type Identity } from './identity.ts';

export interface OpenDirectory {
  readonly kv: OrderedKv;
  readonly identity: Identity;
  /** Gives up the lock; the database must be closed before. */
  release(): Promise<void>;
}

export interface DirectoryOwner {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  onCompromised(reason: string): void;
}

/** Throws a NodeError or a DataError; nothing stays locked or open then. */
export async function openDirectory(path: string, owner: DirectoryOwner, options: LevelKvOptions): Promise<OpenDirectory> {
  const directory = await prepare(path);
  const release = await lockDirectory(directory, (reason) => owner.onCompromised(reason));
  try {
    const { kv, identity } = await openDatabase(directory, owner, options);
    return { kv, identity, release };
  } catch (error) {
    await release();
    throw error;
  }
}

async function prepare(path: string): Promise<string> {
  try {
    await makeDirectory(path);
    return await realpath(path);
  } catch (error) {
    throw new NodeError('RING_DIRECTORY_UNUSABLE', `cannot use ${path} as a data directory: ${messageOf(error)}`, error);
  }
}

async function openDatabase(directory: string, owner: DirectoryOwner, options: LevelKvOptions): Promise<{ kv: OrderedKv; identity: Identity }> {
  const database = join(directory, 'db');
  let identity = await readIdentity(directory);
  if (identity === null && (await hasDatabase(database))) identity = await restoreIdentity(directory, database, options);
  if (identity === null) {
    identity = newIdentity(owner.clusterId, owner.nodeId);
    await attempt(directory, writeIdentity(directory, identity));
  }
  checkIdentity(directory, identity, owner.clusterId, owner.nodeId);
  const kv = await openLevelKv(database, identity.state === 'new' ? 'create' : 'must-exist', options);
  try {
    if (identity.state === 'new') {
      identity = { ...identity, state: 'ready' };
      await keepCopy(kv, identity);
      await attempt(directory, writeIdentity(directory, identity));
    }
    return { kv, identity };
  } catch (error) {
    await kv.close();
    throw error;
  }
}

async function hasDatabase(database: string): Promise<boolean> {
  try {
    await access(database);
    return (await readdir(database)).some((name) => /\.(?:ldb|log)$|^MANIFEST-/.test(name));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** The identity file is gone, the database is not: its own copy says whose it is. */
async function restoreIdentity(directory: string, database: string, options: LevelKvOptions): Promise<Identity> {
  const kv = await openLevelKv(database, 'must-exist', options);
  try {
    const copy = kv.get(metaKey(META.identity));
    const identity = copy === undefined ? null : parseIdentity(Buffer.from(copy).toString());
    if (identity === null) throw new NodeError('RING_DIRECTORY_UNUSABLE', `${directory} holds a database that is not ring-level's; choose another directory`);
    await writeIdentity(directory, identity);
    return identity;
  } finally {
    await kv.close();
  }
}

async function keepCopy(kv: OrderedKv, identity: Identity): Promise<void> {
  const batch = new KvBatch();
  batch.put(metaKey(META.identity), Buffer.from(JSON.stringify(identity)));
  await kv.write(batch, 'fsync');
}

async function attempt<T>(directory: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new NodeError('RING_DIRECTORY_UNUSABLE', `cannot write in ${directory}: ${messageOf(error)}`, error);
  }
}
