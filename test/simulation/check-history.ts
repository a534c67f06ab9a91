/**
 * Did the answers keep the promises? Pure: a history in, violations out, in n log n for each key.
 *
 *  C1  Strong is what a majority of the key's replicas stands behind: a write whose acknowledgement names so many in
 *      `durableOn`, whatever its level, and what a read at `quorum` or `all` returned. Only between strong operations
 *      does real time decide; at `available` and `one` an answer may rest on fewer nodes.
 *  C2  "Before" means completed before the other was invoked, by sequence. Concurrent operations are in no order.
 *  C3  Of a strong operation, all that came before it is summed up in the greatest version among those; one by one they
 *      are looked at only when that version was missed, to find one that destroyed disks do not excuse.
 *  C4  What is seen must come from somewhere: `origins.ts`, for reads of every level.
 */
import { compareVersions, versionToString, type Version } from '../../data/index.ts';
import type { Consistency } from '../../wire/index.ts';
import type { History, Operation } from './history.ts';
import { Losses } from './losses.ts';
import { Origins, versionToldOf } from './origins.ts';
import { Findings, describe, type CheckedCluster, type Rule, type Violation } from './violation.ts';

/** So long after its deadline an operation must have ended. */
export const LATE_AFTER_MS = 1_000;
/** Refusals that a healthy cluster gives too: the request was wrong, or more than it takes. */
const HEALTHY_REFUSALS: ReadonlySet<string> = new Set([
  'RING_KEY_INVALID',
  'RING_VALUE_TOO_LARGE',
  'RING_BAD_REQUEST',
  'RING_UNKNOWN_OPERATION',
  'RING_NOT_ALLOWED',
  'RING_OVERLOADED',
]);

/** Empty when the answers of the run kept every promise. */
export function checkHistory(history: History, cluster: CheckedCluster): readonly Violation[] {
  const findings = new Findings();
  const losses = new Losses(history, cluster);
  checkDeadlines(history, findings);
  checkVersionsUnique(history, findings);
  checkHealedStretches(history, findings);
  for (const [key, operations] of operationsByKey(history)) {
    const byCompletion = completedOf(operations);
    const replicas = cluster.replicasOf(key);
    for (const operation of byCompletion) checkCounts(operation, replicas, cluster, findings);
    new Origins(key, operations).seeReads(byCompletion, findings);
    checkOrder(byCompletion, replicas, cluster, losses, findings);
  }
  return findings.all;
}

export function operationsByKey(history: History): ReadonlyMap<string, readonly Operation[]> {
  const byKey = new Map<string, Operation[]>();
  for (const operation of history.operations) {
    const known = byKey.get(operation.key);
    if (known === undefined) byKey.set(operation.key, [operation]);
    else known.push(operation);
  }
  return byKey;
}

/** In the order of their completion. */
export function completedOf(operations: readonly Operation[]): readonly Operation[] {
  return operations
    .filter((operation) => operation.completedSequence !== null)
    .toSorted((a, b) => (a.completedSequence ?? 0) - (b.completedSequence ?? 0));
}

// --- order in real time --------------------------------------------------------------------------------------------

/** Strong operations of one kind in the order of their completion, asked for those that came before (C3). */
class Before {
  readonly #operations: Operation[] = [];
  readonly #versions: Version[] = [];
  /** The greatest of the versions up to here. */
  readonly #greatest: Version[] = [];

  add(operation: Operation, version: Version): void {
    const previous = this.#greatest.at(-1);
    this.#operations.push(operation);
    this.#versions.push(version);
    this.#greatest.push(previous === undefined || compareVersions(version, previous) > 0 ? version : previous);
  }

  /** The latest that completed before `sequence`, has at least `atLeast` (null: any version), and `isCounted`. */
  find(sequence: number, atLeast: Version | null, isCounted: (operation: Operation, version: Version) => boolean): Operation | null {
    for (let i = this.#countBefore(sequence) - 1; i >= 0; i--) {
      const [greatest, version, operation] = [this.#greatest[i], this.#versions[i], this.#operations[i]];
      if (greatest === undefined || version === undefined || operation === undefined) return null;
      if (atLeast !== null && compareVersions(greatest, atLeast) < 0) return null;
      if ((atLeast === null || compareVersions(version, atLeast) >= 0) && isCounted(operation, version)) return operation;
    }
    return null;
  }

  #countBefore(sequence: number): number {
    let [low, high] = [0, this.#operations.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#operations[middle]?.completedSequence ?? 0) < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function checkOrder(byCompletion: readonly Operation[], replicas: readonly number[], cluster: CheckedCluster, losses: Losses, findings: Findings): void {
  const [writes, reads] = [new Before(), new Before()];
  // What is added later completed later, and so is not before the one that is checked.
  for (const operation of byCompletion) {
    const { outcome } = operation;
    if (outcome.kind === 'acknowledged' && countIn(outcome.durableOn, replicas) >= cluster.majority) {
      // At `available` and `one` a write goes on without a majority's replies: then the clocks decide.
      if (isStrict(operation.level)) {
        checkWrite(operation, outcome.version, writes, 'write-order', losses, findings);
        checkWrite(operation, outcome.version, reads, 'write-after-read', losses, findings);
      }
      writes.add(operation, outcome.version);
    } else if (outcome.kind === 'read' && isStrict(operation.level)) {
      checkRead(operation, outcome.version, writes, reads, losses, findings);
      if (outcome.version !== null) reads.add(operation, outcome.version);
    }
  }
}

function checkWrite(write: Operation, version: Version, before: Before, rule: Rule, losses: Losses, findings: Findings): void {
  const earlier = before.find(write.invokedSequence, version, (earlier) => !losses.mayMiss(write, earlier));
  if (earlier !== null) findings.add(rule, write.key, `${describe(write)} has no greater version than ${describe(earlier)}, which had completed before it began`);
}

function checkRead(read: Operation, version: Version | null, writes: Before, reads: Before, losses: Losses, findings: Findings): void {
  const isMissed = (earlier: Operation, itsVersion: Version): boolean =>
    (version === null || compareVersions(itsVersion, version) > 0) && !losses.mayMiss(read, earlier);
  const write = writes.find(read.invokedSequence, version, isMissed);
  if (write !== null) {
    const hasValue = read.outcome.kind === 'read' && read.outcome.value !== null;
    const rule = write.kind === 'delete' && hasValue ? 'resurrection' : 'stale-read';
    findings.add(rule, read.key, `${describe(read)} misses ${describe(write)}`);
  }
  const earlier = reads.find(read.invokedSequence, version, isMissed);
  if (earlier !== null) findings.add('read-backwards', read.key, `${describe(read)} goes back behind ${describe(earlier)}`);
}

// --- what each answer says -----------------------------------------------------------------------------------------

function checkCounts(operation: Operation, replicas: readonly number[], cluster: CheckedCluster, findings: Findings): void {
  const { level, outcome, key } = operation;
  if (outcome.kind === 'acknowledged') {
    const strangers = outcome.durableOn.filter((node) => !replicas.includes(node));
    const keepers = level === 'available' ? outcome.durableOn.length + outcome.hints.length : countIn(outcome.durableOn, replicas);
    if (keepers < requiredAt(level, cluster) || strangers.length > 0) {
      findings.add('acknowledged-too-early', key, `${describe(operation)} needs ${requiredAt(level, cluster)} of the replicas ${replicas.join(', ')}`);
    }
  } else if (outcome.kind === 'read' && level !== 'available' && countIn(outcome.replied, replicas) < requiredAt(level, cluster)) {
    findings.add('read-too-few', key, `${describe(operation)} needs ${requiredAt(level, cluster)} of the replicas ${replicas.join(', ')}`);
  }
}

function requiredAt(level: Consistency, cluster: CheckedCluster): number {
  switch (level) {
    case 'available':
    case 'one':
      return 1;
    case 'quorum':
      return cluster.majority;
    case 'all':
      return cluster.replicationFactor;
  }
}

function checkDeadlines(history: History, findings: Findings): void {
  for (const operation of history.operations) {
    const { completedMs, deadlineMs, key } = operation;
    if (operation.excused !== null) continue;
    if (completedMs === null) findings.add('never-answered', key, `${describe(operation)} was never answered`);
    else if (completedMs - deadlineMs > LATE_AFTER_MS) {
      findings.add('late', key, `${describe(operation)} ended ${completedMs - deadlineMs} ms after its deadline`);
    }
  }
}

/** Versions that clients were told, over all keys. */
function checkVersionsUnique(history: History, findings: Findings): void {
  const firstByTimestamp = new Map<number, Operation>();
  /** Writes that share a timestamp with an earlier one: few, as writers share no clock. */
  const furtherByTimestamp = new Map<number, Operation[]>();
  for (const write of history.operations) {
    const version = versionToldOf(write);
    if (version === null) continue;
    const first = firstByTimestamp.get(version.timestamp);
    if (first === undefined) {
      firstByTimestamp.set(version.timestamp, write);
      continue;
    }
    const further = furtherByTimestamp.get(version.timestamp) ?? [];
    const same = [first, ...further].find((other) => versionToldOf(other)?.writer === version.writer);
    if (same !== undefined) findings.add('version-reused', write.key, `${versionToString(version)} is the version of ${describe(same)} of ${JSON.stringify(same.key)} and of ${describe(write)}`);
    else furtherByTimestamp.set(version.timestamp, [...further, write]);
  }
}

/** From a convergence to the next fault, nothing can be refused or unknown. */
function checkHealedStretches(history: History, findings: Findings): void {
  const events = [
    ...history.marks.map(({ sequence, kind }) => ({ sequence, isHealed: kind === 'converged' })),
    ...history.destructions.map(({ sequence }) => ({ sequence, isHealed: false })),
  ].toSorted((a, b) => a.sequence - b.sequence);
  for (const [index, { sequence, isHealed }] of events.entries()) {
    if (!isHealed) continue;
    const end = events.find((event, later) => later > index && !event.isHealed)?.sequence ?? Infinity;
    const next = events[index + 1]?.sequence ?? Infinity;
    for (const operation of invokedBetween(history, sequence, next)) {
      const { outcome, completedSequence, key } = operation;
      if (outcome.kind === 'acknowledged' || outcome.kind === 'read' || ('code' in outcome && HEALTHY_REFUSALS.has(outcome.code))) continue;
      if ( (completedSequence ?? Infinity) <= end && operation.excused === null) {
        findings.add('fails-when-healed', key, `${describe(operation)} failed after the cluster had been healed`);
      }
    }
  }
}

function invokedBetween({ operations }: History, after: number, before: number): readonly Operation[] {
  const first = firstInvokedAfter(operations, after);
  return operations.slice(first, firstInvokedAfter(operations, before));
}

/** The index; operations lie in the order of their invocation. */
function firstInvokedAfter(operations: readonly Operation[], sequence: number): number {
  let [low, high] = [0, operations.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((operations[middle]?.invokedSequence ?? 0) <= sequence) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isStrict(level: Consistency): boolean {
  return level === 'quorum' || level === 'all';
}

function countIn(nodes: readonly number[], replicas: readonly number[]): number {
  return new Set(nodes.filter((node) => replicas.includes(node))).size;
}
