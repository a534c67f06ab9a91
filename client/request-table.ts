/**
 * The requests of one client that have no answer yet: which wait, which are in flight and on which lane, and what
 * becomes of them when time passes or a lane is lost. Pure: it knows no socket, no timer and no clock; the caller says
 * what time it is, names the lanes, and settles what is handed out.
 *
 *            add            route               remove
 *   (new) ────────▶ waiting ────────▶ in flight ────────▶ (handed out)
 *                      ▲               │  │  ▲
 *                      │               │  └──┘ sendAgain (repeatable, over a second lane, once)
 *                      │               │ lose, on its last lane
 *                      └─ may repeat ──┤
 *                        (or putBack)  └── may not ──▶ (handed out: outcome unknown)
 *
 * Invariants
 *  R1  A request is handed out exactly once: by `remove`, `lose`, `expire`, `drainWaiting` or `drain`.
 *  R2  A request is sent again only if it says that it may: `mayRepeat` when its lane is lost, `mayOverlap` beside another
 *      attempt. A write may under the version that it has been given; without one it would be two writes.
 *  R3  `bytes` is the sum over all requests in the table, and stays at or below the limit.
 *  R4  At most `inFlightMax` requests are in flight, over all lanes.
 *  R5  What waits is sent in the order in which it came; what was lost goes before what was never sent.
 *  R6  `lane.inFlight` is the number of requests in flight of which it is the first or the second lane.
 */
import { IdTable } from '../data/portable.ts';

/** Where requests are in flight, counted by the table (R6). */
export interface CountedLane {
  inFlight: number;
}

export interface PendingRequest<Lane extends CountedLane> {
  readonly id: number;
  /** What it takes in a frame, at most. */
  readonly bytes: number;
  /** On the monotonic clock. */
  readonly deadlineMs: number;
  readonly kind: 'write' | 'repeatable';
  /** Whether it may be sent again when all that had it is lost; asked then, as it may change. */
  readonly mayRepeat: boolean;
  /** Whether it may be sent again while another node may still be at it. */
  readonly mayOverlap: boolean;
  /** It is not sent before; the caller of `route` sees to that. */
  notBeforeMs: number;
  /** How often it has been sent. */
  attempts: number;
  /** Where it is; this and the lanes are the table's to change. */
  state: 'waiting' | 'in-flight' | 'out';
  firstLane: Lane | null;
  /** Over which it was sent again while nothing was heard from the first. */
  secondLane: Lane | null;
  next: this | null;
  /** Where it stands in the queue while it waits. */
  place: number;
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

/** Which lane took a request; `waits`: no lane takes this one now, `stop`: none takes any. */
export type Routed<Lane> = Lane | 'waits' | 'stop';

/** Places in the queue that may be empty before it is packed. */
const HOLES_MAX = 1_024;

export class RequestTable<Lane extends CountedLane & object, Request extends PendingRequest<Lane>> {
  readonly #limits: RequestLimits;
  readonly #requests = new IdTable<Request>();
  /** Those that wait, from `#head` to before `#tail` (R5); null where one was taken out. */
  #queue: (Request | null)[] = [];
  #head = 0;
  #tail = 0;
  #waitingCount = 0;
  #bytes = 0;
  #earliestDeadlineMs = Infinity;

  constructor(limits: RequestLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#requests.size;
  }

  get waitingCount(): number {
    return this.#waitingCount;
  }

  get inFlightCount(): number {
    return this.#requests.size - this.#waitingCount;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False, and nothing is kept, when the limit of bytes would be passed (R3). */
  add(request: Request): boolean {
    if (this.#bytes + request.bytes > this.#limits.bytesMax) return false;
    this.#bytes += request.bytes;
    this.#requests.add(request);
    this.#enqueue(request);
    this.#waitingCount += 1;
    if (request.deadlineMs < this.#earliestDeadlineMs) this.#earliestDeadlineMs = request.deadlineMs;
    return true;
  }

  /** Offers what waits, in its order, as far as the limit allows (R4); what a lane took is in flight on it. */
  route(toLane: (request: Request) => Routed<Lane>): void {
    const queue = this.#queue;
    const left: Request[] = [];
    let at = this.#head;
    for (; at < this.#tail && this.inFlightCount < this.#limits.inFlightMax; at++) {
      const request = queue[at] ?? null;
      if (request === null) continue;
      const lane = toLane(request);
      if (lane === 'stop') break;
      queue[at] = null;
      if (lane === 'waits') left.push(request);
      else this.#fly(request, lane);
    }
    // What was offered in vain stays before what was not offered (R5); there is room, as each had its place.
    for (const request of left.toReversed()) {
      at -= 1;
      queue[at] = request;
      request.place = at;
    }
    this.#head = at;
    this.#pack();
  }

  /** Sends the requests that may overlap and are in flight on this lane alone once more, where another takes them. */
  sendAgain(lane: Lane, toLane: (request: Request) => Lane | null): void {
    for (const request of this.#requests.all()) {
      if (request.state !== 'in-flight' || request.firstLane !== lane || request.secondLane !== null) continue;
      if (!request.mayOverlap || request.attempts >= this.#limits.attemptsMax) continue;
      const second = toLane(request);
      if (second === null || second === lane) continue;
      request.secondLane = second;
      request.attempts += 1;
      second.inFlight += 1;
    }
  }

  /** The request in flight that has this id; it stays. */
  inFlight(id: number): Request | null {
    const request = this.#requests.get(id);
    return request?.state === 'in-flight' ? request : null;
  }

  /** Takes the request out wherever it is; false when it is no longer there. */
  remove(request: Request): boolean {
    if (request.state === 'out' || !this.#requests.delete(request)) return false;
    this.#bytes -= request.bytes;
    if (request.state === 'in-flight') this.#land(request);
    else {
      this.#queue[request.place] = null;
      this.#waitingCount -= 1;
      this.#pack();
    }
    request.state = 'out';
    return true;
  }

  /** What is in flight waits again, behind all others, and not to be sent before `notBeforeMs`. */
  putBack(request: Request, notBeforeMs: number): void {
    if (request.state !== 'in-flight') return;
    this.#land(request);
    request.state = 'waiting';
    request.notBeforeMs = notBeforeMs;
    this.#waitingCount += 1;
    this.#enqueue(request);
  }

  /** The lane is gone with everything that was in flight on it alone (R2). */
  lose(lane: Lane): Lost<Request> {
    const unknown: Request[] = [];
    const exhausted: Request[] = [];
    const again: Request[] = [];
    for (const request of this.#requests.all()) {
      if (request.firstLane !== lane && request.secondLane !== lane) continue;
      const other = request.firstLane === lane ? request.secondLane : request.firstLane;
      if (other !== null) {
        [request.firstLane, request.secondLane] = [other, null];
        lane.inFlight -= 1;
      } else if (request.mayRepeat && request.attempts < this.#limits.attemptsMax) again.push(request);
      else (request.kind === 'write' ? unknown : exhausted).push(request);
    }
    for (const request of unknown) this.remove(request);
    for (const request of exhausted) this.remove(request);
    for (const request of again) {
      this.#land(request);
      request.state = 'waiting';
    }
    this.#waitingCount += again.length;
    if (again.length > 0) this.#requeue([...again, ...this.#waiting()]);
    return { unknown, exhausted };
  }

  /** Takes out every request whose deadline has come; cheap while none has. */
  expire(nowMs: number): { readonly waiting: readonly Request[]; readonly inFlight: readonly Request[] } {
    const waiting: Request[] = [];
    const inFlight: Request[] = [];
    if (nowMs < this.#earliestDeadlineMs) return { waiting, inFlight };
    this.#earliestDeadlineMs = Infinity;
    for (const request of this.#requests.all()) {
      if (request.deadlineMs > nowMs) {
        this.#earliestDeadlineMs = Math.min(this.#earliestDeadlineMs, request.deadlineMs);
        continue;
      }
      (request.state === 'in-flight' ? inFlight : waiting).push(request);
      this.remove(request);
    }
    return { waiting, inFlight };
  }

  /** Takes out everything that waits. */
  drainWaiting(): readonly Request[] {
    const all = this.#waiting();
    for (const request of all) this.remove(request);
    return all;
  }

  /** Takes out everything. */
  drain(): readonly Request[] {
    const all = this.#requests.all();
    for (const request of all) this.remove(request);
    return all;
  }

  #fly(request: Request, lane: Lane): void {
    request.state = 'in-flight';
    request.firstLane = lane;
    request.attempts += 1;
    lane.inFlight += 1;
    this.#waitingCount -= 1;
  }

  /** No longer in flight on any lane. */
  #land(request: Request): void {
    if (request.firstLane !== null) request.firstLane.inFlight -= 1;
    if (request.secondLane !== null) request.secondLane.inFlight -= 1;
    request.firstLane = null;
    request.secondLane = null;
  }

  /** Keeps what the queue holds in vain below HOLES_MAX, or below what waits. */
  #pack(): void {
    if (this.#queue.length > 2 * this.#waitingCount + HOLES_MAX) this.#requeue(this.#waiting());
    else if (this.#waitingCount === 0) {
      this.#head = 0;
      this.#tail = 0;
    }
  }

  #waiting(): Request[] {
    return this.#queue.slice(this.#head, this.#tail).filter((request) => request !== null);
  }

  #requeue(requests: readonly Request[]): void {
    this.#queue = [];
    this.#head = 0;
    this.#tail = 0;
    for (const request of requests) this.#enqueue(request);
  }

  #enqueue(request: Request): void {
    request.place = this.#tail;
    this.#queue[this.#tail] = request;
    this.#tail += 1;
  }
}
