/** Small results of benchmarks, to make tables and charts of. */
import type { GrowthResult } from '../../bench/growth/result.ts';
import type { Latency } from '../../bench/load/plan.ts';
import type { TailLoad, TailsResult } from '../../bench/tails/result.ts';

const MIB = 1_048_576;

export function latency(p99Ms: number): Latency {
  return { count: 1000, meanMs: p99Ms / 3, p50Ms: p99Ms / 4, p99Ms, p999Ms: p99Ms * 2, maxMs: p99Ms * 3 };
}

export function load(p99Ms: number): TailLoad {
  return { put: latency(p99Ms), get: latency(p99Ms / 2), sendLagP99Ms: 1.25, errors: {} };
}

const rate = { perSecond: 12_345, latency: latency(8), errors: {} };
const repair = { records: 10_000, bytes: 1_160_000, seconds: 2, hintsDelivered: 9_000, sweepRecords: 1_000 };

export const GROWTH: GrowthResult = {
  records: [10_000, 1_000_000].map((records) => ({
    records,
    fill: { perSecond: 20_000, putBytes: records * 348, writtenBytes: records * 1_044 },
    put: rate,
    get: { ...rate, perSecond: 30_000 },
    diskBytesPerNode: records * 160,
    residentAtRestBytes: 120 * MIB,
    residentGreatestBytes: 200 * MIB,
    startAfterStopMs: 300,
    startAfterKillMs: 400,
    handOff: repair,
    refill: { ...repair, hintsDelivered: 0 },
  })),
  sweeps: [0, 10, 1_000].map((differences) => ({ records: 10_000, differences, bytes: 500 + differences * 200, exchanges: 6, seconds: 1 })),
  nodes: [3, 5].flatMap((nodes) => (['put', 'get'] as const).map((workload) => ({ nodes, workload, clients: 4, inFlight: 64, rate }))),
  values: [100, 1024].flatMap((valueBytes) => (['put', 'get'] as const).map((workload) => ({ valueBytes, workload, inFlight: 64, rate, bytesPerSecond: valueBytes * rate.perSecond }))),
};

export const TAILS: TailsResult = {
  disturbances: [
    { name: 'slow disk', side: 'the rest', skipped: null, ratePerSecond: 4000, rounds: [{ quiet: load(2), disturbed: load(6), evidence: { activeSeconds: 5, delayedFsyncs: 20 } }] },
    { name: 'slow disk', side: 'the disturbed node', skipped: null, ratePerSecond: 4000, rounds: [{ quiet: load(2), disturbed: load(300), evidence: { activeSeconds: 5, delayedFsyncs: 21 } }] },
    { name: 'no compiler', side: 'the rest', skipped: 'there is no C compiler', ratePerSecond: 0, rounds: [] },
  ],
  pressures: [
    {
      name: 'many puts',
      acknowledged: 90_000,
      errors: { RING_OVERLOADED: 12 },
      seconds: 4,
      bound: [{ what: 'a limit', bytes: 700 * MIB }],
      nodes: [{ node: 0, isConnected: true, atRestBytes: 100 * MIB, greatestBytes: 300 * MIB, afterwardsBytes: 280 * MIB }],
      afterwards: { requests: 300, errors: 0, slowestMs: 9 },
    },
  ],
};
