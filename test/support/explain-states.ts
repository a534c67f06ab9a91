/** What nodes may say of a key, for the tests of what is made of it: a cluster of so many nodes, in which `k` lies on 0, 1, 2 …. */
import { Placement, explain, firstTopology, type ExplainInput, type LivenessState } from '../../coordinator/index.ts';
import { incarnation, nodeId, versionToString, writerOf } from '../../data/index.ts';
import type { ExplainAnswer, InspectedCopy, InspectedHint, KeyInspection } from '../../wire/index.ts';

export const WALL_MS = 1_764_000_000_000;

/** The version that node `writer` issued so many milliseconds before the answering node's clock. */
export function version(agoMs: number, writer = 0, incarnationOfWriter = 1): string {
  return versionToString({ timestamp: (WALL_MS - agoMs) * 1024, writer: writerOf(nodeId(writer), incarnation(incarnationOfWriter)) });
}

const NOTHING: InspectedCopy = { state: 'absent', damage: null, version: null, valueBytes: null, checksum: null, doubtful: false, remembered: null };
export const ABSENT = NOTHING;
export const FAILED: InspectedCopy = { ...NOTHING, state: 'failed' };

export function record(text: string, more: Partial<InspectedCopy> = {}): InspectedCopy {
  return { ...NOTHING, state: 'record', version: text, valueBytes: 5, checksum: 77, ...more };
}

export function tombstone(text: string): InspectedCopy {
  return { ...NOTHING, state: 'tombstone', version: text, valueBytes: 0, checksum: 78 };
}

export function damaged(damage: 'checksum' | 'vanished' = 'checksum', remembered: string | null = null): InspectedCopy {
  return { ...NOTHING, state: 'damaged', damage, remembered };
}

export function hint(target: number, text: string, more: Partial<InspectedHint> = {}): InspectedHint {
  return { target, state: 'record', reference: false, version: text, valueBytes: 5, ...more };
}

/** What node i says, or null for no answer. A copy alone is a node that is well. */
export type Said = InspectedCopy | (Partial<KeyInspection> & { readonly copy: InspectedCopy | null }) | null;

export interface StateOptions {
  readonly nodes?: number;
  readonly sweepIntervalMs?: number;
  readonly liveness?: LivenessState;
}

/** `said`: by the replicas of the key, and then by the fallback nodes. */
export function explained(said: readonly Said[], { nodes = said.length, sweepIntervalMs = 10_000, liveness = 'dead' }: StateOptions = {}, replicationFactor = Math.min(3, nodes)): ExplainAnswer {
  const members = Array.from({ length: nodes }, (_, id) => ({ id: nodeId(id), address: `memory://${id}` }));
  const placement = new Placement(firstTopology(members, replicationFactor, 7));
  const input: ExplainInput = {
    placement,
    key: keyAtHome(placement),
    askedNode: nodeId(0),
    wallMs: WALL_MS,
    sweepIntervalMs,
    inspectionByNode: new Map(said.map((one, id) => [nodeId(id), one === null ? null : inspection(id, one, replicationFactor)])),
    livenessOf: (node) => (said[node] === null ? liveness : 'alive'),
  };
  return explain(input);
}

function inspection(node: number, said: NonNullable<Said>, replicationFactor: number): KeyInspection {
  const more = 'state' in said ? { copy: said } : said;
  return { node, wallMs: WALL_MS, store: 'open', scanned: true, untrusted: null, awaits: [], hints: [], dirtyFor: [], ...more, copy: node < replicationFactor ? more.copy : null };
}

/** A key whose home node is 0, so that its replicas are 0, 1, 2 …. */
function keyAtHome(placement: Placement): Uint8Array {
  for (let number = 0; number < 10_000; number++) {
    const key = Buffer.from(`k${number}`);
    if (placement.ofKey(key).replicas[0] === 0) return key;
  }
  throw new Error('no key has its home on node 0');
}
