/**
 * A quorum write: one put or delete, from the first message to the last hint.
 *
 * Invariants
 *  W1  The client is told of success only when as many nodes as its level asks for have the record, or a hint for it,
 *      on disk. A node counts once.
 *  W2  A later write wins. Once as many nodes as the level asks for have replied, and one of them held something
 *      newer, the record is written again with a version above all that they hold, before the acknowledgement.
 *  W3  At most one rewrite. The replies of round 1 come from a majority, which meets every quorum that acknowledged
 *      an earlier write: the version of round 2 is above all of those. What is newer than round 2 was written while
 *      this write ran; the two are concurrent, and being overwritten at once counts as having been written.
 *  W4  Every replica that does not acknowledge gets a hint, also after the client has its answer: on the first live
 *      fallback node, and without one by reference on a replica that has the record.
 *  W5  `RING_UNAVAILABLE` is said only when nothing was sent, or all that was sent was refused for certain.
 *  W6  An untrusted store that has the record on disk counts for W1, but it can't say that nothing newer was
 *      acknowledged: at `quorum` and `all` the replies that W2 rests on come from a majority of trusted stores.
 *
 *  W7  A write that is sent again keeps the version that it was given before. When a replica holds something newer, nobody
 *      can say whether that came before this write or after it: the answer is `RING_SUPERSEDED`, never a success and
 *      never a second version.
 *  W8  Whose version the client was told may have been sent again by it and acknowledged elsewhere, and a rewrite would
 *      undo what was written since. So such a write is not rewritten from here: the answer is `RING_SUPERSEDED` with the
 *      newer version, and a client that has no other attempt under way asks for round 2 itself (`above`).
 *
 *   round 1 ──ack ≥ need──────────────► answered ──all replied or hinted──► finished
 *      └─superseded, replies ≥ need─► round 2 ──┘
 *
 * Source: Dynamo (sloppy quorum, hinted hand-off), section 4.5, 4.6; the rewrite is this project's own.
 */
import { assert, encodeRecord, newest, readVersion, versionBytesOf, versionToBytes, type NodeId, type RecordBytes, type Version } from '../data/index.ts';
import { STORED, TYPE, WRITE_FLAGS, errorNumber, type ErrorCode, type LevelNumber, type PeerReply, type PeerRequest, type StoredMessage } from '../wire/index.ts';
import { NO_NODES, planReplicas, requiredBy, settle, settleAll, type AnswerSink, type MessageId, type Operation, type OperationEnvironment, type Role, type SubRequest } from './operation.ts';
import type { Preference } from './placement.ts';
import { noteSaid, saidAtStart } from './said.ts';

export interface WriteRequest {
  readonly sink: AnswerSink;
  readonly id: number;
  readonly key: Uint8Array;
  /** null deletes. */
  readonly value: Uint8Array | null;
  readonly level: LevelNumber;
  readonly deadlineMs: number;
  /** `RING_UNKNOWN` and `written` say what "on disk" means here. */
  readonly fsync: 0 | 1;
  /** WRITE_FLAGS. */
  readonly flags: number;
  /** The version that an earlier attempt was given (W7); null for a first one. */
  readonly again: Version | null;
  /** The newer version by which round 1 was superseded: this is its round 2 (W8); null for all others. */
  readonly above: Version | null;
}

const KNOWING: ReadonlySet<number> = new Set([STORED.applied, STORED.present, STORED.superseded]);
/** Added to `replicaTimeoutMs` for the last hints; then it is the sweep's turn. */
const LAST_HINT_MS = 5_000;

interface StoredHint {
  readonly target: NodeId;
  readonly holder: NodeId;
}

/** Most writes never meet a hint, a failure or a newer record: they share these. */
const NO_HINTS: readonly StoredHint[] = [];

export class WriteOperation implements Operation {
  readonly ids: MessageId[] = [];
  before: Operation | null = null;
  after: Operation | null = null;
  readonly deadlineMs: number;
  readonly #environment: OperationEnvironment;
  readonly #request: WriteRequest;
  readonly #preference: Preference;
  readonly #startedMs: number;
  #round = 0;
  #version: Version | null = null;
  /** null while a version is waited for. */
  #record: RecordBytes | null = null;
  /** The greatest version that a replica held instead. */
  #newer: Version | null;
  /** Messages of this round that may still be replied to. */
  #pending: SubRequest[] = [];
  /** Replicas that have this round's record on disk. */
  #acked: NodeId[] = [];
  /** Nodes that held something newer, in round 1. */
  #superseded: readonly NodeId[] = NO_NODES;
  /** Replicas that replied in this round and whose stores are trusted (W6). */
  #knowing: NodeId[] = [];
  /** Hints that are on disk. */
  #hints: readonly StoredHint[] = NO_HINTS;
  /** Replicas for which a hint is kept or on its way. */
  #hinted: readonly NodeId[] = NO_NODES;
  /** Nodes that failed to keep a hint; not asked again. */
  #failedHolders: readonly NodeId[] = NO_NODES;
  /** Messages sent, less those that were refused for certain: when none is left nothing was applied (W5). */
  #maybeApplied = 0;
  /** What each replica said, when the client wants to know. */
  #said: number[] | null = null;
  #answered = false;
  #dueMs: number;
  #hedged = false;
  #timedOut = false;
  #finished = false;

  constructor(environment: OperationEnvironment, request: WriteRequest, preference: Preference, nowMs: number) {
    this.#environment = environment;
    this.#request = request;
    this.#preference = preference;
    this.#startedMs = nowMs;
    this.deadlineMs = request.deadlineMs;
    this.#newer = request.above;
    if (request.above !== null) this.#round = 1;
    this.#dueMs = this.#nextDueMs();
  }

  get isAnswered(): boolean {
    return this.#answered;
  }

  start(): void {
    this.#environment.hold(this.#heldBytes());
    if (this.#isStrict()) {
      const { replicas } = this.#preference;
      const live = replicas.filter((node) => this.#environment.isAlive(node)).length;
      if (live < this.#required()) {
        this.#fail(`${live} of ${replicas.length} replicas can be reached`);
        return;
      }
    }
    this.#begin();
  }

  onVersionsAvailable(): void {
    if (!this.#finished && this.#record === null) this.#begin();
  }

  onReply(from: NodeId, reply: PeerReply): void {
    const sub = settle(this.#pending, from, reply[1]);
    if (sub === null) return;
    if (reply[0] === TYPE.stored) this.#take(sub, reply);
    else this.#missed(sub);
    this.#evaluate();
  }

  onNodeLost(node: NodeId): void {
    // Told late (coordinator.ts, O4), it may have given up waiting: a hint now would be nobody's.
    if (this.#finished) return;
    const lost = settleAll(this.#pending, node);
    if (lost.length === 0) return;
    for (const sub of lost) this.#missed(sub);
    this.#evaluate();
  }

  onForgot(node: NodeId): void {
    if (this.#answered || this.#finished) return;
    const isOther = (other: NodeId): boolean => other !== node;
    this.#hinted = this.#hinted.filter((target) => !this.#hints.some((hint) => hint.holder === node && hint.target === target));
    this.#acked = this.#acked.filter(isOther);
    this.#knowing = this.#knowing.filter(isOther);
    this.#superseded = this.#superseded.filter(isOther);
    this.#hints = this.#hints.filter((hint) => isOther(hint.holder));
    this.#failedHolders = [...this.#failedHolders, node];
    this.#dueMs = 0;
    this.#evaluate();
  }

  onTick(nowMs: number): void {
    const { hedgeAfterMs, replicaTimeoutMs } = this.#environment.times;
    const age = nowMs - this.#startedMs;
    if (nowMs < this.#dueMs) return;
    if (!this.#answered && nowMs >= this.deadlineMs) this.#fail('the deadline passed');
    if (!this.#hedged && !this.#answered && !this.#isStrict() && age >= hedgeAfterMs) {
      this.#hedged = true;
      this.#environment.count('hedges');
      this.#hintSlowReplicas();
    }
    if (!this.#timedOut && age >= replicaTimeoutMs) {
      this.#timedOut = true;
      this.#hintSlowReplicas();
    }
    if (this.#answered && age >= replicaTimeoutMs + LAST_HINT_MS) this.#finish();
    else this.#evaluate();
    this.#dueMs = this.#nextDueMs();
  }

  /** When a tick has something to do again, unless something happens first. */
  #nextDueMs(): number {
    const { hedgeAfterMs, replicaTimeoutMs } = this.#environment.times;
    // What could not be hinted may find a node that has come back.
    if (this.#failedHolders.length > 0) return 0;
    const hedgeMs = this.#hedged || this.#answered || this.#isStrict() ? Infinity : this.#startedMs + hedgeAfterMs;
    const hintMs = this.#timedOut ? Infinity : this.#startedMs + replicaTimeoutMs;
    return Math.min(hedgeMs, hintMs, this.#answered ? this.#startedMs + replicaTimeoutMs + LAST_HINT_MS : this.deadlineMs);
  }

  // --- sending -------------------------------------------------------------------------------------------------

  /** Starts a round with a version above all that was met; waits when the clock's ceiling must be raised first. */
  #begin(): void {
    const version = this.#request.again ?? this.#environment.issue(this, this.#newer?.timestamp ?? 0);
    if (version === null) return;
    this.#round++;
    this.#version = version;
    this.#record = encodeRecord(this.#request.key, version, this.#request.value);
    const plan = planReplicas(this.#preference, this.#environment);
    if (this.#request.flags !== 0) this.#begunWith(version, plan.live);
    const toKeep = this.#writeMessage(NO_NODES);
    if (plan.down.length === 0) {
      for (const node of plan.live) this.#send(node, 'replica', NO_NODES, toKeep);
    } else {
      const byReference = plan.down.slice(plan.liveFallbacks.length);
      const referrer = plan.live.includes(this.#environment.self) ? this.#environment.self : plan.live[0];
      for (const node of plan.live) {
        if (node === referrer && byReference.length > 0) this.#send(node, 'replica', byReference, this.#writeMessage(byReference));
        else this.#send(node, 'replica', NO_NODES, toKeep);
      }
      for (const target of plan.down) this.#hintFor(target);
    }
    this.#evaluate();
  }

  /** What the client wants to be told of beside the outcome. */
  #begunWith(version: Version, live: readonly NodeId[]): void {
    const { flags, sink, id, again } = this.#request;
    if ((flags & WRITE_FLAGS.detail) !== 0) this.#said = saidAtStart(this.#preference.replicas, live);
    if ((flags & WRITE_FLAGS.tellVersion) !== 0 && again === null) sink.answer([TYPE.issued, id, versionToBytes(version)]);
  }

  /** The same message to all that get the same: it is encoded once. */
  #writeMessage(hintFor: readonly NodeId[]): PeerRequest {
    return [TYPE.write, this.#takeId(), this.#request.key, this.#recordNow(), hintFor];
  }

  #sendHint(holder: NodeId, target: NodeId): void {
    this.#environment.count('hintsSent');
    this.#send(holder, 'stand-in', [target], [TYPE.hint, this.#takeId(), target, this.#request.key, this.#recordNow()]);
  }

  #takeId(): number {
    const id = this.#environment.takeId(this);
    this.ids.push(id);
    return id.id;
  }

  #recordNow(): RecordBytes {
    assert(this.#record !== null, 'a round has its record');
    return this.#record;
  }

  #send(node: NodeId, role: Role, hintFor: readonly NodeId[], request: PeerRequest): void {
    if (hintFor.length > 0) this.#hinted = [...this.#hinted, ...hintFor];
    const sub: SubRequest = { id: request[1], node, role, hintFor };
    if (this.#environment.send(node, request)) {
      this.#pending.push(sub);
      this.#maybeApplied++;
      return;
    }
    this.#missed(sub);
  }

  /** Sends a hint for a replica that has not acknowledged, unless one is kept or on its way (W4). */
  #hintFor(target: NodeId): void {
    if (this.#record === null || this.#hinted.includes(target)) return;
    const usable = (node: NodeId): boolean => this.#environment.isAlive(node) && !this.#failedHolders.includes(node);
    const fallbacks = this.#preference.fallbacks.filter(usable);
    const unused = fallbacks.find((node) => !this.#isHolder(node));
    const standIn = unused ?? fallbacks[0];
    if (standIn !== undefined) {
      this.#sendHint(standIn, target);
      return;
    }
    const referrers = this.#acked.filter(usable);
    const referrer = referrers.includes(this.#environment.self) ? this.#environment.self : referrers[0];
    if (referrer !== undefined) this.#send(referrer, 'replica', [target], this.#writeMessage([target]));
  }

  /** W4. A replica may have failed while no other node had the record yet that could refer for it. */
  #hintMissed(): void {
    for (const target of this.#preference.replicas) {
      if (this.#acked.includes(target) || this.#superseded.includes(target) || this.#hinted.includes(target)) continue;
      if (!this.#pending.some((sub) => sub.node === target && sub.role === 'replica')) this.#hintFor(target);
    }
  }

  #isHolder(node: NodeId): boolean {
    return this.#hints.some((hint) => hint.holder === node) || this.#pending.some((sub) => sub.node === node);
  }

  #hintSlowReplicas(): void {
    for (const sub of [...this.#pending]) {
      if (sub.role === 'replica' && !this.#acked.includes(sub.node)) this.#hintFor(sub.node);
    }
  }

  // --- replies -------------------------------------------------------------------------------------------------

  #take(sub: SubRequest, [, , status, version]: StoredMessage): void {
    if (this.#said !== null && sub.role === 'replica') noteSaid(this.#said, sub.node, status);
    if (KNOWING.has(status) && sub.role === 'replica' && !this.#knowing.includes(sub.node)) this.#knowing.push(sub.node);
    switch (status) {
      case STORED.applied:
      case STORED.present:
      case STORED.appliedUntrusted:
        this.#keep(sub);
        return;
      case STORED.superseded:
      case STORED.supersededUntrusted:
        if (version !== null) this.#newer = newest(this.#newer, readVersion(version, 0));
        // W3: in round 2, being superseded is being written and overwritten at once.
        if (this.#round > 1 || this.#answered) this.#keep(sub);
        else if (!this.#superseded.includes(sub.node)) this.#superseded = [...this.#superseded, sub.node];
        return;
      case STORED.refused:
      case STORED.hintsFull:
        this.#maybeApplied--;
        this.#missed(sub);
        return;
      case STORED.unknown:
        this.#missed(sub);
        return;
    }
  }

  #keep(sub: SubRequest): void {
    if (sub.role === 'replica' && !this.#acked.includes(sub.node)) this.#acked.push(sub.node);
    if (sub.hintFor.length > 0) this.#hints = [...this.#hints, ...sub.hintFor.map((target) => ({ target, holder: sub.node }))];
  }

  /** The node did not keep what it was sent: others stand in. */
  #missed(sub: SubRequest): void {
    this.#hinted = this.#hinted.filter((target) => !sub.hintFor.includes(target));
    this.#failedHolders = [...this.#failedHolders, sub.node];
    this.#dueMs = 0;
    if (sub.role === 'replica' && !this.#acked.includes(sub.node)) this.#hintFor(sub.node);
    for (const target of sub.hintFor) this.#hintFor(target);
  }

  /** The nodes that have it on disk, each once; at a strict level replicas only (W1). */
  #durable(): readonly NodeId[] {
    if (this.#isStrict() || this.#hints.length === 0) return this.#acked;
    const holders = this.#hints.map((hint) => hint.holder).filter((node) => !this.#superseded.includes(node));
    return [...new Set([...this.#acked, ...holders])];
  }

  #evaluate(): void {
    if (this.#finished || this.#record === null) return;
    // Rare: while nothing has failed, every replica has acknowledged, is waited for, or has its hint.
    if (this.#failedHolders.length > 0) this.#hintMissed();
    if (!this.#answered) this.#decide();
    if (this.#answered && this.#pending.length === 0) this.#finish();
  }

  #decide(): void {
    const durable = this.#durable();
    // Nearly every write: nothing failed, nothing newer was met, and each replica has replied or is waited for.
    if (this.#isSmooth() && this.#request.level < 2) {
      if (durable.length >= this.#required()) this.#succeed(durable.length);
      return;
    }
    const replied = durable.length + this.#countSuperseded(durable);
    let possible = replied;
    const waiting: NodeId[] = [];
    for (const { node, role } of this.#pending) {
      if ((this.#isStrict() && role !== 'replica') || durable.includes(node) || this.#superseded.includes(node) || waiting.includes(node)) continue;
      waiting.push(node);
      possible++;
    }
    const need = this.#isStrict() ? this.#required() : Math.min(this.#required(), Math.max(1, possible));
    const knowing = this.#missingKnowledge();
    if (possible < need) this.#fail('too few nodes took the write');
    else if (knowing === 'never') this.#fail('too few of the replicas trust their stores to know of what was written before');
    else if (knowing === 'still') return;
    else if (this.#superseded.length > 0 && replied >= need) this.#overtaken();
    else if (durable.length >= need) this.#succeed(durable.length);
  }

  #isSmooth(): boolean {
    return this.#superseded.length === 0 && this.#failedHolders.length === 0 && this.#hinted.length === 0 && this.#acked.length + this.#pending.length === this.#preference.replicas.length;
  }

  /** W6: whether replies of trusted stores are still missing. What round 1 knew holds for round 2. */
  #missingKnowledge(): 'none' | 'still' | 'never' {
    if (this.#request.level < 2 || this.#round > 1) return 'none';
    const { majority } = this.#environment;
    if (this.#knowing.length >= majority) return 'none';
    const coming = this.#pending.filter(({ node, role }) => role === 'replica' && !this.#acked.includes(node) && !this.#superseded.includes(node)).length;
    return this.#knowing.length + coming >= majority ? 'still' : 'never';
  }

  /**
   * Nodes that replied and are not among the durable: one that has the record and then was asked to refer for another
   * may be both. At a strict level, what a stand-in held says nothing about the replicas' quorum.
   */
  #countSuperseded(durable: readonly NodeId[]): number {
    return this.#superseded.filter((node) => !durable.includes(node) && (!this.#isStrict() || this.#preference.replicas.includes(node))).length;
  }

  /** W2, W7, W8. */
  #overtaken(): void {
    const { again, flags } = this.#request;
    if (again === null && (flags & WRITE_FLAGS.tellVersion) === 0) this.#rewrite();
    else this.#fail('the key has a newer version, and nobody can say whether it came before this write or after it', 'RING_SUPERSEDED');
  }

  /** W2. Replies to round 1 that are still to come are no longer looked at. */
  #rewrite(): void {
    this.#environment.count('rewrites');
    this.#record = null;
    this.#pending = [];
    this.#acked = [];
    this.#superseded = NO_NODES;
    this.#hints = NO_HINTS;
    this.#hinted = NO_NODES;
    this.#failedHolders = NO_NODES;
    this.#begin();
  }

  // --- the client's answer -------------------------------------------------------------------------------------

  #succeed(received: number): void {
    const record = this.#recordNow();
    assert(received > 0, 'a write is acknowledged that nobody keeps');
    this.#answered = true;
    this.#dueMs = 0;
    this.#environment.count('writesAcknowledged');
    const hints = this.#hints.length === 0 ? NO_NODES : this.#hints.flatMap(({ target, holder }) => [target, holder]);
    const { sink, id, fsync } = this.#request;
    const durableOn = this.#acked.toSorted((a, b) => a - b);
    const said = this.#said;
    // It is encoded later, and says what was known now.
    this.#said = null;
    if (said === null) sink.answer([TYPE.written, id, versionBytesOf(record), durableOn, hints, fsync]);
    else sink.answer([TYPE.written, id, versionBytesOf(record), durableOn, hints, fsync, said]);
  }

  /** W5: what may have been applied is unknown, and carries the version that it would have. */
  #fail(why: string, code: ErrorCode = this.#mayBeApplied() ? 'RING_UNKNOWN' : 'RING_UNAVAILABLE'): void {
    this.#answered = true;
    this.#dueMs = 0;
    this.#environment.count('failures');
    const received = this.#durable().length;
    const required = this.#required();
    const outcome = this.#mayBeApplied() ? 'the write may or may not surface later' : 'the write was not applied';
    const version = code === 'RING_SUPERSEDED' ? this.#newer : (this.#version ?? this.#request.again);
    this.#request.sink.answer([
      TYPE.failed,
      this.#request.id,
      errorNumber(code),
      `${why}; ${received} of the ${required} required acknowledgements came; ${outcome}`,
      required,
      received,
      this.#mayBeApplied() && version !== null ? versionToBytes(version) : null,
    ]);
    if (this.#pending.length === 0) this.#finish();
  }

  /** By this attempt, or by the one before it under the same version. */
  #mayBeApplied(): boolean {
    return this.#maybeApplied > 0 || this.#request.again !== null;
  }

  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#environment.hold(-this.#heldBytes());
    this.#environment.finish(this);
  }

  // --- small things --------------------------------------------------------------------------------------------

  #isStrict(): boolean {
    return this.#request.level !== 0;
  }

  #required(): number {
    return requiredBy(this.#request.level, this.#environment.majority, this.#preference.replicas.length);
  }

  #heldBytes(): number {
    return this.#request.key.length + (this.#request.value?.length ?? 0) + 256;
  }
}
