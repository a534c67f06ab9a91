/** `throughput`: put and get, closed loop, from one request at a time to many at once and many clients. */
import { withCluster } from '../bench-cluster.ts';
import { measureAll } from '../measure.ts';
import type { BenchResult } from '../result.ts';
import type { Settings } from '../settings.ts';
import type { Suite } from '../suite.ts';
import { RECORDS, describeShape, planOf, shapeFrom, type Shape } from './shape.ts';

const SHAPES: readonly Shape[] = [
  { clients: 1, inFlight: 1 },
  { clients: 1, inFlight: 64 },
  { clients: 1, inFlight: 1_024 },
  { clients: 64, inFlight: 1 },
  { clients: 4, inFlight: 64 },
];

export const throughputSuite: Suite = {
  name: 'throughput',
  summary: 'put and get with 1, 64 and 1,024 in flight, and with several clients',
  run: async (settings) => withCluster(settings, async (cluster): Promise<readonly BenchResult[]> => {
    await cluster.fill(settings.records ?? RECORDS, settings);
    const loads = (['put', 'get'] as const).flatMap((workload) =>
      shapesOf(settings).map((shape) => ({ suite: 'throughput', name: `${workload}, ${describeShape(shape)}`, store: cluster, plan: planOf(settings, cluster.target, workload, shape) })),
    );
    return measureAll(loads, settings.runs);
  }),
};

function shapesOf(settings: Settings): readonly Shape[] {
  const asked = shapeFrom(settings, { clients: 1, inFlight: 64 });
  return asked === null ? SHAPES : [asked];
}
