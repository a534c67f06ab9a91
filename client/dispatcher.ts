/**
 * Brings the requests in the table to a node and their answers back: connects on demand, sends what a tick collects as
 * one frame, keeps deadlines and heartbeats, and connects anew, to the next address, while anything waits.
 *
 * Invariants
 *  D1  At most one connection at a time.
 *  D2  The one timer runs exactly while the table holds a request; without one, neither it nor the socket keeps the
 *      process alive.
 *  D3  Everything that may let a request go ahead (added, opened, answered, drained, lost, tick) calls `#advance`.
 */
import { TYPE, encodeFrame, type ClientReply, type PingMessage } from '../wire/index.ts';
import { AddressBook } from './address-book.ts';
import { Connection } from './connection.ts';
import { RingError } from './errors.ts';
import { ATTEMPTS_MAX, DEADLINE_GRACE_MS, TICK_MS, type Settings } from './options.ts';
import { lateError, unknownOutcome, type ClientCall } from './request.ts';
import { RequestTable } from './request-table.ts';

export class Dispatcher {
  readonly #settings: Settings;
  readonly #addresses: AddressBook;
  readonly #table: RequestTable<ClientCall>;
  #connection: Connection | null = null;
  /** Why there is no connection; null before the first failure and while one is open. */
  #lastFailure: string | null = null;
  /** Whether the present connection has brought anything. */
  #heard: 'nothing' | 'something' = 'nothing';
  #timer: NodeJS.Timeout | null = null;
  #flush: NodeJS.Immediate | null = null;
  /** Ticks, not time: a process that was stopped itself must not take its silence for the node's. */
  #ticksSinceHeard = 0;
  #ticksSincePing = 0;
  #nextId = 1;
  #isClosed = false;

  constructor(addresses: readonly string[], settings: Settings) {
    this.#settings = settings;
    this.#addresses = new AddressBook(addresses, Math.random);
    this.#table = new RequestTable({ bytesMax: settings.queueBytesMax, inFlightMax: settings.inFlightMax, attemptsMax: ATTEMPTS_MAX });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Ids are never used twice, across connections too, so a late answer cannot meet another request. */
  takeId(): number {
    const id = this.#nextId;
    this.#nextId += 1;
    return id;
  }

  /** Throws `RingError` (`RING_CLOSED`, `RING_OVERLOADED`). */
  add(call: ClientCall): void {
    if (this.#isClosed) throw new RingError('RING_CLOSED', 'the client is closed');
    if (!this.#table.add(call)) {
      throw new RingError('RING_OVERLOADED', `${this.#table.bytes} bytes of requests are waiting for answers; the limit is ${this.#settings.queueBytesMax}`);
    }
    this.#startTimer();
    this.#flush ??= setImmediate(() => {
      this.#flush = null;
      this.#advance();
    });
  }

  /** False when the call has been settled already. */
  cancel(call: ClientCall): boolean {
    const removed = this.#table.remove(call);
    if (removed) this.#advance();
    return removed;
  }

  /** Every call still open fails with `RING_CLOSED`; writes among them may have been applied. Never rejects. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#flush !== null) clearImmediate(this.#flush);
    this.#flush = null;
    const connection = this.#connection;
    this.#connection = null;
    for (const call of this.#table.drain()) {
      const note = call.kind === 'write' && call.attempts > 0 ? '; the write may or may not have been applied' : '';
      call.fail(new RingError('RING_CLOSED', `the client was closed before the answer came${note}`));
    }
    this.#stopTimer();
    await connection?.close();
  }

  /** Does whatever can be done now (D3). */
  #advance(): void {
    if (this.#isClosed) return;
    if (this.#table.size === 0) {
      this.#stopTimer();
      return;
    }
    if (this.#connection === null) {
      if (this.#table.waitingCount > 0) this.#connect();
      return;
    }
    this.#send(this.#connection);
  }

  #connect(): void {
    const address = this.#addresses.take(performance.now());
    if (address === null) return;
    this.#heard = 'nothing';
    // An event of a connection that is no longer the present one means nothing any more.
    const connection: Connection = new Connection(address, this.#settings.connectTimeoutMs, {
      opened: () => this.#opened(connection),
      replies: (replies) => this.#received(connection, replies),
      drained: () => this.#advance(),
      closed: (reason) => this.#lost(connection, reason),
    });
    this.#connection = connection;
  }

  #opened(connection: Connection): void {
    if (this.#connection !== connection) return;
    this.#lastFailure = null;
    this.#ticksSinceHeard = 0;
    this.#ticksSincePing = 0;
    connection.keepAlive(this.#timer === null ? 'no' : 'while-open');
    this.#advance();
  }

  #send(connection: Connection): void {
    const nowMs = performance.now();
    while (connection.isWritable) {
      const wasIdle = this.#table.inFlightCount === 0;
      const calls = this.#table.take();
      if (calls.length === 0) return;
      if (wasIdle) this.#ticksSinceHeard = 0;
      connection.send(encodeFrame(calls.map((call) => call.message(Math.max(1, Math.ceil(call.deadlineMs - DEADLINE_GRACE_MS - nowMs))))));
    }
  }

  #received(connection: Connection, replies: readonly ClientReply[]): void {
    if (this.#connection !== connection) return;
    this.#ticksSinceHeard = 0;
    if (this.#heard === 'nothing') {
      this.#heard = 'something';
      this.#addresses.worked();
    }
    for (const reply of replies) {
      const id = reply[1];
      // Answers to pings, to cancelled and to expired requests have no one waiting for them.
      const call = id === null ? undefined : this.#table.peek(id);
      if (call === undefined) continue;
      if (!call.accept(reply)) {
        connection.drop(`an answer of type ${reply[0]} does not fit its request`);
        return;
      }
      this.#table.answer(call.id);
    }
    this.#advance();
  }

  #lost(connection: Connection, reason: string): void {
    if (this.#connection !== connection) return;
    this.#connection = null;
    this.#lastFailure = reason;
    const { unknown, exhausted } = this.#table.lose();
    for (const call of unknown) call.fail(unknownOutcome(`the connection was lost (${reason})`));
    for (const call of exhausted) call.fail(new RingError('RING_UNAVAILABLE', `sent ${call.attempts} times without an answer; last: ${reason}`));
    const endsRound = this.#heard === 'nothing' && this.#addresses.failed(performance.now());
    if (endsRound && this.#settings.failFast === 'fail-fast') {
      for (const call of this.#table.drainWaiting()) call.fail(this.#unreachable(reason));
    }
    this.#advance();
  }

  #tick(): void {
    const nowMs = performance.now();
    const reason = this.#connection?.isOpen === true ? null : `tried ${this.#addresses.toString()}${this.#lastFailure === null ? '' : `; last: ${this.#lastFailure}`}`;
    const expired = this.#table.expire(nowMs);
    for (const call of expired.waiting) call.fail(lateError(call, 'waiting', reason));
    for (const call of expired.inFlight) call.fail(lateError(call, 'in-flight', reason));
    this.#beat();
    this.#advance();
  }

  /** Heartbeats, while requests are in flight. */
  #beat(): void {
    const connection = this.#connection;
    if (connection === null || !connection.isOpen || this.#table.inFlightCount === 0) return;
    this.#ticksSinceHeard += 1;
    this.#ticksSincePing += 1;
    if (this.#ticksSinceHeard * TICK_MS > 2 * this.#settings.heartbeatMs) {
      connection.drop(`silent for more than ${2 * this.#settings.heartbeatMs} ms`);
      return;
    }
    if (this.#ticksSincePing * TICK_MS < this.#settings.heartbeatMs) return;
    this.#ticksSincePing = 0;
    const ping: PingMessage = [TYPE.ping, this.takeId()];
    connection.send(encodeFrame([ping]));
  }

  #unreachable(reason: string): RingError {
    return new RingError('RING_UNAVAILABLE', `no node could be reached: tried ${this.#addresses.toString()}; last: ${reason}`);
  }

  #startTimer(): void {
    if (this.#timer !== null) return;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#connection?.keepAlive('while-open');
  }

  #stopTimer(): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#connection?.keepAlive('no');
  }
}
