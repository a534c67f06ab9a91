/**
 * A range read: one slice of the keys in byte order over the whole cluster. Every live node is asked at once for what its
 * store has of the range; what they give is merged (coordinator/range-merge.ts). The client asks for the next slice by
 * itself, so nothing is held here between two.
 *
 * Invariants
 *  G1  A slice is complete for every key up to its `resume`: of each set of replicas as many have replied as the level
 *      asks for. A node that failed has not replied; silence is never taken for absence.
 *  G2  `available` waits for a majority of each set; when no more is to come, or after `replicaTimeoutMs`, one replica of
 *      each is enough.
 *  G3  What an untrusted store gives may be the newest there is, but no level counts it; only at `available`, when nothing
 *      else is to come, is it better than no answer (as in coordinator/read-operation.ts, R6).
 *  G4  A node whose copy of a key is damaged has not replied for that key. Too few others: the read fails, it never skips.
 *  G5  What replies hold is counted before they come, by a guess, and as they are when they came (coordinator.ts, O3).
 *
 * Not done here: stale replicas are not repaired, which sweeps and reads of single keys do, so a value whose write was not
 * acknowledged may be in one slice and not in a later one. Stand-ins are not asked for their hints.
 *
 *   asked ──each set of replicas heard──► merged ──► answered, finished
 */
import type { NodeId, RecordBytes } from '../data/index.ts';
import {
  RANGE_BYTES_MAX,
  RANGE_ENTRIES_MAX,
  RANGE_FLAGS,
  RANGE_STATUS,
  SCAN_BYTES_TARGET,
  TYPE,
  errorNumber,
  messageBytesMax,
  type ErrorCode,
  type LevelNumber,
  type PeerReply,
  type RangeMessage,
} from '../wire/index.ts';
import { requiredBy, type AnswerSink, type MessageId, type Operation, type OperationEnvironment } from './operation.ts';
import type { Placement } from './placement.ts';
import { mergeRanges, type Merged, type RangeReply } from './range-merge.ts';
import { isFlagSet } from './range-replica.ts';

export interface RangeRequest {
  readonly sink: AnswerSink;
  readonly id: number;
  readonly from: Uint8Array | null;
  readonly to: Uint8Array | null;
  readonly limit: number;
  readonly flags: number;
  readonly level: LevelNumber;
  readonly deadlineMs: number;
}

const HELD_BYTES = 256;
/** What an entry of a reply is guessed to take, until the reply is there. */
const ENTRY_BYTES_GUESS = 1_024;
/** A part of what is asked for is spare: tombstones are among it. */
const SPARE_SHARE = 8;
const DEVIATIONS = 3;

export class RangeOperation implements Operation {
  readonly ids: MessageId[] = [];
  before: Operation | null = null;
  after: Operation | null = null;
  readonly deadlineMs: number;
  readonly #environment: OperationEnvironment;
  readonly #request: RangeRequest;
  readonly #placement: Placement;
  readonly #startedMs: number;
  readonly #entriesMax: number;
  readonly #pending = new Set<NodeId>();
  #replies: RangeReply[] = [];
  #held = 0;
  /** How long replies are waited for that are not needed: at `available` not beyond `replicaTimeoutMs` (G2). */
  #waits: 'for all' | 'for what is needed' | 'no longer' = 'for all';
  #finished = false;

  constructor(environment: OperationEnvironment, request: RangeRequest, placement: Placement, nowMs: number) {
    this.#environment = environment;
    this.#request = request;
    this.#placement = placement;
    this.#startedMs = nowMs;
    const { replicationFactor, members } = placement.topology;
    this.#entriesMax = entriesAsked(request.limit, replicationFactor / members.length);
    this.deadlineMs = request.deadlineMs;
  }

  get isAnswered(): boolean {
    return this.#finished;
  }

  start(): void {
    this.#hold(HELD_BYTES);
    const live = this.#placement.topology.members.map(({ id }) => id).filter((node) => this.#environment.isAlive(node));
    const least = this.#isLenient() ? 1 : this.#required();
    const reachable = this.#fewest(live);
    if (reachable < least) {
      this.#fail('RING_UNAVAILABLE', `of some keys ${reachable} of ${this.#placement.topology.replicationFactor} replicas can be reached`, reachable);
      return;
    }
    const { from, to, flags } = this.#request;
    const id = this.#environment.takeId(this);
    this.ids.push(id);
    const message: RangeMessage = [TYPE.range, id.id, from, to, this.#entriesMax, RANGE_BYTES_MAX, flags];
    for (const node of live) {
      if (!this.#environment.send(node, message)) continue;
      this.#pending.add(node);
      this.#hold(this.#replyBytesGuess());
    }
    this.#evaluate();
  }

  onVersionsAvailable(): void {
    // A read issues no version.
  }

  onReply(from: NodeId, reply: PeerReply): void {
    if (!this.#settle(from)) return;
    if (reply[0] === TYPE.rangeRecords && reply[2] !== RANGE_STATUS.failed) {
      this.#replies.push({ node: from, isTrusted: reply[2] === RANGE_STATUS.ok, pairs: reply[3], resume: reply[4] });
      this.#hold(messageBytesMax(reply));
    }
    this.#evaluate();
  }

  onNodeLost(node: NodeId): void {
    if (this.#settle(node)) this.#evaluate();
  }

  /** What it gave counts no longer; what it still owes comes from the directory that it has now. */
  onForgot(node: NodeId): void {
    this.#replies = this.#replies.filter((reply) => reply.node !== node);
    this.#evaluate();
  }

  onTick(nowMs: number): void {
    if (nowMs >= this.deadlineMs) {
      this.#waits = 'no longer';
      this.#evaluate();
      this.#failWithout();
    } else if (this.#waits === 'for all' && nowMs - this.#startedMs >= this.#environment.times.replicaTimeoutMs) {
      this.#waits = 'for what is needed';
      this.#evaluate();
    }
  }

  // --- deciding ------------------------------------------------------------------------------------------------

  #evaluate(): void {
    if (this.#finished) return;
    const trusted = this.#replies.filter(({ isTrusted }) => isTrusted).map(({ node }) => node);
    const isLast = this.#pending.size === 0 || this.#waits === 'no longer' || (this.#isLenient() && this.#waits === 'for what is needed');
    if (this.#fewest(trusted) >= this.#required()) {
      this.#answer(isLast);
    } else if (this.#isLenient()) {
      if (isLast && this.#fewest(this.#replies.map(({ node }) => node)) > 0) this.#answer(isLast);
      else if (this.#pending.size === 0) this.#failWithout();
    } else if (this.#fewest([...trusted, ...this.#pending]) < this.#required()) {
      this.#failWithout();
    }
  }

  /** Of how many replicas of a key these nodes are at least. */
  #fewest(nodes: readonly NodeId[]): number {
    const among = new Set(nodes);
    let fewest = Infinity;
    for (const replicas of this.#placement.replicaSets) {
      let count = 0;
      for (const node of replicas) if (among.has(node)) count++;
      fewest = Math.min(fewest, count);
    }
    return fewest;
  }

  /** `isLast`: no reply is waited for that could take the place of a damaged copy (G4). */
  #answer(isLast: boolean): void {
    const merged = this.#merge(isLast);
    if (merged.outcome === 'merged') {
      this.#environment.count('scansAnswered');
      this.#request.sink.answer([TYPE.entries, this.#request.id, merged.pairs, merged.resume]);
      this.#finish();
    } else if (isLast) {
      this.#fail('RING_RECORD_DAMAGED', `a record is damaged on node ${merged.nodes.join(' and ')} and too few other copies were read`, this.#heard());
    }
  }

  #merge(isLast: boolean): Merged {
    const { flags, limit } = this.#request;
    return mergeRanges(this.#replies, {
      direction: isFlagSet(flags, RANGE_FLAGS.reverse) ? 'reverse' : 'forward',
      content: isFlagSet(flags, RANGE_FLAGS.keysOnly) ? 'keys' : 'values',
      entriesMax: limit,
      bytesMax: SCAN_BYTES_TARGET,
      isEnough: (key, damagedOn, found) => this.#isEnough(key, damagedOn, found, isLast),
    });
  }

  /** G4. At `available` any intact record is better than none, but only a majority may say that there is none. */
  #isEnough(key: Uint8Array, damagedOn: readonly NodeId[], found: RecordBytes | null, isLast: boolean): boolean {
    const { replicas } = this.#placement.ofKey(key);
    // Damaged at a node that does not keep the key: a key that never was.
    if (!damagedOn.some((node) => replicas.includes(node))) return true;
    const intact = this.#replies.filter(({ node, isTrusted }) => isTrusted && replicas.includes(node) && !damagedOn.includes(node)).length;
    return intact >= this.#required() || (this.#isLenient() && isLast && found !== null);
  }

  // --- the end -------------------------------------------------------------------------------------------------

  #failWithout(): void {
    if (this.#finished) return;
    const heard = this.#heard();
    this.#fail('RING_UNAVAILABLE', `of some keys ${heard} of the ${this.#required()} required replicas answered`, heard);
  }

  #heard(): number {
    return this.#fewest(this.#replies.filter(({ isTrusted }) => isTrusted || this.#isLenient()).map(({ node }) => node));
  }

  #fail(code: ErrorCode, message: string, received: number): void {
    this.#environment.count('failures');
    this.#request.sink.answer([TYPE.failed, this.#request.id, errorNumber(code), message, this.#required(), received, null]);
    this.#finish();
  }

  #finish(): void {
    this.#finished = true;
    this.#environment.hold(-this.#held);
    this.#environment.finish(this);
  }

  /** G5. False when nothing of this node is waited for. */
  #settle(node: NodeId): boolean {
    if (!this.#pending.delete(node)) return false;
    this.#hold(-this.#replyBytesGuess());
    return true;
  }

  #hold(bytes: number): void {
    this.#held += bytes;
    this.#environment.hold(bytes);
  }

  #replyBytesGuess(): number {
    return Math.min(RANGE_BYTES_MAX, this.#entriesMax * ENTRY_BYTES_GUESS);
  }

  #isLenient(): boolean {
    return this.#request.level === 0;
  }

  #required(): number {
    return requiredBy(this.#request.level, this.#environment.majority, this.#placement.topology.replicationFactor);
  }
}

/**
 * How many entries each node is asked for: as many as it is likely to have among the first `limit` keys, if it keeps
 * this share of all keys (mean and three standard deviations), and some spare. Too few only make the slice shorter.
 */
function entriesAsked(limit: number, share: number): number {
  const likely = Math.min(limit, Math.ceil(limit * share + DEVIATIONS * Math.sqrt(limit * share * (1 - share))));
  return Math.min(RANGE_ENTRIES_MAX, likely + Math.floor(likely / SPARE_SHARE));
}
