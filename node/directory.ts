/**
 * A node's data directory, from nothing or from an earlier run to an open database.
 *
 *   DIR/identity.json   whose it is            DIR/node.lock        proper-lockfile's lock
 *   DIR/owner.json      who holds the lock     DIR/untrusted.json   why the database's silence does not count
 *   DIR/db              LevelDB                DIR/set-aside        what was damaged, for people to look at
 *
 * What can be opened is opened. How:
 *
 *   identity    database                              what happens                                   condition
 *   none        none                                  made anew                                      new
 *   none, bad   there                                 identity taken from the database's copy        as below
 *   ready       sound, or ends in a torn record       opened                                         sound
 *   ready       a log damaged                         log kept aside, opened                         damaged
 *   ready       CURRENT, MANIFEST, tables damaged     bad tables set aside, repaired, opened         damaged
 *   ready       cannot be repaired                    set aside whole, made anew                     damaged
 *   ready       unreadable in several runs in a row   set aside whole, made anew (not when alone)    damaged
 *   ready       gone                                  made anew                                      damaged
 *
 * Invariants
 *  D1  That a database is damaged is durable in untrusted.json before LevelDB may touch it: opening removes the evidence.
 *  D2  A database that was damaged may have lost its clock ceiling: it goes on under a new incarnation, which is durable
 *      before `openDirectory` resolves, so that no version is issued twice.
 *  D3  Nothing is deleted: what cannot be used is moved to set-aside.
 *  D4  The tables' data is checked before an open unless that would take long, and longer after a run that did not end
 *      in order: a compaction drops what it cannot read in silence, and ends the process when it meets keys out of
 *      order, after each start anew. Where it would take too long, `areTablesChecked` says so.
 *  D5  untrusted.json is written by one at a time, in the order of the calls, and each call knows what the one before has
 *      written: the last one decides what is on disk, and two never meet at one temporary name.
 */
import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DataError,
  KvBatch,
  META,
  holdsDatabase,
  inspectDatabase,
  keepFaultyLogs,
  metaKey,
  openLevelKv,
  prepareRepair,
  readCeiling,
  repairLevelKv,
  scrubTables,
  setAside,
  settleRepair,
  writeDurably,
  type Inspection,
  type LevelKvOptions,
  type NodeId,
  type OrderedKv,
  type ReadBudget,
} from '../data/index.ts';
import { OWNER_NAME, lockDirectory } from './directory-lock.ts';
import { NodeError, codeOf, messageOf } from './errors.ts';
import {
  IDENTITY_NAME,
  checkIdentity,
  conditionOf,
  makeDirectory,
  newIdentity,
  parseIdentity,
  readDistrust,
  readIdentity,
  removeDistrust,
  withDamage,
  withNewIncarnation,
  writeDistrust,
  writeIdentity,
  type Distrust,
  type Identity,
  type StoreCondition,
} from './identity.ts';

export interface OpenDirectory {
  readonly kv: OrderedKv;
  readonly identity: Identity;
  /** At the open; what an earlier run found and has not cleared counts. */
  readonly condition: StoreCondition;
  /** False after a crash or a power cut; true for a new directory. */
  readonly lastRunEndedInOrder: boolean;
  /** False when the tables were too large to be read before the open: a scrub of them is due soon (D4). */
  readonly areTablesChecked: boolean;
  /** The database is as good as its peers': the next open finds it sound. Durable when it resolves. */
  clearUntrusted(): Promise<void>;
  /** Damage was found while it runs: the next open reports it, and draws a new incarnation. Durable when it resolves. */
  markUntrusted(findings: readonly string[]): Promise<void>;
  /** The same, and the run ends because of it. After some such runs in a row the next open gives the database up. */
  markUnreadable(findings: readonly string[]): Promise<void>;
  /** Checks the checksums of all tables. `budget` is awaited before each read; false ends it. Resolves to what is damaged. */
  scrubFiles(budget: ReadBudget): Promise<readonly string[]>;
  /** Gives up the lock, when what was marked or cleared before is on disk; the database must be closed before. */
  release(): Promise<void>;
}

export interface DirectoryOwner {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  /** Alone (1), nobody can heal what is given up. */
  readonly replicationFactor: number;
  onCompromised(reason: string): void;
}

/** Some tenths of a second's reading, and about a second's. */
const TABLE_BYTES_CHECKED_MAX = 64 * 1024 * 1024;
const TABLE_BYTES_AFTER_CRASH_MAX = 256 * 1024 * 1024;
/** A compaction can write a damaged key under a good checksum. After so many runs that met one the database is given up. */
const UNREADABLE_RUNS_MAX = 3;

/** Throws a NodeError or a DataError; nothing stays locked or open then. */
export async function openDirectory(path: string, owner: DirectoryOwner, options: LevelKvOptions): Promise<OpenDirectory> {
  const directory = await prepare(path);
  const lastRunEndedInOrder = await endedInOrder(directory);
  const unlock = await lockDirectory(directory, (reason) => owner.onCompromised(reason));
  const release = async (): Promise<void> => {
    await noteOrderlyEnd(directory);
    await unlock();
  };
  try {
    const opening = new Opening(directory, owner, options, lastRunEndedInOrder);
    const { kv, identity } = await opening.open();
    return {
      kv,
      identity,
      condition: conditionOf(opening.distrust),
      lastRunEndedInOrder,
      areTablesChecked: opening.areTablesChecked,
      clearUntrusted: async () => opening.clearUntrusted(),
      markUntrusted: async (findings) => opening.markUntrusted(findings),
      markUnreadable: async (findings) => opening.markUnreadable(findings),
      scrubFiles: async (budget) => (await scrubTables(opening.database, budget)).findings,
      release: async () => {
        await opening.marksWritten();
        await release();
      },
    };
  } catch (error) {
    // The run that did not come about leaves the end of the last one as it was.
    await (lastRunEndedInOrder ? release() : unlock());
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

interface OpenDatabase {
  readonly kv: OrderedKv;
  readonly identity: Identity;
}

class Opening {
  readonly database: string;
  readonly #directory: string;
  readonly #aside: string;
  readonly #owner: DirectoryOwner;
  readonly #options: LevelKvOptions;
  readonly #lastRunEndedInOrder: boolean;
  /** As untrusted.json has it. */
  #distrust: Distrust | null = null;
  /** D5. Resolves, never rejects, when the last change of untrusted.json that was asked for has been made or has failed. */
  #marks: Promise<unknown> = Promise.resolve();
  #areTablesChecked = true;

  constructor(directory: string, owner: DirectoryOwner, options: LevelKvOptions, lastRunEndedInOrder: boolean) {
    this.#directory = directory;
    this.database = join(directory, 'db');
    this.#aside = join(directory, 'set-aside');
    this.#owner = owner;
    this.#options = options;
    this.#lastRunEndedInOrder = lastRunEndedInOrder;
  }

  get distrust(): Distrust | null {
    return this.#distrust;
  }

  get areTablesChecked(): boolean {
    return this.#areTablesChecked;
  }

  async open(): Promise<OpenDatabase> {
    this.#distrust = await readDistrust(this.#directory);
    const identity = await readIdentity(this.#directory);
    if (identity === 'missing' || identity === 'unreadable') return this.#openUnnamed(identity);
    this.#checkIdentity(identity);
    if (identity.state === 'new') return this.#create(identity);
    const kv = (await holdsDatabase(this.database)) ? await this.#openExisting() : await this.#giveUp('db: missing');
    return kv === null ? this.#createInstead(identity) : this.#settle(kv, identity);
  }

  async clearUntrusted(): Promise<void> {
    await this.#inOrder(async () => {
      await attempt(this.#directory, removeDistrust(this.#directory));
      this.#distrust = null;
    });
  }

  /** The open database could not be read, and the run ends. */
  async markUnreadable(findings: readonly string[]): Promise<void> {
    await this.#inOrder(async () => this.#keepDistrust(withDamage(this.#distrust, findings, (this.#distrust?.unreadableRuns ?? 0) + 1)));
  }

  async markUntrusted(findings: readonly string[]): Promise<void> {
    await this.#inOrder(async () => this.#keepDistrust(withDamage(this.#distrust, findings)));
  }

  async marksWritten(): Promise<void> {
    await this.#marks;
  }

  /** D5. `work` must not wait for other work of this order. */
  async #inOrder(work: () => Promise<void>): Promise<void> {
    const done = this.#marks.then(work);
    this.#marks = done.catch(() => undefined);
    return done;
  }

  /** No identity file that says whose the directory is. */
  async #openUnnamed(file: 'missing' | 'unreadable'): Promise<OpenDatabase> {
    if (await holdsDatabase(this.database)) return this.#openByCopy();
    if (file === 'unreadable') {
      throw new NodeError('RING_DIRECTORY_UNUSABLE', `${join(this.#directory, IDENTITY_NAME)} is not an identity file, and there is no database to restore it from; choose another directory, or remove the file to begin with an empty one`);
    }
    const identity = newIdentity(this.#owner.clusterId, this.#owner.nodeId);
    await attempt(this.#directory, writeIdentity(this.#directory, identity));
    return this.#create(identity);
  }

  /** The database has a copy of the identity. */
  async #openByCopy(): Promise<OpenDatabase> {
    const kv = await this.#openExisting();
    if (kv === null) {
      throw new NodeError('RING_DIRECTORY_UNUSABLE', `${this.#directory} has no identity file, and its database is too damaged to restore it from; move the directory away and begin with an empty one`);
    }
    return closedOnError(kv, async () => {
      const copy = kv.get(metaKey(META.identity));
      const identity = copy === undefined ? null : parseIdentity(Buffer.from(copy).toString());
      if (identity === null) {
        const why = this.#distrust === null ? "holds a database that is not ring-level's" : 'has no identity file, and the copy in its database is lost';
        throw new NodeError('RING_DIRECTORY_UNUSABLE', `${this.#directory} ${why}; choose another directory`);
      }
      this.#checkIdentity(identity);
      await setAside(join(this.#directory, IDENTITY_NAME), this.#aside);
      await attempt(this.#directory, writeIdentity(this.#directory, identity));
      return this.#settle(kv, identity);
    });
  }

  #checkIdentity(identity: Identity): void {
    checkIdentity(this.#directory, identity, this.#owner.clusterId, this.#owner.nodeId);
  }

  /** null when there is nothing in it that can be opened; why is on record then (D1). */
  async #openExisting(): Promise<OrderedKv | null> {
    if ((this.#distrust?.unreadableRuns ?? 0) >= UNREADABLE_RUNS_MAX && this.#owner.replicationFactor > 1) {
      await this.#inOrder(async () => this.#keepDistrust(withDamage(this.#distrust, [`db: could not be read in ${UNREADABLE_RUNS_MAX} runs in a row`], 0)));
      return null;
    }
    const inspection = await inspectDatabase(this.database, this.#tableBytesToCheck());
    this.#areTablesChecked = inspection.areTablesChecked;
    if (inspection.state === 'damaged') {
      await this.markUntrusted(inspection.findings);
      await attempt(this.#directory, keepFaultyLogs(this.database, inspection, this.#aside));
    }
    if (inspection.needsRepair) return this.#openRepaired(inspection);
    try {
      return await openLevelKv(this.database, 'must-exist', this.#options);
    } catch (error) {
      if (!isDamage(error)) throw error;
      await this.markUntrusted([error.message]);
      return this.#openRepaired(inspection);
    }
  }

  /** D4. Damage that was found while it ran is looked for again, whatever it takes. */
  #tableBytesToCheck(): number {
    if (this.#distrust?.incarnation === 'to-be-renewed') return Number.MAX_SAFE_INTEGER;
    return this.#lastRunEndedInOrder ? TABLE_BYTES_CHECKED_MAX : TABLE_BYTES_AFTER_CRASH_MAX;
  }

  async #openRepaired(inspection: Inspection): Promise<OrderedKv | null> {
    await attempt(this.#directory, prepareRepair(this.database, inspection, this.#aside));
    try {
      await repairLevelKv(this.database);
      await attempt(this.#directory, settleRepair(this.database, this.#aside));
      return await openLevelKv(this.database, 'must-exist', this.#options);
    } catch (error) {
      if (!isDamage(error)) throw error;
      return this.#giveUp(error.message);
    }
  }

  async #giveUp(finding: string): Promise<null> {
    await this.markUntrusted([finding]);
    return null;
  }

  /** In place of a database that is lost. */
  async #createInstead(lost: Identity): Promise<OpenDatabase> {
    await setAside(this.database, this.#aside);
    const identity: Identity = { ...lost, state: 'new' };
    await attempt(this.#directory, writeIdentity(this.#directory, identity));
    return this.#create(identity);
  }

  /** Nothing was ever acknowledged from here, or nothing is left: what an interrupted attempt made may go. */
  async #create(made: Identity): Promise<OpenDatabase> {
    if (this.#distrust === null) await this.#keepDistrust({ reason: 'new', findings: [], incarnation: 'current', unreadableRuns: 0 });
    const kv = await this.#openNew();
    this.#areTablesChecked = true;
    return closedOnError(kv, async () => {
      const identity: Identity = { ...made, state: 'ready' };
      await keepCopy(kv, identity);
      await attempt(this.#directory, writeIdentity(this.#directory, identity));
      return this.#settle(kv, identity);
    });
  }

  async #openNew(): Promise<OrderedKv> {
    try {
      return await openLevelKv(this.database, 'create', this.#options);
    } catch (error) {
      if (!isDamage(error)) throw error;
      await setAside(this.database, this.#aside);
      return openLevelKv(this.database, 'create', this.#options);
    }
  }

  /** D2. */
  async #settle(kv: OrderedKv, identity: Identity): Promise<OpenDatabase> {
    return closedOnError(kv, async () => {
      // The ceiling of a directory that was ever trusted is there, unless it is damaged.
      if (this.#distrust?.reason !== 'new' && readCeiling(kv) === 0) await this.markUntrusted(['the ceiling of the clock cannot be read']);
      const distrust = this.#distrust;
      if (distrust === null || distrust.incarnation === 'current') return { kv, identity };
      const renewed = withNewIncarnation(identity);
      await attempt(this.#directory, writeIdentity(this.#directory, renewed));
      await keepCopy(kv, renewed);
      await this.#keepDistrust({ ...distrust, incarnation: 'current' });
      return { kv, identity: renewed };
    });
  }

  async #keepDistrust(distrust: Distrust): Promise<void> {
    await attempt(this.#directory, writeDistrust(this.#directory, distrust));
    this.#distrust = distrust;
  }
}

function isDamage(error: unknown): error is DataError {
  return error instanceof DataError && (error.code === 'RING_STORE_DAMAGED' || error.code === 'RING_STORE_MISSING');
}

async function closedOnError(kv: OrderedKv, work: () => Promise<OpenDatabase>): Promise<OpenDatabase> {
  try {
    return await work();
  } catch (error) {
    await kv.close();
    throw error;
  }
}

async function keepCopy(kv: OrderedKv, identity: Identity): Promise<void> {
  const batch = new KvBatch();
  batch.put(metaKey(META.identity), Buffer.from(JSON.stringify(identity)));
  await kv.write(batch, 'fsync');
}

async function endedInOrder(directory: string): Promise<boolean> {
  const owner = await readOwner(directory);
  return owner === null || owner['endedInOrder'] === true;
}

/** Adds `endedInOrder` to what directory-lock.ts wrote. A best effort: without it the next start believes in a crash, which costs nothing but care. */
async function noteOrderlyEnd(directory: string): Promise<void> {
  try {
    const owner = await readOwner(directory);
    // Who lost the lock says nothing about the run of who took it.
    if (owner?.['pid'] !== process.pid) return;
    await writeDurably(directory, OWNER_NAME, JSON.stringify({ ...owner, endedInOrder: true }));
  } catch {
    // Said above.
  }
}

/** null when there is none; empty when it cannot be understood. */
async function readOwner(directory: string): Promise<Record<string, unknown> | null> {
  try {
    const value: unknown = JSON.parse(await readFile(join(directory, OWNER_NAME), 'utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? null : {};
  }
}

async function attempt<T>(directory: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new NodeError('RING_DIRECTORY_UNUSABLE', `cannot write in ${directory}: ${messageOf(error)}`, error);
  }
}
