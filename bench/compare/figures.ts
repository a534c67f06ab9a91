/** From the runs of two builds to what is said of each load: its throughput, and the processor time that it costs. Pure. */
import type { LoadResult } from '../load/plan.ts';
import { SeededRandom } from '../load/random.ts';
import type { ProcessCost } from '../resources.ts';
import { compareMeasures, type Comparison, type Measures } from './statistics.ts';

/** One load on two builds. */
export interface ComparedLoad {
  /** `put, 64 in flight`. */
  readonly name: string;
  readonly before: readonly RunNumbers[];
  readonly after: readonly RunNumbers[];
  readonly taken: Measures['taken'];
}

/** What is compared of a run. */
export interface RunNumbers {
  readonly perSecond: number;
  /** Of all daemons together; on a noisy machine the steadier one. null: not known here. */
  readonly cpuMicrosPerOperation: number | null;
  readonly errors: number;
}

export interface ComparedFigure {
  readonly load: string;
  readonly figure: string;
  readonly comparison: Comparison;
}

/** The part of a measured run that this reads. */
interface RunFacts {
  readonly load: Pick<LoadResult, 'perSecond' | 'errors'>;
  readonly resources: { readonly processes: readonly Pick<ProcessCost, 'cpuMicrosPerOperation'>[] };
}

interface FigureKind {
  readonly figure: string;
  readonly better: Measures['better'];
  of(run: RunNumbers): number | null;
}

const KINDS: readonly FigureKind[] = [
  { figure: 'per s', better: 'more', of: ({ perSecond }) => perSecond },
  { figure: 'cpu µs/op', better: 'less', of: ({ cpuMicrosPerOperation }) => cpuMicrosPerOperation },
];

/** Figures that are not known of every run are left out. */
export function compareLoads(loads: readonly ComparedLoad[], seed: number): readonly ComparedFigure[] {
  const known = loads.flatMap((load) => KINDS.flatMap((kind) => measuresOf(load, kind) ?? []));
  return known.map(({ load, figure, measures }) => ({ load, figure, comparison: compareMeasures(measures, known.length, new SeededRandom(seed)) }));
}

export function numbersOf({ load, resources }: RunFacts): RunNumbers {
  const costs = resources.processes.map(({ cpuMicrosPerOperation }) => cpuMicrosPerOperation).filter((cost) => cost !== null);
  return {
    perSecond: load.perSecond,
    cpuMicrosPerOperation: costs.length === resources.processes.length && costs.length > 0 ? costs.reduce((sum, cost) => sum + cost, 0) : null,
    errors: Object.values(load.errors).reduce((sum, count) => sum + count, 0),
  };
}

function measuresOf({ name, before, after, taken }: ComparedLoad, { figure, better, of }: FigureKind): { readonly load: string; readonly figure: string; readonly measures: Measures } | null {
  const [old, now] = [before, after].map((runs) => runs.map((run) => of(run)).filter((value) => value !== null));
  if (old === undefined || now === undefined || old.length < before.length || now.length < after.length) return null;
  return { load: name, figure, measures: { before: old, after: now, taken, better } };
}
