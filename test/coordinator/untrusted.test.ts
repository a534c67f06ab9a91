/** Stores that were wiped: what they say, what quorums make of it, and how they come to be counted again. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryKv, compareVersions, newest, type Version } from '../../data/index.ts';
import { FOUND, STORED, TYPE, type PeerReply } from '../../wire/index.ts';
import { flipValue, recordKeyOf } from '../support/damage.ts';
import { ALL, AVAILABLE, ONE, PureCluster, QUORUM, REPLICA_TIMEOUT_MS, REQUEST_TIMEOUT_MS, type Asked, type Which } from '../support/pure-cluster.ts';

const HOUR_MS = 3_600_000;
const [A, U, C] = [0, 1, 2];
const notOf =
  (node: number): Which =>
  ({ from, to }) =>
    from !== node && to !== node;

interface Story {
  readonly cluster: PureCluster;
  readonly key: Uint8Array;
  readonly acknowledged: Version;
}

/** A value that nodes 0 and 1 acknowledged at quorum while node 2 was down; then node 1 loses its disk. */
async function wipedHolder(): Promise<Story> {
  const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3 });
  const key = cluster.keyAt(A);
  await cluster.fail(C);
  const write = cluster.put(A, key, 'kept', QUORUM);
  await cluster.deliver();
  expect(write.written.durableOn).toStrictEqual([A, U]);
  await cluster.recover(C);
  await cluster.wipe(U);
  return { cluster, key, acknowledged: write.written.version };
}

async function answered(cluster: PureCluster, asked: Asked): Promise<Asked> {
  await cluster.deliver();
  for (let passed = 0; !asked.isAnswered && passed <= REQUEST_TIMEOUT_MS; passed += 100) {
    cluster.tick(100);
    await cluster.deliver();
  }
  return asked;
}

async function expectAllOver(cluster: PureCluster): Promise<void> {
  await cluster.finish();
  expect([cluster.inFlight, cluster.heldBytes, cluster.messagesWaiting]).toStrictEqual([0, 0, 0]);
}

const statuses = (replies: readonly PeerReply[]): readonly (readonly [number, number])[] =>
  replies.flatMap((reply) => (reply[0] === TYPE.found || reply[0] === TYPE.stored ? [[reply[0], reply[2]] as const] : []));

describe('what an untrusted store says', () => {
  it('is marked as such, whether it has the record or not, and is not marked for partitions that it may speak for', async () => {
    const { cluster, key } = await wipedHolder();
    const { replica } = cluster.node(U);
    const heard: PeerReply[] = [];
    const ask = async (): Promise<void> => {
      heard.length = 0;
      const request = cluster.sent.find(({ message }) => message[0] === TYPE.write)?.message;
      if (request?.[0] !== TYPE.write) throw new Error('nothing was written');
      replica.serve([[TYPE.read, 2, key, 0]], (replies) => heard.push(...replies));
      replica.serve([request], (replies) => heard.push(...replies));
      await cluster.deliver();
      replica.serve([[TYPE.read, 4, key, 0]], (replies) => heard.push(...replies));
      replica.serve([request], (replies) => heard.push(...replies));
      await cluster.deliver();
    };
    await ask();
    expect(statuses(heard)).toStrictEqual([
      [TYPE.found, FOUND.untrusted],
      [TYPE.stored, STORED.appliedUntrusted],
      [TYPE.found, FOUND.untrusted],
      [TYPE.stored, STORED.appliedUntrusted],
    ]);
    expect(heard[0]?.[3]).toBeNull();
    expect(heard[2]?.[3]).not.toBeNull();
    expect(await cluster.compareAll(U)).toBe(true);
    await ask();
    expect(statuses(heard)).toStrictEqual([
      [TYPE.found, FOUND.record],
      [TYPE.stored, STORED.present],
      [TYPE.found, FOUND.record],
      [TYPE.stored, STORED.present],
    ]);
  });
});

describe('the silence of a wiped store', () => {
  it.each([
    ['quorum', QUORUM],
    ['all', ALL],
  ] as const)('is no answer at %s: an acknowledged value is never null', async (_name, level) => {
    const { cluster, key } = await wipedHolder();
    await cluster.fail(A);
    for (const via of [U, C]) expect((await answered(cluster, cluster.get(via, key, level))).failure.code).toBe('RING_UNAVAILABLE');
    await expectAllOver(cluster);
  });

  it('is no answer at one, but a store that it did not befall is', async () => {
    const { cluster, key } = await wipedHolder();
    await cluster.fail(C);
    await cluster.fail(A);
    expect((await answered(cluster, cluster.get(U, key, ONE))).failure.code).toBe('RING_UNAVAILABLE');
    await cluster.recover(A);
    await cluster.deliver();
    expect((await answered(cluster, cluster.get(U, key, ONE))).value).toBe('kept');
  });

  it('is at available the answer only when nothing else is to come', async () => {
    const { cluster, key } = await wipedHolder();
    const read = cluster.get(U, key);
    await cluster.deliver(notOf(A));
    expect(read.isAnswered).toBe(false);
    await cluster.deliver();
    expect(read.value).toBe('kept');
    await cluster.fail(A);
    const alone = await answered(cluster, cluster.get(C, key));
    // Node 1 has it again by the repair of the first read.
    expect(alone.value).toBe('kept');
    await cluster.fail(C);
    await cluster.wipe(U);
    expect((await answered(cluster, cluster.get(U, key))).value).toBeNull();
    await expectAllOver(cluster);
  });

  it('counts again after exchanges with both others, and not after one', async () => {
    const { cluster, key, acknowledged } = await wipedHolder();
    await cluster.exchange(U, C);
    await cluster.fail(A);
    expect((await answered(cluster, cluster.get(C, key, QUORUM))).failure.code).toBe('RING_UNAVAILABLE');
    await cluster.recover(A);
    await cluster.exchange(U, A);
    expect([cluster.node(U).trust.reason, cluster.versionAt(U, key)]).toStrictEqual([null, acknowledged]);
    await cluster.fail(A);
    expect((await answered(cluster, cluster.get(C, key, QUORUM))).value).toBe('kept');
    await expectAllOver(cluster);
  });

  it('does not count after exchanges with others that were wiped too, while the one that knows is away', async () => {
    const cluster = await PureCluster.start({ nodes: 5, replicationFactor: 5 });
    const key = cluster.keyAt(0);
    for (const node of [3, 4]) await cluster.fail(node);
    const write = cluster.put(0, key, 'kept', QUORUM);
    await cluster.deliver();
    expect(write.written.durableOn).toStrictEqual([0, 1, 2]);
    for (const node of [3, 4]) await cluster.recover(node);
    await cluster.fail(2);
    for (const node of [0, 1]) await cluster.wipe(node);
    for (const node of [0, 1, 0, 1]) expect(await cluster.compareAll(node)).toBe(false);
    expect((await answered(cluster, cluster.get(3, key, QUORUM))).failure.code).toBe('RING_UNAVAILABLE');
    await cluster.recover(2);
    for (const node of [0, 1]) expect(await cluster.compareAll(node)).toBe(true);
    await cluster.fail(2);
    expect((await answered(cluster, cluster.get(3, key, QUORUM))).value).toBe('kept');
    await expectAllOver(cluster);
  });

  it('does not keep what it has from being the newest: others are repaired with it before a quorum read answers', async () => {
    const { cluster, key } = await wipedHolder();
    cluster.skewsMs[U] = HOUR_MS;
    const newer = cluster.put(U, key, 'newer', QUORUM);
    await cluster.deliver(({ from, to }) => from === U && to === U);
    cluster.drop(({ to, kind }) => to !== U && kind === 'request');
    expect(newer.isAnswered).toBe(false);
    const read = await answered(cluster, cluster.get(C, key, QUORUM));
    expect(read.value).toBe('newer');
    expect([A, C].filter((id) => cluster.stored(id, key) !== null && cluster.versionAt(id, key)?.timestamp === read.readVersion?.timestamp).length).toBeGreaterThan(0);
    await expectAllOver(cluster);
  });
});

describe('a quorum write with an untrusted store', () => {
  it.each([
    ['quorum', QUORUM],
    ['all', ALL],
  ] as const)('is acknowledged at %s while a majority of the others answers', async (_name, level) => {
    const { cluster, key } = await wipedHolder();
    const write = cluster.put(U, key, 'v', level);
    await cluster.deliver(notOf(C));
    expect(write.isAnswered).toBe(false);
    await cluster.deliver();
    expect(write.written.durableOn.length).toBeGreaterThanOrEqual(2);
    await expectAllOver(cluster);
  });

  it('fails as unknown, with its version, when another replica is down', async () => {
    const { cluster, key } = await wipedHolder();
    await cluster.fail(A);
    const write = cluster.put(C, key, 'v', QUORUM);
    await cluster.deliver();
    expect(write.failure).toMatchObject({ code: 'RING_UNKNOWN', received: 2 });
    expect(write.failure.version).toStrictEqual(cluster.versionAt(U, key));
    await expectAllOver(cluster);
    // At available it is what nodes have on disk that counts.
    const available = await answered(cluster, cluster.put(C, key, 'w', AVAILABLE));
    expect(available.written.durableOn).toStrictEqual([U, C]);
  });

  it('fails as unknown at its deadline when a trusted replica is silent', async () => {
    const { cluster, key } = await wipedHolder();
    const write = cluster.put(C, key, 'v', QUORUM);
    cluster.drop(({ to, kind }) => to === A && kind === 'request');
    await cluster.deliver();
    cluster.tick(REPLICA_TIMEOUT_MS);
    await cluster.deliver();
    expect(write.isAnswered).toBe(false);
    cluster.tick(REQUEST_TIMEOUT_MS);
    expect(write.failure.code).toBe('RING_UNKNOWN');
    await expectAllOver(cluster);
  });

  it('does not let a write through a clock that is behind bury a newer one that was acknowledged', async () => {
    const { cluster, key, acknowledged } = await wipedHolder();
    cluster.skewsMs[C] = -HOUR_MS;
    await cluster.fail(A);
    const late = cluster.put(C, key, 'late', QUORUM);
    await answered(cluster, late);
    expect(late.isWritten).toBe(false);
    await cluster.recover(A);
    const again = await answered(cluster, cluster.put(C, key, 'again', QUORUM));
    expect(compareVersions(again.written.version, acknowledged)).toBeGreaterThan(0);
    await cluster.compareAll(U);
    await cluster.converge();
    for (const id of cluster.ids) expect(cluster.stored(id, key)).toMatchObject({ value: 'again' });
  });
});

describe('over any wipes, one at a time, losses of links and crooked clocks', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constantFrom('put', 'get'), node: fc.nat(2), number: fc.constantFrom(QUORUM, ALL, QUORUM) }),
    fc.record({ kind: fc.constantFrom('wipe', 'fail', 'recover', 'cut', 'heal', 'drop', 'deliver', 'tick', 'compare', 'skew'), node: fc.nat(2), number: fc.nat(3) }),
  );

  it('a quorum read never misses an acknowledged write, and a later write has the greater version', async () => {
    const happened = { wipes: 0, untrustedReads: 0, reads: 0, writes: 0, healed: 0 };
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.array(step, { minLength: 10, maxLength: 60 }), async (seed, steps) => {
        const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3, seed });
        const key = cluster.keyAt(0);
        const begun: { readonly asked: Asked; readonly isWrite: boolean; readonly above: Version | null }[] = [];
        const untrusted = new Set<number>();
        // Versions and not only timestamps: those of two lives of a node may be of one moment.
        const newestAcknowledged = (): Version | null =>
          begun.reduce((before: Version | null, { asked, isWrite }) => newest(before, isWrite && asked.isWritten ? asked.written.version : null), null);
        for (const { kind, node, number } of steps) {
          const runs = cluster.runningIds.some((id) => id === node);
          if (kind === 'recover' && !runs) await cluster.recover(node);
          if (kind === 'cut' && node !== number && number < 3) cluster.cut(node, number);
          if (kind === 'heal') cluster.heal();
          if (kind === 'drop') cluster.drop((envelope) => envelope.to === node);
          if (kind === 'deliver') for (let i = 0; i < 10; i++) await cluster.deliverOne();
          if (kind === 'tick') cluster.tick([10, 50, REPLICA_TIMEOUT_MS, REQUEST_TIMEOUT_MS][number] ?? 0);
          if (kind === 'skew') cluster.skewsMs[node] = (number - 1) * HOUR_MS;
          if (kind === 'wipe' && untrusted.size === 0) {
            // An acknowledgement of this node's earlier life must not be on its way to a write that still runs.
            await cluster.finish();
            await cluster.wipe(node);
            untrusted.add(node);
            happened.wipes++;
          }
          for (const id of untrusted) {
            if (kind !== 'compare' || !cluster.runningIds.some((running) => running === id) || !(await cluster.compareAll(id))) continue;
            untrusted.delete(id);
            happened.healed++;
          }
          if (!runs) continue;
          const level = number === 3 ? ALL : QUORUM;
          if (kind === 'put') begun.push({ asked: cluster.put(node, key, `v${begun.length}`, level), isWrite: true, above: newestAcknowledged() });
          if (kind === 'get') {
            begun.push({ asked: cluster.get(node, key, level), isWrite: false, above: newestAcknowledged() });
            if (untrusted.size > 0) happened.untrustedReads++;
          }
          if (kind === 'fail') await cluster.fail(node);
        }
        await expectAllOver(cluster);
        for (const { asked, isWrite, above } of begun) {
          const [reply] = asked.answers;
          if (isWrite && asked.isWritten) {
            happened.writes++;
            if (above !== null) expect(compareVersions(asked.written.version, above)).toBeGreaterThan(0);
          } else if (!isWrite && reply?.[0] === TYPE.value) {
            happened.reads++;
            expect(newest(asked.readVersion, above)).toStrictEqual(asked.readVersion);
          }
        }
        const last = newestAcknowledged();
        cluster.heal();
        for (const id of cluster.ids) if (!cluster.runningIds.includes(id)) await cluster.recover(id);
        await cluster.converge();
        for (const id of cluster.ids) expect(newest(cluster.versionAt(id, key), last)).toStrictEqual(cluster.versionAt(id, key));
      }),
      { numRuns: 300 },
    );
    for (const count of Object.values(happened)) expect(count).toBeGreaterThan(20);
  });
});

describe('a damaged record', () => {
  it('that was newer than what is written over it is no witness that nothing newer was acknowledged', async () => {
    const kv = new MemoryKv();
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3, kvs: { 0: kv }, skewsMs: [0, HOUR_MS, -HOUR_MS], recentBytesMax: 0 });
    const key = cluster.keyAt(0);
    await cluster.fail(2);
    const newer = cluster.put(1, key, 'newer', QUORUM);
    await cluster.deliver();
    expect(newer.written.durableOn).toStrictEqual([0, 1]);
    await flipValue(kv, recordKeyOf(cluster.node(0).store, key));
    await cluster.fail(1);
    await cluster.recover(2);
    const late = await answered(cluster, cluster.put(2, key, 'late', QUORUM));
    expect(late.failure.code).toBe('RING_UNKNOWN');
    await cluster.recover(1);
    await cluster.converge();
    for (const id of cluster.ids) expect(cluster.stored(id, key)).toMatchObject({ value: 'newer' });
    const last = await answered(cluster, cluster.put(2, key, 'last', QUORUM));
    expect(compareVersions(last.written.version, newer.written.version)).toBeGreaterThan(0);
  });
});

describe('a node that comes back with another directory', () => {
  it('no longer counts as having what it had acknowledged to a write that still runs', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3 });
    const key = cluster.keyAt(A);
    const write = cluster.put(A, key, 'x', QUORUM);
    await cluster.deliver(({ from, to }) => from === U || to === U);
    await cluster.wipe(U);
    await cluster.compareAll(U);
    await cluster.deliver(({ from, to }) => from === A && to === A);
    // On disk at the coordinator, and at U before it lost everything: one node.
    expect(write.isAnswered).toBe(false);
    expect((await answered(cluster, write)).written.durableOn).toStrictEqual([A, C]);
    await expectAllOver(cluster);
  });

  it('no longer counts as having answered a read that still runs', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3 });
    const key = cluster.keyAt(A);
    const read = cluster.get(A, key, QUORUM);
    await cluster.deliver(({ from, to }) => from === U || to === U);
    await cluster.wipe(U);
    await cluster.deliver(({ from, to }) => from === A && to === A);
    expect(read.isAnswered).toBe(false);
    expect((await answered(cluster, read)).value).toBeNull();
    await expectAllOver(cluster);
  });
});
