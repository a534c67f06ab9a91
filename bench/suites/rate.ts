/** `rate`: latency at a fixed rate. The peak first, by a closed loop; then an open loop at shares of it. */
import { withCluster, type BenchCluster } from '../bench-cluster.ts';
import { measureAll, type PlannedLoad } from '../measure.ts';
import type { BenchResult, LoadMeasurement } from '../result.ts';
import type { Settings } from '../settings.ts';
import type { Suite } from '../suite.ts';
import { RECORDS, planOf } from './shape.ts';

const PEAK_IN_FLIGHT = 256;
const SHARES = [0.25, 0.5, 0.75] as const;
const CLIENTS = 1;

export const rateSuite: Suite = {
  name: 'rate',
  summary: 'the peak with 256 in flight, then latency at fixed rates of 25, 50 and 75 % of it',
  run: async (settings) => withCluster(settings, async (cluster): Promise<readonly BenchResult[]> => {
    await cluster.fill(settings.records ?? RECORDS, settings);
    const peaks = await measureAll((['put', 'get'] as const).map((workload) => peakLoad(settings, cluster, workload)), settings.runs);
    return [...peaks, ...(await measureAll(peaks.flatMap((peak) => rateLoads(settings, cluster, peak)), settings.runs))];
  }),
};

function peakLoad(settings: Settings, cluster: BenchCluster, workload: 'put' | 'get'): PlannedLoad {
  const clients = settings.clients ?? CLIENTS;
  const plan = planOf(settings, cluster.target, workload, { clients, inFlight: Math.ceil((settings.inFlight ?? PEAK_IN_FLIGHT) / clients) });
  return { suite: 'rate', name: `${workload}, peak with ${clients * plan.inFlight} in flight`, store: cluster, plan };
}

function rateLoads(settings: Settings, cluster: BenchCluster, { plan, median }: LoadMeasurement): readonly PlannedLoad[] {
  return SHARES.map((share) => {
    const rate = Math.max(1, Math.round(median.load.perSecond * share));
    return {
      suite: 'rate',
      name: `${plan.workload}, ${share * 100} % of peak: ${rate} per s`,
      store: cluster,
      plan: planOf(settings, cluster.target, plan.workload, { clients: plan.clients, inFlight: plan.inFlight }, rate),
    };
  });
}
