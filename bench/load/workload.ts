/**
 * What a load does: YCSB's core workloads A to F by their published definitions (Cooper et al., "Benchmarking Cloud
 * Serving Systems with YCSB", SoCC 2010, table 2, and the `workloads/` files of YCSB), beside plain put and get.
 *
 * Two things are not YCSB's, because the store keeps one value a key: an update writes the whole value, and sizes are
 * those of the plan (YCSB: ten fields of 100 bytes).
 */
import { keyChooser, type Distribution, type KeyChooser } from './key-chooser.ts';
import type { LoadPlan, OperationKind, WorkloadName } from './plan.ts';
import { SeededRandom } from './random.ts';

export interface Workload {
  /** Shares of 1. */
  readonly mix: Readonly<Partial<Record<OperationKind, number>>>;
  readonly distribution: Distribution;
}

export const WORKLOADS: Readonly<Record<WorkloadName, Workload>> = {
  put: { mix: { update: 1 }, distribution: 'uniform' },
  get: { mix: { read: 1 }, distribution: 'uniform' },
  'ycsb-a': { mix: { read: 0.5, update: 0.5 }, distribution: 'zipfian' },
  'ycsb-b': { mix: { read: 0.95, update: 0.05 }, distribution: 'zipfian' },
  'ycsb-c': { mix: { read: 1 }, distribution: 'zipfian' },
  'ycsb-d': { mix: { read: 0.95, insert: 0.05 }, distribution: 'latest' },
  'ycsb-e': { mix: { scan: 0.95, insert: 0.05 }, distribution: 'zipfian' },
  'ycsb-f': { mix: { read: 0.5, 'read-modify-write': 0.5 }, distribution: 'zipfian' },
};

/** A scan of YCSB's E asks for 1 to this many records. */
export const SCAN_LENGTH_MAX = 100;

export function needsScan(workload: WorkloadName): boolean {
  return WORKLOADS[workload].mix.scan !== undefined;
}

/** One operation, as numbers. */
export interface Operation {
  kind: OperationKind;
  keyNumber: number;
  /** Of a scan. */
  scanLength: number;
}

/** The operations of one load, one after the other; the same plan gives the same. */
export class OperationSource {
  readonly #random: SeededRandom;
  readonly #chooser: KeyChooser;
  readonly #distribution: Distribution;
  readonly #bounds: readonly (readonly [OperationKind, number])[];
  /** Of the start. Popular keys stay the same ones, so only `latest` looks at those that came since. */
  readonly #records: number;
  readonly #inserted: InsertedKeys;
  readonly #operation: Operation = { kind: 'read', keyNumber: 0, scanLength: 0 };

  constructor({ workload, records, seed }: Pick<LoadPlan, 'workload' | 'records' | 'seed'>) {
    const { mix, distribution } = WORKLOADS[workload];
    this.#random = new SeededRandom(seed);
    this.#distribution = distribution;
    this.#chooser = keyChooser(distribution, this.#random);
    this.#bounds = upperBounds(mix);
    this.#records = records;
    this.#inserted = new InsertedKeys(records);
  }

  /** How many keys there are by now: 0 … records−1 are all written. */
  get records(): number {
    return this.#inserted.written;
  }

  /** The next operation. The object is used again by the next call. */
  next(): Operation {
    const operation = this.#operation;
    operation.kind = this.#nextKind();
    operation.keyNumber = operation.kind === 'insert' ? this.#inserted.begin() : this.#chooser.next(this.#distribution === 'latest' ? this.records : this.#records);
    operation.scanLength = operation.kind === 'scan' ? 1 + this.#random.below(SCAN_LENGTH_MAX) : 0;
    return operation;
  }

  /** The insert of this key was answered, whatever the answer. */
  inserted(keyNumber: number): void {
    this.#inserted.end(keyNumber);
  }

  #nextKind(): OperationKind {
    const [first] = this.#bounds;
    if (this.#bounds.length === 1 && first !== undefined) return first[0];
    const point = this.#random.next();
    for (const [kind, bound] of this.#bounds) if (point < bound) return kind;
    return 'read';
  }
}

/** Which keys may be read: those whose insert, and every one before it, was answered (YCSB's AcknowledgedCounterGenerator). */
class InsertedKeys {
  #next: number;
  #written: number;
  readonly #ahead = new Set<number>();

  constructor(records: number) {
    this.#next = records;
    this.#written = records;
  }

  get written(): number {
    return this.#written;
  }

  begin(): number {
    return this.#next++;
  }

  end(keyNumber: number): void {
    this.#ahead.add(keyNumber);
    while (this.#ahead.delete(this.#written)) this.#written++;
  }
}

/** Shares as upper bounds of a number from 0 to 1. */
function upperBounds(mix: Workload['mix']): readonly (readonly [OperationKind, number])[] {
  let sum = 0;
  return Object.entries(mix).map(([kind, share]) => {
    sum += share;
    return [kind as OperationKind, sum] as const;
  });
}
