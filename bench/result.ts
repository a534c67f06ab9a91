/** What a benchmark finds: the shapes of a report's `results`. Plain data. */
import type { LoadPlan, LoadResult } from './load/plan.ts';
import type { Resources } from './resources.ts';

/** One load against one store, measured several times. */
export interface LoadMeasurement {
  readonly kind: 'load';
  readonly suite: string;
  /** `put, 64 in flight`. */
  readonly name: string;
  readonly plan: LoadPlan;
  /** The median of every number over the runs; errors: the sum. */
  readonly median: MeasuredRun;
  readonly runs: readonly MeasuredRun[];
}

export interface MeasuredRun {
  readonly load: LoadResult;
  readonly resources: Resources;
}

/** One number, measured several times. */
export interface Figure {
  readonly kind: 'figure';
  readonly suite: string;
  /** `ready after SIGKILL, 100000 records`. */
  readonly name: string;
  readonly unit: string;
  readonly median: number;
  readonly runs: readonly number[];
}

export interface NotRun {
  readonly kind: 'not-run';
  readonly suite: string;
  readonly name: string;
  readonly reason: string;
}

export type BenchResult = LoadMeasurement | Figure | NotRun;
