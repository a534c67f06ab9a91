/** One disturbance: rounds of the same open loop, quiet and then disturbed, at a rate that the cluster can well do. */
import { join } from 'node:path';
import { BenchCluster } from '../bench-cluster.ts';
import { runLoad } from '../load/load-process.ts';
import type { LoadPlan, LoadResult } from '../load/plan.ts';
import { progress } from '../progress.ts';
import type { Settings } from '../settings.ts';
import type { Disturbance } from './disturbances.ts';
import { tailRatios } from './ratios.ts';
import type { DisturbanceResult, Evidence, Side, TailLoad, TailRound } from './result.ts';
import { SlowFsync, whyNoSlowFsync } from './slow-fsync.ts';
import { Stage } from './stage.ts';

/** As many as the greatest disturbance writes. */
const RECORDS = 200_000;
/** Of what the cluster can do at 64 in flight. */
const RATE_SHARE = 0.4;
const PROBE_SECONDS = 2;
const PROBE_IN_FLIGHT = 64;
const NO_LATENCY = { count: 0, meanMs: 0, p50Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0 } as const;

/** Puts and gets, half and half, of some popular keys. */
const WORKLOAD = 'ycsb-a';

export async function measureDisturbance(settings: Settings, disturbance: Disturbance, side: Side): Promise<DisturbanceResult> {
  const { name } = disturbance;
  const skipped = disturbance.needsSlowFsync ? whyNoSlowFsync() : null;
  if (skipped !== null) {
    progress(`tails: ${name}: not measured: ${skipped}`);
    return { name, side, skipped, ratePerSecond: 0, rounds: [] };
  }
  return withStage(settings, disturbance, async (stage) => {
    const ratePerSecond = Math.round((await runLoad({ ...planOf(settings, stage, 'the rest'), seconds: PROBE_SECONDS })).perSecond * RATE_SHARE);
    const rounds: TailRound[] = [];
    for (let round = 0; round < settings.runs; round++) {
      const measured = await measureRound(stage, disturbance, { ...planOf(settings, stage, side), ratePerSecond, seed: (settings.seed + round) >>> 0 });
      rounds.push(measured);
      tellRound(name, side, measured);
    }
    return { name, side, skipped, ratePerSecond, rounds };
  });
}

async function measureRound(stage: Stage, disturbance: Disturbance, plan: LoadPlan): Promise<TailRound> {
  const quiet = await runLoad(plan);
  await disturbance.prepare(stage);
  try {
    const [disturbed, evidence] = await runBeside(plan, async (over) => disturbance.run(stage, over));
    return { quiet: tailOf(quiet), disturbed: tailOf(disturbed), evidence };
  } finally {
    // A load that failed may have left the node as it was prepared.
    stage.cluster.resume(stage.node);
    await stage.settle();
  }
}

/** Runs a load, and beside it, from the moment when its measurement begins, something that may go on until it has ended. */
async function runBeside(plan: LoadPlan, begin: (over: Promise<void>) => Promise<Evidence>): Promise<readonly [LoadResult, Evidence]> {
  const beside: Promise<Evidence>[] = [];
  const load: Promise<LoadResult> = runLoad(plan, {
    async beforeMeasurement() {
      const running = begin(settled(load));
      // Its failure is told when the load has ended.
      running.catch(() => undefined);
      beside.push(running);
    },
  });
  await settled(load);
  const [evidence] = await Promise.all(beside);
  const result = await load;
  if (evidence === undefined) throw new Error('the load was not measured');
  return [result, evidence];
}

async function settled(work: Promise<unknown>): Promise<void> {
  await Promise.allSettled([work]);
}

async function withStage<T>(settings: Settings, { nodeFlags, needsSlowFsync }: Disturbance, work: (stage: Stage) => Promise<T>): Promise<T> {
  let slowFsync: SlowFsync | null = null;
  const cluster = await BenchCluster.start({
    ...settings,
    nodeFlags,
    wrapProgram(program, directory) {
      if (!needsSlowFsync) return program;
      slowFsync = new SlowFsync(directory, join(directory, `node-${settings.nodes - 1}`));
      return slowFsync.wrap(program);
    },
  });
  try {
    const stage = new Stage({ cluster, slowFsync, records: settings.records ?? RECORDS, keyBytes: settings.keyBytes, valueBytes: settings.valueBytes, seconds: settings.seconds });
    await stage.write(stage.records);
    await stage.settle();
    return await work(stage);
  } finally {
    await cluster.stop();
    closeOf(slowFsync);
  }
}

function closeOf(slowFsync: SlowFsync | null): void {
  slowFsync?.close();
}

/** One client for each healthy node, or one for the disturbed. */
function planOf({ warmUpSeconds, seconds, seed }: Settings, stage: Stage, side: Side): LoadPlan {
  const { records, keyBytes, valueBytes } = stage;
  const clients = side === 'the rest' ? stage.node : 1;
  return { target: stage.target(side), workload: WORKLOAD, records, keyBytes, valueBytes, clients, inFlight: Math.ceil(PROBE_IN_FLIGHT / clients), warmUpSeconds, seconds, ratePerSecond: null, seed };
}

function tailOf({ byKind, sendLag, errors }: LoadResult): TailLoad {
  return { put: byKind.update ?? NO_LATENCY, get: byKind.read ?? NO_LATENCY, sendLagP99Ms: sendLag?.p99Ms ?? 0, errors };
}

function tellRound(name: string, side: Side, round: TailRound): void {
  const ratios = tailRatios([round]).map(({ kind, quiet, disturbed }) => `${kind} p99 ${quiet.p99Ms.toFixed(1)} → ${disturbed.p99Ms.toFixed(1)} ms`);
  progress(`tails: ${name}, clients of ${side}: ${ratios.join(', ')}; ${JSON.stringify(round.evidence)}`);
}
