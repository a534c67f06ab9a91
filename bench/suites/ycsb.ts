/** `ycsb`: the core workloads, in the order that YCSB recommends, as D and E insert. */
import { withCluster } from '../bench-cluster.ts';
import type { WorkloadName } from '../load/plan.ts';
import { canScan } from '../load/store-client.ts';
import { needsScan } from '../load/workload.ts';
import { measureAll } from '../measure.ts';
import type { BenchResult } from '../result.ts';
import type { Suite } from '../suite.ts';
import { RECORDS, describeShape, planOf, shapeFrom, type Shape } from './shape.ts';

const WORKLOADS: readonly WorkloadName[] = ['ycsb-a', 'ycsb-b', 'ycsb-c', 'ycsb-f', 'ycsb-d', 'ycsb-e'];
const SHAPE: Shape = { clients: 4, inFlight: 16 };

export const ycsbSuite: Suite = {
  name: 'ycsb',
  summary: 'YCSB core workloads A to F',
  run: async (settings) => withCluster(settings, async (cluster): Promise<readonly BenchResult[]> => {
    const shape = shapeFrom(settings, SHAPE) ?? SHAPE;
    const hasScan = await canScan(cluster.target);
    const nameOf = (workload: WorkloadName): string => `${workload}, ${describeShape(shape)}`;
    await cluster.fill(settings.records ?? RECORDS, settings);
    const runnable = WORKLOADS.filter((workload) => hasScan || !needsScan(workload));
    const loads = runnable.map((workload) => ({ suite: 'ycsb', name: nameOf(workload), store: cluster, plan: planOf(settings, cluster.target, workload, shape) }));
    const missing = WORKLOADS.filter((workload) => !runnable.includes(workload));
    return [...(await measureAll(loads, settings.runs)), ...missing.map((workload) => ({ kind: 'not-run' as const, suite: 'ycsb', name: nameOf(workload), reason: 'no range reads yet' }))];
  }),
};
