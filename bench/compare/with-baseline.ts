/** This build against a report of an earlier one. */
import { UsageError } from '../../cli/errors.ts';
import { withCluster } from '../bench-cluster.ts';
import { machineOf } from '../machine.ts';
import { measureAll } from '../measure.ts';
import { progress } from '../progress.ts';
import { machineDifferences, readBaseline } from './baseline.ts';
import type { CompareOptions } from './compare.ts';
import { numbersOf, type ComparedLoad } from './figures.ts';

/** With fewer, hardly anything can be told from noise. */
const RUNS_LEAST = 5;

export async function measureAgainstBaseline(file: string, { settings, workloads, rounds }: CompareOptions): Promise<{ readonly against: string; readonly loads: readonly ComparedLoad[] }> {
  const baseline = await readBaseline(file);
  const differences = machineDifferences(baseline.machine, await machineOf(settings.directory));
  for (const difference of differences) progress(`compare: warning: the machine is not that of the baseline: ${difference}`);
  const loads = baseline.loads.filter(({ plan }) => workloads === null || workloads.includes(plan.workload));
  const largest = loads.map(({ plan }) => plan).toSorted((a, b) => b.records - a.records)[0];
  if (largest === undefined) throw new UsageError(`bench: --workloads: ${file} has none of them`);
  const fewest = Math.min(...loads.map(({ runs }) => runs.length));
  if (fewest < RUNS_LEAST) progress(`compare: warning: the baseline has ${fewest} runs of a load; record it with --runs ${RUNS_LEAST} or more`);
  const measured = await withCluster({ ...settings, ...baseline.settings }, async (cluster) => {
    await cluster.fill(largest.records, largest);
    return measureAll(loads.map(({ suite, name, plan }) => ({ suite, name, store: cluster, plan: { ...plan, target: cluster.target } })), rounds);
  });
  return {
    against: `${baseline.commit ?? 'unknown commit'}, ${baseline.date} (${file})`,
    loads: loads.map(({ name, runs }, index) => ({ name, before: runs.map(numbersOf), after: (measured[index]?.runs ?? []).map(numbersOf), taken: 'apart' })),
  };
}
