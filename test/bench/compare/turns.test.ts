import { describe, expect, it } from 'vitest';
import { measureInTurns, type Side } from '../../../bench/compare/turns.ts';
import { isTools, THESE_TOOLS } from '../../../bench/compare/tools.ts';
import { measurementOf } from '../../../bench/measure.ts';
import type { LoadPlan } from '../../../bench/load/plan.ts';
import { NO_COUNTERS } from '../../../bench/resources.ts';
import type { MeasuredRun } from '../../../bench/result.ts';

const PLAN: Omit<LoadPlan, 'target'> = { workload: 'put', records: 100, keyBytes: 16, valueBytes: 100, clients: 1, inFlight: 64, warmUpSeconds: 0, seconds: 1, ratePerSecond: null, seed: 7 };
const NO_LATENCY = { count: 0, meanMs: 0, p50Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0 };

/** A run that inserted ten records; `perSecond` tells one run from another. */
function run(perSecond: number, records: number): MeasuredRun {
  return {
    load: { perSecond, operations: 1, errors: {}, overall: NO_LATENCY, byKind: {}, loadCpuSeconds: 0, loadResidentBytes: 0, sendLag: null, recordsAfter: records + 10 },
    resources: { processes: [], load: { name: 'load', cpuMicrosPerOperation: null, residentBytes: null, diskBytesPerOperation: null }, fsyncsPerOperation: null, framesPerOperation: null, frameBytesPerOperation: null, loopbackBytesPerOperation: null },
  };
}

/** Two builds of which nothing runs but the notes that they take. */
function stage() {
  const trace: string[] = [];
  const plans: LoadPlan[] = [];
  const running = new Set<string>();
  const side = (name: Side['name']): Side => ({
    name,
    servers: {
      name: 'ring-level',
      version: '',
      configuration: '',
      acknowledgement: '',
      target: { store: 'ring-level', urls: [name], consistency: 'available' },
      processes: () => [],
      counters: async () => NO_COUNTERS,
      pause: () => void running.delete(name),
      resume: async () => void running.add(name),
      stop: async () => undefined,
    },
    tools: {
      ...THESE_TOOLS,
      measureAll: async (loads) => {
        trace.push([...running].join(' and '));
        plans.push(...loads.map(({ plan }) => plan));
        return loads.map((load) => measurementOf(load, [run(trace.length, load.plan.records)]));
      },
    },
  });
  return { trace, plans, running, before: side('before'), after: side('after') };
}

describe('two builds in turn', () => {
  it('are measured before, after, after, before, and only the measured one runs', async () => {
    const { trace, running, before, after } = stage();
    const [put, get] = await measureInTurns(before, after, [{ name: 'put', plan: PLAN }, { name: 'get', plan: PLAN }], 2);
    expect(trace).toStrictEqual(Array.from({ length: 4 }, () => ['before', 'after', 'after', 'before']).flat());
    expect(running.size).toBe(0);
    expect(put?.before.map(({ perSecond }) => perSecond)).toStrictEqual([1, 4, 9, 12]);
    expect(put?.after.map(({ perSecond }) => perSecond)).toStrictEqual([2, 3, 10, 11]);
    expect(get?.before.map(({ perSecond }) => perSecond)).toStrictEqual([5, 8, 13, 16]);
    expect([put?.taken, get?.taken]).toStrictEqual(['pairs', 'pairs']);
  });

  it('get the same seeds, and each the records that it has by then', async () => {
    const { plans, before, after } = stage();
    await measureInTurns(before, after, [{ name: 'put', plan: PLAN }], 2);
    expect(plans.map(({ seed }) => seed)).toStrictEqual([7, 7, 7, 7, 8, 8, 8, 8]);
    expect(plans.map(({ records }) => records)).toStrictEqual([100, 100, 110, 110, 120, 120, 130, 130]);
    expect(plans.map(({ target }) => (target.store === 'ring-level' ? target.urls[0] : ''))).toStrictEqual(['before', 'after', 'after', 'before', 'before', 'after', 'after', 'before']);
  });

  it('leave nothing running when a measure fails', async () => {
    const { running, before, after } = stage();
    const failing: Side = { ...after, tools: { ...after.tools, measureAll: async () => Promise.reject(new Error('no answer')) } };
    await expect(measureInTurns(before, failing, [{ name: 'put', plan: PLAN }], 1)).rejects.toThrow('no answer');
    expect(running.size).toBe(0);
  });

  it('take the tools of another build only when they are all there', () => {
    expect(isTools({ ...THESE_TOOLS })).toBe(true);
    expect(isTools({ ...THESE_TOOLS, fillRecords: undefined })).toBe(false);
    expect(isTools({ BenchCluster: {}, measureAll: () => 0, fillRecords: () => 0 })).toBe(false);
  });
});
