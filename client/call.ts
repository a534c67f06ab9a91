/**
 * One request of a client: how it is said on the wire, and how its caller is told what came of it. One class for all,
 * with fields and no closures: it is made for every put and get.
 */
import { readVersion } from '../data/portable.ts';
import { ERROR_CODES, TYPE, WRITE_FLAGS, isOutcomeUnknown, isRetryable, type ClientReply, type ClientRequest, type ErrorCode, type FailedMessage, type LevelNumber } from '../wire/index.ts';
import { failure } from './answers.ts';
import { RingError } from './errors.ts';
import type { Lane } from './lane.ts';
import { ATTEMPTS_MAX, type RetryWrites } from './options.ts';
import type { PendingRequest } from './request-table.ts';
import type { SliceRequest } from './scan.ts';

/** A reader's word for a reply that its request cannot have. */
export const UNFIT = Symbol('unfit');

/** What all requests of one sort have in common. */
export interface Operation<Answer> {
  readonly type: ClientRequest[0];
  readonly kind: 'write' | 'repeatable';
  /** May throw; the caller's promise then rejects with it. */
  readonly read: (reply: ClientReply) => Answer | typeof UNFIT;
}

/** What a request says; a field that its type does not have is empty. */
export interface Content {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly level: LevelNumber;
  readonly command: string;
  /** WRITE_FLAGS or READ_FLAGS. */
  readonly flags: number;
  /** Of a write. */
  readonly retry: RetryWrites;
  /** Of a scan, whose `key` is where it begins, if anywhere. */
  readonly slice?: SliceRequest;
}

/** A request with the kind of its answer hidden, so that all fit into one table. */
export interface ClientCall extends PendingRequest<Lane> {
  /** Empty for one that is about no key. */
  readonly key: Uint8Array;
  /** `timeoutMs`: what is left of the request's time when it is sent. */
  toMessage(timeoutMs: number): ClientRequest;
  /** The version that a node has given to this write. */
  told(version: Uint8Array): void;
  /** Whether this failure is no end: the request is to be sent again. */
  outlives(reply: FailedMessage): boolean;
  /** False when the reply is not one that this request can have; the caller has then not been told anything. */
  accept(reply: ClientReply): boolean;
  fail(error: unknown): void;
  readonly version: Uint8Array | null;
  readonly lastFailure: RingError | null;
}

/** What a message takes beside its key, value and command: at most eight fields and the array, nine bytes each, and a version. */
const FIXED_BYTES = 93;
const NO_SLICE: SliceRequest = { from: null, to: null, limit: 1, flags: 0 };
/** A UTF-16 unit takes at most this many bytes in UTF-8. */
const UTF8_BYTES_PER_UNIT_MAX = 3;

export class Call<Answer> implements ClientCall {
  readonly id: number;
  readonly bytes: number;
  readonly deadlineMs: number;
  readonly kind: 'write' | 'repeatable';
  readonly key: Uint8Array;
  attempts = 0;
  state: 'waiting' | 'in-flight' | 'out' = 'waiting';
  firstLane: Lane | null = null;
  secondLane: Lane | null = null;
  next: this | null = null;
  place = 0;
  notBeforeMs = 0;
  /** The version that a node gave to this write, under which it is sent again; null: none is known. */
  version: Uint8Array | null = null;
  /** The last failure that was no end. */
  lastFailure: RingError | null = null;
  /** The newer version that superseded this write, above which it is written anew when no version of its own is known. */
  #above: Uint8Array | null = null;
  /** Called when the caller is told. */
  onSettled: (() => void) | null = null;
  readonly #operation: Operation<Answer>;
  readonly #content: Content;
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (error: unknown) => void;

  /** `resolve` and `reject` are those of the caller's promise. */
  constructor(operation: Operation<Answer>, content: Content, id: number, deadlineMs: number, resolve: (answer: Answer) => void, reject: (error: unknown) => void) {
    this.id = id;
    this.bytes = FIXED_BYTES + content.key.length + content.value.length + content.command.length * UTF8_BYTES_PER_UNIT_MAX + (content.slice?.to?.length ?? 0);
    this.deadlineMs = deadlineMs;
    this.kind = operation.kind;
    this.key = content.key;
    this.#operation = operation;
    this.#content = content;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Whether it may be sent again when all that had it is lost. */
  get mayRepeat(): boolean {
    return this.kind === 'repeatable' || this.#content.retry === 'always' || this.version !== null;
  }

  /** Whether it may be sent again while another node may still be at it. */
  get mayOverlap(): boolean {
    return this.kind === 'repeatable' || this.version !== null;
  }

  toMessage(timeoutMs: number): ClientRequest {
    const { type } = this.#operation;
    const { key, value, level, command, flags, slice = NO_SLICE } = this.#content;
    if (this.version !== null) return [TYPE.writeAgain, this.id, key, type === TYPE.delete ? null : value, this.version, level, timeoutMs, flags];
    if (this.#above !== null) return [TYPE.writeAgain, this.id, key, type === TYPE.delete ? null : value, this.#above, level, timeoutMs, flags + WRITE_FLAGS.above];
    switch (type) {
      case TYPE.put:
        return flags === 0 ? [type, this.id, key, value, level, timeoutMs] : [type, this.id, key, value, level, timeoutMs, flags];
      case TYPE.get:
      case TYPE.delete:
        return flags === 0 ? [type, this.id, key, level, timeoutMs] : [type, this.id, key, level, timeoutMs, flags];
      case TYPE.scan:
        return [type, this.id, slice.from, slice.to, slice.limit, slice.flags, level, timeoutMs];
      case TYPE.locate:
      case TYPE.explain:
        return [type, this.id, key];
      case TYPE.control:
        return [type, this.id, command];
      case TYPE.status:
      case TYPE.converged:
      case TYPE.ping:
      case TYPE.topology:
        return [type, this.id];
      case TYPE.writeAgain:
        throw new RingError('RING_BAD_REQUEST', 'a write is sent again under a version that it was given');
    }
  }

  /** A copy, as the version is a view into a frame. */
  told(version: Uint8Array): void {
    if (this.kind === 'write' && this.#content.retry !== 'never') this.version = new Uint8Array(version);
  }

  outlives(reply: FailedMessage): boolean {
    const { retry } = this.#content;
    if (this.kind !== 'write' || retry === 'never' || this.attempts >= ATTEMPTS_MAX) return false;
    if (!this.#isToRepeat(ERROR_CODES[reply[2]], reply[6])) return false;
    this.lastFailure = failure(reply);
    return true;
  }

  #isToRepeat(code: ErrorCode, version: Uint8Array | null): boolean {
    if (code === 'RING_UNKNOWN') {
      if (version !== null) this.told(version);
      return this.mayRepeat;
    }
    if (code === 'RING_SUPERSEDED' && version !== null) {
      // After one attempt there is no other under way, and no one was told of success: the write may still come last.
      if (this.attempts > 1 && this.#content.retry !== 'always') return false;
      this.version = null;
      this.#above = new Uint8Array(version);
      return true;
    }
    // After an attempt whose outcome is unknown, a later one that was not applied proves nothing.
    return this.attempts > 1 && isRetryable(code);
  }

  accept(reply: ClientReply): boolean {
    if (reply[0] === TYPE.failed) {
      this.fail(this.#finalError(reply));
      return true;
    }
    try {
      const answer = this.#operation.read(reply);
      if (answer === UNFIT) return false;
      this.#resolve(answer);
    } catch (error) {
      this.#reject(error);
    }
    this.onSettled?.();
    return true;
  }

  fail(error: unknown): void {
    this.#reject(error);
    this.onSettled?.();
  }

  #finalError(reply: FailedMessage): RingError {
    const error = failure(reply);
    if (this.kind !== 'write' || this.attempts === 1 || isOutcomeUnknown(error.code)) return error;
    this.lastFailure = error;
    return unknownOutcome(this, `sent again, it failed: ${error.message}`);
  }
}

/** What a caller is told whose request's time is up. `reason`: why no node is connected; null when one is. */
export function lateError(call: ClientCall, where: 'waiting' | 'in-flight', reason: string | null): RingError {
  if (call.kind === 'write' && call.attempts > 0) return unknownOutcome(call, where === 'in-flight' || reason === null ? 'no answer in time' : `no node could be reached again: ${reason}`);
  if (where === 'in-flight') return new RingError('RING_TIMEOUT', 'no answer in time');
  if (reason !== null) return new RingError('RING_UNAVAILABLE', `no node could be reached: ${reason}`);
  return new RingError('RING_TIMEOUT', 'the request waited behind others until its time was up; it was not sent');
}

/** For a write that was sent and not answered, and is not sent again. */
export function unknownOutcome({ version, lastFailure }: ClientCall, reason: string): RingError {
  return new RingError('RING_UNKNOWN', `the write may or may not have been applied: ${reason}`, {
    version: version === null ? null : readVersion(version, 0),
    required: lastFailure?.required ?? 0,
    received: lastFailure?.received ?? 0,
    cause: lastFailure ?? undefined,
  });
}
