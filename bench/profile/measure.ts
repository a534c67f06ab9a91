/**
 * Profiles the daemons of a cluster while a load is measured.
 *
 * Starting a profiler and reading its profile keep a daemon busy for a while, and so do status and metrics. So the
 * profilers run longer than the load, and what they say is cut to the seconds in which it was measured: their clock is
 * the system's monotonic one, as ours is. Other costs are read while they run: an operation's are those with a profiler.
 */
import { BenchCluster } from '../bench-cluster.ts';
import { runLoad } from '../load/load-process.ts';
import { measurementOf } from '../measure.ts';
import { progress } from '../progress.ts';
import { resourcesBetween, sampleResources, type ResourceSample } from '../resources.ts';
import type { LoadMeasurement } from '../result.ts';
import type { Settings } from '../settings.ts';
import { RECORDS, describeShape, planOf, shapeFrom, type Shape } from '../suites/shape.ts';
import { cutProfile, type CpuProfile } from './cpu-profile.ts';
import { takeEventLoopDelay, type EventLoopDelay } from './event-loop-delay.ts';
import { inspectedProgram, inspectorUrlOf } from './inspected-program.ts';
import { Profiler } from './profiler.ts';

export const WORKLOADS = ['put', 'get'] as const;
export type ProfiledWorkload = (typeof WORKLOADS)[number];

export interface ProfiledLoad {
  readonly measurement: LoadMeasurement;
  /** By node. */
  readonly daemons: readonly ProfiledDaemon[];
}

export interface ProfiledDaemon {
  readonly profile: CpuProfile;
  readonly eventLoopDelay: EventLoopDelay;
}

const SUITE = 'profile';
const SHAPE: Shape = { clients: 4, inFlight: 64 };

export async function profileLoad(settings: Settings, workload: ProfiledWorkload): Promise<ProfiledLoad> {
  const { directory } = settings;
  const cluster = await BenchCluster.start({ ...settings, wrapProgram: (program) => inspectedProgram(program, directory) });
  const profilers: Profiler[] = [];
  try {
    await cluster.fill(settings.records ?? RECORDS, settings);
    for (const { pid } of cluster.processes()) profilers.push(await Profiler.connect(await inspectorUrlOf(pid, directory)));
    return await profileOn(cluster, profilers, settings, workload);
  } finally {
    for (const profiler of profilers) profiler.close();
    await cluster.stop();
  }
}

async function profileOn(cluster: BenchCluster, profilers: readonly Profiler[], settings: Settings, workload: ProfiledWorkload): Promise<ProfiledLoad> {
  const shape = shapeFrom(settings, SHAPE) ?? SHAPE;
  const plan = planOf(settings, cluster.target, workload, shape);
  const sample = async (): Promise<ResourceSample> => sampleResources(cluster.processes(), async () => cluster.counters());
  const takeDelays = async (): Promise<readonly EventLoopDelay[]> => Promise.all(cluster.urls.map(takeEventLoopDelay));
  let before: ResourceSample | null = null;
  let fromMicros = 0;
  const load = await runLoad(plan, {
    beforeMeasurement: async () => {
      await Promise.all(profilers.map(async (profiler) => profiler.start()));
      before = await sample();
      await takeDelays();
      fromMicros = nowMicros();
    },
  });
  const delays = await takeDelays();
  const after = await sample();
  const profiles = await Promise.all(profilers.map(async (profiler) => profiler.stop()));
  const name = `${workload}, ${describeShape(shape)}`;
  progress(`${SUITE}: ${name}: ${Math.round(load.perSecond)} per s while profiled`);
  return {
    measurement: measurementOf({ suite: SUITE, name, plan }, [{ load, resources: resourcesBetween(before ?? after, after, load) }]),
    daemons: profiles.map((profile, node) => ({
      profile: cutProfile(profile, fromMicros, fromMicros + plan.seconds * 1_000_000),
      eventLoopDelay: delays[node] ?? { p50Ms: null, p99Ms: null, maxMs: null },
    })),
  };
}

function nowMicros(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
