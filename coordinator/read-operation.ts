/**
 * A quorum read: all replicas are asked at once, the newest record is the answer, stale replicas get it back.
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
 *   asked ──replies ≥ need──► (repair) ──► answered ──all replied──► repair ──► finished
 *
 * Source: Dynamo, section 4.5 and 5.
 */
import { compareVersions, valueOf, versionBytesOf, versionOf, type NodeId, type RecordBytes } from '../data/index.ts';
import { FOUND, STORED, TYPE, errorNumber, type ErrorCode, type LevelNumber, type PeerReply, type PeerRequest } from '../wire/index.ts';
import { planReplicas, requiredBy, settle, type AnswerSink, type Operation, type OperationEnvironment, type Role, type SubRequest } from './operation.ts';
import type { Preference } from './placement.ts';

export interface ReadRequest {
  readonly sink: AnswerSink;
  readonly id: number;
  readonly key: Uint8Array;
  readonly level: LevelNumber;
  readonly deadlineMs: number;
}

interface Reply {
  readonly node: NodeId;
  readonly role: Role;
  /** null: absent. */
  readonly record: RecordBytes | null;
  /** False when its store is untrusted (R6). */
  readonly isTrusted: boolean;
}

const HELD_BYTES = 256;
const ON_DISK: ReadonlySet<number> = new Set([STORED.applied, STORED.present, STORED.superseded, STORED.appliedUntrusted, STORED.supersededUntrusted]);
const NO_TARGETS: readonly NodeId[] = [];

export class ReadOperation implements Operation {
  readonly deadlineMs: number;
  readonly #environment: OperationEnvironment;
  readonly #request: ReadRequest;
  readonly #preference: Preference;
  readonly #startedMs: number;
  #pending: SubRequest[] = [];
  #replies: Reply[] = [];
  /** Replicas whose record is damaged: repaired, not counted. */
  readonly #damaged: NodeId[] = [];
  readonly #asked: NodeId[] = [];
  #newest: RecordBytes | null = null;
  /** Replicas that have the newest record on disk. */
  #holders: NodeId[] = [];
  /** The newest record's repairs, sent or done; those of an older one say nothing of who has the newest (R3). */
  #repairs: SubRequest[] = [];
  #held = HELD_BYTES;
  #answered = false;
  #hedged = false;
  #finished = false;

  constructor(environment: OperationEnvironment, request: ReadRequest, preference: Preference, nowMs: number) {
    this.#environment = environment;
    this.#request = request;
    this.#preference = preference;
    this.#startedMs = nowMs;
    this.deadlineMs = request.deadlineMs;
  }

  start(): void {
    this.#environment.hold(HELD_BYTES);
    const plan = planReplicas(this.#preference, this.#environment);
    if (this.#isStrict() && plan.live.length < this.#required()) {
      this.#fail('RING_UNAVAILABLE', `${plan.live.length} of ${this.#preference.replicas.length} replicas can be reached`);
      this.#finish();
      return;
    }
    for (const node of plan.live) this.#ask(node, 'replica');
    if (!this.#isStrict() && plan.down.length > 0) {
      const count = plan.live.length < this.#required() ? plan.liveFallbacks.length : plan.down.length;
      for (const node of plan.liveFallbacks.slice(0, count)) this.#ask(node, 'stand-in');
    }
    this.#evaluate();
  }

  onVersionsAvailable(): void {
    // A read issues no version.
  }

  onReply(sub: SubRequest, reply: PeerReply): void {
    if (!settle(this.#pending, sub)) return;
    if (sub.role === 'repair') this.#repaired(sub, reply);
    else if (reply[0] === TYPE.found) this.#take(sub, reply[2], reply[3]);
    this.#evaluate();
  }

  onLost(sub: SubRequest): void {
    if (!settle(this.#pending, sub)) return;
    if (sub.role === 'replica') this.#askStandIns();
    this.#evaluate();
  }

  onForgot(node: NodeId): void {
    if (this.#answered || this.#finished) return;
    this.#replies = this.#replies.filter((reply) => reply.node !== node);
    this.#holders = this.#holders.filter((holder) => holder !== node);
    this.#evaluate();
  }

  onTick(nowMs: number): void {
    const { hedgeAfterMs, replicaTimeoutMs } = this.#environment.times;
    const age = nowMs - this.#startedMs;
    if (!this.#answered && nowMs >= this.deadlineMs) this.#outOfTime();
    if (!this.#hedged && !this.#answered && age >= hedgeAfterMs) {
      this.#hedged = true;
      this.#environment.count('hedges');
      this.#askStandIns();
    }
    if (this.#answered && age >= replicaTimeoutMs) this.#abandon();
    this.#evaluate();
  }

  // --- asking --------------------------------------------------------------------------------------------------

  #ask(node: NodeId, role: Role): void {
    this.#asked.push(node);
    this.#send({ operation: this, node, role, hintFor: NO_TARGETS }, (id) => [TYPE.read, id, this.#request.key]);
  }

  #send(sub: SubRequest, build: (id: number) => PeerRequest): void {
    this.#pending.push(sub);
    if (!this.#environment.send(sub, build)) settle(this.#pending, sub);
  }

  /** A replica is slow or lost: its hints may lie on a fallback node (R4). */
  #askStandIns(): void {
    if (this.#isStrict() || this.#answered) return;
    for (const node of this.#preference.fallbacks) {
      if (this.#environment.isAlive(node) && !this.#asked.includes(node)) this.#ask(node, 'stand-in');
    }
  }

  // --- replies -------------------------------------------------------------------------------------------------

  #take(sub: SubRequest, status: number, record: RecordBytes | null): void {
    switch (status) {
      case FOUND.record:
      case FOUND.absent:
      case FOUND.untrusted:
        break;
      case FOUND.damaged:
        this.#damaged.push(sub.node);
        return;
      default:
        // The node could not look: no reply.
        return;
    }
    this.#replies.push({ node: sub.node, role: sub.role, record, isTrusted: status !== FOUND.untrusted });
    if (record === null) return;
    this.#environment.hold(record.length);
    this.#held += record.length;
    const order = this.#newest === null ? 1 : compareVersions(versionOf(record), versionOf(this.#newest));
    if (order > 0) {
      this.#newest = record;
      this.#holders = [];
      this.#repairs = [];
    }
    if (order >= 0 && sub.role === 'replica') this.#holders.push(sub.node);
  }

  /** A replica that had something even newer by then holds enough too; trusted or not, it is on disk there. */
  #repaired(sub: SubRequest, reply: PeerReply): void {
    if (reply[0] === TYPE.stored && this.#repairs.includes(sub) && ON_DISK.has(reply[2])) this.#holders.push(sub.node);
  }

  #evaluate(): void {
    if (this.#finished) return;
    if (!this.#answered) this.#decide();
    if (this.#answered && !this.#isAsking()) this.#repair();
    if (this.#answered && this.#pending.length === 0) this.#finish();
  }

  #decide(): void {
    if (this.#isStrict()) this.#decideStrictly();
    else if (this.#isHeardEnough()) this.#answer(this.#replies);
    else if (!this.#isAsking()) this.#answerFromWhatCame();
  }

  /** At `available`: a majority of the replicas replied, or with the hedge's help as many nodes (R4). */
  #isHeardEnough(): boolean {
    const trusted = this.#replies.filter((reply) => reply.isTrusted);
    const replicas = trusted.filter((reply) => reply.role === 'replica').length;
    if (replicas >= this.#required()) return true;
    return this.#hedged && replicas > 0 && trusted.length >= this.#required() && !this.#isAbsenceDoubtful();
  }

  /** At `available`, when no more is to come. */
  #answerFromWhatCame(): void {
    if (this.#replies.length > 0 && !this.#isAbsenceDoubtful()) this.#answer(this.#replies);
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

  /** Writes the newest record to the replicas that showed an older one, none, or a damaged one. */
  #repair(): void {
    const record = this.#newest;
    if (record === null) return;
    const stale = this.#replies.filter((reply) => reply.role === 'replica' && !this.#holders.includes(reply.node)).map((reply) => reply.node);
    for (const node of [...stale, ...this.#damaged]) {
      if (this.#repairs.some((repair) => repair.node === node) || !this.#preference.replicas.includes(node)) continue;
      const sub: SubRequest = { operation: this, node, role: 'repair', hintFor: NO_TARGETS };
      this.#repairs.push(sub);
      this.#environment.count('readRepairs');
      this.#send(sub, (id) => [TYPE.write, id, this.#request.key, record, NO_TARGETS]);
    }
  }

  #counted(): readonly Reply[] {
    return this.#isStrict() ? this.#replies.filter((reply) => reply.role === 'replica' && reply.isTrusted) : this.#replies;
  }

  #isAsking(): boolean {
    return this.#pending.some((sub) => sub.role !== 'repair');
  }

  // --- the client's answer -------------------------------------------------------------------------------------

  #answer(counted: readonly Reply[]): void {
    this.#answered = true;
    this.#environment.count('readsAnswered');
    const record = this.#newest;
    const nodes = counted.map((reply) => reply.node).toSorted((a, b) => a - b);
    const value = record === null ? null : valueOf(record);
    this.#request.sink.answer([TYPE.value, this.#request.id, value, record === null ? null : versionBytesOf(record), nodes]);
  }

  /** At `available`, what has been heard by the deadline is the answer. */
  #outOfTime(): void {
    if (this.#isStrict()) this.#failWithout(this.#counted().length);
    else this.#answerFromWhatCame();
  }

  #failWithout(received: number): void {
    if (this.#damaged.length > 0) this.#fail('RING_RECORD_DAMAGED', `the record is damaged on node ${this.#damaged.join(' and ')} and no other copy was read`);
    else this.#fail('RING_UNAVAILABLE', `${received} of the ${this.#required()} required replicas answered`);
  }

  #fail(code: ErrorCode, message: string): void {
    this.#answered = true;
    this.#environment.count('failures');
    this.#request.sink.answer([TYPE.failed, this.#request.id, errorNumber(code), message, this.#required(), this.#counted().length, null]);
  }

  /** Stops waiting for replicas that have not replied. */
  #abandon(): void {
    const asking = this.#pending.filter((sub) => sub.role !== 'repair');
    for (const sub of asking.length > 0 ? asking : this.#pending.slice()) settle(this.#pending, sub);
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
