import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryKv, compareVersions, type Version } from '../../data/index.ts';
import { FaultyKv } from '../support/faulty-kv.ts';
import { ALL, AVAILABLE, HEDGE_AFTER_MS, ONE, PureCluster, QUORUM, REPLICA_TIMEOUT_MS, REQUEST_TIMEOUT_MS, type Asked, type Which } from '../support/pure-cluster.ts';
import { settle } from '../support/store-node.ts';

const HOUR_MS = 3_600_000;
const to =
  (...nodes: number[]): Which =>
  (envelope) =>
    nodes.includes(envelope.to) && envelope.kind === 'request';
const repliesOf =
  (...nodes: number[]): Which =>
  (envelope) =>
    nodes.includes(envelope.from) && envelope.kind === 'reply';
const three = async (replicationFactor: number): Promise<PureCluster> => PureCluster.start({ nodes: 3, replicationFactor });

async function expectAllOver(cluster: PureCluster): Promise<void> {
  await cluster.finish();
  expect([cluster.inFlight, cluster.heldBytes, cluster.messagesWaiting]).toStrictEqual([0, 0, 0]);
}

describe('when a write is acknowledged', () => {
  it.each([
    ['available', AVAILABLE, 2],
    ['one', ONE, 1],
    ['quorum', QUORUM, 2],
    ['all', ALL, 3],
  ] as const)('at %s it is once enough replicas of three are durable, and not before', async (_name, level, need) => {
    const cluster = await three(3);
    const key = cluster.keyAt(0);
    const write = cluster.put(0, key, 'v', level);
    for (const [index, node] of [2, 0, 1].entries()) {
      expect(write.isAnswered).toBe(index >= need);
      await cluster.deliver((envelope) => to(node)(envelope) || repliesOf(node)(envelope));
    }
    expect(write.written.durableOn).toHaveLength(need);
    for (const node of write.written.durableOn) expect(cluster.versionAt(node, key)).toStrictEqual(write.written.version);
    await expectAllOver(cluster);
  });

  it('at available with a replica down, the first live fallback has a hint and the answer says so', async () => {
    const cluster = await PureCluster.start({ nodes: 5, replicationFactor: 3 });
    const key = cluster.keyAt(0);
    await cluster.fail(1);
    const write = cluster.put(0, key, 'v');
    await cluster.deliver((envelope) => envelope.from !== 2 && envelope.to !== 2);
    expect(write.written).toMatchObject({ durableOn: [0], hints: [1, 3] });
    expect(cluster.hintAt(3, 1, key)).toStrictEqual(write.written.version);
    await expectAllOver(cluster);
  });

  it('with all nodes as replicas, the hint for the one that is down is a reference on a live replica', async () => {
    const cluster = await three(3);
    const key = cluster.keyAt(0);
    await cluster.fail(2);
    const write = cluster.put(1, key, 'v', QUORUM);
    await cluster.deliver();
    expect(write.written).toMatchObject({ durableOn: [0, 1], hints: [2, 1] });
    expect(cluster.hintAt(1, 2, key)).toStrictEqual(write.written.version);
    expect(cluster.hintAt(0, 2, key)).toBeNull();
  });

  it('a single survivor acknowledges at available, and keeps the hints for all others', async () => {
    const cluster = await three(3);
    const key = cluster.keyAt(1);
    await cluster.fail(0);
    await cluster.fail(1);
    const write = cluster.put(2, key, 'v');
    await cluster.deliver();
    expect(write.written.durableOn).toStrictEqual([2]);
    expect([cluster.hintAt(2, 0, key), cluster.hintAt(2, 1, key)]).toStrictEqual([write.written.version, write.written.version]);
  });

  it('a single survivor that keeps no replica of the key acknowledges by its hints', async () => {
    const cluster = await three(2);
    const key = cluster.keyAt(1);
    await cluster.fail(1);
    await cluster.fail(2);
    const write = cluster.put(0, key, 'v');
    await cluster.deliver();
    expect(write.written).toMatchObject({ durableOn: [], hints: [1, 0] });
    expect([cluster.hintAt(0, 1, key), cluster.hintAt(0, 2, key)]).toStrictEqual([write.written.version, write.written.version]);
  });
});

describe('a write that fails', () => {
  it.each([
    ['quorum', QUORUM],
    ['all', ALL],
  ] as const)('at %s with too few replicas is unavailable, and nothing was sent', async (_name, level) => {
    const cluster = await three(2);
    const key = cluster.keyAt(1);
    await cluster.fail(1);
    const write = cluster.put(0, key, 'v', level);
    expect(write.failure).toMatchObject({ code: 'RING_UNAVAILABLE', version: null });
    expect(cluster.sent).toStrictEqual([]);
    expect([cluster.inFlight, cluster.heldBytes]).toStrictEqual([0, 0]);
  });

  it('is unknown, with its version, when a link is lost after it was sent', async () => {
    const cluster = await three(3);
    const key = cluster.keyAt(0);
    const write = cluster.put(0, key, 'v', ALL);
    await cluster.deliver(to(1));
    await cluster.fail(1);
    await cluster.deliver();
    expect(write.failure.code).toBe('RING_UNKNOWN');
    expect(write.failure.version).toStrictEqual(cluster.versionAt(0, key));
    await expectAllOver(cluster);
  });

  it('is answered once, at its deadline, when replies never come', async () => {
    const cluster = await three(3);
    const write = cluster.put(0, cluster.keyAt(0), 'v', QUORUM);
    cluster.drop(to(1, 2));
    await cluster.deliver();
    cluster.tick(REQUEST_TIMEOUT_MS - 1);
    expect(write.isAnswered).toBe(false);
    cluster.drop(() => true);
    cluster.tick(1);
    expect(write.failure).toMatchObject({ code: 'RING_UNKNOWN', received: 1 });
    await expectAllOver(cluster);
    expect(write.answers).toHaveLength(1);
  });

  it('is refused as overloaded beyond the number, and beyond the bytes, of requests in flight', async () => {
    for (const limit of [{ requestsInFlightMax: 2 }, { requestBytesInFlightMax: 500 }]) {
      const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3, ...limit });
      const key = cluster.keyAt(0);
      const writes = [0, 1, 2].map((number) => cluster.put(0, key, `v${number}`));
      expect(writes[2]?.failure).toMatchObject({ code: 'RING_OVERLOADED', version: null });
      expect(cluster.get(0, key).failure.code).toBe('RING_OVERLOADED');
      await expectAllOver(cluster);
      expect(writes.slice(0, 2).every((write) => write.isWritten)).toBe(true);
      const after = cluster.put(0, key, 'after');
      await cluster.deliver();
      expect(after.isWritten).toBe(true);
    }
  });
});

describe('hints for replicas that miss a write', () => {
  it('are kept for a replica whose store fails, on a fallback node', async () => {
    const kv = new FaultyKv(new MemoryKv(), [[2, 'lost']]);
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 2, kvs: { 2: kv } });
    const key = cluster.keyAt(1);
    const write = cluster.put(1, key, 'v');
    await cluster.deliver();
    expect(kv.faults).toBe(1);
    expect(write.written).toMatchObject({ durableOn: [1], hints: [2, 0] });
    await cluster.converge();
    expect(cluster.versionAt(2, key)).toStrictEqual(write.written.version);
  });

  it('are kept by reference when the link of a replica broke before any other had acknowledged', async () => {
    const cluster = await three(3);
    const key = cluster.keyAt(0);
    const write = cluster.put(0, key, 'v');
    await cluster.fail(2);
    await cluster.deliver();
    expect(write.written.durableOn).toStrictEqual([0, 1]);
    expect(cluster.hintAt(0, 2, key) ?? cluster.hintAt(1, 2, key)).toStrictEqual(write.written.version);
    await expectAllOver(cluster);
  });

  it('are kept when the link breaks after the client had its answer', async () => {
    const cluster = await three(3);
    const key = cluster.keyAt(0);
    const write = cluster.put(0, key, 'v');
    await cluster.deliver((envelope) => envelope.to !== 2 && envelope.from !== 2);
    expect(write.isWritten).toBe(true);
    await cluster.fail(2);
    cluster.tick(1);
    await cluster.deliver();
    expect(cluster.hintAt(0, 2, key)).toStrictEqual(write.written.version);
    await expectAllOver(cluster);
  });

  it('that find no room mark the partition dirty for the sweep', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3, hintBytesMax: 0 });
    const key = cluster.keyAt(0);
    await cluster.fail(2);
    const write = cluster.put(0, key, 'v');
    await cluster.deliver();
    expect(write.isWritten).toBe(true);
    const { partition } = cluster.placement.ofKey(key);
    expect(cluster.node(0).store.ledger.isDirty(cluster.placement.ofKey(key).replicas[2] ?? cluster.node(0).id, partition)).toBe(true);
    await expectAllOver(cluster);
  });

  it('are sent for a slow replica at the hedge, and complete the write', async () => {
    const cluster = await three(2);
    const key = cluster.keyAt(1);
    const write = cluster.put(0, key, 'v');
    const slow: Which = (envelope) => envelope.to === 2;
    await cluster.deliver((envelope) => !slow(envelope));
    expect(write.isAnswered).toBe(false);
    cluster.tick(HEDGE_AFTER_MS);
    await cluster.deliver((envelope) => !slow(envelope));
    expect(write.written).toMatchObject({ durableOn: [1], hints: [2, 0] });
    await expectAllOver(cluster);
    expect(cluster.versionAt(2, key)).toStrictEqual(write.written.version);
  });

  it('are sent for a silent replica at a strict level too, after the replica timeout', async () => {
    const cluster = await three(2);
    const key = cluster.keyAt(1);
    const write = cluster.put(0, key, 'v', ONE);
    cluster.drop(to(2));
    await cluster.deliver();
    expect(write.isWritten).toBe(true);
    cluster.tick(REPLICA_TIMEOUT_MS);
    await cluster.deliver();
    expect(cluster.hintAt(0, 2, key)).toStrictEqual(write.written.version);
    await expectAllOver(cluster);
  });
});

describe('a later write', () => {
  it.each([
    ['available', AVAILABLE],
    ['quorum', QUORUM],
    ['all', ALL],
  ] as const)('wins at %s through a coordinator that is an hour behind, by writing again', async (_name, level) => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 2, skewsMs: [-HOUR_MS, 0, 0] });
    const key = cluster.keyAt(1);
    const first = cluster.put(1, key, 'first', QUORUM);
    await cluster.deliver();
    const second = cluster.put(0, key, 'second', level);
    await cluster.deliver();
    expect(compareVersions(second.written.version, first.written.version)).toBeGreaterThan(0);
    expect([cluster.stored(1, key), cluster.stored(2, key)]).toMatchObject([{ value: 'second' }, { value: 'second' }]);
    expect(cluster.counted('rewrites')).toBe(1);
  });

  it('does not count one node twice when it acknowledges and is then superseded by its own hint', async () => {
    const cluster = await three(3);
    const key = cluster.keyAt(0);
    cluster.skewsMs[1] = HOUR_MS;
    const write = cluster.put(0, key, 'old', QUORUM);
    await cluster.deliver((envelope) => to(0)(envelope) || repliesOf(0)(envelope));
    // The other one, newer, reaches node 0 alone; then node 2 is lost, and node 0 is asked to refer for it.
    const newer = cluster.put(1, key, 'new', QUORUM);
    await cluster.deliver((envelope) => envelope.from === 1 && envelope.to === 0);
    await cluster.fail(2);
    await cluster.deliver((envelope) => envelope.from === 0 && envelope.to === 0);
    expect([write.isAnswered, cluster.counted('rewrites')]).toStrictEqual([false, 0]);
    await expectAllOver(cluster);
    expect([write.isWritten, newer.isWritten]).toStrictEqual([true, true]);
  });

  it('ignores replies that say superseded after the answer', async () => {
    const cluster = await three(3);
    const key = cluster.keyAt(0);
    const write = cluster.put(0, key, 'old');
    await cluster.deliver((envelope) => envelope.to !== 2 && envelope.from !== 2);
    cluster.skewsMs[1] = HOUR_MS;
    const newer = cluster.put(1, key, 'new');
    await cluster.deliver((envelope) => envelope.from !== 0 || envelope.to !== 2);
    await cluster.deliver();
    expect([write.answers.length, newer.answers.length, cluster.counted('rewrites')]).toStrictEqual([1, 1, 0]);
    expect(cluster.stored(2, key)).toMatchObject({ value: 'new' });
    await expectAllOver(cluster);
  });

  it('has the greater version, with at most one rewrite each, whatever clocks, order and concurrent writers', async () => {
    let rewrites = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 5 }).chain((nodes) =>
          fc.record({
            nodes: fc.constant(nodes),
            replicationFactor: fc.integer({ min: 1, max: nodes }),
            seed: fc.integer(),
            skewsMs: fc.array(fc.integer({ min: -HOUR_MS, max: HOUR_MS }), { minLength: nodes, maxLength: nodes }),
            writes: fc.array(
              fc.record({ via: fc.nat(nodes - 1), level: fc.constantFrom(AVAILABLE, QUORUM, ALL), messagesBefore: fc.nat(12) }),
              { minLength: 2, maxLength: 8 },
            ),
          }),
        ),
        async ({ writes, ...options }) => {
          const cluster = await PureCluster.start(options);
          const key = cluster.keyAt(0);
          const begun: { readonly asked: Asked; readonly value: string; readonly above: Version | null }[] = [];
          for (const [index, { via, level, messagesBefore }] of writes.entries()) {
            for (let i = 0; i < messagesBefore; i++) await cluster.deliverOne();
            let above: Version | null = null;
            for (const { asked } of begun) {
              if (asked.isWritten && (above === null || compareVersions(asked.written.version, above) > 0)) above = asked.written.version;
            }
            begun.push({ asked: cluster.put(via, key, `v${index}`, level), value: `v${index}`, above });
          }
          await expectAllOver(cluster);
          for (const { asked, value, above } of begun) {
            if (above !== null) expect(compareVersions(asked.written.version, above)).toBeGreaterThan(0);
            expect(cluster.versionsSentOf(key, value).size).toBeLessThanOrEqual(2);
          }
          rewrites += cluster.counted('rewrites');
        },
      ),
      { numRuns: 150 },
    );
    expect(rewrites).toBeGreaterThan(0);
  });
});

describe('the ceiling of the clock', () => {
  it('is waited for by a write that comes before it was raised', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3, reservesAtStart: false });
    const write = cluster.put(0, cluster.keyAt(0), 'v');
    expect(cluster.sent).toStrictEqual([]);
    await settle();
    await cluster.deliver();
    expect(write.isWritten).toBe(true);
    await expectAllOver(cluster);
  });

  it('that no store takes lets writes run into their deadline, asks once a tick, and leaves nothing behind', async () => {
    const kv = new FaultyKv(new MemoryKv(), Array.from({ length: 1_000 }, (_, index) => [index + 1, 'lost'] as const));
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3, reservesAtStart: false, kvs: { 0: kv } });
    const write = cluster.put(0, cluster.keyAt(0), 'v');
    let ticks = 0;
    for (; cluster.nowMs < REQUEST_TIMEOUT_MS; ticks++) {
      expect(write.isAnswered).toBe(false);
      cluster.tick(100);
      await settle();
    }
    expect(write.failure).toMatchObject({ code: 'RING_UNAVAILABLE', version: null });
    expect(kv.writes).toBeGreaterThan(1);
    expect(kv.writes).toBeLessThanOrEqual(ticks + 1);
    expect([cluster.inFlight, cluster.heldBytes]).toStrictEqual([0, 0]);
    const writes = kv.writes;
    for (let i = 0; i < 10; i++) {
      cluster.tick(100);
      await settle();
    }
    // A reservation may still have been under way; nobody waits for another.
    expect(kv.writes).toBeLessThanOrEqual(writes + 1);
  });
});

describe('what is in flight', () => {
  it('comes back to nothing over any requests, failures and losses', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constantFrom('put', 'delete', 'get'), node: fc.nat(3), number: fc.constantFrom(AVAILABLE, ONE, QUORUM, ALL) }),
      fc.record({ kind: fc.constantFrom('fail', 'recover', 'cut', 'drop', 'deliver', 'tick'), node: fc.nat(3), number: fc.nat(3) }),
    );
    let answered = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.array(step, { maxLength: 40 }), async (seed, steps) => {
        const cluster = await PureCluster.start({ nodes: 4, replicationFactor: 3, seed });
        const key = cluster.keyAt(0);
        const asked: { readonly via: number; readonly lives: number; readonly request: Asked }[] = [];
        const lives = [0, 0, 0, 0];
        for (const { kind, node, number } of steps) {
          const runs = cluster.runningIds.some((id) => id === node);
          if (kind === 'recover' && !runs) await cluster.recover(node);
          if (kind === 'cut' && node !== number) cluster.cut(node, number);
          if (kind === 'drop') cluster.drop((envelope) => envelope.to === node);
          if (kind === 'deliver') for (let i = 0; i < 5; i++) await cluster.deliverOne();
          if (kind === 'tick') cluster.tick([10, HEDGE_AFTER_MS, REPLICA_TIMEOUT_MS, REQUEST_TIMEOUT_MS][number] ?? 0);
          if (!runs) continue;
          const level = ([AVAILABLE, ONE, QUORUM, ALL] as const)[number] ?? AVAILABLE;
          const life = { via: node, lives: lives[node] ?? 0 };
          if (kind === 'put') asked.push({ ...life, request: cluster.put(node, key, 'v', level) });
          if (kind === 'delete') asked.push({ ...life, request: cluster.delete(node, key, level) });
          if (kind === 'get') asked.push({ ...life, request: cluster.get(node, key, level) });
          if (kind === 'fail') {
            await cluster.fail(node);
            lives[node] = (lives[node] ?? 0) + 1;
          }
        }
        await expectAllOver(cluster);
        for (const { via, lives: life, request } of asked) {
          if (life === lives[via]) expect(request.answers).toHaveLength(1);
          else expect(request.answers.length).toBeLessThanOrEqual(1);
          answered += request.answers.length;
        }
      }),
      { numRuns: 100 },
    );
    expect(answered).toBeGreaterThan(100);
  });
});
