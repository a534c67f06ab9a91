/**
 * Brings the requests in the table to nodes and their answers back: connects on demand, sends what a tick collects as
 * one frame a lane, keeps deadlines and heartbeats, and connects anew while there is anything to do.
 *
 * Invariants
 *  D1  At most one connection a lane, and at most one lane to a member; a lane that another has replaced takes nothing
 *      new and is dropped when it has no request in flight.
 *  D2  The one timer runs exactly while the table holds a request; without one, neither it nor an open socket keeps the
 *      process alive (an attempt to connect may, for `connectTimeoutMs`).
 *  D3  Everything that may let a request go ahead (added, opened, proven, answered, drained, lost, tick) calls
 *      `#advance`.
 *  D4  The topology is asked for when REQUESTS_BEFORE_SPREAD requests have been sent, then once a connection of the
 *      primary. Without an answer that can be used all goes over the primary.
 *  D5  An answer counts whichever lane it comes over: ids are unique over all of them.
 */
import { ERROR_CODES, TYPE, type ClientReply, type ErrorCode } from '../wire/index.ts';
import { AddressBook } from './address-book.ts';
import { topologyFrom } from './answers.ts';
import { lateError, unknownOutcome, type ClientCall } from './call.ts';
import { RingError } from './errors.ts';
import { Lane, type LaneEvents } from './lane.ts';
import { ATTEMPTS_MAX, BUSY_IN_FLIGHT, DEADLINE_GRACE_MS, REQUESTS_BEFORE_SPREAD, TICK_MS, isPlain, type Settings } from './options.ts';
import type { ClientPlatform } from './platform.ts';
import { RequestTable, type Routed } from './request-table.ts';
import { Router, type Member } from './router.ts';

const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 1_000;

export class Dispatcher {
  readonly #platform: ClientPlatform;
  readonly #settings: Settings;
  readonly #table: RequestTable<Lane, ClientCall>;
  readonly #primary: Lane;
  readonly #router: Router<Lane>;
  /** The primary, those to members, and those that are being given up. */
  readonly #lanes = new Set<Lane>();
  readonly #retired = new Set<Lane>();
  readonly #addresses: AddressBook;
  #timer: ReturnType<typeof setInterval> | null = null;
  /** Whether what was added since the last task is to be sent after this one. */
  #flush: 'none' | 'due' = 'none';
  #sentCount = 0;
  /** Whether the present connection of the primary was asked for the topology. */
  #topology: 'not-asked' | 'asked' = 'not-asked';
  #nextId = 1;
  #isClosed = false;

  constructor(platform: ClientPlatform, addresses: readonly string[], settings: Settings) {
    this.#platform = platform;
    this.#settings = settings;
    this.#addresses = new AddressBook(addresses, Math.random);
    this.#table = new RequestTable({ bytesMax: settings.queueBytesMax, inFlightMax: settings.inFlightMax, attemptsMax: ATTEMPTS_MAX });
    const events: LaneEvents = {
      opened: (lane) => this.#opened(lane),
      replies: (lane, replies) => this.#received(lane, replies),
      drained: () => this.#advance(),
      closed: (lane, reason, round) => this.#lost(lane, reason, round),
      takeId: () => this.takeId(),
    };
    this.#primary = new Lane(platform.dial, null, this.#addresses, settings, events);
    this.#lanes.add(this.#primary);
    const laneTo = (member: Member): Lane => {
      const lane = new Lane(platform.dial, member, new AddressBook([member.address], Math.random), settings, events);
      this.#lanes.add(lane);
      return lane;
    };
    this.#router = new Router(this.#primary, laneTo, settings.spread === 'when-busy' ? BUSY_IN_FLIGHT : 0);
  }

  /** Ids are never used twice, across lanes and connections too, so a late answer cannot meet another request. */
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
    if (this.#timer === null) this.#startTimer();
    if (this.#flush === 'due') return;
    this.#flush = 'due';
    this.#platform.afterThisTask(() => {
      this.#flush = 'none';
      this.#advance();
    });
  }

  /** False when the call has been settled already. */
  cancel(call: ClientCall): boolean {
    const removed = this.#table.remove(call);
    if (removed) this.#advance();
    return removed;
  }

  /** Every call still open fails: with `RING_UNKNOWN` a write that was sent, with `RING_CLOSED` all else. Never rejects. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const call of this.#table.drain()) {
      const reason = 'the client was closed before the answer came';
      call.fail(call.kind === 'write' && call.attempts > 0 ? unknownOutcome(call, reason) : new RingError('RING_CLOSED', reason));
    }
    this.#stopTimer();
    await Promise.all([...this.#lanes].map(async (lane) => lane.close()));
  }

  /** Does whatever can be done now (D3). */
  #advance(): void {
    if (this.#isClosed) return;
    if (this.#table.size === 0) {
      this.#stopTimer();
      return;
    }
    const nowMs = performance.now();
    this.#primary.open(nowMs);
    if (this.#table.waitingCount > 0 && this.#router.anyLane() !== null) {
      this.#table.route((call) => this.#give(call, nowMs));
      this.#flushLanes();
    }
    this.#askTopology();
  }

  #give(call: ClientCall, nowMs: number): Routed<Lane> {
    if (call.notBeforeMs > nowMs) return 'waits';
    const lane = this.#router.laneFor(call, nowMs);
    // A control waits for the primary while others go on.
    if (lane === null) return this.#router.anyLane() === null ? 'stop' : 'waits';
    lane.send(call.toMessage(timeLeft(call, nowMs)), call.bytes);
    this.#sentCount += 1;
    return lane;
  }

  #flushLanes(): void {
    for (const lane of this.#lanes) lane.flush();
  }

  /** D4. Members are told by plain addresses: a client that was told to encrypt does not follow them. */
  #askTopology(): void {
    if (this.#topology === 'asked' || this.#settings.spread === 'none' || this.#sentCount < REQUESTS_BEFORE_SPREAD) return;
    const { address, isOpen } = this.#primary;
    if (!isOpen || address === null || !isPlain(address)) return;
    this.#topology = 'asked';
    this.#primary.askTopology();
  }

  #opened(lane: Lane): void {
    if (lane === this.#primary) this.#topology = 'not-asked';
    lane.keepAlive(this.#timer === null ? 'no' : 'while-open');
    this.#rescue();
    this.#advance();
  }

  #received(lane: Lane, replies: readonly ClientReply[]): void {
    for (const reply of replies) {
      const id = reply[1];
      if (id === null) continue;
      // Answers to pings, to cancelled and to expired requests have no one waiting for them.
      const call = this.#table.inFlight(id);
      if (call === null) {
        if (id === lane.topologyId) this.#told(lane, reply);
        continue;
      }
      if (reply[0] === TYPE.issued) {
        call.told(reply[2]);
        continue;
      }
      if (reply[0] === TYPE.failed) {
        const notBeforeMs = performance.now() + pauseAfter(call.attempts, ERROR_CODES[reply[2]]);
        // Without time for another attempt this failure is the answer: it says more than that the time is up.
        if (notBeforeMs < call.deadlineMs - DEADLINE_GRACE_MS && call.outlives(reply)) {
          this.#table.putBack(call, notBeforeMs);
          continue;
        }
      }
      if (!call.accept(reply)) {
        lane.drop(`an answer of type ${reply[0]} does not fit its request`);
        return;
      }
      this.#table.remove(call);
    }
    this.#advance();
  }

  /** What the node of this lane says of itself and of the topology; a node of an older version knows no such request. */
  #told(lane: Lane, reply: ClientReply): void {
    lane.topologyId = null;
    const topology = reply[0] === TYPE.json ? topologyFrom(reply) : null;
    if (lane === this.#primary) {
      if (topology !== null) for (const retired of this.#router.adopt(topology)) this.#retired.add(retired);
      this.#dropRetired();
    } else if (topology !== null && topology.node === lane.member?.id && topology.clusterId === this.#router.topology?.clusterId) {
      lane.prove();
      this.#rescue();
    } else {
      lane.drop('it is not the member that it should be');
    }
  }

  #lost(lane: Lane, reason: string, round: 'ended' | 'going-on'): void {
    if (this.#retired.delete(lane)) this.#lanes.delete(lane);
    const { unknown, exhausted } = this.#table.lose(lane);
    for (const call of unknown) call.fail(unknownOutcome(call, `the connection was lost (${reason})`));
    for (const call of exhausted) call.fail(new RingError('RING_UNAVAILABLE', `sent ${call.attempts} times without an answer; last: ${reason}`));
    const isHopeless = lane === this.#primary && round === 'ended' && this.#router.anyLane() === null;
    if (isHopeless && this.#settings.failFast === 'fail-fast') {
      for (const call of this.#table.drainWaiting()) call.fail(lateError(call, 'waiting', this.#tried()));
    }
    this.#advance();
  }

  #tick(): void {
    const nowMs = performance.now();
    const { waiting, inFlight } = this.#table.expire(nowMs);
    const reason = this.#primary.isOpen || this.#router.anyLane() !== null ? null : this.#tried();
    for (const call of waiting) call.fail(lateError(call, 'waiting', reason));
    for (const call of inFlight) call.fail(lateError(call, 'in-flight', reason));
    for (const lane of this.#lanes) {
      if (lane.beat() === 'suspect') this.#sendAgain(lane, nowMs);
    }
    this.#dropRetired();
    this.#advance();
  }

  /** A lane has become ready: what was in flight on suspect ones when there was none other can go over it. */
  #rescue(): void {
    const nowMs = performance.now();
    for (const lane of this.#lanes) {
      if (lane.readiness === 'suspect') this.#sendAgain(lane, nowMs);
    }
  }

  /** What a suspect lane may have swallowed and may be sent twice, over another lane that is not suspect. */
  #sendAgain(suspect: Lane, nowMs: number): void {
    this.#table.sendAgain(suspect, (call) => {
      const lane = this.#router.laneFor(call, nowMs);
      if (lane?.readiness !== 'ready') return null;
      lane.send(call.toMessage(timeLeft(call, nowMs)), call.bytes);
      return lane;
    });
    this.#flushLanes();
  }

  /** D1. */
  #dropRetired(): void {
    for (const lane of this.#retired) {
      if (lane.inFlight > 0) continue;
      this.#retired.delete(lane);
      this.#lanes.delete(lane);
      lane.drop('no longer needed');
    }
  }

  #tried(): string {
    const { lastFailure } = this.#primary;
    return `tried ${this.#addresses.toString()}${lastFailure === null ? '' : `; last: ${lastFailure}`}`;
  }

  #startTimer(): void {
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    for (const lane of this.#lanes) lane.keepAlive('while-open');
  }

  #stopTimer(): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    for (const lane of this.#lanes) lane.keepAlive('no');
  }
}

/** What the node may still take for the call; its own time is up before the client's. */
function timeLeft(call: ClientCall, nowMs: number): number {
  return Math.max(1, Math.ceil(call.deadlineMs - DEADLINE_GRACE_MS - nowMs));
}

/** How long a write rests that some nodes could not take; with jitter, so that what failed together does not come back together. */
function pauseAfter(attempts: number, code: ErrorCode): number {
  return code === 'RING_SUPERSEDED' ? 0 : Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** (attempts - 1)) * (0.5 + Math.random() / 2);
}
