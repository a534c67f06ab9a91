import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KvBatch, MemoryKv, compareVersions, encodeRecord, hashKey, incarnation, nodeId, partitionOfHash, recordDatabaseKey, writerOf, TICKS_PER_MS, type Version } from '../../data/index.ts';
import { ALL, AVAILABLE, HEDGE_AFTER_MS, ONE, PureCluster, QUORUM, REQUEST_TIMEOUT_MS, textBytes, type Which } from '../support/pure-cluster.ts';
import { WALL_MS } from '../support/store-node.ts';
import { TYPE, WANTS } from '../../wire/index.ts';

const versionAt = (number: number): Version => ({ timestamp: (WALL_MS - 1000) * TICKS_PER_MS + number, writer: writerOf(nodeId(0), incarnation(1)) });
const link =
  (...nodes: number[]): Which =>
  ({ from, to }) =>
    nodes.includes(from) && nodes.includes(to);

/** Puts a record straight into the store of a node. */
async function plant(cluster: PureCluster, node: number, key: Uint8Array, number: number, value: string | null = `v${number}`): Promise<void> {
  await cluster.node(node).store.writeAll([{ kind: 'record', key, record: encodeRecord(key, versionAt(number), value === null ? null : textBytes(value)), hintFor: [] }]);
}

async function plantHint(cluster: PureCluster, holder: number, target: number, key: Uint8Array, number: number): Promise<void> {
  const record = encodeRecord(key, versionAt(number), textBytes(`v${number}`));
  await cluster.node(holder).store.writeAll([{ kind: 'hint', target: nodeId(target), key, record }]);
}

async function damage(cluster: PureCluster, kv: MemoryKv, key: Uint8Array): Promise<void> {
  const { hashSeed, partitionCount } = cluster.placement.topology;
  const hash = hashKey(key, hashSeed);
  const databaseKey = recordDatabaseKey(partitionOfHash(hash, partitionCount), hash, key);
  const record = Uint8Array.from(kv.get(databaseKey) ?? []);
  record[record.length - 1] = (record.at(-1) ?? 0) ^ 1;
  const batch = new KvBatch();
  batch.put(databaseKey, record);
  await kv.write(batch, 'os');
}

async function expectAllOver(cluster: PureCluster): Promise<void> {
  await cluster.finish();
  expect([cluster.inFlight, cluster.heldBytes, cluster.messagesWaiting]).toStrictEqual([0, 0, 0]);
}

describe('what a read answers', () => {
  it('is the newest of the replies in any order, at every level that hears all, and all replicas get it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)), fc.constantFrom(QUORUM, ALL), async (seed, numbers, level) => {
        const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3, seed });
        const key = cluster.keyAt(0);
        for (const [node, number] of numbers.entries()) if (number > 0) await plant(cluster, node, key, number);
        const read = cluster.get(cluster.random.below(3), key, level);
        await cluster.deliver();
        const newest = Math.max(...numbers);
        const heard = read.readVersion;
        if (level === ALL) expect(read.value).toBe(newest === 0 ? null : `v${newest}`);
        else expect(numbers.filter((number) => number > 0 && compareVersions(versionAt(number), heard ?? versionAt(0)) > 0).length).toBeLessThanOrEqual(1);
        await expectAllOver(cluster);
        if (newest > 0) for (const id of cluster.ids) expect(cluster.versionAt(id, key)).toStrictEqual(versionAt(newest));
      }),
      { numRuns: 80 },
    );
  });

  it('is no value, with the version of the tombstone, when that is newer than a value', async () => {
    for (const level of [AVAILABLE, QUORUM, ALL] as const) {
      const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 2 });
      const key = cluster.keyAt(1);
      await plant(cluster, 1, key, 1);
      await plant(cluster, 2, key, 2, null);
      const read = cluster.get(0, key, level);
      await cluster.deliver();
      expect([read.value, read.readVersion]).toStrictEqual([null, versionAt(2)]);
    }
  });

  it('is a value that only a live replica has, when more stand-ins that know nothing reply before it', async () => {
    const cluster = await PureCluster.start({ nodes: 5, replicationFactor: 3 });
    const key = cluster.keyAt(0);
    const write = cluster.put(0, key, 'v', ALL);
    await cluster.deliver();
    expect(write.isWritten).toBe(true);
    await cluster.fail(0);
    await cluster.fail(1);
    const read = cluster.get(3, key);
    await cluster.deliver(link(3, 4));
    await cluster.deliver();
    expect(read.value).toBe('v');
    await expectAllOver(cluster);
  });

  it('counts the hints of stand-ins while the replicas are down', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 2 });
    const key = cluster.keyAt(1);
    await plant(cluster, 2, key, 1);
    await plantHint(cluster, 0, 1, key, 2);
    await cluster.fail(1);
    const read = cluster.get(0, key);
    await cluster.deliver();
    expect(read.value).toBe('v2');
    await expectAllOver(cluster);
    expect(cluster.versionAt(2, key)).toStrictEqual(versionAt(2));
    await cluster.fail(2);
    const alone = cluster.get(0, key);
    await cluster.deliver();
    expect(alone.value).toBe('v2');
  });

  it('at available is what this node alone knows when it reaches no other', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3 });
    const key = cluster.keyAt(0);
    await plant(cluster, 0, key, 1);
    cluster.cut(0, 1);
    cluster.cut(0, 2);
    const [read, absent] = [cluster.get(0, key), cluster.get(0, cluster.keyAt(0, 1))];
    await cluster.deliver();
    expect([read.value, absent.value, absent.readVersion]).toStrictEqual(['v1', null, null]);
    expect(cluster.get(0, key, QUORUM).failure.code).toBe('RING_UNAVAILABLE');
  });

  it('comes at the hedge with the help of a stand-in when a replica is slow', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 2 });
    const key = cluster.keyAt(1);
    await plant(cluster, 1, key, 1);
    const read = cluster.get(0, key);
    const notSlow: Which = (envelope) => envelope.to !== 2;
    await cluster.deliver(notSlow);
    expect(read.isAnswered).toBe(false);
    cluster.tick(HEDGE_AFTER_MS);
    await cluster.deliver(notSlow);
    expect(read.value).toBe('v1');
    await expectAllOver(cluster);
    expect(cluster.versionAt(2, key)).toStrictEqual(versionAt(1));
  });

  it('at the hedge still waits for the one live replica, whatever stand-ins say that know nothing', async () => {
    const cluster = await PureCluster.start({ nodes: 5, replicationFactor: 3 });
    const key = cluster.keyAt(0);
    await plant(cluster, 2, key, 1);
    await cluster.fail(0);
    await cluster.fail(1);
    const read = cluster.get(3, key);
    await cluster.deliver(link(3, 4));
    cluster.tick(HEDGE_AFTER_MS);
    await cluster.deliver();
    expect(read.value).toBe('v1');
  });
});

describe('a read of which one replica gives the record and the others their versions', () => {
  const records: Which = ({ message }) => message[0] === TYPE.found || (message[0] === TYPE.read && message[3] === WANTS.record);
  const versionsOnly: Which = (envelope) => !records(envelope);

  async function startWith(numbers: readonly number[], via = 0): Promise<{ cluster: PureCluster; key: Uint8Array }> {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3 });
    const key = cluster.keyAt(via);
    for (const [node, number] of numbers.entries()) if (number > 0) await plant(cluster, node, key, number);
    return { cluster, key };
  }

  it.each([AVAILABLE, ONE, QUORUM, ALL])('at level %i asks one for the record, and no one again when all are equal', async (level) => {
    const { cluster, key } = await startWith([1, 1, 1]);
    const read = cluster.get(0, key, level);
    await expectAllOver(cluster);
    expect(read.value).toBe('v1');
    const asked = cluster.sent.flatMap(({ to, message }) => (message[0] === TYPE.read ? [[to, message[3]]] : []));
    expect(asked).toStrictEqual([[0, WANTS.record], [1, WANTS.version], [2, WANTS.version]]);
    expect([cluster.counted('fetches'), cluster.counted('readRepairs')]).toStrictEqual([0, 0]);
  });

  it.each([AVAILABLE, QUORUM, ALL])('at level %i fetches the newest record from one that confirmed it, and repairs who gave an older one', async (level) => {
    const { cluster, key } = await startWith([1, 2, 2]);
    const read = cluster.get(0, key, level);
    await expectAllOver(cluster);
    expect([read.value, read.readVersion]).toStrictEqual(['v2', versionAt(2)]);
    expect(cluster.counted('fetches')).toBe(1);
    expect(cluster.versionAt(0, key)).toStrictEqual(versionAt(2));
  });

  it('asks another when the one that confirmed it breaks off, and answers what is left when there is none', async () => {
    for (const [numbers, value] of [[[1, 2, 2], 'v2'], [[1, 2, 1], 'v1']] as const) {
      const { cluster, key } = await startWith(numbers);
      const read = cluster.get(0, key, QUORUM);
      await cluster.deliver((envelope) => envelope.to !== 1 || versionsOnly(envelope));
      const lost = cluster.messagesWaiting > 0;
      if (!read.isAnswered) await cluster.fail(1);
      await expectAllOver(cluster);
      expect([lost, read.value]).toStrictEqual([true, value]);
    }
  });

  it('fetches after a late reply that is newer than what was answered, and repairs with it', async () => {
    const { cluster, key } = await startWith([1, 1, 2]);
    const read = cluster.get(0, key);
    await cluster.deliver(link(0, 1));
    expect(read.value).toBe('v1');
    await expectAllOver(cluster);
    for (const id of cluster.ids) expect(cluster.versionAt(id, key)).toStrictEqual(versionAt(2));
  });

  it('waits for the record until the hedge, and then asks one that confirmed its version', async () => {
    const { cluster, key } = await startWith([1, 1, 1]);
    const read = cluster.get(0, key);
    const notOwn: Which = ({ from, to }) => from !== to;
    await cluster.deliver(notOwn);
    expect(read.isAnswered).toBe(false);
    cluster.tick(HEDGE_AFTER_MS);
    await cluster.deliver(notOwn);
    expect([read.value, cluster.counted('fetches')]).toStrictEqual(['v1', 1]);
    await expectAllOver(cluster);
  });

  it('fails at its deadline rather than answer less than what it has heard of', async () => {
    for (const level of [AVAILABLE, QUORUM] as const) {
      const { cluster, key } = await startWith([1, 2, 1]);
      const read = cluster.get(0, key, level);
      await cluster.deliver(({ from, to }) => from !== to && from !== 2 && to !== 2);
      await cluster.deliver(({ from, to }) => from === to);
      expect([read.isAnswered, cluster.counted('fetches')]).toStrictEqual([false, 1]);
      cluster.tick(REQUEST_TIMEOUT_MS);
      expect(read.failure.code).toBe('RING_UNAVAILABLE');
      await expectAllOver(cluster);
    }
  });

  it('lets a replica confirm and give what it remembers, though its copy is damaged by now', async () => {
    const kv = new MemoryKv();
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3, kvs: { 1: kv } });
    const key = cluster.keyAt(0);
    for (const node of cluster.ids) await plant(cluster, node, key, 1);
    await damage(cluster, kv, key);
    const read = cluster.get(0, key, ALL);
    await cluster.deliver();
    expect(read.value).toBe('v1');
    const own = cluster.get(1, key, ALL);
    await expectAllOver(cluster);
    expect(own.value).toBe('v1');
  });
});

describe('a damaged copy', () => {
  it('is repaired from another replica, and never answered as absent', async () => {
    for (const level of [AVAILABLE, ONE, QUORUM] as const) {
      const kv = new MemoryKv();
      const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3, kvs: { 1: kv }, recentBytesMax: 0 });
      const key = cluster.keyAt(0);
      for (const node of cluster.ids) await plant(cluster, node, key, 1);
      await damage(cluster, kv, key);
      const read = cluster.get(1, key, level);
      await cluster.deliver();
      expect(read.value).toBe('v1');
      await expectAllOver(cluster);
      expect(cluster.versionAt(1, key)).toStrictEqual(versionAt(1));
    }
  });

  it('makes a read at all fail, and is repaired all the same', async () => {
    const kv = new MemoryKv();
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3, kvs: { 1: kv }, recentBytesMax: 0 });
    const key = cluster.keyAt(0);
    for (const node of cluster.ids) await plant(cluster, node, key, 1);
    await damage(cluster, kv, key);
    const read = cluster.get(0, key, ALL);
    await cluster.deliver();
    expect(read.failure.code).toBe('RING_RECORD_DAMAGED');
    await expectAllOver(cluster);
    expect(cluster.versionAt(1, key)).toStrictEqual(versionAt(1));
  });

  it.each([
    ['no fallback node', 3, 3],
    ['a fallback node that knows nothing', 3, 2],
    ['more fallback nodes than a majority', 6, 3],
  ])('on the only live replica is an error with %s', async (_name, nodes, replicationFactor) => {
    const kv = new MemoryKv();
    const cluster = await PureCluster.start({ nodes, replicationFactor, kvs: { 0: kv }, recentBytesMax: 0 });
    const key = cluster.keyAt(0);
    await plant(cluster, 0, key, 1);
    await damage(cluster, kv, key);
    for (const other of cluster.placement.ofKey(key).replicas.slice(1)) await cluster.fail(other);
    const read = cluster.get(0, key);
    await cluster.deliver();
    expect(read.failure.code).toBe('RING_RECORD_DAMAGED');
    await expectAllOver(cluster);
  });
});

describe('read repair', () => {
  it('is done before the answer at quorum', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3 });
    const key = cluster.keyAt(0);
    await plant(cluster, 0, key, 1);
    const read = cluster.get(0, key, QUORUM);
    await cluster.deliver((envelope) => envelope.to !== 2 && (envelope.to !== 1 || envelope.message[0] !== 33));
    expect(read.isAnswered).toBe(false);
    await cluster.deliver(link(0, 1));
    expect([read.value, cluster.versionAt(1, key)]).toStrictEqual(['v1', versionAt(1)]);
    await expectAllOver(cluster);
  });

  it('of an older record does not count for a newer one that came while it was under way', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3 });
    const key = cluster.keyAt(0);
    await plant(cluster, 0, key, 1);
    await plant(cluster, 2, key, 2);
    const read = cluster.get(0, key, QUORUM);
    const isWrite: Which = ({ message }) => message[0] === 33 || message[0] === 66;
    await cluster.deliver((envelope) => link(0, 1)(envelope) && !isWrite(envelope));
    await cluster.deliver((envelope) => !isWrite(envelope));
    // The repair of node 1 with the older record is acknowledged; node 0 has not been repaired.
    await cluster.deliver(({ from, to, message }) => (to === 1 && message[0] === 33) || (from === 1 && message[0] === 66));
    if (read.isAnswered) {
      const newest = cluster.ids.filter((id) => cluster.versionAt(id, key)?.timestamp === read.readVersion?.timestamp);
      expect(newest.length).toBeGreaterThanOrEqual(2);
    }
    await expectAllOver(cluster);
    expect(read.value).toBe('v2');
    for (const id of cluster.ids) expect(cluster.versionAt(id, key)).toStrictEqual(versionAt(2));
  });

  it('before the answer keeps quorum reads from ever going back, in any order of delivery', async () => {
    let repairs = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.constantFrom(3, 5),
        fc.array(fc.nat(4), { minLength: 5, maxLength: 5 }),
        fc.array(fc.record({ via: fc.nat(4), before: fc.nat(14), level: fc.constantFrom(QUORUM, ALL) }), { minLength: 2, maxLength: 6 }),
        async (seed, replicationFactor, numbers, reads) => {
          const cluster = await PureCluster.start({ nodes: 5, replicationFactor, seed });
          const key = cluster.keyAt(0);
          for (const [node, number] of numbers.entries()) if (node < replicationFactor && number > 0) await plant(cluster, node, key, number);
          const begun: { readonly asked: ReturnType<PureCluster['get']>; readonly atLeast: number }[] = [];
          for (const { via, before, level } of reads) {
            for (let i = 0; i < before; i++) await cluster.deliverOne();
            const atLeast = Math.max(0, ...begun.filter(({ asked }) => asked.isAnswered).map(({ asked }) => asked.readVersion?.timestamp ?? 0));
            begun.push({ asked: cluster.get(via, key, level), atLeast });
          }
          await cluster.deliver();
          for (const { asked, atLeast } of begun) expect(asked.readVersion?.timestamp ?? 0).toBeGreaterThanOrEqual(atLeast);
          await expectAllOver(cluster);
          repairs += cluster.counted('readRepairs');
        },
      ),
      { numRuns: 250 },
    );
    expect(repairs).toBeGreaterThan(0);
  });

  it('at available starts only when all replies are in', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3 });
    const key = cluster.keyAt(0);
    await plant(cluster, 0, key, 1);
    await plant(cluster, 2, key, 2);
    const read = cluster.get(0, key);
    await cluster.deliver(link(0, 1));
    expect([read.value, cluster.counted('readRepairs')]).toStrictEqual(['v1', 0]);
    await cluster.deliver();
    expect(cluster.counted('readRepairs')).toBe(2);
    for (const id of cluster.ids) expect(cluster.versionAt(id, key)).toStrictEqual(versionAt(2));
    await expectAllOver(cluster);
  });
});
