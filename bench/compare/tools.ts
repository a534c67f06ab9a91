/** What measures a build's daemons: this tree's, or that which the other build brings along. */
import { BenchCluster } from '../bench-cluster.ts';
import { fillRecords } from '../load/load-process.ts';
import { measureAll } from '../measure.ts';

export interface Tools {
  readonly BenchCluster: Pick<typeof BenchCluster, 'start'>;
  readonly measureAll: typeof measureAll;
  readonly fillRecords: typeof fillRecords;
}

export const THESE_TOOLS: Tools = { BenchCluster, measureAll, fillRecords };

export function isTools(found: Readonly<Record<string, unknown>>): found is Tools & Readonly<Record<string, unknown>> {
  const { BenchCluster: cluster, measureAll: measure, fillRecords: fill } = found;
  return typeof cluster === 'function' && 'start' in cluster && typeof cluster.start === 'function' && typeof measure === 'function' && typeof fill === 'function';
}
