import { describe, expect, it } from 'vitest';
import { WORKLOAD_NAMES, type OperationKind, type WorkloadName } from '../../../bench/load/plan.ts';
import { OperationSource, SCAN_LENGTH_MAX, WORKLOADS, needsScan } from '../../../bench/load/workload.ts';

const OPERATIONS = 50_000;
const RECORDS = 1_000;

interface Drawn {
  readonly shares: Partial<Record<OperationKind, number>>;
  readonly keys: readonly number[];
  readonly scanLengths: readonly number[];
}

/** Draws operations whose inserts are answered at once. */
function draw(workload: WorkloadName, seed = 1, operations = OPERATIONS): Drawn {
  const source = new OperationSource({ workload, records: RECORDS, seed });
  const shares: Partial<Record<OperationKind, number>> = {};
  const keys: number[] = [];
  const scanLengths: number[] = [];
  for (let i = 0; i < operations; i++) {
    const known = source.records;
    const { kind, keyNumber, scanLength } = source.next();
    shares[kind] = (shares[kind] ?? 0) + 1 / operations;
    if (kind === 'insert' ? keyNumber !== known : keyNumber < 0 || keyNumber >= known) throw new Error(`${kind} of key ${keyNumber}, with ${known} keys`);
    if (kind === 'insert') source.inserted(keyNumber);
    else keys.push(keyNumber);
    if (kind === 'scan') scanLengths.push(scanLength);
  }
  return { shares, keys, scanLengths };
}

describe('a workload', () => {
  it.each<[WorkloadName, Partial<Record<OperationKind, number>>]>([
    ['put', { update: 1 }],
    ['get', { read: 1 }],
    ['ycsb-a', { read: 0.5, update: 0.5 }],
    ['ycsb-b', { read: 0.95, update: 0.05 }],
    ['ycsb-c', { read: 1 }],
    ['ycsb-d', { read: 0.95, insert: 0.05 }],
    ['ycsb-e', { scan: 0.95, insert: 0.05 }],
    ['ycsb-f', { read: 0.5, 'read-modify-write': 0.5 }],
  ])('%s has the mix of its definition', (workload, mix) => {
    const { shares } = draw(workload);
    expect(Object.keys(shares).toSorted()).toEqual(Object.keys(mix).toSorted());
    for (const [kind, share] of Object.entries(mix)) expect(shares[kind as OperationKind]).toBeCloseTo(share, 2);
  });

  it.each<[WorkloadName, string]>([
    ['put', 'uniform'],
    ['get', 'uniform'],
    ['ycsb-a', 'zipfian'],
    ['ycsb-b', 'zipfian'],
    ['ycsb-c', 'zipfian'],
    ['ycsb-d', 'latest'],
    ['ycsb-e', 'zipfian'],
    ['ycsb-f', 'zipfian'],
  ])('%s chooses its keys as its definition says: %s', (workload, distribution) => {
    expect(WORKLOADS[workload].distribution).toBe(distribution);
    const { keys } = draw(workload);
    const timesByKey = new Map<number, number>();
    for (const key of keys) timesByKey.set(key, (timesByKey.get(key) ?? 0) + 1);
    const most = Math.max(...timesByKey.values()) / keys.length;
    if (distribution === 'uniform') expect(most).toBeLessThan(0.003);
    // The newest is another key after each insert.
    else if (distribution === 'latest') expect(keys.slice(-2_000).filter((key) => key >= RECORDS).length).toBeGreaterThan(1_500);
    else expect(most).toBeGreaterThan(0.03);
  });

  it('that scans asks for 1 to 100 records, each length as often', () => {
    const { scanLengths } = draw('ycsb-e');
    expect([Math.min(...scanLengths), Math.max(...scanLengths)]).toEqual([1, SCAN_LENGTH_MAX]);
    expect(scanLengths.reduce((sum, length) => sum + length, 0) / scanLengths.length).toBeCloseTo(50.5, -1);
    expect(WORKLOAD_NAMES.filter(needsScan)).toEqual(['ycsb-e']);
  });

  it('is the same with the same seed, and another with another', () => {
    expect(draw('ycsb-d', 4, 500)).toEqual(draw('ycsb-d', 4, 500));
    expect(draw('ycsb-d', 5, 500)).not.toEqual(draw('ycsb-d', 4, 500));
  });

  it('does not read a key before its insert, and all before it, were answered', () => {
    const source = new OperationSource({ workload: 'ycsb-d', records: 10, seed: 1 });
    const inserts: number[] = [];
    while (inserts.length < 3) {
      const { kind, keyNumber } = source.next();
      if (kind === 'insert') inserts.push(keyNumber);
      else expect(keyNumber).toBeLessThan(10);
    }
    expect(inserts).toEqual([10, 11, 12]);
    source.inserted(12);
    source.inserted(11);
    expect(source.records).toBe(10);
    source.inserted(10);
    expect(source.records).toBe(13);
  });
});
