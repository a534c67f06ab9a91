/** What nodes count of their background work, and how it has changed. Pure. */
import type { ClusterStatus } from '../client/index.ts';

export interface Counts {
  readonly hintsDelivered: number;
  /** Sent and received in exchanges that the node began. */
  readonly sweepRecords: number;
  /** Of requests and replies of those exchanges. */
  readonly sweepBytes: number;
  /** Exchanges. */
  readonly sweeps: number;
}

export const NOTHING_COUNTED: Counts = { hintsDelivered: 0, sweepRecords: 0, sweepBytes: 0, sweeps: 0 };

/** In order of node id; of a node that did not answer, nothing. */
export function countsByNode({ nodes }: Pick<ClusterStatus, 'nodes'>): Counts[] {
  return nodes.map((node) => {
    const count = (name: string): number => node?.counters[name] ?? 0;
    return { hintsDelivered: count('hintsDelivered'), sweepRecords: count('sweepRecordsSent') + count('sweepRecordsReceived'), sweepBytes: count('sweepBytes'), sweeps: count('sweeps') };
  });
}

/** Of all nodes together. */
export function changeOf(before: readonly Counts[], after: readonly Counts[]): Counts {
  const change = (pick: (counts: Counts) => number): number => total(after, pick) - total(before, pick);
  return { hintsDelivered: change((c) => c.hintsDelivered), sweepRecords: change((c) => c.sweepRecords), sweepBytes: change((c) => c.sweepBytes), sweeps: change((c) => c.sweeps) };
}

function total(counts: readonly Counts[], pick: (counts: Counts) => number): number {
  return counts.reduce((sum, one) => sum + pick(one), 0);
}
