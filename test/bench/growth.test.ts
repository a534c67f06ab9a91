import { describe, expect, it } from 'vitest';
import { NOTHING_COUNTED, changeOf, countsByNode } from '../../bench/background-counts.ts';
import { inFlightFor } from '../../bench/growth/parts.ts';
import { writeAmplification } from '../../bench/growth/result.ts';
import { growthTable } from '../../bench/growth/table.ts';
import type { NodeStatus } from '../../client/index.ts';
import { GROWTH } from './examples.ts';

const MIB = 1_048_576;

function nodeWith(counters: Readonly<Record<string, number>>): NodeStatus {
  return {
    ...{ node: 0, incarnation: 1, version: '0', store: 'open', records: 0, scanned: true, untrusted: null, damagedRecords: 0 },
    ...{ durability: 'fsync', clockSuspicious: false, peers: [], counters },
  };
}

describe('the counts of background work', () => {
  it('are those of all nodes together, less what was counted before', () => {
    const before = countsByNode({ nodes: [nodeWith({ sweepBytes: 100, sweeps: 2 }), nodeWith({ hintsDelivered: 7, sweepRecordsSent: 1, sweepRecordsReceived: 2 })] });
    const after = countsByNode({ nodes: [nodeWith({ sweepBytes: 150, sweeps: 3 }), nodeWith({ hintsDelivered: 17, sweepRecordsSent: 4, sweepRecordsReceived: 8 })] });
    expect(changeOf(before, after)).toStrictEqual({ hintsDelivered: 10, sweepRecords: 9, sweepBytes: 50, sweeps: 1 });
  });

  it('are nothing of a node that does not answer', () => {
    expect(countsByNode({ nodes: [null] })).toStrictEqual([NOTHING_COUNTED]);
  });
});

describe('growth', () => {
  it('keeps 8 MiB of values on their way at most, and 64 requests', () => {
    expect([100, 10 * 1024, 100 * 1024, MIB, 100 * MIB].map(inFlightFor)).toStrictEqual([64, 64, 64, 8, 1]);
    for (const bytes of [200_000, 300_000, MIB]) expect(inFlightFor(bytes) * bytes).toBeLessThanOrEqual(8 * MIB);
  });

  it('sets what was written beside what was put', () => {
    expect(writeAmplification({ perSecond: 1, putBytes: 200, writtenBytes: 500 })).toBe(2.5);
    expect(writeAmplification({ perSecond: 1, putBytes: 0, writtenBytes: 500 })).toBe(0);
  });

  it('is shown as tables, of the parts that were measured', () => {
    const text = growthTable(GROWTH).join('\n');
    for (const word of ['written / put', 'wiped node', 'sweep bytes', 'in flight each', 'value bytes', '3.00', '12345']) expect(text).toContain(word);
    expect(growthTable({ records: [], sweeps: GROWTH.sweeps, nodes: [], values: [] })).toHaveLength(1 + GROWTH.sweeps.length);
  });
});
