/**
 * A client of a ring-level cluster: any node answers for all of it.
 *
 * What a lost connection does. A request that has not been sent, and a read even if it has, goes to the next address
 * until its time is up. A write that has been sent is not sent again, as it would be a second, newer version that could
 * undo what another client wrote in between: it rejects with `RING_UNKNOWN`, and whoever made it decides.
 */
import { TYPE, messageBytesMax, type ClientReply, type ClusterStatus, type ConvergedAnswer, type LocateAnswer, type PongMessage, type ReadAnswer, type WriteAnswer } from '../wire/index.ts';
import { clusterStatus, convergedAnswer, isJson, isValue, isWritten, jsonAnswer, keyBytes, locateAnswer, readAnswer, valueBytes, writeAnswer } from './answers.ts';
import { Dispatcher } from './dispatcher.ts';
import { DEADLINE_GRACE_MS, addressesFrom, checkTimeout, levelNumber, settingsFrom, type RequestOptions, type RingClientOptions, type Settings } from './options.ts';
import { callFrom, type ClientCall, type RequestParts } from './request.ts';

export class RingClient implements AsyncDisposable {
  readonly #settings: Settings;
  readonly #dispatcher: Dispatcher;

  /**
   * Connects on first use. `urls`: one or more nodes, the first one first. Throws `TypeError` for an address and
   * `RangeError` for an option that cannot be.
   *
   * Every method below rejects with `RingError`: `RING_UNAVAILABLE`, `RING_TIMEOUT`, `RING_OVERLOADED`, `RING_CLOSED`,
   * or what the node answers; with `RangeError` for an option that cannot be; with its reason when `signal` is aborted.
   */
  constructor(urls: string | readonly string[], options: RingClientOptions = {}) {
    this.#settings = settingsFrom(options);
    this.#dispatcher = new Dispatcher(addressesFrom(urls), this.#settings);
  }

  /** Keys have 1 to 1,024 bytes, values up to 1 MiB; text is UTF-8. Also rejects with `RING_UNKNOWN` (see above). */
  async put(key: string | Uint8Array, value: string | Uint8Array, options: RequestOptions = {}): Promise<WriteAnswer> {
    const [keyed, valued, level] = [keyBytes(key), valueBytes(value), this.#level(options)];
    return this.#request(options, {
      kind: 'write',
      message: (id, timeoutMs) => [TYPE.put, id, keyed, valued, level, timeoutMs],
      isReply: isWritten,
      toAnswer: writeAnswer,
    });
  }

  /** Writes a tombstone, whether or not there is a value. Also rejects with `RING_UNKNOWN` (see above). */
  async delete(key: string | Uint8Array, options: RequestOptions = {}): Promise<WriteAnswer> {
    const [keyed, level] = [keyBytes(key), this.#level(options)];
    return this.#request(options, {
      kind: 'write',
      message: (id, timeoutMs) => [TYPE.delete, id, keyed, level, timeoutMs],
      isReply: isWritten,
      toAnswer: writeAnswer,
    });
  }

  /** The value; null when the key is absent or deleted. */
  async get(key: string | Uint8Array, options: RequestOptions = {}): Promise<Uint8Array | null> {
    return (await this.getWithDetail(key, options)).value;
  }

  /** The value with its version and the nodes that were counted. */
  async getWithDetail(key: string | Uint8Array, options: RequestOptions = {}): Promise<ReadAnswer> {
    const [keyed, level] = [keyBytes(key), this.#level(options)];
    return this.#request(options, {
      kind: 'repeatable',
      message: (id, timeoutMs) => [TYPE.get, id, keyed, level, timeoutMs],
      isReply: isValue,
      toAnswer: readAnswer,
    });
  }

  /** The cluster as the node that answers sees it. */
  async status(options: RequestOptions = {}): Promise<ClusterStatus> {
    return this.#request(options, { kind: 'repeatable', message: (id) => [TYPE.status, id], isReply: isJson, toAnswer: clusterStatus });
  }

  /** Whether all replicas are equal now. */
  async converged(options: RequestOptions = {}): Promise<ConvergedAnswer> {
    return this.#request(options, { kind: 'repeatable', message: (id) => [TYPE.converged, id], isReply: isJson, toAnswer: convergedAnswer });
  }

  /** Where the key lives. */
  async locate(key: string | Uint8Array, options: RequestOptions = {}): Promise<LocateAnswer> {
    const keyed = keyBytes(key);
    return this.#request(options, { kind: 'repeatable', message: (id) => [TYPE.locate, id, keyed], isReply: isJson, toAnswer: locateAnswer });
  }

  /** A test control. Sent at most once; `RING_NOT_ALLOWED` unless the daemon was started with controls. */
  async control(command: object, options: RequestOptions = {}): Promise<unknown> {
    const text = JSON.stringify(command);
    return this.#request(options, { kind: 'write', message: (id) => [TYPE.control, id, text], isReply: isJson, toAnswer: jsonAnswer });
  }

  /** Resolves when a node has answered. */
  async ping(options: RequestOptions = {}): Promise<void> {
    return this.#request(options, { kind: 'repeatable', message: (id) => [TYPE.ping, id], isReply: isPong, toAnswer: () => undefined });
  }

  /** Requests without an answer reject with `RING_CLOSED`, as does every later one. Never rejects; may be called twice. */
  async close(): Promise<void> {
    await this.#dispatcher.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #level(options: RequestOptions): 0 | 1 | 2 | 3 {
    return levelNumber(options.consistency ?? this.#settings.consistency);
  }

  async #request<Reply extends ClientReply, Answer>(options: RequestOptions, parts: RequestParts<Reply, Answer>): Promise<Answer> {
    const { signal } = options;
    signal?.throwIfAborted();
    const timeoutMs = options.timeoutMs ?? this.#settings.timeoutMs;
    checkTimeout(timeoutMs, 'timeoutMs');
    const id = this.#dispatcher.takeId();
    const facts = { id, bytes: messageBytesMax(parts.message(id, timeoutMs)), deadlineMs: performance.now() + timeoutMs + DEADLINE_GRACE_MS };
    if (signal === undefined) {
      return new Promise<Answer>((resolve, reject) => this.#dispatcher.add(callFrom(facts, parts, resolve, reject)));
    }
    return this.#abortable(signal, (resolve, reject) => callFrom(facts, parts, resolve, reject));
  }

  async #abortable<Answer>(
    signal: AbortSignal,
    toCall: (resolve: (answer: Answer) => void, reject: (error: unknown) => void) => ClientCall,
  ): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      const settled = (): void => signal.removeEventListener('abort', abort);
      const call = toCall(
        (answer) => {
          settled();
          resolve(answer);
        },
        (error) => {
          settled();
          reject(error);
        },
      );
      const abort = (): void => {
        if (this.#dispatcher.cancel(call)) reject(signal.reason);
      };
      this.#dispatcher.add(call);
      signal.addEventListener('abort', abort, { once: true });
    });
  }
}

function isPong(reply: ClientReply): reply is PongMessage {
  return reply[0] === TYPE.pong;
}
