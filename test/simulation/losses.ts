/**
 * When destroyed disks excuse that something acknowledged is not there.
 *
 *  L1  Lost: at one moment every node that held it was destroyed and not yet healed. Only then may it be gone for ever.
 *      Two destructions with a healing between them are no excuse: the second node could have been filled from the first.
 *  L2  Masked: a node lost it, and its silence counts until it is healed (`silence: 'counted'`). While that lasts, a
 *      majority may consist of nodes that do not have it, and an operation in that time may miss it.
 *  L3  Who held a write is what its acknowledgement said: `durableOn` and the holders of its hints. A hint moves to its
 *      target when it is delivered, so that copy is gone when either of the two is; and it does not come back when the
 *      holder is healed, as that brings back only what a node keeps as a replica. What a strict read returned is held
 *      by some majority of the replicas (all of them at `all`), nobody knows which: by those that suit the excuse best.
 *      After a convergence every replica holds it.
 *  L4  Only destructions after the operation was invoked count.
 */
import type { Destruction, History, Operation } from './history.ts';
import type { CheckedCluster } from './violation.ts';

/** On a replica, or a hint on a stand-in that moves to its target when it is delivered. */
type CopyPlace = readonly [holder: number, target?: number];

/** At least `atLeast` of the copies were made. */
interface Holding {
  readonly copies: readonly CopyPlace[];
  readonly atLeast: number;
}

export class Losses {
  readonly #cluster: CheckedCluster;
  readonly #destructions: readonly Destruction[];
  /** Sequence numbers, ascending. */
  readonly #convergences: readonly number[];

  constructor(history: History, cluster: CheckedCluster) {
    this.#cluster = cluster;
    this.#destructions = history.destructions;
    this.#convergences = history.marks.filter((mark) => mark.kind === 'converged').map((mark) => mark.sequence);
  }

  /** Whether `missing` (an acknowledged write, or what a strict read returned) may be gone for ever before `before` (L1). */
  isLost(missing: Operation, before: number): boolean {
    if (this.#destructions.length === 0) return false;
    const convergence = this.#convergenceAfter(missing);
    const everyone = this.#everyReplica(missing);
    const [first, second] = [this.#between(missing.invokedSequence, Math.min(before, convergence)), this.#between(convergence, before)];
    return isGoneAtOnce(first, this.#holding(missing)) || isGoneAtOnce(second, everyone);
  }

  /** Whether `observer` may miss it: it is lost (L1), or masked meanwhile (L2). */
  mayMiss(observer: Operation, missing: Operation): boolean {
    if (this.#destructions.length === 0) return false;
    const before = observer.completedSequence ?? Infinity;
    return this.isLost(missing, before) || this.#isMasked(observer, missing, before);
  }

  #isMasked(observer: Operation, missing: Operation, before: number): boolean {
    const hasConverged = this.#convergenceAfter(missing) < observer.invokedSequence;
    const { copies, atLeast } = hasConverged ? this.#everyReplica(missing) : this.#holding(missing);
    const replicas = this.#cluster.replicasOf(missing.key);
    const holders = copies.flatMap(([holder, target]) => (target === undefined && replicas.includes(holder) ? [holder] : []));
    const silent = new Set<number>();
    for (const { node, silence, healedMs } of this.#between(missing.invokedSequence, before)) {
      const isOver = healedMs !== null && healedMs < observer.invokedMs;
      if (silence === 'counted' && !isOver && holders.includes(node)) silent.add(node);
    }
    const standIns = copies.length - holders.length;
    const stillThere = Math.max(0, atLeast - standIns - silent.size);
    return silent.size > 0 && replicas.length - stillThere >= this.#cluster.majority;
  }

  #holding(operation: Operation): Holding {
    const { outcome } = operation;
    const replicas = this.#cluster.replicasOf(operation.key);
    if (outcome.kind !== 'acknowledged') {
      return { copies: replicas.map((node) => [node]), atLeast: operation.level === 'all' ? replicas.length : this.#cluster.majority };
    }
    const copies: CopyPlace[] = outcome.durableOn.map((node) => [node]);
    for (const { target, holder } of outcome.hints) {
      if (!replicas.includes(holder)) copies.push([holder, target]);
      // A replica's hint refers to the record that it keeps itself.
      else if (!copies.some(([node]) => node === holder)) copies.push([holder]);
    }
    return { copies, atLeast: copies.length };
  }

  #everyReplica(operation: Operation): Holding {
    const replicas = this.#cluster.replicasOf(operation.key);
    return { copies: replicas.map((node) => [node]), atLeast: replicas.length };
  }

  #convergenceAfter(operation: Operation): number {
    const completed = operation.completedSequence ?? Infinity;
    return this.#convergences.find((sequence) => sequence > completed) ?? Infinity;
  }

  #between(after: number, before: number): readonly Destruction[] {
    return this.#destructions.filter(({ sequence }) => sequence > after && sequence < before);
  }
}

/** Intervals of a line that all meet, meet at the start of one of them. */
function isGoneAtOnce(destructions: readonly Destruction[], { copies, atLeast }: Holding): boolean {
  return destructions.some(({ atMs }) => {
    const hits = destructions.filter((hit) => hit.atMs <= atMs);
    const lasting = new Set(hits.filter((hit) => hit.healedMs === null || hit.healedMs >= atMs).map(({ node }) => node));
    const everHit = new Set(hits.map(({ node }) => node));
    const gone = copies.filter(([holder, target]) =>
      target === undefined ? lasting.has(holder) : everHit.has(holder) || lasting.has(target),
    );
    return gone.length >= Math.max(1, atLeast);
  });
}
