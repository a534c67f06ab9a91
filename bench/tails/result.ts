/** What the `tails` benchmark finds, as plain data: it is the JSON, and what the charts are drawn from. */
import type { Latency } from '../load/plan.ts';
import type { BoundTerm } from './memory-bound.ts';

export interface TailsResult {
  readonly disturbances: readonly DisturbanceResult[];
  readonly pressures: readonly PressureResult[];
}

export const SIDES = ['the rest', 'the disturbed node'] as const;
/** Where the clients connect. */
export type Side = (typeof SIDES)[number];

export interface DisturbanceResult {
  readonly name: string;
  readonly side: Side;
  /** Why there is no measurement; null when there is one. */
  readonly skipped: string | null;
  /** Of the open loop, half of it puts, half gets. */
  readonly ratePerSecond: number;
  readonly rounds: readonly TailRound[];
}

/** The same load without and with the disturbance, one right after the other. */
export interface TailRound {
  readonly quiet: TailLoad;
  readonly disturbed: TailLoad;
  /** That the disturbance happened: counts, and `activeSeconds` of the measured time during which it went on. */
  readonly evidence: Evidence;
}

export type Evidence = { readonly activeSeconds: number } & Readonly<Record<string, number>>;

export interface TailLoad {
  readonly put: Latency;
  readonly get: Latency;
  /** How late the generator itself was, p99: the part of the latencies that is not the store's. */
  readonly sendLagP99Ms: number;
  /** How many failed, by code. */
  readonly errors: Readonly<Record<string, number>>;
}

export interface PressureResult {
  readonly name: string;
  /** How many were answered with success; null where nobody listens. */
  readonly acknowledged: number | null;
  /** Answers that were errors, by code. */
  readonly errors: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly bound: readonly BoundTerm[];
  readonly nodes: readonly NodeMemory[];
  /** Puts and gets through every node right afterwards. */
  readonly afterwards: Afterwards;
}

export interface NodeMemory {
  readonly node: number;
  readonly isConnected: boolean;
  readonly atRestBytes: number;
  /** VmHWM: the most that the process ever had. */
  readonly greatestBytes: number;
  readonly afterwardsBytes: number;
}

export interface Afterwards {
  readonly requests: number;
  readonly errors: number;
  readonly slowestMs: number;
}
