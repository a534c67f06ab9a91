/**
 * `explain`: why a key has its value. Pure: from the placement and from what each node said of the key, or that it did
 * not answer, to who wins, by which rule, what may be wrong with that, and what the nodes will do next.
 *
 *   what was found               counts towards the winner       may hide something newer
 *   ---------------------------  ------------------------------  ---------------------------
 *   record, tombstone            yes                             no
 *   the same, untrusted store    yes: it will win all the same   yes
 *   the same, doubtful           yes                             yes
 *   absent                       there is nothing to count       only in an untrusted store
 *   damaged, failed, no answer   no                              yes
 *   hint with its own record     yes                             no
 *   hint by reference            no: the record counts           when it names something newer
 *
 * The version that wins is the one that wins everywhere: the greater timestamp, then the lower node id of its writer,
 * then the writer's greater incarnation (data/version.ts, V1). A tombstone is a version like any other.
 */
import { TICKS_PER_MS, nodeOfWriter, type NodeId, type Version } from '../data/index.ts';
import {
  bytesToJson,
  type ExplainAnswer,
  type ExplainDoubt,
  type ExplainRule,
  type Explained,
  type ExplainedCopy,
  type ExplainedHint,
  type ExplainedNode,
  type ExplainedWinner,
  type KeyInspection,
} from '../wire/index.ts';
import { isCounted, isNewerThan, isOwnHint, type Evidence } from './evidence.ts';
import { findingsOf } from './explain-next.ts';
import { compareVersionTexts, parsedVersion } from './inspection.ts';
import type { LivenessState } from './liveness.ts';
import type { Placement } from './placement.ts';

export interface ExplainInput {
  readonly placement: Placement;
  readonly key: Uint8Array;
  /** The node that asked the others. */
  readonly askedNode: NodeId;
  /** Its wall clock. */
  readonly wallMs: number;
  readonly sweepIntervalMs: number;
  /** Member → what it said; null, or nothing: it did not answer. */
  readonly inspectionByNode: ReadonlyMap<NodeId, KeyInspection | null>;
  livenessOf(node: NodeId): LivenessState;
}

export function explain(input: ExplainInput): ExplainAnswer {
  const { placement, key, askedNode, wallMs, sweepIntervalMs } = input;
  const hash = placement.hash(key);
  const { partition, replicas, fallbacks } = placement.ofHash(hash);
  const [homeNode = askedNode] = replicas;
  const replicaNodes = replicas.map((node) => nodeOf(input, node, node === homeNode ? 'home' : 'replica'));
  const fallbackNodes = fallbacks.map((node) => nodeOf(input, node, 'fallback'));
  const hints = [...replicas, ...fallbacks].flatMap((node) => hintsOf(input, node));
  const versions = versionsOf(replicaNodes, hints);
  const winner = winnerOf(versions[0] ?? null, replicaNodes, hints, wallMs);
  const evidence: Evidence = { replicas: replicaNodes, fallbacks: fallbackNodes, hints, winner, majority: placement.majority, sweepIntervalMs };
  return {
    key: bytesToJson(key),
    hash,
    partition,
    homeNode,
    replicas,
    fallbacks,
    epoch: placement.topology.epoch,
    askedNode,
    wallMs,
    sweepIntervalMs,
    nodes: [...replicaNodes, ...fallbackNodes],
    hints,
    winner,
    rule: ruleOf(winner, versions[1] ?? null),
    doubts: doubtsOf(evidence),
    next: findingsOf(evidence),
  };
}

function nodeOf(input: ExplainInput, node: NodeId, role: ExplainedNode['role']): ExplainedNode {
  const said = input.inspectionByNode.get(node) ?? null;
  const liveness = input.livenessOf(node);
  if (said === null) return { node, role, liveness, reachable: false, wallMs: null, store: null, scanned: null, untrusted: null, awaits: [], copy: null, dirtyFor: [] };
  const { wallMs, store, scanned, untrusted, awaits, copy, dirtyFor } = said;
  const explained: ExplainedCopy | null = copy === null ? null : { ...copy, ageMs: ageOf(copy.version, input.wallMs) };
  return { node, role, liveness, reachable: true, wallMs, store, scanned, untrusted, awaits, copy: explained, dirtyFor };
}

function hintsOf(input: ExplainInput, holder: NodeId): readonly ExplainedHint[] {
  const hints = input.inspectionByNode.get(holder)?.hints ?? [];
  return hints.map((hint) => ({ ...hint, holder, ageMs: ageOf(hint.version, input.wallMs) }));
}

function ageOf(version: string | null, wallMs: number): number | null {
  const parsed = parsedVersion(version);
  return parsed === null ? null : wallMs - millisecondsOf(parsed);
}

function millisecondsOf({ timestamp }: Version): number {
  return Math.floor(timestamp / TICKS_PER_MS);
}

// --- who wins --------------------------------------------------------------------------------------------------------

/** All that can be read, each once, the newest first. */
function versionsOf(replicas: readonly ExplainedNode[], hints: readonly ExplainedHint[]): readonly string[] {
  const found = [...replicas.map(({ copy }) => copy?.version ?? null), ...hints.filter(isOwnHint).map(({ version }) => version)];
  return [...new Set(found.filter((version) => version !== null))].toSorted((a, b) => compareVersionTexts(b, a));
}

function winnerOf(version: string | null, replicas: readonly ExplainedNode[], hints: readonly ExplainedHint[], wallMs: number): ExplainedWinner | null {
  if (version === null) return null;
  const copies = replicas.filter(({ copy }) => copy?.version === version);
  const holding = hints.filter((hint) => isOwnHint(hint) && hint.version === version);
  const shown = copies[0]?.copy ?? holding[0];
  return {
    version,
    deleted: shown?.state === 'tombstone',
    valueBytes: shown?.valueBytes ?? 0,
    ageMs: ageOf(version, wallMs) ?? 0,
    replicas: copies.map(({ node }) => node),
    hintHolders: [...new Set(holding.map(({ holder }) => holder))],
  };
}

function ruleOf(winner: ExplainedWinner | null, second: string | null): ExplainAnswer['rule'] {
  if (winner === null) return { code: 'no-record', text: 'no node that answered has a record of the key' };
  const parts = [
    ...(winner.deleted ? ['it is a tombstone, so the key is deleted and every older value is hidden'] : []),
    ...(winner.replicas.length === 0 ? ['it lies in hints only, so a read at quorum does not see it before it is delivered'] : []),
  ];
  const { code, text } = comparison(winner.version, second);
  return { code, text: [text, ...parts].join('; ') };
}

function comparison(first: string, second: string | null): { readonly code: ExplainRule; readonly text: string } {
  const [newer, older] = [parsedVersion(first), parsedVersion(second)];
  if (newer === null || older === null) return { code: 'only-version', text: 'it is the only version that was found' };
  if (newer.timestamp !== older.timestamp) {
    const aheadMs = millisecondsOf(newer) - millisecondsOf(older);
    const by = aheadMs === 0 ? 'within the same millisecond' : `by ${aheadMs} ms`;
    return { code: 'greater-timestamp', text: `its timestamp is greater than that of ${second}, ${by}` };
  }
  const [writer, other] = [nodeOfWriter(newer.writer), nodeOfWriter(older.writer)];
  if (writer !== other) return { code: 'lower-node-id', text: `its timestamp equals that of ${second}, and the lower node id of its writer decides: ${writer} before ${other}` };
  return { code: 'greater-incarnation', text: `timestamp and node equal those of ${second}, and the greater incarnation of the writer's directory decides` };
}

// --- what may be newer -----------------------------------------------------------------------------------------------

function doubtsOf(evidence: Evidence): readonly Explained<ExplainDoubt>[] {
  const { replicas, fallbacks, hints, winner, majority } = evidence;
  const counted = replicas.filter(isCounted).length;
  const minority: Explained<ExplainDoubt> = {
    code: 'minority',
    node: null,
    peer: null,
    text: `${counted} of ${replicas.length} replicas gave an answer that counts, a majority is ${majority}: a write that was acknowledged at quorum may be missing here`,
  };
  return [
    ...replicas.flatMap((node) => doubtsOfReplica(node, winner)),
    ...fallbacks.flatMap(doubtsOfFallback),
    ...hints.filter(({ reference, version }) => reference && isNewerThan(version, winner)).map(doubtOfReference),
    ...(counted < majority ? [minority] : []),
  ];
}

function doubtsOfReplica({ node, reachable, copy, untrusted }: ExplainedNode, winner: ExplainedWinner | null): readonly Explained<ExplainDoubt>[] {
  const doubt = (code: ExplainDoubt, text: string): Explained<ExplainDoubt> => ({ code, node, peer: null, text });
  if (!reachable || copy === null) return [doubt('unreachable', `node ${node} did not answer; it may have something newer`)];
  const doubts: Explained<ExplainDoubt>[] = [];
  if (copy.state === 'failed') doubts.push(doubt('failed', `node ${node} could not read its store; it may have something newer`));
  if (copy.state === 'damaged') doubts.push(doubt('damaged', `node ${node}'s copy is damaged and was not counted; ${damagedWas(copy, winner)}`));
  else if (isNewerThan(copy.remembered, winner)) doubts.push(doubt('named-only', `node ${node} remembers ${copy.remembered}, which is newer than all that was found`));
  if (copy.doubtful) doubts.push(doubt('doubtful', `node ${node} had a damaged record in this place before; that one may have been newer`));
  if (untrusted !== null) doubts.push(doubt('untrusted', `node ${node} may have lost something newer: ${untrusted}`));
  return doubts;
}

function doubtsOfFallback({ node, reachable, store }: ExplainedNode): readonly Explained<ExplainDoubt>[] {
  if (!reachable) return [{ code: 'unreachable', node, peer: null, text: `node ${node} did not answer; it may keep a hint with something newer` }];
  return store === 'open' ? [] : [{ code: 'failed', node, peer: null, text: `node ${node} could not read its store; it may keep a hint with something newer` }];
}

function doubtOfReference({ holder, target, version }: ExplainedHint): Explained<ExplainDoubt> {
  return { code: 'named-only', node: holder, peer: target, text: `node ${holder}'s hint for node ${target} names ${version}, which is newer than all that was found` };
}

function damagedWas({ remembered }: ExplainedCopy, winner: ExplainedWinner | null): string {
  if (remembered === null) return 'it may have been newer';
  if (isNewerThan(remembered, winner)) return `the node remembers that it was ${remembered}, which is newer than all that was found`;
  return `the node remembers that it was ${remembered}, which is not newer`;
}
