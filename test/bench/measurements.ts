/** A measurement for tests, with parts of it as they are wanted. */
import type { Latency, LoadPlan, LoadResult } from '../../bench/load/plan.ts';
import type { MeasuredRun } from '../../bench/result.ts';
import type { Resources } from '../../bench/resources.ts';
import type { Settings } from '../../bench/settings.ts';

export const SETTINGS: Settings = {
  records: null,
  keyBytes: 16,
  valueBytes: 100,
  seconds: 5,
  warmUpSeconds: 1,
  runs: 3,
  nodes: 3,
  replicationFactor: 3,
  durability: 'fsync',
  consistency: 'available',
  clients: null,
  inFlight: null,
  seed: 1,
  directory: '/tmp/bench',
};

export const PLAN: LoadPlan = {
  target: { store: 'ring-level', urls: ['ws://127.0.0.1:7400'], consistency: 'available' },
  workload: 'put',
  records: 1_000,
  keyBytes: 16,
  valueBytes: 100,
  clients: 1,
  inFlight: 64,
  warmUpSeconds: 1,
  seconds: 5,
  ratePerSecond: null,
  seed: 1,
};

export const LATENCY: Latency = { count: 50_000, meanMs: 6, p50Ms: 5.5, p99Ms: 12.25, p999Ms: 20, maxMs: 31.126 };

const LOAD: LoadResult = {
  perSecond: 10_000,
  operations: 50_000,
  errors: {},
  overall: LATENCY,
  byKind: { update: LATENCY },
  loadCpuSeconds: 2,
  loadResidentBytes: 80 * 2 ** 20,
  sendLag: null,
  recordsAfter: 1_000,
};

const RESOURCES: Resources = {
  processes: [
    { name: 'node 0', cpuMicrosPerOperation: 81.4, residentBytes: 90 * 2 ** 20, diskBytesPerOperation: 310 },
    { name: 'node 1', cpuMicrosPerOperation: 44, residentBytes: null, diskBytesPerOperation: null },
  ],
  load: { name: 'load', cpuMicrosPerOperation: 40, residentBytes: 80 * 2 ** 20, diskBytesPerOperation: null },
  fsyncsPerOperation: 0.0471,
  framesPerOperation: null,
  frameBytesPerOperation: null,
  loopbackBytesPerOperation: 1_234.5,
};

export function runWith(load: Partial<LoadResult>, resources: Partial<Resources> = {}): MeasuredRun {
  return { load: { ...LOAD, ...load }, resources: { ...RESOURCES, ...resources } };
}
