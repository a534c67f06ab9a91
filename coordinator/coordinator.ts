/**
 * The coordinator of one node: all requests that clients gave to it, in flight.
 *
 *   client's request ─► operation ─► messages to replicas (this node's own among them)
 *   replies, lost links, ticks ─► operation ─► answer, hints, repairs
 *
 * Invariants
 *  O1  Every request is answered once, no later than the first tick after its deadline.
 *  O2  Deadlines are kept by one scan of what is in flight, not by a timer each.
 *  O3  What is in flight is bounded in number and bytes; beyond that a request is answered `RING_OVERLOADED`.
 *  O4  When a node is lost, the operations whose clients wait learn of it at once; the others, which only have hints to
 *      leave, some in each tick: together they would hold up everybody for as long as it takes to write all hints.
 */
import { IdTable, TICKS_PER_MS, nodeOfWriter, readVersion, versionToBytes, type HybridClock, type NodeId, type Version } from '../data/index.ts';
import { TYPE, WRITE_FLAGS, errorNumber, type DeleteMessage, type GetMessage, type PeerReply, type PeerRequest, type PutMessage, type ScanMessage, type WriteAgainMessage } from '../wire/index.ts';
import { OperationList } from './operation-list.ts';
import {
  COORDINATOR_EVENTS,
  MessageId,
  type AnswerSink,
  type CoordinatorEvent,
  type Operation,
  type OperationEnvironment,
  type OperationTimes,
} from './operation.ts';
import type { Placement } from './placement.ts';
import { RangeOperation } from './range-operation.ts';
import { ReadOperation } from './read-operation.ts';
import { WriteOperation, type WriteRequest } from './write-operation.ts';

export interface CoordinatorOptions {
  readonly self: NodeId;
  readonly requestTimeoutMs: number;
  readonly requestsInFlightMax: number;
  readonly requestBytesInFlightMax: number;
  readonly times: OperationTimes;
  /** What "on disk" means on this node. */
  readonly fsync: 0 | 1;
}

export interface CoordinatorPorts {
  readonly clock: HybridClock;
  /** Hands a request to the link of a node, or to this node's own replica; false: it certainly was not sent. Never replies before it returns. */
  send(to: NodeId, request: PeerRequest): boolean;
  isAlive(node: NodeId): boolean;
  wallMs(): number;
  /** Raises the clock's ceiling above `floor` on disk, then calls back, also when that failed. */
  reserveCeiling(floor: number, done: () => void): void;
}

/** Ids are even here; odd ones belong to the calls of the background work (node/peer-calls.ts). */
const ID_STEP = 2;
const ID_MAX = 0x7fff_fffe;
const LOSSES_A_TICK = 256;
/** How far ahead of this wall clock the version of another node may be that this one has not heard of: it may have gone on from its ceiling. */
const ISSUED_AHEAD_MS_MAX = 60_000;

export class Coordinator implements OperationEnvironment {
  readonly self: NodeId;
  readonly times: OperationTimes;
  readonly counters: Record<CoordinatorEvent, number>;
  readonly #placement: Placement;
  readonly #options: CoordinatorOptions;
  readonly #ports: CoordinatorPorts;
  readonly #operations = new OperationList<Operation>();
  readonly #messages = new IdTable<MessageId>();
  #waitingForVersion = new Set<Operation>();
  /** Losses that answered operations have not been told of (O4). */
  readonly #losses: { readonly operation: Operation; readonly node: NodeId }[] = [];
  /** The greatest floor that anything waited for, since the ceiling was last raised. */
  #neededFloor = 0;
  #reserving = false;
  #heldBytes = 0;
  #lastId = 0;

  constructor(placement: Placement, ports: CoordinatorPorts, options: CoordinatorOptions) {
    this.#placement = placement;
    this.#ports = ports;
    this.#options = options;
    this.self = options.self;
    this.times = options.times;
    this.counters = Object.fromEntries(COORDINATOR_EVENTS.map((event) => [event, 0])) as Record<CoordinatorEvent, number>;
  }

  get inFlight(): number {
    return this.#operations.size;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  get majority(): number {
    return this.#placement.majority;
  }

  put(sink: AnswerSink, [, id, key, value, level, timeoutMs, flags = 0]: PutMessage, nowMs: number): void {
    this.count('puts');
    this.#write({ sink, id, key, value, level, deadlineMs: this.#deadline(timeoutMs, nowMs), fsync: this.#options.fsync, flags, again: null, above: null }, nowMs);
  }

  delete(sink: AnswerSink, [, id, key, level, timeoutMs, flags = 0]: DeleteMessage, nowMs: number): void {
    this.count('deletes');
    this.#write({ sink, id, key, value: null, level, deadlineMs: this.#deadline(timeoutMs, nowMs), fsync: this.#options.fsync, flags, again: null, above: null }, nowMs);
  }

  /**
   * A version far ahead that this node has not heard of is not taken: who could send any would drive all clocks ahead. A
   * frame of whoever issued it, or of whoever has its record, brings it, so that asking again helps.
   */
  writeAgain(sink: AnswerSink, [, id, key, value, bytes, level, timeoutMs, flags]: WriteAgainMessage, nowMs: number): void {
    const version = readVersion(bytes, 0);
    const isAbove = (flags & WRITE_FLAGS.above) !== 0;
    this.count(isAbove ? 'rewrites' : 'writesAgain');
    const issuer = nodeOfWriter(version.writer);
    if (!this.#placement.topology.members.some((member) => member.id === issuer)) {
      sink.answer([TYPE.failed, id, errorNumber('RING_BAD_REQUEST'), 'no node of this cluster can have issued this version', 0, 0, null]);
      return;
    }
    if (!this.#isHeardOf(version)) {
      const why = 'this node has not heard of a version as new as this yet; the write may or may not surface later';
      sink.answer([TYPE.failed, id, errorNumber('RING_UNKNOWN'), why, 0, 0, isAbove ? null : versionToBytes(version)]);
      return;
    }
    this.#write({ sink, id, key, value, level, deadlineMs: this.#deadline(timeoutMs, nowMs), fsync: this.#options.fsync, flags, again: isAbove ? null : version, above: isAbove ? version : null }, nowMs);
  }

  get(sink: AnswerSink, [, id, key, level, timeoutMs, flags = 0]: GetMessage, nowMs: number): void {
    this.count('gets');
    if (this.#isOverloaded(sink, id)) return;
    const request = { sink, id, key, level, deadlineMs: this.#deadline(timeoutMs, nowMs), flags };
    const operation = new ReadOperation(this, request, this.#placement.ofKey(key), nowMs);
    this.#operations.add(operation);
    operation.start();
  }

  scan(sink: AnswerSink, [, id, from, to, limit, flags, level, timeoutMs]: ScanMessage, nowMs: number): void {
    this.count('scans');
    if (this.#isOverloaded(sink, id)) return;
    const request = { sink, id, from, to, limit, flags, level, deadlineMs: this.#deadline(timeoutMs, nowMs) };
    const operation = new RangeOperation(this, request, this.#placement, nowMs);
    this.#operations.add(operation);
    operation.start();
  }

  /** A reply of `from` to one of this coordinator's requests; one that is no longer waited for is dropped. */
  onReply(from: NodeId, reply: PeerReply): void {
    this.#messages.get(reply[1])?.operation.onReply(from, reply);
  }

  /** Nothing that was asked of `node` will be waited for: its link broke, or it has been silent for too long. */
  onNodeLost(node: NodeId): void {
    this.#operations.forEach((operation) => {
      if (operation.isAnswered) this.#losses.push({ operation, node });
      else operation.onNodeLost(node);
    });
  }

  /** `node` came back with another directory: what it had acknowledged is gone. */
  onNodeForgot(node: NodeId): void {
    this.#operations.forEach((operation) => operation.onForgot(node));
  }

  /** To be called every few milliseconds (O2). */
  tick(nowMs: number): void {
    if (this.#waitingForVersion.size > 0) this.#reserve();
    for (const { operation, node } of this.#losses.splice(0, LOSSES_A_TICK)) operation.onNodeLost(node);
    this.#operations.forEach((operation) => operation.onTick(nowMs));
  }

  // --- what an operation may do (OperationEnvironment) ---------------------------------------------------------

  isAlive(node: NodeId): boolean {
    return this.#ports.isAlive(node);
  }

  takeId(operation: Operation): MessageId {
    this.#lastId = this.#lastId >= ID_MAX ? ID_STEP : this.#lastId + ID_STEP;
    const id = new MessageId(this.#lastId, operation);
    this.#messages.add(id);
    return id;
  }

  send(to: NodeId, request: PeerRequest): boolean {
    return this.#ports.send(to, request);
  }

  issue(operation: Operation, floor: number): Version | null {
    const version = this.#ports.clock.issue(this.#ports.wallMs(), floor);
    if (version !== null) return version;
    this.#waitingForVersion.add(operation);
    this.#neededFloor = Math.max(this.#neededFloor, floor);
    this.#reserve();
    return null;
  }

  hold(bytes: number): void {
    this.#heldBytes += bytes;
  }

  finish(operation: Operation): void {
    this.#operations.remove(operation);
    for (const id of operation.ids) this.#messages.delete(id);
    this.#waitingForVersion.delete(operation);
  }

  count(event: CoordinatorEvent): void {
    this.counters[event]++;
  }

  // -------------------------------------------------------------------------------------------------------------

  /**
   * One reservation at a time. When it fails, the next tick tries again, until the operations' deadlines: at once would
   * be for ever, as a store that is being reopened refuses at once.
   */
  #reserve(): void {
    if (this.#reserving) return;
    this.#reserving = true;
    const { clock } = this.#ports;
    const before = clock.ceiling;
    const floor = this.#neededFloor;
    this.#neededFloor = 0;
    this.#ports.reserveCeiling(floor, () => {
      this.#reserving = false;
      if (clock.ceiling <= before) {
        this.#neededFloor = Math.max(this.#neededFloor, floor);
        return;
      }
      const waiting = this.#waitingForVersion;
      this.#waitingForVersion = new Set();
      for (const operation of waiting) operation.onVersionsAvailable();
    });
  }

  #write(request: WriteRequest, nowMs: number): void {
    if (this.#isOverloaded(request.sink, request.id)) return;
    const operation = new WriteOperation(this, request, this.#placement.ofKey(request.key), nowMs);
    this.#operations.add(operation);
    operation.start();
  }

  #isHeardOf({ timestamp }: Version): boolean {
    const { clock, wallMs } = this.#ports;
    return timestamp <= Math.max(clock.last, (wallMs() + ISSUED_AHEAD_MS_MAX) * TICKS_PER_MS);
  }

  #isOverloaded(sink: AnswerSink, id: number): boolean {
    const { requestsInFlightMax, requestBytesInFlightMax } = this.#options;
    if (this.#operations.size < requestsInFlightMax && this.#heldBytes < requestBytesInFlightMax) return false;
    this.count('overloaded');
    sink.answer([TYPE.failed, id, errorNumber('RING_OVERLOADED'), 'too many requests in flight on this node; nothing was applied, try again later', 0, 0, null]);
    return true;
  }

  #deadline(timeoutMs: number, nowMs: number): number {
    return nowMs + (timeoutMs === 0 ? this.#options.requestTimeoutMs : timeoutMs);
  }
}
