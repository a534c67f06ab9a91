/**
 * A quorum read: all replicas are asked at once, one of them for its record and the others for the version of theirs; the
 * newest record is the answer, stale replicas get it back.
 *
 * Invariants
 *  R1  The answer is the newest record among the replies that the level asks for, or newer. A damaged record, or a
 *      node that failed, is no reply; silence is never taken for absence.
 *  R2  A tombstone is a record: it hides what is older, and answers as no value with its version.
 *  R3  Read repair starts when the newest is known: at `quorum` and `all` before the answer, until as many replicas as
 *      the level asks for have it on disk (a later read cannot go back behind this one); otherwise when all replies
 *      are in, or are no longer waited for.
 *  R4  At `available` the stand-ins of replicas that are down are asked for their hints. When too few replicas are left
 *      for a majority, all nodes that were asked decide; a stand-in that knows nothing speaks for no replica, except
 *      after the hedge, beside a replica that replied.
 *  R5  Where a copy is damaged, only a majority of replicas may say that there is no record.
 *  R6  What an untrusted store replies may be the newest there is, and is repaired, but no level counts it: only at
 *      `available`, when nothing else is to come, is it better than no answer (coordinator/trust.ts).
 *
 *  R7  A version alone counts as a reply, for it says what its node has; but nothing is answered or repaired with while
 *      the newest is known by its version only: whoever confirmed it is asked for the record. Who can't give it, has
 *      not replied.
 *
 *   asked ──replies ≥ need──► (fetch) ──► (repair) ──► answered ──all replied──► (fetch) ──► repair ──► finished
 *
 * Source: Dynamo, section 4.5 and 5.
 */
import { assert, compareVersions, readVersion, valueOf, versionBytesOf, versionOf, type NodeId, type RecordBytes, type Version } from '../data/index.ts';
import { FOUND, STORED, TYPE, WANTS, errorNumber, type ErrorCode, type LevelNumber, type PeerReply, type PeerRequest } from '../wire/index.ts';
import { NO_NODES, planReplicas, requiredBy, settle, settleAll, type AnswerSink, type MessageId, type Operation, type OperationEnvironment, type Role, type SubRequest } from './operation.ts';
import type { Preference } from './placement.ts';
import { readSaid } from './said.ts';

export interface ReadRequest {
  readonly sink: AnswerSink;
  readonly id: number;
  readonly key: Uint8Array;
  readonly level: LevelNumber;
  readonly deadlineMs: number;
  /** READ_FLAGS. */
  readonly flags: number;
}

interface Reply {
  readonly node: NodeId;
  readonly role: Role;
  /** null: absent. */
  readonly version: Version | null;
  /** null: absent, or only the version was given. */
  readonly record: RecordBytes | null;
  /** False when its store is untrusted (R6). */
  readonly isTrusted: boolean;
}

interface Repair {
  readonly id: number;
  readonly node: NodeId;
}

const HELD_BYTES = 256;
const ON_DISK: ReadonlySet<number> = new Set([STORED.applied, STORED.present, STORED.superseded, STORED.appliedUntrusted, STORED.supersededUntrusted]);
const NO_REPAIRS: readonly Repair[] = [];

export class ReadOperation implements Operation {
  readonly ids: MessageId[] = [];
  before: Operation | null = null;
  after: Operation | null = null;
  readonly deadlineMs: number;
  readonly #environment: OperationEnvironment;
  readonly #request: ReadRequest;
  readonly #preference: Preference;
  readonly #startedMs: number;
  #pending: SubRequest[] = [];
  #replies: Reply[] = [];
  /** Replicas whose record is damaged: repaired, not counted. */
  #damaged: readonly NodeId[] = NO_NODES;
  /** Nodes that could not look. */
  #failed: readonly NodeId[] = NO_NODES;
  /** Fallback nodes that were asked for hints. */
  #askedStandIns: readonly NodeId[] = NO_NODES;
  #newest: Version | null = null;
  /** The newest record; null while only its version is known. */
  #record: RecordBytes | null = null;
  /** Replicas that have the newest record on disk. */
  #holders: NodeId[] = [];
  /** The newest record's repairs, sent or done; those of an older one say nothing of who has the newest (R3). */
  #repairs: readonly Repair[] = NO_REPAIRS;
  #held = HELD_BYTES;
  #answered = false;
  #dueMs: number;
  #hedged = false;
  #finished = false;

  constructor(environment: OperationEnvironment, request: ReadRequest, preference: Preference, nowMs: number) {
    this.#environment = environment;
    this.#request = request;
    this.#preference = preference;
    this.#startedMs = nowMs;
    this.deadlineMs = request.deadlineMs;
    this.#dueMs = this.#nextDueMs();
  }

  get isAnswered(): boolean {
    return this.#answered;
  }

  start(): void {
    this.#environment.hold(HELD_BYTES);
    const plan = planReplicas(this.#preference, this.#environment);
    if (this.#isStrict() && plan.live.length < this.#required()) {
      this.#fail('RING_UNAVAILABLE', `${plan.live.length} of ${this.#preference.replicas.length} replicas can be reached`);
      this.#finish();
      return;
    }
    this.#askReplicas(plan.live);
    if (!this.#isStrict() && plan.down.length > 0) {
      const count = plan.live.length < this.#required() ? plan.liveFallbacks.length : plan.down.length;
      for (const node of plan.liveFallbacks.slice(0, count)) this.#askStandIn(node);
    }
    this.#evaluate();
  }

  onVersionsAvailable(): void {
    // A read issues no version.
  }

  onReply(from: NodeId, reply: PeerReply): void {
    const sub = settle(this.#pending, from, reply[1]);
    if (sub === null) return;
    if (sub.role === 'repair') {
      this.#repaired(sub, reply);
    } else {
      if (sub.role === 'fetch') this.#forget(from);
      if (reply[0] === TYPE.found) this.#take(sub, reply[2], reply[3] === null ? null : versionOf(reply[3]), reply[3]);
      else if (reply[0] === TYPE.foundVersion) this.#take(sub, reply[2], reply[3] === null ? null : readVersion(reply[3], 0), null);
    }
    this.#evaluate();
  }

  onNodeLost(node: NodeId): void {
    const lost = settleAll(this.#pending, node);
    if (lost.length === 0) return;
    for (const { role } of lost) {
      if (role === 'fetch') this.#forget(node);
      if (role === 'replica') this.#askStandIns();
    }
    this.#evaluate();
  }

  onForgot(node: NodeId): void {
    if (this.#answered || this.#finished) return;
    this.#forget(node);
    this.#evaluate();
  }

  onTick(nowMs: number): void {
    const { hedgeAfterMs, replicaTimeoutMs } = this.#environment.times;
    const age = nowMs - this.#startedMs;
    if (nowMs < this.#dueMs) return;
    if (!this.#answered && nowMs >= this.deadlineMs) this.#outOfTime();
    if (!this.#hedged && !this.#answered && age >= hedgeAfterMs) {
      this.#hedged = true;
      this.#environment.count('hedges');
      this.#askStandIns();
    }
    if (this.#answered && age >= replicaTimeoutMs) this.#abandon();
    this.#evaluate();
    this.#dueMs = this.#nextDueMs();
  }

  /** When a tick has something to do again, unless something happens first. */
  #nextDueMs(): number {
    const { hedgeAfterMs, replicaTimeoutMs } = this.#environment.times;
    if (this.#answered) return this.#startedMs + replicaTimeoutMs;
    return this.#hedged ? this.deadlineMs : Math.min(this.deadlineMs, this.#startedMs + hedgeAfterMs);
  }

  // --- asking --------------------------------------------------------------------------------------------------

  /** One gives the record: this node itself if it can, as that costs no message. */
  #askReplicas(nodes: readonly NodeId[]): void {
    const giver = nodes.includes(this.#environment.self) ? this.#environment.self : nodes[0];
    if (giver === undefined) return;
    this.#send(giver, 'replica', this.#readMessage(WANTS.record));
    if (nodes.length === 1) return;
    const toConfirm = this.#readMessage(WANTS.version);
    for (const node of nodes) if (node !== giver) this.#send(node, 'replica', toConfirm);
  }

  #askStandIn(node: NodeId): void {
    this.#askedStandIns = [...this.#askedStandIns, node];
    this.#send(node, 'stand-in', this.#readMessage(WANTS.record));
  }

  #readMessage(wants: 0 | 1): PeerRequest {
    return [TYPE.read, this.#takeId(), this.#request.key, wants];
  }

  #takeId(): number {
    const id = this.#environment.takeId(this);
    this.ids.push(id);
    return id.id;
  }

  #send(node: NodeId, role: Role, request: PeerRequest): 'sent' | 'not sent' {
    if (!this.#environment.send(node, request)) return 'not sent';
    this.#pending.push({ id: request[1], node, role, hintFor: NO_NODES });
    return 'sent';
  }

  /** A replica is slow or lost: its hints may lie on a fallback node (R4). */
  #askStandIns(): void {
    if (this.#isStrict() || this.#answered) return;
    for (const node of this.#preference.fallbacks) {
      if (this.#environment.isAlive(node) && !this.#askedStandIns.includes(node)) this.#askStandIn(node);
    }
  }

  /** R7. True when the newest record is at hand, or there is none; otherwise it is asked for, unless it is on its way. */
  #hasRecord(): boolean {
    if (this.#newest === null || this.#record !== null) return true;
    if (!this.#isRecordComing()) this.#fetch();
    return false;
  }

  #fetch(): void {
    const holder = this.#replies.find(({ version }) => version !== null && this.#isNewest(version));
    assert(holder !== undefined, 'the newest version is that of a reply');
    this.#environment.count('fetches');
    if (this.#send(holder.node, 'fetch', this.#readMessage(WANTS.record)) === 'sent') return;
    this.#forget(holder.node);
    this.#evaluate();
  }

  /** A fetch, or until the hedge the replica that was asked for its record in the first place. */
  #isRecordComing(): boolean {
    return this.#pending.some(({ role, id }) => role === 'fetch' || (role === 'replica' && id === this.ids[0]?.id && !this.#hedged));
  }

  #isNewest(version: Version): boolean {
    return this.#newest !== null && compareVersions(version, this.#newest) === 0;
  }

  // --- replies -------------------------------------------------------------------------------------------------

  #take(sub: SubRequest, status: number, version: Version | null, record: RecordBytes | null): void {
    switch (status) {
      case FOUND.record:
      case FOUND.absent:
      case FOUND.untrusted:
        break;
      case FOUND.damaged:
        this.#damaged = [...this.#damaged, sub.node];
        return;
      default:
        // The node could not look: no reply.
        this.#failed = [...this.#failed, sub.node];
        return;
    }
    // Who was asked for its record had confirmed a version, as a replica does.
    const role = sub.role === 'fetch' ? 'replica' : sub.role;
    const reply: Reply = { node: sub.node, role, version, record, isTrusted: status !== FOUND.untrusted };
    this.#replies.push(reply);
    this.#count(reply);
    if (record === null) return;
    this.#environment.hold(record.length);
    this.#held += record.length;
  }

  #count({ node, role, version, record }: Reply): void {
    if (version === null) return;
    const order = this.#newest === null ? 1 : compareVersions(version, this.#newest);
    if (order > 0) {
      this.#newest = version;
      this.#record = null;
      this.#holders = [];
      this.#repairs = NO_REPAIRS;
    }
    if (order < 0) return;
    this.#record ??= record;
    if (role === 'replica') this.#holders.push(node);
  }

  /** What this node said counts no longer. */
  #forget(node: NodeId): void {
    const [newest, record, holders, repairs] = [this.#newest, this.#record, this.#holders, this.#repairs];
    this.#replies = this.#replies.filter((reply) => reply.node !== node);
    this.#newest = null;
    this.#record = null;
    this.#holders = [];
    this.#repairs = NO_REPAIRS;
    for (const reply of this.#replies) this.#count(reply);
    if (newest === null || !this.#isNewest(newest)) return;
    // Still the newest: the record is at hand whoever gave it, and who was repaired with it has it.
    this.#record ??= record;
    this.#repairs = repairs;
    for (const holder of holders) if (holder !== node && !this.#holders.includes(holder)) this.#holders.push(holder);
  }

  /** A replica that had something even newer by then holds enough too; trusted or not, it is on disk there. */
  #repaired(sub: SubRequest, reply: PeerReply): void {
    if (reply[0] === TYPE.stored && this.#repairs.some(({ id }) => id === sub.id) && ON_DISK.has(reply[2])) this.#holders.push(sub.node);
  }

  #evaluate(): void {
    if (this.#finished) return;
    if (!this.#answered) this.#decide();
    if (this.#answered && !this.#isAsking() && this.#isAnyStale() && this.#hasRecord()) this.#repair();
    if (this.#answered && this.#pending.length === 0) this.#finish();
  }

  #decide(): void {
    if (this.#isStrict()) this.#decideStrictly();
    else if (this.#isHeardEnough()) this.#answerWithRecord(this.#replies);
    else if (!this.#isAsking()) this.#answerFromWhatCame();
  }

  /** At `available`: a majority of the replicas replied, or with the hedge's help as many nodes (R4). */
  #isHeardEnough(): boolean {
    let trusted = 0;
    let replicas = 0;
    for (const reply of this.#replies) {
      if (!reply.isTrusted) continue;
      trusted++;
      if (reply.role === 'replica') replicas++;
    }
    const required = this.#required();
    if (replicas >= required) return true;
    return this.#hedged && replicas > 0 && trusted >= required && !this.#isAbsenceDoubtful();
  }

  /** At `available`, when no more is to come. */
  #answerFromWhatCame(): void {
    if (this.#replies.length > 0 && !this.#isAbsenceDoubtful()) this.#answerWithRecord(this.#replies);
    else this.#failWithout(this.#replies.length);
  }

  /** R5. */
  #isAbsenceDoubtful(): boolean {
    return this.#newest === null && this.#damaged.length > 0;
  }

  #decideStrictly(): void {
    const counted = this.#counted();
    const possible = counted.length + this.#pending.filter((sub) => sub.role === 'replica').length;
    const need = this.#required();
    if (counted.length >= need) {
      if (!this.#hasRecord()) return;
      if (!this.#mustRepairFirst() || this.#holders.length >= need) this.#answer(counted);
      else this.#repair();
      if (!this.#answered && this.#holders.length + this.#pending.length < need) this.#fail('RING_UNAVAILABLE', 'too few replicas took the repair');
    } else if (possible < need) {
      this.#failWithout(counted.length);
    }
  }

  /** R3: at a strict level with more than one reply. */
  #mustRepairFirst(): boolean {
    return this.#request.level >= 2 && this.#newest !== null;
  }

  /** Whether there is a replica to repair that is not being repaired. */
  #isAnyStale(): boolean {
    return this.#newest !== null && (this.#damaged.length > 0 || this.#replies.some((reply) => this.#isStale(reply)));
  }

  #isStale({ node, role }: Reply): boolean {
    return role === 'replica' && !this.#holders.includes(node) && !this.#repairs.some((repair) => repair.node === node);
  }

  /** Writes the newest record, which is at hand, to the replicas that showed an older one, none, or a damaged one. */
  #repair(): void {
    const record = this.#record;
    if (record === null) return;
    const stale = this.#replies.filter((reply) => this.#isStale(reply)).map((reply) => reply.node);
    for (const node of [...stale, ...this.#damaged]) {
      if (this.#repairs.some((repair) => repair.node === node) || !this.#preference.replicas.includes(node)) continue;
      this.#environment.count('readRepairs');
      const id = this.#takeId();
      this.#repairs = [...this.#repairs, { id, node }];
      this.#send(node, 'repair', [TYPE.write, id, this.#request.key, record, NO_NODES]);
    }
  }

  #counted(): readonly Reply[] {
    return this.#isStrict() ? this.#replies.filter((reply) => reply.role === 'replica' && reply.isTrusted) : this.#replies;
  }

  #isAsking(): boolean {
    return this.#pending.some((sub) => sub.role !== 'repair');
  }

  // --- the client's answer -------------------------------------------------------------------------------------

  #answerWithRecord(counted: readonly Reply[]): void {
    if (this.#hasRecord()) this.#answer(counted);
  }

  #answer(counted: readonly Reply[]): void {
    this.#answered = true;
    this.#dueMs = 0;
    this.#environment.count('readsAnswered');
    const record = this.#record;
    const nodes = counted.map((reply) => reply.node).toSorted((a, b) => a - b);
    const value = record === null ? null : valueOf(record);
    const version = record === null ? null : versionBytesOf(record);
    const { sink, id, flags } = this.#request;
    if (flags === 0) sink.answer([TYPE.value, id, value, version, nodes]);
    else sink.answer([TYPE.value, id, value, version, nodes, this.#said()]);
  }

  #said(): ReturnType<typeof readSaid> {
    return readSaid({
      replicas: this.#preference.replicas,
      standIns: this.#askedStandIns,
      replies: this.#replies,
      damaged: this.#damaged,
      failed: this.#failed,
      waiting: this.#pending.map((sub) => sub.node),
    });
  }

  /** At `available`, what has been heard by the deadline is the answer. */
  #outOfTime(): void {
    // What is older than a version that was heard of is no answer.
    if (this.#isStrict() || (this.#newest !== null && this.#record === null)) this.#failWithout(this.#counted().length);
    else this.#answerFromWhatCame();
  }

  #failWithout(received: number): void {
    if (this.#damaged.length > 0) this.#fail('RING_RECORD_DAMAGED', `the record is damaged on node ${this.#damaged.join(' and ')} and no other copy was read`);
    else this.#fail('RING_UNAVAILABLE', `${received} of the ${this.#required()} required replicas answered`);
  }

  #fail(code: ErrorCode, message: string): void {
    this.#answered = true;
    this.#dueMs = 0;
    this.#environment.count('failures');
    this.#request.sink.answer([TYPE.failed, this.#request.id, errorNumber(code), message, this.#required(), this.#counted().length, null]);
  }

  /** Stops waiting for replicas that have not replied. */
  #abandon(): void {
    const isAsking = this.#isAsking();
    const given = isAsking ? this.#pending.filter((sub) => sub.role !== 'repair') : this.#pending;
    this.#pending = isAsking ? this.#pending.filter((sub) => sub.role === 'repair') : [];
    for (const { node, role } of given) if (role === 'fetch') this.#forget(node);
  }

  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#environment.hold(-this.#held);
    this.#environment.finish(this);
  }

  #isStrict(): boolean {
    return this.#request.level !== 0;
  }

  #required(): number {
    return requiredBy(this.#request.level, this.#environment.majority, this.#preference.replicas.length);
  }
}
