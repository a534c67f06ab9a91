/**
 * OrderedKv on classic-level: the only file that knows LevelDB.
 *
 * What LevelDB does and what follows from it here (numbers: ARCHITECTURE.md, "Facts about LevelDB"):
 *  - F1  After a failed write it acknowledges writes that it loses: `write` refuses until `reopen`.
 *  - F4  With `createIfMissing` a lost CURRENT file deletes every table: only a new directory is created.
 *  - F9  An option passed as undefined is garbage: every option is passed, none is optional.
 *  - F11 utf8 keys can return another key's value: buffers everywhere.
 *  - F8  Repair takes no lock: the caller holds the directory.
 *  - F12 Iterators pin old data: `scan` reads one bounded slice and closes.
 */
import type { ClassicLevel } from 'classic-level';
import { DataError, type DataErrorCode } from './errors.ts';
import type { KeyRange } from './layout.ts';
import { inspectDatabase } from './leveldb-check.ts';
import type { Durability, KvBatch, KvEntry, OrderedKv, ScanDirection, ScanLimits } from './ordered-kv.ts';

export interface LevelKvOptions {
  /** Bytes of LevelDB's block cache. */
  readonly cacheBytes: number;
  /** Bytes of LevelDB's memtable; two may be held at a time. */
  readonly writeBufferBytes: number;
}

export type CreateMode = 'create' | 'must-exist';

type Database = ClassicLevel<Uint8Array, Uint8Array>;

const READ_AHEAD_BYTES = 256 * 1024;

/**
 * Opens the database in `directory`. Throws `RING_STORE_MISSING`, `RING_STORE_LOCKED`, `RING_STORE_DAMAGED` or
 * `RING_STORE_UNAVAILABLE`.
 */
export async function openLevelKv(directory: string, mode: CreateMode, options: LevelKvOptions): Promise<OrderedKv> {
  return new LevelKv(directory, options, await openDatabase(directory, mode, options));
}

/**
 * Rebuilds CURRENT and MANIFEST from the tables and logs that are there; a database that is whole loses nothing. Logs are
 * replayed without a look at their checksums (data/leveldb-salvage.ts). What was compacted away may come back. The
 * database must not be open. Throws `RING_STORE_DAMAGED` when it cannot be repaired, `RING_STORE_UNAVAILABLE` when the
 * system was at fault.
 */
export async function repairLevelKv(directory: string): Promise<void> {
  const { ClassicLevel: Level } = await import('classic-level');
  try {
    await Level.repair(directory);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const code = isSystemFault(text) ? 'RING_STORE_UNAVAILABLE' : 'RING_STORE_DAMAGED';
    throw new DataError(code, `the database in ${directory} cannot be repaired: ${text}`, { cause: error });
  }
}

class LevelKv implements OrderedKv {
  readonly #directory: string;
  readonly #options: LevelKvOptions;
  #database: Database | null;
  #failed = false;
  #closed = false;

  constructor(directory: string, options: LevelKvOptions, database: Database) {
    this.#directory = directory;
    this.#options = options;
    this.#database = database;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    try {
      return this.#opened().getSync(key);
    } catch (error) {
      throw asUnavailable('read', error);
    }
  }

  async write(batch: KvBatch, durability: Durability): Promise<void> {
    if (this.#failed) throw new DataError('RING_STORE_UNAVAILABLE', 'a write failed; the store must be reopened first', { retryable: true });
    const chained = this.#opened().batch();
    try {
      for (let index = 0; index < batch.size; index++) {
        const key = batch.keys[index];
        const value = batch.values[index];
        if (key === undefined) continue;
        if (value === undefined || value === null) chained.del(key);
        else chained.put(key, value);
      }
      await chained.write({ sync: durability === 'fsync' });
    } catch (error) {
      this.#failed = true;
      throw asUnavailable('write', error);
    }
  }

  async scan(range: KeyRange, limits: ScanLimits, direction: ScanDirection = 'forward'): Promise<readonly KvEntry[]> {
    try {
      const iterator = this.#opened().iterator({
        gte: range.from,
        lt: range.to,
        reverse: direction === 'reverse',
        limit: limits.entriesMax,
        fillCache: false,
        highWaterMarkBytes: Math.min(READ_AHEAD_BYTES, limits.bytesMax),
      });
      try {
        return await readEntries(iterator, limits);
      } finally {
        await iterator.close();
      }
    } catch (error) {
      throw asUnavailable('scan', error);
    }
  }

  async reopen(): Promise<void> {
    if (this.#isClosed()) throw new DataError('RING_STORE_UNAVAILABLE', 'the store is closed');
    const failed = this.#database;
    this.#database = null;
    await failed?.close();
    // What LevelDB would drop in silence: only a whole new start can deal with it.
    const { state, findings } = await inspectDatabase(this.#directory);
    if (state === 'damaged') throw new DataError('RING_STORE_DAMAGED', `the database in ${this.#directory} is damaged: ${findings.join('; ')}`);
    const reopened = await openDatabase(this.#directory, 'must-exist', this.#options);
    if (this.#isClosed()) {
      await reopened.close();
      throw new DataError('RING_STORE_UNAVAILABLE', 'the store is closed');
    }
    this.#database = reopened;
    this.#failed = false;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const database = this.#database;
    this.#database = null;
    await database?.close();
  }

  /** A call, so that the compiler does not think it settled across an `await`. */
  #isClosed(): boolean {
    return this.#closed;
  }

  #opened(): Database {
    if (this.#database === null) throw new DataError('RING_STORE_UNAVAILABLE', 'the store is closed', { retryable: true });
    return this.#database;
  }
}

async function readEntries(
  iterator: { nextv(size: number): Promise<[Uint8Array, Uint8Array][]> },
  limits: ScanLimits,
): Promise<KvEntry[]> {
  const entries: KvEntry[] = [];
  let bytes = 0;
  for (;;) {
    const rows = await iterator.nextv(1000);
    if (rows.length === 0) return entries;
    for (const [key, value] of rows) {
      entries.push({ key, value });
      bytes += key.length + value.length;
      if (entries.length >= limits.entriesMax || bytes >= limits.bytesMax) return entries;
    }
  }
}

async function openDatabase(directory: string, mode: CreateMode, options: LevelKvOptions): Promise<Database> {
  // Loaded here, so that a client of this package never loads the native module.
  const { ClassicLevel: Level } = await import('classic-level');
  const database = new Level<Uint8Array, Uint8Array>(directory, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
  try {
    await database.open({
      createIfMissing: mode === 'create',
      errorIfExists: false,
      cacheSize: options.cacheBytes,
      writeBufferSize: options.writeBufferBytes,
      compression: true,
      multithreading: false,
      passive: false,
    });
    return database;
  } catch (error) {
    throw openError(directory, mode, error);
  }
}

/** ARCHITECTURE F14: the reason of a failed open is in `cause.code`. */
function openError(directory: string, mode: CreateMode, error: unknown): DataError {
  const cause = error instanceof Error ? error.cause : undefined;
  const reason = isCoded(cause) ? cause.code : '';
  const text = cause instanceof Error ? cause.message : String(error);
  const explained = explainOpen(directory, mode, reason, text);
  return new DataError(explained.code, explained.message, { cause: error });
}

function explainOpen(directory: string, mode: CreateMode, reason: string, text: string): { code: DataErrorCode; message: string } {
  if (reason === 'LEVEL_LOCKED') return { code: 'RING_STORE_LOCKED', message: `the database in ${directory} is open in another process` };
  if (mode === 'must-exist' && text.includes('does not exist')) {
    return { code: 'RING_STORE_MISSING', message: `the database in ${directory} is gone though its identity file is there: ${text}` };
  }
  const isFileGone = reason === 'LEVEL_IO_ERROR' && text.includes('No such file or directory');
  if (reason === 'LEVEL_CORRUPTION' || (mode === 'must-exist' && isFileGone)) return { code: 'RING_STORE_DAMAGED', message: `the database in ${directory} is damaged: ${text}` };
  return { code: 'RING_STORE_UNAVAILABLE', message: `the database in ${directory} cannot be opened: ${text}` };
}

/** LevelDB hands errors of the system on as their text alone. These say nothing about the files. */
function isSystemFault(text: string): boolean {
  return /No space left|Disk quota|Read-only file system|Permission denied|Operation not permitted|Too many open files|Cannot allocate memory|Input\/output error/i.test(text);
}

function asUnavailable(what: string, error: unknown): DataError {
  if (error instanceof DataError) return error;
  return new DataError('RING_STORE_UNAVAILABLE', `${what} failed: ${error instanceof Error ? error.message : String(error)}`, { retryable: true, cause: error });
}

function isCoded(value: unknown): value is Error & { code: string } {
  return value instanceof Error && 'code' in value && typeof value.code === 'string';
}
