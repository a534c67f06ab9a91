/**
 * One request of a client: how it is said on the wire, and how its caller is told what came of it. One class for all,
 * with fields and no closures: it is made for every put and get.
 */
import { TYPE, type ClientReply, type ClientRequest, type LevelNumber } from '../wire/index.ts';
import { failure } from './answers.ts';
import { RingError } from './errors.ts';
import type { Lane } from './lane.ts';
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
  /** Of a scan, whose `key` is where it begins, if anywhere. */
  readonly slice?: SliceRequest;
}

/** A request with the kind of its answer hidden, so that all fit into one table. */
export interface ClientCall extends PendingRequest<Lane> {
  /** Empty for one that is about no key. */
  readonly key: Uint8Array;
  /** `timeoutMs`: what is left of the request's time when it is sent. */
  toMessage(timeoutMs: number): ClientRequest;
  /** False when the reply is not one that this request can have; the caller has then not been told anything. */
  accept(reply: ClientReply): boolean;
  fail(error: unknown): void;
}

/** What a message takes beside its key, value and command: at most eight fields and the array, nine bytes each. */
const FIXED_BYTES = 81;
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

  toMessage(timeoutMs: number): ClientRequest {
    const { type } = this.#operation;
    const { key, value, level, command, slice = NO_SLICE } = this.#content;
    switch (type) {
      case TYPE.put:
        return [type, this.id, key, value, level, timeoutMs];
      case TYPE.get:
      case TYPE.delete:
        return [type, this.id, key, level, timeoutMs];
      case TYPE.scan:
        return [type, this.id, slice.from, slice.to, slice.limit, slice.flags, level, timeoutMs];
      case TYPE.locate:
        return [type, this.id, key];
      case TYPE.control:
        return [type, this.id, command];
      case TYPE.status:
      case TYPE.converged:
      case TYPE.ping:
      case TYPE.topology:
        return [type, this.id];
    }
  }

  accept(reply: ClientReply): boolean {
    if (reply[0] === TYPE.failed) {
      this.fail(failure(reply));
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
}

/** What a caller is told whose request's time is up. `reason`: why no node is connected; null when one is. */
export function lateError(call: ClientCall, where: 'waiting' | 'in-flight', reason: string | null): RingError {
  if (where === 'in-flight') {
    return call.kind === 'write'
      ? unknownOutcome('no answer in time')
      : new RingError('RING_TIMEOUT', 'no answer in time');
  }
  if (reason !== null) return new RingError('RING_UNAVAILABLE', `no node could be reached: ${reason}`);
  return new RingError('RING_TIMEOUT', 'the request waited behind others until its time was up; it was not sent');
}

/** For a write that was sent and not answered: a second attempt would be a second version, so it is the caller's choice. */
export function unknownOutcome(reason: string): RingError {
  return new RingError('RING_UNKNOWN', `the write may or may not have been applied: ${reason}`);
}
