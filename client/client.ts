/**
 * A client of a ring-level cluster: any node answers for all of it, a replica of the key with one hop less. What it runs
 * on comes in as a platform; the `RingClient` of node-client.ts and that of browser-client.ts bring theirs.
 *
 * What a lost connection does. A request that has not been sent, and a read even if it has, goes to another node until
 * its time is up. A write that has been sent is sent again under the version that it was given, which the node tells as
 * soon as there is one, so that it stays one write. Without a known version, or when the key has a newer one by then, it
 * rejects with `RING_UNKNOWN` or `RING_SUPERSEDED`, and whoever made it decides; see `retryWrites`.
 */
import { READ_FLAGS, WRITE_FLAGS, type ClusterStatus, type ConvergedAnswer, type DetailedReadAnswer, type DetailedWriteAnswer, type ExplainAnswer, type LevelNumber, type LocateAnswer, type WriteAnswer } from '../wire/index.ts';
import { keyBytes, valueBytes } from './answers.ts';
import { Call, type Content, type Operation } from './call.ts';
import { Dispatcher } from './dispatcher.ts';
import { CONTROL, CONVERGED, DELETE, DELETE_WITH_DETAIL, EXPLAIN, GET, GET_WITH_DETAIL, LOCATE, PING, PUT, PUT_WITH_DETAIL, SCAN, STATUS } from './operations.ts';
import { DEADLINE_GRACE_MS, addressesFrom, checkTimeout, levelNumber, settingsFrom, type RequestOptions, type RingClientOptions, type Settings } from './options.ts';
import type { ClientPlatform } from './platform.ts';
import { ASK_SLICE, scanRange, type KeyEntry, type KeyScanOptions, type ScanEntry, type ScanOptions, type Slice, type SliceRequest } from './scan.ts';

const NO_OPTIONS: RequestOptions = {};
const NO_BYTES = new Uint8Array(0);
const NOTHING: Content = { key: NO_BYTES, value: NO_BYTES, level: 0, command: '', flags: 0, retry: 'never' };

export abstract class PortableClient implements AsyncDisposable {
  readonly #settings: Settings;
  readonly #level: LevelNumber;
  readonly #dispatcher: Dispatcher;
  readonly #writeFlags: number;

  /**
   * Throws `TypeError` for an address and `RangeError` for an option that cannot be.
   *
   * Every method below rejects with `RingError`: `RING_UNAVAILABLE`, `RING_TIMEOUT`, `RING_OVERLOADED`, `RING_CLOSED`,
   * or what the node answers; with `RangeError` for an option that cannot be; with its reason when `signal` is aborted.
   */
  protected constructor(platform: ClientPlatform, urls: string | readonly string[], options: RingClientOptions) {
    this.#settings = settingsFrom(options);
    this.#level = levelNumber(this.#settings.consistency);
    this.#writeFlags = this.#settings.retryWrites === 'never' ? 0 : WRITE_FLAGS.tellVersion;
    this.#dispatcher = new Dispatcher(platform, addressesFrom(urls), this.#settings);
  }

  /** Keys have 1 to 1,024 bytes, values up to 1 MiB; text is UTF-8. Also rejects with `RING_UNKNOWN` and `RING_SUPERSEDED`: see `retryWrites`. */
  put(key: string | Uint8Array, value: string | Uint8Array, options: RequestOptions = NO_OPTIONS): Promise<WriteAnswer> {
    return this.#request(PUT, options, () => this.#written(key, valueBytes(value), options, this.#writeFlags));
  }

  /** `put`, and what each replica had said when it was acknowledged. */
  putWithDetail(key: string | Uint8Array, value: string | Uint8Array, options: RequestOptions = NO_OPTIONS): Promise<DetailedWriteAnswer> {
    return this.#request(PUT_WITH_DETAIL, options, () => this.#written(key, valueBytes(value), options, this.#writeFlags + WRITE_FLAGS.detail));
  }

  /** Writes a tombstone, whether or not there is a value. Also rejects with `RING_UNKNOWN` and `RING_SUPERSEDED`: see `retryWrites`. */
  delete(key: string | Uint8Array, options: RequestOptions = NO_OPTIONS): Promise<WriteAnswer> {
    return this.#request(DELETE, options, () => this.#written(key, NO_BYTES, options, this.#writeFlags));
  }

  /** `delete`, and what each replica had said when it was acknowledged. */
  deleteWithDetail(key: string | Uint8Array, options: RequestOptions = NO_OPTIONS): Promise<DetailedWriteAnswer> {
    return this.#request(DELETE_WITH_DETAIL, options, () => this.#written(key, NO_BYTES, options, this.#writeFlags + WRITE_FLAGS.detail));
  }

  /** The value; null when the key is absent or deleted. */
  get(key: string | Uint8Array, options: RequestOptions = NO_OPTIONS): Promise<Uint8Array | null> {
    return this.#request(GET, options, () => this.#keyed(key, options));
  }

  /** The value with its version, the nodes that were counted, and what each node had said. */
  getWithDetail(key: string | Uint8Array, options: RequestOptions = NO_OPTIONS): Promise<DetailedReadAnswer> {
    return this.#request(GET_WITH_DETAIL, options, () => this.#keyed(key, options, READ_FLAGS.detail));
  }

  /**
   * The entries of a range in byte order of their keys, asked for slice by slice as they are taken. Tombstones and older
   * versions never show, and no key comes twice. Each slice is as fresh as a read at its level when it was taken; the
   * whole is no snapshot: what is written meanwhile may be in it or not. A slice is asked for again as a read is; when one
   * fails for good the iterator throws, and a new scan from the last key goes on. `timeoutMs` is that of one slice.
   * With `keysOnly: true` the entries are of the type `KeyEntry`.
   */
  scan(options: KeyScanOptions): AsyncGenerator<KeyEntry, void, undefined>;
  scan(options?: ScanOptions): AsyncGenerator<ScanEntry, void, undefined>;
  scan(options: KeyScanOptions | ScanOptions = NO_OPTIONS): AsyncGenerator<KeyEntry | ScanEntry, void, undefined> {
    return scanRange(async (slice) => this[ASK_SLICE](slice, options), options);
  }

  /** The cluster as the node that answers sees it. */
  status(options: RequestOptions = NO_OPTIONS): Promise<ClusterStatus> {
    return this.#request(STATUS, options, () => NOTHING);
  }

  /** Whether all replicas are equal now. */
  converged(options: RequestOptions = NO_OPTIONS): Promise<ConvergedAnswer> {
    return this.#request(CONVERGED, options, () => NOTHING);
  }

  /** Where the key lives. */
  locate(key: string | Uint8Array, options: RequestOptions = NO_OPTIONS): Promise<LocateAnswer> {
    return this.#request(LOCATE, options, () => this.#keyed(key, options));
  }

  /**
   * Why the key has its value: what every node has of it, which version wins by which rule, what happens next. Asks all
   * nodes; one that does not answer within 2 s is told as unreachable. For people and their tools, not for each request.
   */
  explain(key: string | Uint8Array, options: RequestOptions = NO_OPTIONS): Promise<ExplainAnswer> {
    return this.#request(EXPLAIN, options, () => this.#keyed(key, options));
  }

  /** A test control. Sent at most once; `RING_NOT_ALLOWED` unless the daemon was started with controls. */
  control(command: object, options: RequestOptions = NO_OPTIONS): Promise<unknown> {
    return this.#request(CONTROL, options, () => ({ ...NOTHING, command: JSON.stringify(command) }));
  }

  /** Resolves when a node has answered. */
  ping(options: RequestOptions = NO_OPTIONS): Promise<void> {
    return this.#request(PING, options, () => NOTHING);
  }

  /**
   * Requests without an answer reject: a write that was sent with `RING_UNKNOWN`, all else with `RING_CLOSED`, as does
   * every later one. Never rejects; may be called twice.
   */
  async close(): Promise<void> {
    await this.#dispatcher.close();
  }

  /** As `close`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** One slice of a range; asked for again as a read is. */
  [ASK_SLICE](slice: SliceRequest, options: RequestOptions): Promise<Slice> {
    return this.#request(SCAN, options, () => ({ key: slice.from ?? NO_BYTES, value: NO_BYTES, level: this.#levelOf(options), command: '', flags: 0, retry: 'never', slice }));
  }

  #keyed(key: string | Uint8Array, options: RequestOptions, flags = 0): Content {
    return { key: keyBytes(key), value: NO_BYTES, level: this.#levelOf(options), command: '', flags, retry: 'never' };
  }

  #written(key: string | Uint8Array, value: Uint8Array, options: RequestOptions, flags: number): Content {
    return { key: keyBytes(key), value, level: this.#levelOf(options), command: '', flags, retry: this.#settings.retryWrites };
  }

  #levelOf({ consistency }: RequestOptions): LevelNumber {
    return consistency === undefined ? this.#level : levelNumber(consistency);
  }

  /** What `toContent` throws, the promise rejects with. One promise a request, and no other: it is most of what a small one costs. */
  #request<Answer>(operation: Operation<Answer>, options: RequestOptions, toContent: () => Content): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { signal } = options;
      const timeoutMs = options.timeoutMs ?? this.#settings.timeoutMs;
      const content = toContent();
      signal?.throwIfAborted();
      checkTimeout(timeoutMs, 'timeoutMs');
      const deadlineMs = performance.now() + timeoutMs + DEADLINE_GRACE_MS;
      const call = new Call(operation, content, this.#dispatcher.takeId(), deadlineMs, resolve, reject);
      this.#dispatcher.add(call);
      if (signal !== undefined) this.#watch(signal, call);
    });
  }

  #watch<Answer>(signal: AbortSignal, call: Call<Answer>): void {
    const abort = (): void => {
      if (this.#dispatcher.cancel(call)) call.fail(signal.reason);
    };
    call.onSettled = () => signal.removeEventListener('abort', abort);
    signal.addEventListener('abort', abort, { once: true });
  }
}
