/**
 * The way to one node: its connection, when there is one, and whether to trust it. The primary lane leads to whichever
 * of the given addresses answers, any other lane to one member of the topology.
 *
 *   closed ──open──▶ connecting ──▶ (unproven) ──▶ ready ◀──heard── suspect
 *     ▲                                             └──── silent ────▶│
 *     └────────────────────── closed, dropped ────────────────────────┘
 *
 * Invariants
 *  W1  A lane to a member takes nothing before its node has said that it is that member of that cluster (`prove`):
 *      another cluster may listen at the address by now. The primary takes requests as soon as it is open.
 *  W2  What it awaits (an answer, a proof, a sign of life) is counted in ticks, not in time: a process that was stopped
 *      itself must not take its silence for the node's. Half way to suspicion it pings, so that a node that is only slow
 *      is not suspected.
 *  W3  What `send` was given goes out with the next `flush`, a full frame at once.
 */
import { FRAME_BYTES_TARGET, MESSAGES_PER_FRAME_MAX, TYPE, encodeFrame, type ClientReply, type ClientRequest } from '../wire/index.ts';
import type { AddressBook } from './address-book.ts';
import type { Dial } from './client-socket.ts';
import { Connection } from './connection.ts';
import { SUSPECT_TICKS, TICK_MS, type Settings } from './options.ts';
import type { Member } from './router.ts';

export interface LaneEvents {
  readonly opened: (lane: Lane) => void;
  /** Values are views into the frame: copy what outlives the call. */
  readonly replies: (lane: Lane, replies: readonly ClientReply[]) => void;
  readonly drained: () => void;
  /** `round`: `ended` when every address of the lane has now failed since one last worked. */
  readonly closed: (lane: Lane, reason: string, round: 'ended' | 'going-on') => void;
  readonly takeId: () => number;
}

export class Lane {
  /** null: the primary. */
  readonly member: Member | null;
  readonly #dial: Dial;
  readonly #addresses: AddressBook;
  readonly #settings: Settings;
  readonly #events: LaneEvents;
  /** Kept by the table. */
  inFlight = 0;
  /** The request for the topology that has no answer yet. */
  topologyId: number | null = null;
  #connection: Connection | null = null;
  #state: 'closed' | 'connecting' | 'unproven' | 'ready' | 'suspect' = 'closed';
  /** Whether the present connection has brought what makes it count as one that worked. */
  #success: 'none' | 'some' = 'none';
  /** Why there is no connection; null before the first failure and while one is open. */
  #lastFailure: string | null = null;
  /** The socket has as much as it should have. */
  #fill: 'room' | 'full' = 'room';
  #batch: ClientRequest[] = [];
  #batchBytes = 0;
  #silentTicks = 0;
  #ticksSincePing = 0;

  constructor(dial: Dial, member: Member | null, addresses: AddressBook, settings: Settings, events: LaneEvents) {
    this.#dial = dial;
    this.member = member;
    this.#addresses = addresses;
    this.#settings = settings;
    this.#events = events;
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  get isOpen(): boolean {
    return this.#connection?.isOpen === true;
  }

  get lastFailure(): string | null {
    return this.#lastFailure;
  }

  /** The address that is connected, or tried; null when closed. */
  get address(): string | null {
    return this.#connection?.address ?? null;
  }

  get readiness(): 'ready' | 'suspect' | 'none' {
    return this.#fill === 'full' || (this.#state !== 'ready' && this.#state !== 'suspect') ? 'none' : this.#state;
  }

  /** Begins to connect, unless it does or is, or the pause after a failure lasts. */
  open(nowMs: number): void {
    if (this.#state !== 'closed') return;
    const address = this.#addresses.take(nowMs);
    if (address === null) return;
    this.#state = 'connecting';
    // An event of a connection that is no longer the present one means nothing any more.
    const connection: Connection = new Connection(this.#dial, address, this.#settings.connectTimeoutMs, {
      opened: () => {
        if (this.#connection === connection) this.#opened();
      },
      replies: (replies) => {
        if (this.#connection === connection) this.#received(replies);
      },
      drained: () => {
        if (this.#connection === connection) this.#drained();
      },
      closed: (reason) => {
        if (this.#connection === connection) this.#lost(reason);
      },
    });
    this.#connection = connection;
  }

  /** Only while `readiness` is not `none` (W3). `bytes`: what it takes in a frame, at most. */
  send(message: ClientRequest, bytes: number): void {
    const isFull = this.#batchBytes + bytes > FRAME_BYTES_TARGET || this.#batch.length === MESSAGES_PER_FRAME_MAX;
    if (isFull) this.flush();
    if (this.inFlight === 0 && this.#state === 'ready') this.#silentTicks = 0;
    this.#batch.push(message);
    this.#batchBytes += bytes;
    // One large message is a frame of its own; so is what fills one.
    if (this.#batchBytes >= FRAME_BYTES_TARGET) this.flush();
  }

  flush(): void {
    if (this.#batch.length === 0 || this.#connection === null) return;
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#connection.send(encodeFrame(batch));
    if (!this.#connection.isWritable) this.#fill = 'full';
  }

  /** Asks the node who it is and which nodes keep what; the answer has the id `topologyId`. */
  askTopology(): void {
    this.topologyId = this.#events.takeId();
    this.#connection?.send(encodeFrame([[TYPE.topology, this.topologyId]]));
  }

  /** The node has said that it is the one this lane should lead to (W1). */
  prove(): void {
    if (this.#state === 'unproven') this.#state = 'ready';
    this.#worked();
  }

  /** One tick (W2). `suspect`: just now it was silent for too long. */
  beat(): 'suspect' | 'as-before' {
    const isAwaiting = this.inFlight > 0 || this.#state === 'suspect' || this.#state === 'unproven';
    if (!this.isOpen || !isAwaiting) return 'as-before';
    const { heartbeatMs, spread } = this.#settings;
    this.#silentTicks += 1;
    this.#ticksSincePing += 1;
    if (this.#silentTicks * TICK_MS > 2 * heartbeatMs) {
      this.drop(`silent for more than ${2 * heartbeatMs} ms`);
      return 'as-before';
    }
    const isHalfWay = spread !== 'none' && this.#silentTicks === SUSPECT_TICKS / 2;
    if (isHalfWay || this.#ticksSincePing * TICK_MS >= heartbeatMs) this.#ping();
    if (spread === 'none' || this.#state !== 'ready' || this.#silentTicks < SUSPECT_TICKS) return 'as-before';
    this.#state = 'suspect';
    return 'suspect';
  }

  /** Whether the open socket keeps the process alive. */
  keepAlive(wish: 'while-open' | 'no'): void {
    this.#connection?.keepAlive(wish);
  }

  /** Breaks the connection off; `closed` follows at once, with this reason. */
  drop(reason: string): void {
    this.#connection?.drop(reason);
  }

  /** An orderly close, without an event. */
  async close(): Promise<void> {
    const connection = this.#connection;
    this.#reset();
    await connection?.close();
  }

  #opened(): void {
    this.#state = this.member === null ? 'ready' : 'unproven';
    this.#lastFailure = null;
    this.#silentTicks = 0;
    this.#ticksSincePing = 0;
    if (this.member !== null) this.askTopology();
    this.#events.opened(this);
  }

  #received(replies: readonly ClientReply[]): void {
    this.#silentTicks = 0;
    if (this.#state === 'suspect') this.#state = 'ready';
    if (this.member === null) this.#worked();
    this.#events.replies(this, replies);
  }

  #drained(): void {
    this.#fill = 'room';
    this.#events.drained();
  }

  #lost(reason: string): void {
    const hasWorked = this.#success === 'some';
    this.#reset();
    this.#lastFailure = reason;
    // The primary goes to its next address at once; a lane that broke pauses, as others take its requests.
    const isFailure = this.member !== null || !hasWorked;
    const endsRound = isFailure && this.#addresses.failed(performance.now());
    this.#events.closed(this, reason, endsRound ? 'ended' : 'going-on');
  }

  #worked(): void {
    if (this.#success === 'some') return;
    this.#success = 'some';
    this.#addresses.worked();
  }

  #ping(): void {
    this.#ticksSincePing = 0;
    this.#connection?.send(encodeFrame([[TYPE.ping, this.#events.takeId()]]));
  }

  #reset(): void {
    this.#connection = null;
    this.#state = 'closed';
    this.#success = 'none';
    this.#fill = 'room';
    this.#batch = [];
    this.#batchBytes = 0;
    this.topologyId = null;
  }
}
