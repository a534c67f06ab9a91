import { describe, expect, it } from 'vitest';
import { measurementOf } from '../../bench/measure.ts';
import { median, medianOf } from '../../bench/median.ts';
import { reportJson, type Report } from '../../bench/report.ts';
import type { BenchResult } from '../../bench/result.ts';
import { headLines, suiteLines } from '../../bench/table.ts';
import { LATENCY, PLAN, SETTINGS, runWith } from './measurements.ts';

const RUNS = [runWith({ perSecond: 9_000, errors: { RING_TIMEOUT: 1 } }), runWith({ perSecond: 12_000, errors: { RING_TIMEOUT: 2, absent: 1 } }), runWith({ perSecond: 10_000 })];
const LOAD = measurementOf({ suite: 'throughput', name: 'put, 64 in flight', plan: PLAN }, RUNS);
const RESULTS: readonly BenchResult[] = [
  LOAD,
  measurementOf({ suite: 'throughput', name: 'get, 1 in flight', plan: PLAN }, [runWith({ perSecond: 512 }, { fsyncsPerOperation: 0 })]),
  { kind: 'not-run', suite: 'throughput', name: 'ycsb-e, 64 in flight', reason: 'no range reads yet' },
  { kind: 'figure', suite: 'throughput', name: 'ready after', unit: 'ms', median: 412.4, runs: [412.4, 401, 650] },
];
const REPORT: Report = {
  machine: { cpuModel: 'Fast One', cpuCount: 2, memoryBytes: 24 * 2 ** 30, node: 'v20.20.2', kernel: 'Linux 6.1', filesystem: 'ext4' },
  commit: 'abc123+',
  settings: SETTINGS,
  date: '2026-01-02T03:04:05.000Z',
  results: RESULTS,
};

describe('medians', () => {
  it('take the middle number, of an even count the upper one', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 3, Number.NaN]);
  });

  it('of objects take each number by itself', () => {
    const values = [
      { name: 'a', rate: 1, parts: [{ x: 5 }], some: null as number | null },
      { name: 'a', rate: 3, parts: [{ x: 7 }], some: 4 },
      { name: 'a', rate: 2, parts: [{ x: 6 }], some: null },
    ] as const;
    expect(medianOf<unknown>(values)).toEqual({ name: 'a', rate: 2, parts: [{ x: 6 }], some: 4 });
  });

  it('of a measurement add up the errors of all runs', () => {
    expect(LOAD.median.load).toMatchObject({ perSecond: 10_000, errors: { RING_TIMEOUT: 3, absent: 1 }, overall: LATENCY });
    expect(LOAD.runs).toHaveLength(3);
  });
});

describe('the table', () => {
  it('shows loads in aligned columns, then figures, what was not run, and which errors there were', () => {
    expect(suiteLines(RESULTS)).toEqual([
      '                   per s  p50 ms  p99 ms  p99.9 ms  max ms  errors  cpu µs/op  load µs/op  fsyncs/op  frames/op  net B/op  disk B/op  resident MiB',
      'put, 64 in flight  10000  5.50    12.25   20.00     31.13   4       81 / 44    40          0.047      –          1235      310 / –    90 / –',
      'get, 1 in flight   512    5.50    12.25   20.00     31.13   0       81 / 44    40          0.000      –          1235      310 / –    90 / –',
      'ready after  412  ms  (412, 401, 650)',
      'ycsb-e, 64 in flight  not run: no range reads yet',
      'errors of put, 64 in flight: RING_TIMEOUT 3, absent 1',
    ]);
  });

  it('begins with the machine, the commit and the settings', () => {
    expect(headLines(REPORT)).toEqual([
      '2 × Fast One, 24 GiB, Node v20.20.2, Linux 6.1, ext4',
      'commit abc123+, 2026-01-02T03:04:05.000Z',
      '3 nodes, replication factor 3, durability fsync, consistency available, keys of 16 bytes, values of 100 bytes',
      'medians of 3 × 5 s, each after 1 s of warm-up; cpu, disk and memory of node 0 / node 1 / …',
    ]);
  });
});

describe('the JSON', () => {
  it('has every run, and reads back as what was measured', () => {
    expect(JSON.parse(reportJson(REPORT))).toEqual(REPORT);
  });
});
