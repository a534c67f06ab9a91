import { describe, expect, it } from 'vitest';
import { baselineFrom, machineDifferences, readBaseline } from '../../../bench/compare/baseline.ts';

const MACHINE = { cpuModel: 'a', cpuCount: 2, memoryBytes: 1024, node: 'v20', kernel: 'Linux 6', filesystem: 'ext4' };
const PLAN = { target: { store: 'ring-level', urls: [], consistency: 'available' }, workload: 'put', records: 10, keyBytes: 16, valueBytes: 100, clients: 1, inFlight: 64, warmUpSeconds: 1, seconds: 5, ratePerSecond: null, seed: 1 };
const RUN = { load: { perSecond: 1000, errors: {}, overall: {} }, resources: { processes: [{ name: 'node 0', cpuMicrosPerOperation: 12 }] } };
const LOAD = { kind: 'load', suite: 'throughput', name: 'put, 64 in flight', plan: PLAN, median: RUN, runs: [RUN] };
const report = (results: readonly object[]): object => ({ machine: MACHINE, commit: 'abc', date: '2026-01-01', settings: { nodes: 3, replicationFactor: 3, durability: 'fsync', consistency: 'available', seed: 1 }, results });

describe('a baseline', () => {
  it('has the closed loops on ring-level of a report, and nothing else of it', () => {
    const others = [
      { ...LOAD, plan: { ...PLAN, target: { store: 'redis', port: 1, waitReplicas: 1 } } },
      { ...LOAD, plan: { ...PLAN, ratePerSecond: 100 } },
      { kind: 'figure', suite: 'start', name: 'ready', unit: 'ms', median: 1, runs: [1] },
    ];
    const { loads, machine, settings } = baselineFrom(report([LOAD, ...others]));
    expect(loads.map(({ name, runs }) => [name, runs.length])).toStrictEqual([['put, 64 in flight', 1]]);
    expect(machine).toStrictEqual(MACHINE);
    expect(settings).toStrictEqual({ nodes: 3, replicationFactor: 3, durability: 'fsync', consistency: 'available' });
  });

  it.each<[string, object, string]>([
    ['no load', report([]), 'no closed loop'],
    ['a load without runs', report([LOAD, { ...LOAD, runs: [] }]), 'results'],
    ['another shape', { results: [LOAD] }, 'machine'],
  ])('is refused with %s', (_, document, reason) => {
    expect(() => baselineFrom(document)).toThrow(reason);
  });

  it('is refused as a wrong command line when there is no such file', async () => {
    await expect(readBaseline('/nowhere.json')).rejects.toMatchObject({ code: 'RING_USAGE' });
  });

  it('tells in what the machine differs', () => {
    expect(machineDifferences(MACHINE, MACHINE)).toStrictEqual([]);
    expect(machineDifferences(MACHINE, { ...MACHINE, cpuCount: 4, filesystem: null })).toStrictEqual(['cpuCount was 2 and is 4', 'filesystem was ext4 and is unknown']);
  });
});
