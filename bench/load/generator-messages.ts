/** What passes between the benchmark and the generator's process, over Node's IPC. */
import type { LoadPlan, LoadResult, TargetAddress } from './plan.ts';

export interface FillPlan {
  readonly target: TargetAddress;
  readonly records: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
}

export type GeneratorRequest =
  | { readonly kind: 'load'; readonly plan: LoadPlan }
  /** The answer to `warm`: go on. */
  | { readonly kind: 'measure' }
  | { readonly kind: 'fill'; readonly plan: FillPlan };

export type GeneratorEvent =
  /** The warm-up is over, nothing is in flight, and the generator waits for `measure`. */
  | { readonly kind: 'warm' }
  | { readonly kind: 'measured'; readonly result: LoadResult }
  | { readonly kind: 'filled' }
  | { readonly kind: 'failed'; readonly message: string };
