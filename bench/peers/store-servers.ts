/** What a comparison asks of each store's servers. */
import type { TargetAddress } from '../load/plan.ts';
import type { MeasuredStore } from '../measure.ts';

export interface StoreServers extends MeasuredStore, StoreFacts {
  /** Takes no processor time until `resume`. */
  pause(): void;
  /** Resolves when all of it serves again. `target` may be another then, as another member may lead. */
  resume(): Promise<void>;
  /** All processes are gone. */
  stop(): Promise<void>;
}

export interface StoreFacts {
  readonly name: StoreName;
  readonly version: string;
  /** What differs from the store's defaults, and what matters of those. */
  readonly configuration: string;
  /** What is true once a write is acknowledged. */
  readonly acknowledgement: string;
}

export const STORE_NAMES = ['ring-level', 'redis', 'etcd'] as const satisfies readonly TargetAddress['store'][];
export type StoreName = (typeof STORE_NAMES)[number];
