/**
 * What a run did, as the checker needs it: every operation, every destruction of what lay on a disk, in one order.
 *
 *  H1  Every call of the recorder takes the next sequence number, and so stands before or after every other one, also
 *      when virtual time stands still between them. "A completed before B was invoked" is decided by sequence, never
 *      by milliseconds; milliseconds are for deadlines, for healing and for people.
 *  H2  An operation that was never completed stays `unknown`: it may have been applied, or may be at any later time.
 *  H3  The value of a put is unique over the run, so that a value that turns up tells who wrote it.
 *  H4  `refused` is said only of what is certain not to have been applied.
 */
import type { Version } from '../../data/index.ts';
import type { Consistency } from '../../wire/index.ts';

export type OperationKind = 'put' | 'delete' | 'get';

/** Why an operation may be answered late or never. */
export type Excuse = 'connection-lost' | 'coordinator-down' | 'coordinator-paused';

export interface HintPlace {
  readonly target: number;
  readonly holder: number;
}

export type Outcome =
  /** A put or delete that the client was told is done. */
  | { readonly kind: 'acknowledged'; readonly version: Version; readonly durableOn: readonly number[]; readonly hints: readonly HintPlace[] }
  /** `version` null: absent. `value` null with a version: deleted. */
  | { readonly kind: 'read'; readonly version: Version | null; readonly value: string | null; readonly replied: readonly number[] }
  /** A put or delete that is certain not to have been applied. */
  | { readonly kind: 'refused'; readonly code: string }
  /** Applied, or not, or later. `version`: what the answer said it would have. */
  | { readonly kind: 'unknown'; readonly version: Version | null }
  | { readonly kind: 'failed-read'; readonly code: string };

/** What a client asks for. */
export interface Invocation {
  readonly client: number;
  readonly key: string;
  readonly kind: OperationKind;
  readonly level: Consistency;
  /** What a put writes (H3); null otherwise. */
  readonly value: string | null;
  readonly invokedMs: number;
  /** When the client must have its answer at the latest. */
  readonly deadlineMs: number;
}

export interface Operation extends Invocation {
  readonly id: number;
  readonly invokedSequence: number;
  readonly completedMs: number | null;
  readonly completedSequence: number | null;
  readonly outcome: Outcome;
  readonly excused: Excuse | null;
}

export type DestructionKind = 'wipe' | 'restore' | 'log-damage' | 'table-damage' | 'silent-log-loss' | 'file-lost' | 'bit-flip' | 'swap';

/** From this moment on, what that node had on disk may be gone. */
export interface Destruction {
  readonly sequence: number;
  readonly node: number;
  readonly atMs: number;
  readonly kind: DestructionKind;
  /**
   * Until it is healed, does the node's word that it knows nothing (newer) count in a quorum? `not-counted` is what an
   * untrusted store promises, and the stricter check; `counted` is for a loss that a node cannot notice.
   */
  readonly silence: 'counted' | 'not-counted';
  /** When it was known to have everything again; null: not before the end. */
  readonly healedMs: number | null;
}

/**
 * `converged`: every acknowledged write is on all its replicas. `faults-began`: the end of a stretch without faults.
 * `healing-began`: no fault is left, convergence is awaited.
 */
export type MarkKind = 'healing-began' | 'converged' | 'faults-began';

export interface Mark {
  readonly sequence: number;
  readonly atMs: number;
  readonly kind: MarkKind;
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

const NOT_ANSWERED: Outcome = { kind: 'unknown', version: null };

export class History {
  readonly #operations: Mutable<Operation>[] = [];
  readonly #destructions: Mutable<Destruction>[] = [];
  readonly #marks: Mark[] = [];
  /** One array for all equal lists of nodes: a campaign has a million answers and a dozen such lists. */
  readonly #nodeLists = new Map<string, readonly number[]>();
  #lastSequence = 0;

  /** In the order of their invocation; the id of an operation is its index. */
  get operations(): readonly Operation[] {
    return this.#operations;
  }

  get destructions(): readonly Destruction[] {
    return this.#destructions;
  }

  get marks(): readonly Mark[] {
    return this.#marks;
  }

  /** Returns the operation's id. Call it before the request is sent. */
  invoke(invocation: Invocation): number {
    const { client, key, kind, level, value, invokedMs, deadlineMs } = invocation;
    if ((kind === 'put') !== (value !== null)) throw new RangeError(`a ${kind} of ${JSON.stringify(key)} with the value ${JSON.stringify(value)}`);
    const id = this.#operations.length;
    this.#operations.push({
      id,
      client,
      key,
      kind,
      level,
      value,
      invokedMs,
      deadlineMs,
      invokedSequence: ++this.#lastSequence,
      completedMs: null,
      completedSequence: null,
      outcome: NOT_ANSWERED,
      excused: null,
    });
    return id;
  }

  /** Call it when the client has the answer, or gave up (`unknown`). Once an operation. */
  complete(id: number, completedMs: number, outcome: Outcome): void {
    const operation = this.#operation(id);
    if (operation.completedSequence !== null) throw new RangeError(`operation ${id} is completed a second time`);
    if (!isOutcomeOf(operation.kind, outcome.kind)) throw new RangeError(`a ${operation.kind} cannot end as ${outcome.kind}`);
    operation.completedMs = completedMs;
    operation.completedSequence = ++this.#lastSequence;
    operation.outcome = this.#compact(outcome);
  }

  /** This operation may be answered late, or never: before or after `complete`. */
  excuse(id: number, why: Excuse): void {
    this.#operation(id).excused = why;
  }

  /** Call it before the node can answer anything from what is left. */
  destroyed(node: number, atMs: number, kind: DestructionKind, silence: Destruction['silence'] = 'not-counted'): void {
    this.#destructions.push({ sequence: ++this.#lastSequence, node, atMs, kind, silence, healedMs: null });
  }

  /** The node has everything again that any node has of its keys, also in hints for it or for other replicas. */
  healed(node: number, atMs: number): void {
    for (const destruction of this.#destructions) {
      if (destruction.node === node && destruction.healedMs === null) destruction.healedMs = atMs;
    }
  }

  /** `converged` heals every node. */
  mark(kind: MarkKind, atMs: number): void {
    this.#marks.push({ sequence: ++this.#lastSequence, atMs, kind });
    if (kind !== 'converged') return;
    for (const destruction of this.#destructions) destruction.healedMs ??= atMs;
  }

  #operation(id: number): Mutable<Operation> {
    const operation = this.#operations[id];
    if (operation === undefined) throw new RangeError(`there is no operation ${id}`);
    return operation;
  }

  #compact(outcome: Outcome): Outcome {
    if (outcome.kind === 'acknowledged') return { ...outcome, durableOn: this.#shared(outcome.durableOn) };
    return outcome.kind === 'read' ? { ...outcome, replied: this.#shared(outcome.replied) } : outcome;
  }

  #shared(nodes: readonly number[]): readonly number[] {
    const name = nodes.join();
    const known = this.#nodeLists.get(name);
    if (known !== undefined) return known;
    this.#nodeLists.set(name, nodes.slice());
    return nodes;
  }
}

function isOutcomeOf(kind: OperationKind, outcome: Outcome['kind']): boolean {
  if (outcome === 'unknown') return true;
  return (outcome === 'acknowledged' || outcome === 'refused') === (kind !== 'get');
}
