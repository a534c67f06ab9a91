/** Measures loads several times, interleaved, with what they cost the store. */
import { runLoad } from './load/load-process.ts';
import type { LoadPlan, TargetAddress } from './load/plan.ts';
import { medianOf } from './median.ts';
import { progress } from './progress.ts';
import { resourcesBetween, sampleResources, type MeasuredProcess, type StoreCounters } from './resources.ts';
import type { LoadMeasurement, MeasuredRun } from './result.ts';

/** A store that runs: ring-level's cluster, or another. */
export interface MeasuredStore {
  readonly target: TargetAddress;
  processes(): readonly MeasuredProcess[];
  counters(): Promise<StoreCounters>;
}

export interface PlannedLoad {
  readonly suite: string;
  readonly name: string;
  readonly store: MeasuredStore;
  readonly plan: LoadPlan;
}

/**
 * Every load once, then all again: what the machine does meanwhile meets all of them alike.
 *
 * A run has a seed of its own. Loads that insert leave more records for those that follow on the same store.
 */
export async function measureAll(loads: readonly PlannedLoad[], runs: number): Promise<readonly LoadMeasurement[]> {
  const runsByLoad = new Map<PlannedLoad, MeasuredRun[]>(loads.map((load) => [load, []]));
  const recordsByStore = new Map<MeasuredStore, number>();
  for (let run = 0; run < runs; run++) {
    for (const load of loads) {
      const { store, plan } = load;
      const records = Math.max(plan.records, recordsByStore.get(store) ?? 0);
      const measured = await measureOnce(store, { ...plan, records, seed: (plan.seed + run) >>> 0 });
      recordsByStore.set(store, measured.load.recordsAfter);
      runsByLoad.get(load)?.push(measured);
      progress(`${load.suite}: ${load.name}, run ${run + 1} of ${runs}: ${Math.round(measured.load.perSecond)} per s, p99 ${measured.load.overall.p99Ms.toFixed(2)} ms, ${errorCount(measured)} errors`);
    }
  }
  return loads.map((load) => measurementOf(load, runsByLoad.get(load) ?? []));
}

async function measureOnce(store: MeasuredStore, plan: LoadPlan): Promise<MeasuredRun> {
  const sample = async () => sampleResources(store.processes(), async () => store.counters());
  let before = await sample();
  const load = await runLoad(plan, {
    beforeMeasurement: async () => {
      before = await sample();
    },
  });
  return { load, resources: resourcesBetween(before, await sample(), load) };
}

export function measurementOf({ suite, name, plan }: Pick<PlannedLoad, 'suite' | 'name' | 'plan'>, runs: readonly MeasuredRun[]): LoadMeasurement {
  const [first, ...others] = runs;
  if (first === undefined) throw new Error(`${name}: not run`);
  const middle = medianOf([first, ...others]);
  return { kind: 'load', suite, name, plan, median: { ...middle, load: { ...middle.load, errors: sumOfErrors(runs) } }, runs };
}

export function errorCount({ load }: MeasuredRun): number {
  return Object.values(load.errors).reduce((sum, count) => sum + count, 0);
}

function sumOfErrors(runs: readonly MeasuredRun[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { load } of runs) for (const [code, count] of Object.entries(load.errors)) sums[code] = (sums[code] ?? 0) + count;
  return sums;
}
