/**
 * An abstract-level database on a live cluster, over whatever client it is given. Keys and values are bytes or text
 * here; abstract-level encodes and decodes what is neither.
 *
 * What differs from a database in one process
 *  - `batch` and `clear` are many writes, not one: see both.
 *  - There are no snapshots: see `iterator`.
 *  - `open` touches no network, so a database is open before any node was reached.
 */
import { AbstractLevel } from 'abstract-level';
import type { AbstractChainedBatch, AbstractIterator, AbstractIteratorOptions, AbstractKeyIterator, AbstractValueIterator } from 'abstract-level';
import type { ClusterStatus, ConvergedAnswer, DetailedReadAnswer, DetailedWriteAnswer, ExplainAnswer, LocateAnswer } from '../wire/index.ts';
import type { PortableClient } from './client.ts';
import { fromBytes, valueToBytes, type Encoded, type Format } from './encoded.ts';
import { InFlight } from './in-flight.ts';
import { Keyspace, type KeyRange } from './keyspace.ts';
import { LevelIterator, LevelKeyIterator, LevelValueIterator, RangeReader, type WalkOptions } from './level-iterator.ts';
import type {
  LevelBatchOperation,
  LevelBatchOptions,
  LevelClearOptions,
  LevelDelOptions,
  LevelGetManyOptions,
  LevelGetOptions,
  LevelHasManyOptions,
  LevelHasOptions,
  LevelIteratorOptions,
  LevelKeyIteratorOptions,
  LevelPutOptions,
  LevelValueIteratorOptions,
  ReplicatedLevelOptions,
} from './level-options.ts';
import type { RequestOptions } from './options.ts';
import { RangeCursor } from './range-cursor.ts';
import { ASK_SLICE, type AskSlice } from './scan.ts';
import { OPERATIONS_AT_ONCE_MAX, settled, writeAll, type WriteOperation } from './write-batch.ts';

/** What a database needs of a client; a `RingClient` is one. */
export type LevelClient = Pick<
  PortableClient,
  'close' | 'converged' | 'delete' | 'deleteWithDetail' | 'explain' | 'get' | 'getWithDetail' | 'locate' | 'put' | 'putWithDetail' | 'status' | typeof ASK_SLICE
>;

/** The answer to `getWithDetail` of a client, the value decoded; undefined when the key is absent or deleted. */
export type LevelReadAnswer<V> = Omit<DetailedReadAnswer, 'value'> & { readonly value: V | undefined };

/** An option of this file's own that goes with a call through abstract-level: whom to tell the client's answer. */
const ON_ANSWER = Symbol('onAnswer');

interface WriteOptions extends RequestOptions {
  readonly [ON_ANSWER]?: (answer: DetailedWriteAnswer) => void;
}

interface ReadOptions extends RequestOptions {
  readonly [ON_ANSWER]?: (answer: DetailedReadAnswer) => void;
}

type ClearOptions = KeyRange & RequestOptions & { readonly reverse: boolean; readonly limit: number };

interface Decoded {
  readonly valueEncoding: Format;
}

type PrivateOperation = WriteOptions & ({ readonly type: 'put'; readonly key: Encoded; readonly value: Encoded } | { readonly type: 'del'; readonly key: Encoded });

const CLEAR_SLICE_ENTRIES = 1_000;

const MANIFEST = {
  encodings: { utf8: true, view: true },
  has: true,
  seek: true,
  deferredOpen: true,
  permanence: true,
  implicitSnapshots: false,
  explicitSnapshots: false,
  createIfMissing: false,
  errorIfExists: false,
  signals: { iterators: true },
  additionalMethods: { getWithDetail: true, putWithDetail: true, delWithDetail: true, clusterStatus: true, converged: true, locate: true, explain: true },
} as const;

/** abstract-level's methods with the options of a request. */
// An interface merged with a class: the only way to say more of inherited methods without a call in between.
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging
export interface ReplicatedLevel<KDefault = string, VDefault = string> {
  /** The value; undefined when the key is absent or deleted. */
  get(key: KDefault): Promise<VDefault | undefined>;
  get<K = KDefault, V = VDefault>(key: K, options: LevelGetOptions<K, V>): Promise<V | undefined>;
  /** One read for each key, up to 1,024 under way at once; rejects with the first failure in their order. */
  getMany(keys: KDefault[]): Promise<(VDefault | undefined)[]>;
  getMany<K = KDefault, V = VDefault>(keys: K[], options: LevelGetManyOptions<K, V>): Promise<(V | undefined)[]>;
  /** Costs what `get` costs: the value is read and not handed out. */
  has(key: KDefault): Promise<boolean>;
  has<K = KDefault>(key: K, options: LevelHasOptions<K>): Promise<boolean>;
  /** As `getMany`, without the values. */
  hasMany(keys: KDefault[]): Promise<boolean[]>;
  hasMany<K = KDefault>(keys: K[], options: LevelHasManyOptions<K>): Promise<boolean[]>;
  /** Resolves when the write is acknowledged at its consistency level. */
  put(key: KDefault, value: VDefault): Promise<void>;
  put<K = KDefault, V = VDefault>(key: K, value: V, options: LevelPutOptions<K, V>): Promise<void>;
  /** Writes a tombstone, whether or not there is a value. */
  del(key: KDefault): Promise<void>;
  del<K = KDefault>(key: K, options: LevelDelOptions<K>): Promise<void>;
  /**
   * Not atomic: each operation is a write of its own. Of several on one key only the last is sent. Up to 1,024 operations
   * and 8 MiB are under way at once, the next of them when these have settled. Rejects with the error of the first
   * operation that failed, in their order, when all that were sent have settled; after a failure no more are sent. Then
   * each operation may have been written or not, and one that failed with `RING_UNKNOWN` may still be. Writing the same
   * batch again completes it. A key or value that cannot be is refused before anything is sent.
   */
  batch(operations: LevelBatchOperation<this, KDefault, VDefault>[]): Promise<void>;
  batch<K = KDefault, V = VDefault>(operations: LevelBatchOperation<this, K, V>[], options: LevelBatchOptions<K, V>): Promise<void>;
  batch(): AbstractChainedBatch<this, KDefault, VDefault>;
  /**
   * Not atomic: walks the keys of the range and deletes them slice by slice. A key that is written meanwhile may be
   * deleted or not. When it rejects, some keys are deleted and the others are not; calling it again completes it. Only
   * keys of this keyspace are touched.
   */
  clear(): Promise<void>;
  clear<K = KDefault>(options: LevelClearOptions<K>): Promise<void>;
  /**
   * In byte order of the keys, asked for slice by slice. No snapshot: a slice is as fresh as a read at its level when it
   * was taken, and later ones are taken up to one slice ahead. When a read of the iterator rejects, the next one goes on
   * with the same entry.
   */
  iterator(): AbstractIterator<this, KDefault, VDefault>;
  iterator<K = KDefault, V = VDefault>(options: LevelIteratorOptions<K, V>): AbstractIterator<this, K, V>;
  /** As `iterator`, without the values, which are not sent. */
  keys(): AbstractKeyIterator<this, KDefault>;
  keys<K = KDefault>(options: LevelKeyIteratorOptions<K>): AbstractKeyIterator<this, K>;
  /** As `iterator`, without the keys. */
  values(): AbstractValueIterator<this, KDefault, VDefault>;
  values<K = KDefault, V = VDefault>(options: LevelValueIteratorOptions<K, V>): AbstractValueIterator<this, K, V>;
}

/** An abstract-level database over whatever client it is given; `RingLevel` brings one. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging
export class ReplicatedLevel<KDefault = string, VDefault = string> extends AbstractLevel<Encoded, KDefault, VDefault> {
  readonly #keyspace: Keyspace;
  readonly #makeClient: () => LevelClient;
  #client: LevelClient;
  #isClientClosed = false;
  readonly #inFlight = new InFlight();

  /**
   * `makeClient` is called at once, and again each time the database is opened after a close: a client is closed for good.
   * The clients are the database's own. Throws what `makeClient` throws, and `RangeError` for a bad keyspace.
   */
  constructor(makeClient: () => LevelClient, options: ReplicatedLevelOptions<KDefault, VDefault> = {}) {
    const { keyspace, ...levelOptions } = options;
    super(MANIFEST, levelOptions);
    this.#keyspace = new Keyspace(keyspace);
    this.#makeClient = makeClient;
    this.#client = makeClient();
  }

  /** The name, null for the plain keys, and what stands before each of its keys in the cluster. */
  get keyspace(): { readonly name: string | null; readonly prefix: Uint8Array } {
    const { name, prefix } = this.#keyspace;
    return { name, prefix: new Uint8Array(prefix) };
  }

  /** As `get`, with all that `RingClient.getWithDetail` tells. */
  async getWithDetail<K = KDefault, V = VDefault>(key: K, options: LevelGetOptions<K, V> = {}): Promise<LevelReadAnswer<V>> {
    const told: DetailedReadAnswer[] = [];
    const withTeller: LevelGetOptions<K, V> & ReadOptions = { ...options, [ON_ANSWER]: (answer) => told.push(answer) };
    const value = await this.get<K, V>(key, withTeller);
    return { ...answerOf(told), value };
  }

  /** As `put`, with what `RingClient.putWithDetail` answers. */
  async putWithDetail<K = KDefault, V = VDefault>(key: K, value: V, options: LevelPutOptions<K, V> = {}): Promise<DetailedWriteAnswer> {
    const told: DetailedWriteAnswer[] = [];
    const withTeller: LevelPutOptions<K, V> & WriteOptions = { ...options, [ON_ANSWER]: (answer) => told.push(answer) };
    await this.put<K, V>(key, value, withTeller);
    return answerOf(told);
  }

  /** As `del`, with what `RingClient.deleteWithDetail` answers. */
  async delWithDetail<K = KDefault>(key: K, options: LevelDelOptions<K> = {}): Promise<DetailedWriteAnswer> {
    const told: DetailedWriteAnswer[] = [];
    const withTeller: LevelDelOptions<K> & WriteOptions = { ...options, [ON_ANSWER]: (answer) => told.push(answer) };
    await this.del<K>(key, withTeller);
    return answerOf(told);
  }

  /** The cluster as the node that answers sees it. (`status` is the state of this database.) */
  async clusterStatus(options?: RequestOptions): Promise<ClusterStatus> {
    await this.open({ passive: true });
    return this.#client.status(options);
  }

  /** Whether all replicas are equal now. */
  async converged(options?: RequestOptions): Promise<ConvergedAnswer> {
    await this.open({ passive: true });
    return this.#client.converged(options);
  }

  /** Where the key lives. */
  async locate<K = KDefault>(key: K, options: LevelHasOptions<K> = {}): Promise<LocateAnswer> {
    await this.open({ passive: true });
    return this.#client.locate(this.#storedKey(key, options), options);
  }

  /** Why the key has the value that it has, and what happens next. Its `key` is that of the cluster, keyspace included. */
  async explain<K = KDefault>(key: K, options: LevelHasOptions<K> = {}): Promise<ExplainAnswer> {
    await this.open({ passive: true });
    return this.#client.explain(this.#storedKey(key, options), options);
  }

  protected async _open(): Promise<void> {
    if (!this.#isClientClosed) return;
    this.#client = this.#makeClient();
    this.#isClientClosed = false;
  }

  /** As in `level`, reads and writes that are under way end first; their deadlines bound that. */
  protected async _close(): Promise<void> {
    await this.#inFlight.idle();
    this.#isClientClosed = true;
    await this.#client.close();
  }

  protected async _get(key: Encoded, options: ReadOptions & Decoded): Promise<Encoded | undefined> {
    const onAnswer = options[ON_ANSWER];
    const stored = this.#keyspace.toStored(key);
    if (onAnswer === undefined) return encodedValue(await this.#inFlight.track(this.#client.get(stored, options)), options.valueEncoding);
    const answer = await this.#inFlight.track(this.#client.getWithDetail(stored, options));
    onAnswer(answer);
    return encodedValue(answer.value, options.valueEncoding);
  }

  protected async _getMany(keys: readonly Encoded[], options: RequestOptions & Decoded): Promise<(Encoded | undefined)[]> {
    return (await this.#inFlight.track(this.#getMany(keys, options))).map((value) => encodedValue(value, options.valueEncoding));
  }

  protected async _hasMany(keys: readonly Encoded[], options: RequestOptions): Promise<boolean[]> {
    return (await this.#inFlight.track(this.#getMany(keys, options))).map((value) => value !== null);
  }

  protected async _has(key: Encoded, options: RequestOptions): Promise<boolean> {
    return (await this.#inFlight.track(this.#client.get(this.#keyspace.toStored(key), options))) !== null;
  }

  protected async _put(key: Encoded, value: Encoded, options: WriteOptions): Promise<void> {
    const onAnswer = options[ON_ANSWER];
    const [stored, bytes] = [this.#keyspace.toStored(key), valueToBytes(value)];
    if (onAnswer === undefined) await this.#inFlight.track(this.#client.put(stored, bytes, options));
    else onAnswer(await this.#inFlight.track(this.#client.putWithDetail(stored, bytes, options)));
  }

  protected async _del(key: Encoded, options: WriteOptions): Promise<void> {
    const onAnswer = options[ON_ANSWER];
    const stored = this.#keyspace.toStored(key);
    if (onAnswer === undefined) await this.#inFlight.track(this.#client.delete(stored, options));
    else onAnswer(await this.#inFlight.track(this.#client.deleteWithDetail(stored, options)));
  }

  protected async _batch(operations: readonly PrivateOperation[]): Promise<void> {
    const writes = operations.map((operation): WriteOperation => {
      const key = this.#keyspace.toStored(operation.key);
      return { key, value: operation.type === 'put' ? valueToBytes(operation.value) : null, options: operation, onWritten: operation[ON_ANSWER] };
    });
    await this.#inFlight.track(writeAll(this.#client, writes));
  }

  protected async _clear(options: ClearOptions): Promise<void> {
    await this.#inFlight.track(this.#clear(options));
  }

  protected _iterator(options: AbstractIteratorOptions<KDefault, VDefault> & WalkOptions): LevelIterator<this, KDefault, VDefault> {
    return new LevelIterator(this, options, this.#reader(options, options.values === false ? 'keys' : 'entries'));
  }

  protected _keys(options: AbstractIteratorOptions<KDefault, VDefault> & WalkOptions): LevelKeyIterator<this, KDefault> {
    return new LevelKeyIterator(this, options, this.#reader(options, 'keys'));
  }

  protected _values(options: AbstractIteratorOptions<KDefault, VDefault> & WalkOptions): LevelValueIterator<this, KDefault, VDefault> {
    return new LevelValueIterator(this, options, this.#reader(options, 'entries'));
  }

  async #clear(options: ClearOptions): Promise<void> {
    let left = options.limit < 0 ? Infinity : options.limit;
    const bounds = this.#keyspace.boundsOf(options);
    const cursor = new RangeCursor(this.#askWith(options), bounds, { direction: options.reverse ? 'reverse' : 'forwards', parts: 'keys', firstSliceEntries: CLEAR_SLICE_ENTRIES });
    while (left > 0) {
      await cursor.fill(1, left);
      const entries = cursor.take(Math.min(left, CLEAR_SLICE_ENTRIES));
      if (entries.length === 0) return;
      await writeAll(this.#client, entries.map(({ key }) => ({ key, value: null, options })));
      left -= entries.length;
    }
  }

  async #getMany(keys: readonly Encoded[], options: RequestOptions): Promise<(Uint8Array | null)[]> {
    const stored = keys.map((key) => this.#keyspace.toStored(key));
    const values: (Uint8Array | null)[] = [];
    for (let start = 0; start < stored.length; start += OPERATIONS_AT_ONCE_MAX) {
      const group = stored.slice(start, start + OPERATIONS_AT_ONCE_MAX);
      values.push(...(await settled(group.map(async (key) => this.#client.get(key, options)))));
    }
    return values;
  }

  #storedKey<K>(key: K, options: LevelHasOptions<K>): Uint8Array {
    const { keyEncoding = this.keyEncoding() } = options;
    const encoding: { encode(key: K): Encoded } = this.keyEncoding<K, K>(keyEncoding as never);
    return this.#keyspace.toStored(encoding.encode(key));
  }

  #reader(options: WalkOptions, parts: 'keys' | 'entries'): RangeReader {
    return new RangeReader(this.#askWith(options), this.#keyspace, options, parts);
  }

  #askWith({ consistency, timeoutMs, signal }: Omit<WalkOptions, keyof KeyRange>): AskSlice {
    const options: RequestOptions = { ...(consistency && { consistency }), ...(timeoutMs !== undefined && { timeoutMs }), ...(signal && { signal }) };
    const client = this.#client;
    return async (slice) => client[ASK_SLICE](slice, options);
  }
}

function encodedValue(value: Uint8Array | null, format: Format): Encoded | undefined {
  return value === null ? undefined : fromBytes(value, format);
}

function answerOf<Answer>(told: readonly Answer[]): Answer {
  const [answer] = told;
  if (answer === undefined) throw new Error('a call that succeeded has an answer');
  return answer;
}
