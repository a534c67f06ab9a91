/** What was found of one key on all nodes, from which `explain` derives its sentences; and how much of it counts. */
import type { ExplainedHint, ExplainedNode, ExplainedWinner } from '../wire/index.ts';
import { compareVersionTexts } from './inspection.ts';

export interface Evidence {
  /** Replicas, home node first. */
  readonly replicas: readonly ExplainedNode[];
  readonly fallbacks: readonly ExplainedNode[];
  readonly hints: readonly ExplainedHint[];
  readonly winner: ExplainedWinner | null;
  readonly majority: number;
  /** 0: no sweeps. */
  readonly sweepIntervalMs: number;
}

/** A hint with a record of its own that can be delivered. */
export function isOwnHint({ state, reference }: ExplainedHint): boolean {
  return !reference && (state === 'record' || state === 'tombstone');
}

/** Whether a strict quorum would count what this replica said (coordinator/trust.ts, T3; coordinator/replica.ts, P6). */
export function isCounted({ copy, untrusted }: ExplainedNode): boolean {
  return copy !== null && copy.state !== 'damaged' && copy.state !== 'failed' && !copy.doubtful && untrusted === null;
}

/** Whether its copy can be read. */
export function hasRecord({ copy }: ExplainedNode): boolean {
  return copy?.state === 'record' || copy?.state === 'tombstone';
}

export function isNewerThan(version: string | null, winner: ExplainedWinner | null): boolean {
  return compareVersionTexts(version, winner?.version ?? null) > 0;
}

/** `node 1`, `nodes 1 and 2`, `nodes 0, 1 and 2`. */
export function nodesInWords(nodes: readonly number[]): string {
  const last = nodes.at(-1);
  if (last === undefined) return 'no node';
  return nodes.length === 1 ? `node ${last}` : `nodes ${nodes.slice(0, -1).join(', ')} and ${last}`;
}
