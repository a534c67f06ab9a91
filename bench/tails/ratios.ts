/** From rounds of quiet and disturbed loads to one line a kind: medians, and how much the disturbance raised the p99. */
import type { Latency } from '../load/plan.ts';
import { median } from '../median.ts';
import type { TailRound } from './result.ts';

export const KINDS = ['put', 'get'] as const;
export type Kind = (typeof KINDS)[number];

export interface Percentiles {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

export interface TailRatio {
  readonly kind: Kind;
  /** Medians of the rounds. */
  readonly quiet: Percentiles;
  readonly disturbed: Percentiles;
  /**
   * The median of the rounds' ratios of p99: the two of a round are neighbours in time, so what the machine does
   * besides falls on both. null: nothing was measured.
   */
  readonly p99Ratio: number | null;
}

export function tailRatios(rounds: readonly TailRound[]): readonly TailRatio[] {
  return KINDS.map((kind) => {
    const ratio = median(rounds.filter(({ quiet }) => quiet[kind].p99Ms > 0).map(({ quiet, disturbed }) => disturbed[kind].p99Ms / quiet[kind].p99Ms));
    return {
      kind,
      quiet: percentiles(rounds.map(({ quiet }) => quiet[kind])),
      disturbed: percentiles(rounds.map(({ disturbed }) => disturbed[kind])),
      p99Ratio: Number.isNaN(ratio) ? null : ratio,
    };
  });
}

function percentiles(latencies: readonly Latency[]): Percentiles {
  const medianOf = (pick: (latency: Latency) => number): number => median(latencies.map(pick));
  return { p50Ms: medianOf(({ p50Ms }) => p50Ms), p99Ms: medianOf(({ p99Ms }) => p99Ms), p999Ms: medianOf(({ p999Ms }) => p999Ms) };
}
