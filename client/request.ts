/** One request of a client: how it is said on the wire, and how its caller is told what came of it. */
import type { ClientReply, ClientRequest } from '../wire/index.ts';
import { TYPE } from '../wire/index.ts';
import { failure } from './answers.ts';
import { RingError } from './errors.ts';
import type { PendingRequest } from './request-table.ts';

export interface RequestParts<Reply extends ClientReply, Answer> {
  readonly kind: PendingRequest['kind'];
  /** The message; `timeoutMs`: what is left of the request's time when it is sent. */
  readonly message: (id: number, timeoutMs: number) => ClientRequest;
  readonly isReply: (reply: ClientReply) => reply is Reply;
  readonly toAnswer: (reply: Reply) => Answer;
}

/** A request with the kind of its answer hidden, so that all fit into one table. */
export interface ClientCall extends PendingRequest {
  readonly message: (timeoutMs: number) => ClientRequest;
  /** False when the reply is not one that this request can have; the caller has then not been told anything. */
  readonly accept: (reply: ClientReply) => boolean;
  readonly fail: (error: unknown) => void;
}

export interface CallFacts {
  readonly id: number;
  readonly bytes: number;
  readonly deadlineMs: number;
}

/** `resolve` and `reject` are those of the caller's promise. */
export function callFrom<Reply extends ClientReply, Answer>(
  facts: CallFacts,
  parts: RequestParts<Reply, Answer>,
  resolve: (answer: Answer) => void,
  reject: (error: unknown) => void,
): ClientCall {
  return {
    id: facts.id,
    bytes: facts.bytes,
    deadlineMs: facts.deadlineMs,
    kind: parts.kind,
    attempts: 0,
    message: (timeoutMs) => parts.message(facts.id, timeoutMs),
    fail: reject,
    accept: (reply) => {
      if (reply[0] === TYPE.failed) {
        reject(failure(reply));
        return true;
      }
      if (!parts.isReply(reply)) return false;
      try {
        resolve(parts.toAnswer(reply));
      } catch (error) {
        reject(error);
      }
      return true;
    },
  };
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
