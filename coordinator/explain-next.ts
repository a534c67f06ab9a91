/**
 * What the nodes will do about what `explain` found: one finding for each thing, with a code for programs and a sentence
 * for people. Pure. Each sentence promises what the code does, and where:
 *
 *   stale, missing   the sweep (node/background.ts), read repair at every level (read-operation.ts, R3), hand-off
 *   damaged          the heal loop asks the other replicas, every second while it fails (node/scrubber.ts, H1)
 *   doubtful         the heal loop, until enough others have answered (H3)
 *   memory-ahead     nothing: reads and trees go by the memory (data/store.ts, S8) until a write or a restart
 *   untrusted        sweeps at once with all peers, until it was compared with enough (trust.ts, T1)
 *   hinted           the hand-off loop looks every 100 ms, and delivers while the target is alive (hand-off.ts, H1)
 *   dirty            the next sweep of its holder with the target is not skipped, and takes the mark away when both are equal
 */
import type { ExplainFindingCode, Explained, ExplainedCopy, ExplainedHint, ExplainedNode } from '../wire/index.ts';
import { hasRecord, isOwnHint, nodesInWords, type Evidence } from './evidence.ts';
import { compareVersionTexts } from './inspection.ts';

type Finding = Explained<ExplainFindingCode>;

/** Never empty. What all replicas share first, then replica by replica, then hints and marks. */
export function findingsOf(evidence: Evidence): readonly Finding[] {
  const nodes = [...evidence.replicas, ...evidence.fallbacks];
  const conflicts = conflictsIn(evidence);
  const findings = [
    ...conflicts,
    ...evidence.replicas.flatMap((node) => findingsOfReplica(node, evidence)),
    ...evidence.fallbacks.flatMap((node) => findingsOfFallback(node)),
    ...evidence.hints.map((hint) => findingOfHint(hint, evidence)),
    ...nodes.flatMap((node) => node.dirtyFor.map((target) => dirty(node, target, evidence))),
    ...nodes.filter((node) => node.scanned === false && isSweeping(node, evidence)).map(scanning),
  ];
  const whole = conflicts.length > 0 ? null : wholeOf(evidence, findings.length === 0 ? 'nothing: ' : '');
  return whole === null ? findings : [whole, ...findings];
}

function finding(code: ExplainFindingCode, node: number | null, peer: number | null, text: string): Finding {
  return { code, node, peer, text };
}

/** `lead`: what the sentence begins with. */
function wholeOf({ replicas, winner }: Evidence, lead: string): Finding | null {
  if (winner === null) {
    const areAbsent = replicas.every(({ copy }) => copy?.state === 'absent');
    return areAbsent ? finding('absent', null, null, `${lead}no replica has a record of the key`) : null;
  }
  if (winner.replicas.length < replicas.length) return null;
  const what = winner.deleted ? 'tombstone, which is kept for ever' : 'record';
  return finding('equal', null, null, `${lead}${replicas.length === 1 ? 'the only replica has the' : 'all replicas have the same'} ${what}`);
}

function conflictsIn({ replicas, winner }: Evidence): readonly Finding[] {
  const holders = replicas.filter(({ copy }) => winner !== null && copy?.version === winner.version);
  const [first] = holders;
  const other = holders.find(({ copy }) => copy?.checksum !== first?.copy?.checksum);
  if (first === undefined || other === undefined) return [];
  return [finding('conflict', first.node, other.node, `nodes ${first.node} and ${other.node} have different records of one version, which must never be: nothing but a new write of the key repairs it`)];
}

// --- replicas --------------------------------------------------------------------------------------------------------

function findingsOfReplica(replica: ExplainedNode, evidence: Evidence): readonly Finding[] {
  const { copy, untrusted } = replica;
  if (!replica.reachable || copy === null) return [unreachable(replica, evidence)];
  if (copy.state === 'failed') return [failed(replica)];
  const findings: Finding[] = [];
  if (copy.state === 'damaged') findings.push(damaged(replica, copy, evidence));
  // It answers reads from memory, and its tree counts what that has: neither a read nor a sweep sees what the disk lost.
  else if (compareVersionTexts(copy.remembered, copy.version) > 0) findings.push(memoryAhead(replica, copy));
  else if (compareVersionTexts(copy.version, evidence.winner?.version ?? null) < 0) findings.push(behind(replica, copy, evidence));
  if (copy.doubtful) findings.push(doubtful(replica, evidence));
  if (untrusted !== null) findings.push(distrusted(replica, untrusted, evidence));
  return findings;
}

function unreachable({ node, liveness }: ExplainedNode, { replicas, sweepIntervalMs }: Evidence): Finding {
  const swept = replicas.length === 1 ? '' : sweepIntervalMs === 0 ? ', and reads repair what it missed' : ', and a sweep with each other replica begins at once';
  return finding('unreachable', node, null, `node ${node} ${silence(liveness)}: writes for it are kept as hints; when it is back, it gets them${swept}`);
}

function silence(liveness: ExplainedNode['liveness']): string {
  return liveness === 'alive' ? 'did not answer in time' : `cannot be reached (${liveness})`;
}

function failed({ node, store }: ExplainedNode): Finding {
  const why = store === 'open' ? 'the lookup failed' : `its store is ${store}`;
  return finding('failed', node, null, `node ${node} could not be asked for its copy, as ${why}: it opens its database anew by itself, or ends when that is damaged`);
}

function damaged({ node }: ExplainedNode, { damage }: ExplainedCopy, { replicas }: Evidence): Finding {
  const what = damage === 'vanished' ? `node ${node}'s key index names a record that is not in its place` : `node ${node}'s copy is damaged: its checksum fails`;
  const others = replicas.filter((other) => other.node !== node);
  const giver = others.find(hasRecord);
  if (giver !== undefined) return finding('damaged', node, giver.node, `${what}; node ${node} asks the other replicas and writes it anew, within seconds`);
  if (others.length === 0) return finding('damaged', node, null, `${what}; no other node keeps the key, so it stays damaged until it is written anew`);
  if (damage === 'vanished' && others.every(({ copy, untrusted }) => copy?.state === 'absent' && !copy.doubtful && untrusted === null)) {
    return finding('damaged', node, null, `${what}; no other replica has one, so node ${node} takes it out of its index, within seconds`);
  }
  return finding('damaged', node, null, `${what}; node ${node} asks the other replicas every second until one gives a record, or the key is written anew`);
}

function behind({ node }: ExplainedNode, copy: ExplainedCopy, { winner, sweepIntervalMs }: Evidence): Finding {
  const [code, what] = copy.state === 'absent' ? (['missing', 'has no record'] as const) : (['stale', 'is stale'] as const);
  const giver = winner?.replicas[0];
  if (giver === undefined) return finding(code, node, winner?.hintHolders[0] ?? null, `node ${node} ${what}: the newest version lies in hints only; it comes with them, or from the replica that got them`);
  const how = sweepIntervalMs === 0 ? 'a read of the key repairs it (sweeps are off)' : `the next sweep with node ${giver} (about every ${seconds(sweepIntervalMs)} s), or a read of the key, repairs it`;
  return finding(code, node, giver, `node ${node} ${what}: ${how}`);
}

function memoryAhead({ node }: ExplainedNode, { version, remembered }: ExplainedCopy): Finding {
  const has = version === null ? 'nothing' : version;
  return finding('memory-ahead', node, null, `node ${node} remembers ${remembered} and its disk has ${has}: reads there may give what it remembers; a new write of the key repairs it, or a restart of the node and then a sweep`);
}

function doubtful({ node }: ExplainedNode, { replicas, majority }: Evidence): Finding {
  const others = replicas.length - 1;
  const needed = Math.min(replicas.length - majority + 1, others);
  return finding('doubtful', node, null, `node ${node}'s record replaced a damaged one: no quorum counts it until ${needed} of the ${others} other replicas said what they have; node ${node} asks them every second`);
}

function distrusted({ node, awaits }: ExplainedNode, reason: string, { replicas }: Evidence): Finding {
  if (replicas.length === 1) return finding('untrusted', node, null, `node ${node} does not trust its store (${reason}), and no other node keeps the key: no quorum counts it, for ever`);
  const toCome = awaits.length === 0 ? '' : `, of which ${nodesInWords(awaits)} ${awaits.length === 1 ? 'is' : 'are'} still to come`;
  return finding('untrusted', node, awaits[0] ?? null, `node ${node} does not trust its store (${reason}): no quorum counts it until it was compared with enough other replicas${toCome}; it sweeps with them as soon as it can reach them`);
}

// --- fallback nodes, hints, marks ------------------------------------------------------------------------------------

function findingsOfFallback(fallback: ExplainedNode): readonly Finding[] {
  const { node, reachable, store, liveness } = fallback;
  if (!reachable) return [finding('unreachable', node, null, `node ${node} ${silence(liveness)}: hints that it may keep are delivered when it is back`)];
  return store === 'open' ? [] : [finding('failed', node, null, `node ${node} could not be asked for hints, as its store is ${store ?? 'closed'}: it opens its database anew by itself`)];
}

function findingOfHint(hint: ExplainedHint, { replicas }: Evidence): Finding {
  const { holder, target, state, version } = hint;
  if (state === 'damaged') return finding('hint-damaged', target, holder, `node ${holder}'s hint for node ${target} is damaged: node ${holder} drops it and marks the partition, so that a sweep looks for what node ${target} misses`);
  if (state === 'dangling') return finding('hint-damaged', target, holder, `node ${holder}'s hint for node ${target} refers to a record that it does not have or cannot read: it is given up at the hand-off, and the partition is marked for a sweep`);
  const keeps = `node ${holder} keeps a ${isOwnHint(hint) ? 'hint' : 'hint by reference'} for node ${target}`;
  const aim = replicas.find(({ node }) => node === target);
  if (aim?.reachable !== true) return finding('hinted', target, holder, `${keeps} and delivers it when node ${target} is back`);
  const hasIt = hasRecord(aim) && compareVersionTexts(aim.copy?.version ?? null, version) >= 0;
  return finding('hinted', target, holder, hasIt ? `${keeps}, which has that version or a newer one already: the next hand-off tells, and the hint is dropped` : `${keeps}, which answers: it is delivered within about a second of their hearing each other`);
}

function dirty({ node, copy }: ExplainedNode, target: number, { sweepIntervalMs }: Evidence): Finding {
  const marked = `node ${node} gave up hints of this partition for node ${target}`;
  if (sweepIntervalMs === 0) return finding('dirty', target, node, `${marked}: sweeps are off, so only reads repair what it misses`);
  const sweep = copy === null ? 'the sweeps of the replicas with each other bring' : `the next sweep of node ${node} with it brings`;
  return finding('dirty', target, node, `${marked}: ${sweep} what it misses`);
}

/** Whether it has something to deliver or to compare. */
function isSweeping({ node, copy, dirtyFor }: ExplainedNode, { hints }: Evidence): boolean {
  return copy !== null || dirtyFor.length > 0 || hints.some(({ holder }) => holder === node);
}

function scanning({ node }: ExplainedNode): Finding {
  return finding('scanning', node, null, `node ${node} is still counting its records: it sweeps, and delivers all its hints, when it has`);
}

function seconds(milliseconds: number): string {
  return String(Math.round(milliseconds / 100) / 10);
}
