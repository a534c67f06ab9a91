/** Anti-entropy as a whole: a wiped node is filled without any request, and equal replicas cost next to nothing. */
import { describe, expect, it } from 'vitest';
import { createCluster, type Cluster } from '../../node/cluster.ts';
import { convergedAt, eventually, temporaryDirectory } from '../support/processes.ts';

const NODES = [0, 1, 2];
/** partition (2) · root (8) of the 192 partitions that three nodes with three replicas share, and the message around it. */
const EQUAL_SWEEP_BYTES = 192 * 10 + 32;

async function counters(cluster: Cluster, node: number): Promise<Readonly<Record<string, number>>> {
  return (await cluster.status()).nodes[node]?.counters ?? {};
}

describe('the sweep', () => {
  it('makes a node that was wiped whole again without any client request', async () => {
    await using directory = await temporaryDirectory();
    await using cluster = await createCluster({ nodes: 3, replicationFactor: 3, dir: directory.path, config: { sweep: { intervalMs: 300 } } });
    const keys = Array.from({ length: 1_000 }, (_, number) => `key${number}`);
    await Promise.all(keys.map(async (key) => cluster.put(key, `value of ${key}`, { consistency: 'all' })));
    await cluster.delete('key0', { consistency: 'all' });
    const before = (await cluster.status()).nodes[1]?.incarnation;
    await cluster.wipe(1);
    await eventually('node 1 has all records again', async () => {
      const { nodes, converged } = await cluster.status();
      return nodes[1]?.records === 1_000 && converged.converged ? true : null;
    });
    expect((await cluster.status()).nodes[1]?.incarnation).not.toBe(before);
    await cluster.fail(0);
    await cluster.fail(2);
    for (const key of keys) expect(Buffer.from((await cluster.get(key)) ?? '').toString()).toBe(key === 'key0' ? '' : `value of ${key}`);
    expect(await cluster.get('key0')).toBeNull();
  });

  it('costs equal replicas one small message to a peer, however many records they have', async () => {
    await using cluster = await createCluster({ nodes: 3, replicationFactor: 3, config: { sweep: { intervalMs: 300 } } });
    await Promise.all(Array.from({ length: 1_000 }, async (_, number) => cluster.put(`key${number}`, 'v'.repeat(100), { consistency: 'all' })));
    await convergedAt(cluster);
    // A sweep that began while records were still being written may end, as unequal, in the first window or two.
    let before = await Promise.all(NODES.map(async (node) => counters(cluster, node)));
    let after = before;
    const grown = (name: string): number => after.reduce((sum, each, node) => sum + (each[name] ?? 0) - (before[node]?.[name] ?? 0), 0);
    await eventually('six sweeps in a row have found the replicas equal', async () => {
      after = await Promise.all(NODES.map(async (node) => counters(cluster, node)));
      if (grown('sweeps') !== grown('sweepsEqual')) before = after;
      return grown('sweeps') >= 6 ? true : null;
    });
    expect(grown('sweepsEqual')).toBe(grown('sweeps'));
    expect(grown('sweepRecordsSent') + grown('sweepRecordsReceived')).toBe(0);
    // A sweep that has sent its message and is not counted yet may be on its way at each end of the time: one a peer.
    expect(grown('sweepBytes')).toBeLessThanOrEqual((grown('sweeps') + NODES.length * 2) * EQUAL_SWEEP_BYTES);
    expect(grown('sweepBytes')).toBeGreaterThan(0);
  });

  it('sends the records that differ and few others', async () => {
    await using cluster = await createCluster({ nodes: 2, replicationFactor: 2, config: { sweep: { intervalMs: 300 }, hints: { maxBytes: 0 } } });
    await Promise.all(Array.from({ length: 1_000 }, async (_, number) => cluster.put(`key${number}`, 'v', { consistency: 'all' })));
    await cluster.fail(1);
    for (let number = 0; number < 10; number++) await cluster.put(`key${number}`, 'newer');
    await cluster.recover(1);
    await convergedAt(cluster);
    const [first, second] = await Promise.all([counters(cluster, 0), counters(cluster, 1)]);
    const moved = (first['sweepRecordsSent'] ?? 0) + (second['sweepRecordsReceived'] ?? 0);
    expect(moved).toBeGreaterThanOrEqual(10);
    // Both may have found the same ten at once.
    expect(moved).toBeLessThanOrEqual(20);
  });
});
