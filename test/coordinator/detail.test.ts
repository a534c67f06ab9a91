/** What each node said of a write or a read, for those who ask for detail. */
import { describe, expect, it } from 'vitest';
import { MemoryKv, encodeRecord, incarnation, nodeId, writerOf, TICKS_PER_MS, type Version } from '../../data/index.ts';
import { READ_FLAGS, TYPE, WRITE_FLAGS, nodeReads, replicaWrites, hintPairs, type NodeRead, type ReplicaWrite } from '../../wire/index.ts';
import { flipValue, recordKeyOf } from '../support/damage.ts';
import { FaultyKv } from '../support/faulty-kv.ts';
import { ALL, AVAILABLE, HEDGE_AFTER_MS, ONE, PureCluster, QUORUM, textBytes, type Asked } from '../support/pure-cluster.ts';
import { WALL_MS } from '../support/store-node.ts';

const HOUR_MS = 3_600_000;
const WRITE = WRITE_FLAGS.detail;
const READ = READ_FLAGS.detail;
const versionAt = (number: number): Version => ({ timestamp: (WALL_MS - 1000) * TICKS_PER_MS + number, writer: writerOf(nodeId(0), incarnation(1)) });

function writesOf({ only }: Asked): readonly ReplicaWrite[] {
  if (only[0] !== TYPE.written || only[6] === undefined) throw new Error(`no detail: ${JSON.stringify(only)}`);
  return replicaWrites(only[6], hintPairs(only[4]));
}

function readsOf({ only }: Asked): readonly NodeRead[] {
  if (only[0] !== TYPE.value || only[5] === undefined) throw new Error(`no detail: ${JSON.stringify(only)}`);
  return nodeReads(only[5]);
}

async function plant(cluster: PureCluster, node: number, key: Uint8Array, number: number): Promise<void> {
  await cluster.node(node).store.writeAll([{ kind: 'record', key, record: encodeRecord(key, versionAt(number), textBytes(`v${number}`)), hintFor: [] }]);
}

describe('a write with detail', () => {
  it('names every replica in the order of the preference list, and only for those who ask', async () => {
    const cluster = await PureCluster.start({ nodes: 4, replicationFactor: 3 });
    const key = cluster.keyAt(2);
    const [asked, other] = [cluster.put(0, key, 'v', ALL, 0, WRITE), cluster.put(1, cluster.keyAt(2, 1), 'v', ALL)];
    await cluster.deliver();
    expect(writesOf(asked)).toStrictEqual([2, 3, 0].map((node) => ({ node, said: 'applied', hintedOn: null })));
    expect(other.only).toHaveLength(6);
  });

  it('says what was known when it was acknowledged, and not what came later', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3 });
    const key = cluster.keyAt(0);
    const write = cluster.delete(0, key, QUORUM, WRITE);
    await cluster.deliver(({ from, to }) => from !== 2 && to !== 2);
    const expected = [{ node: 0, said: 'applied', hintedOn: null }, { node: 1, said: 'applied', hintedOn: null }, { node: 2, said: 'no-answer', hintedOn: null }];
    expect(writesOf(write)).toStrictEqual(expected);
    await cluster.finish();
    expect(writesOf(write)).toStrictEqual(expected);
  });

  it('tells who keeps the hint for a replica that was not asked', async () => {
    const cluster = await PureCluster.start({ nodes: 4, replicationFactor: 3 });
    const key = cluster.keyAt(0);
    await cluster.fail(1);
    const write = cluster.put(0, key, 'v', AVAILABLE, 0, WRITE);
    await cluster.deliver(({ from, to }) => from !== 2 && to !== 2);
    expect(writesOf(write)).toStrictEqual([{ node: 0, said: 'applied', hintedOn: null }, { node: 1, said: 'unreachable', hintedOn: 3 }, { node: 2, said: 'no-answer', hintedOn: null }]);
  });

  it('tells of a disk that failed and of a store that may have lost something', async () => {
    const kv = new FaultyKv(new MemoryKv(), [[2, 'lost']]);
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3, kvs: { 1: kv } });
    const key = cluster.keyAt(0);
    await cluster.wipe(2);
    const write = cluster.put(0, key, 'v', ONE, 0, WRITE);
    await cluster.deliver(({ from, to }) => from !== 0 || to !== 0);
    expect(writesOf(write).map(({ said }) => said)).toStrictEqual(['no-answer', 'unknown', 'applied-untrusted']);
  });

  it('tells of a replica that held the very same record, and of one that holds a newer one', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3 });
    const key = cluster.keyAt(0);
    const first = cluster.put(0, key, 'v', ALL, 0, WRITE_FLAGS.tellVersion);
    await cluster.deliver(({ kind, to }) => kind === 'request' && to === 1);
    cluster.drop(() => true);
    const [version] = first.told;
    if (version === undefined) throw new Error('it was told no version');
    const again = cluster.writeAgain(2, key, 'v', version, ALL, WRITE);
    await cluster.deliver();
    expect(writesOf(again).map(({ said }) => said)).toStrictEqual(['applied', 'present', 'applied']);
    const late = cluster.put(0, key, 'late', ONE, 0, WRITE);
    await cluster.deliver(({ to, from }) => to === 0 && from === 0);
    expect(writesOf(late).map(({ said }) => said)).toStrictEqual(['applied', 'no-answer', 'no-answer']);
    await cluster.finish();
  });

  it('that is written again tells of its second round', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 2, skewsMs: [-HOUR_MS, 0, 0] });
    const key = cluster.keyAt(1);
    cluster.put(1, key, 'first', QUORUM);
    await cluster.deliver();
    const second = cluster.put(0, key, 'second', ALL, 0, WRITE);
    await cluster.deliver();
    expect(writesOf(second).map(({ said }) => said)).toStrictEqual(['applied', 'applied']);
    expect(cluster.counted('rewrites')).toBe(1);
  });

  it('tells of a newer record that overtook its second round', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 2, skewsMs: [-25_000, 0, 25_000] });
    const key = cluster.keyAt(1);
    const first = cluster.put(1, key, 'first', QUORUM);
    await cluster.deliver();
    cluster.put(2, key, 'third', QUORUM);
    await cluster.deliver();
    const above = cluster.writeAgain(0, key, 'second', first.written.version, ALL, WRITE + WRITE_FLAGS.above);
    await cluster.finish();
    expect(writesOf(above).map(({ said }) => said)).toStrictEqual(['superseded', 'superseded']);
  });
});

describe('a read with detail', () => {
  it('tells the version of each replica, those that have nothing, and those that cannot be reached', async () => {
    const cluster = await PureCluster.start({ nodes: 5, replicationFactor: 4 });
    const key = cluster.keyAt(0);
    await plant(cluster, 0, key, 1);
    await plant(cluster, 1, key, 2);
    await cluster.fail(3);
    const read = cluster.get(4, key, QUORUM, READ);
    await cluster.deliver();
    expect(readsOf(read)).toStrictEqual([
      { node: 0, role: 'replica', said: 'record', version: versionAt(1) },
      { node: 1, role: 'replica', said: 'record', version: versionAt(2) },
      { node: 2, role: 'replica', said: 'absent', version: null },
      { node: 3, role: 'replica', said: 'unreachable', version: null },
    ]);
    const other = cluster.get(4, key, QUORUM);
    await cluster.deliver();
    expect(other.only).toHaveLength(5);
  });

  it('names the stand-ins that were asked, and who has not answered', async () => {
    const cluster = await PureCluster.start({ nodes: 4, replicationFactor: 3 });
    const key = cluster.keyAt(0);
    await plant(cluster, 0, key, 1);
    await cluster.node(3).store.writeAll([{ kind: 'hint', target: nodeId(1), key, record: encodeRecord(key, versionAt(5), textBytes('v5')) }]);
    await cluster.fail(1);
    const read = cluster.get(0, key, AVAILABLE, READ);
    cluster.tick(HEDGE_AFTER_MS);
    await cluster.deliver(({ from, to }) => from !== 2 && to !== 2);
    expect(read.value).toBe('v5');
    expect(readsOf(read)).toStrictEqual([
      { node: 0, role: 'replica', said: 'record', version: versionAt(1) },
      { node: 1, role: 'replica', said: 'unreachable', version: null },
      { node: 2, role: 'replica', said: 'no-answer', version: null },
      { node: 3, role: 'stand-in', said: 'record', version: versionAt(5) },
    ]);
  });

  it('tells of a damaged record and of a store that is not trusted', async () => {
    const kv = new MemoryKv();
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3, recentBytesMax: 0, kvs: { 1: kv } });
    const key = cluster.keyAt(0);
    for (const node of [0, 1]) await plant(cluster, node, key, 1);
    await flipValue(kv, recordKeyOf(cluster.node(1).store, key));
    await cluster.wipe(2);
    const read = cluster.get(0, key, AVAILABLE, READ);
    await cluster.deliver();
    expect(readsOf(read).map(({ said }) => said)).toStrictEqual(['record', 'damaged', 'untrusted']);
  });
});
