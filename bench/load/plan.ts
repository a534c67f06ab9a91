/**
 * What a load is, and what comes of it: plain data that passes between the benchmark and the generator's process.
 */
import type { Consistency } from '../../wire/index.ts';

export type TargetAddress =
  | { readonly store: 'ring-level'; readonly urls: readonly string[]; readonly consistency: Consistency }
  | { readonly store: 'redis'; readonly port: number; readonly waitReplicas: number }
  | { readonly store: 'etcd'; readonly urls: readonly string[] };

export type OperationKind = 'read' | 'update' | 'insert' | 'scan' | 'read-modify-write';

export const WORKLOAD_NAMES = ['put', 'get', 'ycsb-a', 'ycsb-b', 'ycsb-c', 'ycsb-d', 'ycsb-e', 'ycsb-f'] as const;
export type WorkloadName = (typeof WORKLOAD_NAMES)[number];

export interface LoadPlan {
  readonly target: TargetAddress;
  readonly workload: WorkloadName;
  /** Keys 0 … records−1 are there when the load begins. */
  readonly records: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  /** Connections. */
  readonly clients: number;
  /** Requests in flight, for each client. An open loop does not look at it. */
  readonly inFlight: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Operations begun a second by all clients together, whatever is answered (open loop); null: closed loop. */
  readonly ratePerSecond: number | null;
  readonly seed: number;
}

export interface Latency {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export interface LoadResult {
  /** Operations that succeeded, a second. */
  readonly perSecond: number;
  /** Those that succeeded after the warm-up. */
  readonly operations: number;
  /** How many failed, by code. */
  readonly errors: Readonly<Record<string, number>>;
  /** Of those that succeeded. In an open loop from the moment when the operation was due. */
  readonly overall: Latency;
  readonly byKind: Partial<Record<OperationKind, Latency>>;
  /** User and system, of the generator's process, after the warm-up. */
  readonly loadCpuSeconds: number;
  readonly loadResidentBytes: number;
  /** How long after it was due an operation of an open loop was sent: the part of the latencies that is the generator's; null: closed loop. */
  readonly sendLag: Latency | null;
  /** Keys that are there now, those that this load inserted included. */
  readonly recordsAfter: number;
}
