/**
 * The requests of one client that have no answer yet: which wait, which are on the connection, and what becomes of them
 * when time passes or the connection is lost. Pure: it knows no socket, no timer and no clock; the caller says what time
 * it is and settles what is handed out.
 *
 *            add            take                 answer
 *   (new) ────────▶ waiting ────────▶ in flight ────────▶ (handed out)
 *                      ▲                  │ lose
 *                      └── repeatable ────┤
 *                                         └── write ────▶ (handed out: outcome unknown)
 *
 * Invariants
 *  R1  A request is handed out exactly once: by `answer`, `lose`, `expire`, `remove`, `drainWaiting` or `drain`.
 *  R2  A write that was on a connection that is lost is never waiting again: sent twice, it would be two versions.
 *  R3  `bytes` is the sum over all requests in the table, and stays at or below the limit.
 *  R4  At most `inFlightMax` requests are in flight.
 *  R5  What waits is sent in the order in which it came; what was lost goes before what was never sent.
 */
import { FRAME_BYTES_TARGET, MESSAGES_PER_FRAME_MAX } from '../wire/index.ts';

export interface PendingRequest {
  readonly id: number;
  /** What it takes in a frame, at most. */
  readonly bytes: number;
  /** On the monotonic clock. */
  readonly deadlineMs: number;
  /** `write`: sent at most once. */
  readonly kind: 'write' | 'repeatable';
  /** How often it has been sent. */
  attempts: number;
}

export interface RequestLimits {
  readonly bytesMax: number;
  readonly inFlightMax: number;
  readonly attemptsMax: number;
}

export interface Lost<Request> {
  /** Writes whose outcome is not known. */
  readonly unknown: readonly Request[];
  /** Repeatable requests that have been sent as often as they may. */
  readonly exhausted: readonly Request[];
}

export class RequestTable<Request extends PendingRequest> {
  readonly #limits: RequestLimits;
  /** Maps keep the order of insertion (R5). */
  #waiting = new Map<number, Request>();
  readonly #inFlight = new Map<number, Request>();
  #bytes = 0;
  #earliestDeadlineMs = Infinity;

  constructor(limits: RequestLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#waiting.size + this.#inFlight.size;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  get inFlightCount(): number {
    return this.#inFlight.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False, and nothing is kept, when the limit of bytes would be passed (R3). */
  add(request: Request): boolean {
    if (this.#bytes + request.bytes > this.#limits.bytesMax) return false;
    this.#bytes += request.bytes;
    this.#waiting.set(request.id, request);
    this.#earliestDeadlineMs = Math.min(this.#earliestDeadlineMs, request.deadlineMs);
    return true;
  }

  /** The requests of the next frame, now in flight; empty when none waits or may go (R4). */
  take(): readonly Request[] {
    const taken: Request[] = [];
    let bytes = 0;
    for (const request of this.#waiting.values()) {
      if (this.#inFlight.size >= this.#limits.inFlightMax || taken.length === MESSAGES_PER_FRAME_MAX) break;
      if (taken.length > 0 && bytes + request.bytes > FRAME_BYTES_TARGET) break;
      bytes += request.bytes;
      request.attempts += 1;
      this.#waiting.delete(request.id);
      this.#inFlight.set(request.id, request);
      taken.push(request);
    }
    return taken;
  }

  /** The request in flight that has this id; it stays. */
  peek(id: number): Request | undefined {
    return this.#inFlight.get(id);
  }

  /** Takes out the request in flight that has this id; undefined when there is none (any more). */
  answer(id: number): Request | undefined {
    const request = this.#inFlight.get(id);
    if (request === undefined) return undefined;
    this.#inFlight.delete(id);
    this.#bytes -= request.bytes;
    return request;
  }

  /** Takes the request out wherever it is; false when it is no longer there. */
  remove(request: Request): boolean {
    if (!this.#waiting.delete(request.id) && !this.#inFlight.delete(request.id)) return false;
    this.#bytes -= request.bytes;
    return true;
  }

  /** The connection is gone with everything in flight on it (R2). */
  lose(): Lost<Request> {
    const unknown: Request[] = [];
    const exhausted: Request[] = [];
    const again = new Map<number, Request>();
    for (const request of this.#inFlight.values()) {
      if (request.kind === 'repeatable' && request.attempts < this.#limits.attemptsMax) {
        again.set(request.id, request);
        continue;
      }
      (request.kind === 'write' ? unknown : exhausted).push(request);
      this.#bytes -= request.bytes;
    }
    this.#inFlight.clear();
    if (again.size > 0) {
      for (const [id, request] of this.#waiting) again.set(id, request);
      this.#waiting = again;
    }
    return { unknown, exhausted };
  }

  /** Takes out every request whose deadline has come; cheap while none has. */
  expire(nowMs: number): { readonly waiting: readonly Request[]; readonly inFlight: readonly Request[] } {
    if (nowMs < this.#earliestDeadlineMs) return { waiting: [], inFlight: [] };
    this.#earliestDeadlineMs = Infinity;
    return { waiting: this.#expireFrom(this.#waiting, nowMs), inFlight: this.#expireFrom(this.#inFlight, nowMs) };
  }

  /** Takes out everything that waits. */
  drainWaiting(): readonly Request[] {
    const all = [...this.#waiting.values()];
    for (const request of all) this.#bytes -= request.bytes;
    this.#waiting.clear();
    return all;
  }

  /** Takes out everything. */
  drain(): readonly Request[] {
    const all = [...this.#inFlight.values(), ...this.#waiting.values()];
    this.#inFlight.clear();
    this.#waiting.clear();
    this.#bytes = 0;
    return all;
  }

  #expireFrom(requests: Map<number, Request>, nowMs: number): readonly Request[] {
    const expired: Request[] = [];
    for (const request of requests.values()) {
      if (request.deadlineMs > nowMs) {
        this.#earliestDeadlineMs = Math.min(this.#earliestDeadlineMs, request.deadlineMs);
        continue;
      }
      requests.delete(request.id);
      this.#bytes -= request.bytes;
      expired.push(request);
    }
    return expired;
  }
}
