/** Range reads over whole clusters: what they give, what hides, and when they would rather fail. */
import { describe, expect, it } from 'vitest';
import { MemoryKv, encodeRecord, type NodeId } from '../../data/index.ts';
import { orderedKey } from '../../data/layout.ts';
import { RANGE_FLAGS, TYPE } from '../../wire/index.ts';
import { flipKey, flipValue, recordKeyOf } from '../support/damage.ts';
import { ALL, AVAILABLE, ONE, PureCluster, QUORUM, REPLICA_TIMEOUT_MS, REQUEST_TIMEOUT_MS, textBytes, type Asked, type ScanSpan, type Which } from '../support/pure-cluster.ts';

const FIRST_SEED = Number(process.env['PROPERTY_SEED']);
const SEEDS = 40;
const NAMES = Array.from({ length: 24 }, (_, index) => `k${String(index * 7).padStart(3, '0')}`);
const SHAPES = [
  { nodes: 3, replicationFactor: 3 },
  { nodes: 3, replicationFactor: 2 },
  { nodes: 5, replicationFactor: 3 },
  { nodes: 4, replicationFactor: 1 },
] as const;

type Pairs = readonly (readonly [string, string | null])[];

async function answered(cluster: PureCluster, asked: Asked): Promise<Asked> {
  await cluster.deliver();
  for (let passed = 0; !asked.isAnswered && passed <= REQUEST_TIMEOUT_MS; passed += 100) {
    cluster.tick(100);
    await cluster.deliver();
  }
  return asked;
}

async function scanned(cluster: PureCluster, via: number, span: ScanSpan = {}, level: 0 | 1 | 2 | 3 = QUORUM): Promise<Asked> {
  return answered(cluster, cluster.scan(via, span, level));
}

/** All of a range, slice after slice, each through any node and of any size; and how many slices it took. */
async function walk(cluster: PureCluster, level: 0 | 1 | 2 | 3, flags = 0): Promise<{ readonly pairs: Pairs; readonly slices: number }> {
  const pairs: (readonly [string, string | null])[] = [];
  let bounds: ScanSpan = {};
  for (let slices = 1; ; slices++) {
    const limit = 1 + cluster.random.below(9);
    const { entries } = await scanned(cluster, cluster.random.pick(cluster.runningIds), { ...bounds, limit, flags }, level);
    expect(entries.pairs.length).toBeLessThanOrEqual(limit);
    pairs.push(...entries.pairs);
    if (entries.resume === null) return { pairs, slices };
    bounds = (flags & RANGE_FLAGS.reverse) === 0 ? { from: entries.resume } : { to: entries.resume };
  }
}

async function filled(cluster: PureCluster, names: readonly string[], level: 0 | 2 | 3 = ALL): Promise<void> {
  for (const name of names) expect((await answered(cluster, cluster.put(cluster.runningIds[0] ?? 0, textBytes(name), `of ${name}`, level))).isWritten).toBe(true);
  // What was in flight behind the acknowledgements, without hints and sweeps.
  await cluster.deliver();
}

const all = (names: readonly string[]): Pairs => names.map((name) => [name, `of ${name}`]);
const repliesOf =
  (node: number): Which =>
  ({ kind, from }) =>
    kind === 'reply' && from === node;
const rangesOf = (cluster: PureCluster): number => cluster.sent.filter(({ message }) => message[0] === TYPE.range).length;

async function expectAllOver(cluster: PureCluster): Promise<void> {
  await cluster.finish();
  expect([cluster.inFlight, cluster.heldBytes, cluster.messagesWaiting]).toStrictEqual([0, 0, 0]);
}

/** What a key may hold: what was acknowledged last, or what was written with an unknown outcome. */
interface Content {
  acknowledged: string | null;
  readonly unknown: Set<string | null>;
}

async function disturb(cluster: PureCluster): Promise<void> {
  const { random } = cluster;
  const failed = cluster.ids.filter((id) => !cluster.runningIds.includes(id));
  const dice = random.below(4);
  if (dice === 0 && failed.length === 0) await cluster.fail(random.pick(cluster.runningIds));
  else if (dice === 1 && failed.length > 0) await cluster.recover(random.pick(failed));
  else if (dice === 2) cluster.heal();
  else if (failed.length === 0) cluster.cut(random.pick(cluster.ids), random.pick(cluster.ids));
}

async function writeAtRandom(cluster: PureCluster, model: Map<string, Content>): Promise<void> {
  const { random } = cluster;
  const name = random.pick(NAMES);
  const value = random.isBelow(0.3) ? null : `v${random.below(1_000_000)}`;
  const via = random.pick(cluster.runningIds);
  const asked = await answered(cluster, value === null ? cluster.delete(via, textBytes(name), QUORUM) : cluster.put(via, textBytes(name), value, QUORUM));
  const content = model.get(name) ?? { acknowledged: null, unknown: new Set() };
  model.set(name, content);
  if (asked.isWritten) content.acknowledged = value;
  else content.unknown.add(value);
  cluster.tick(5);
}

function expectAllowed(pairs: Pairs, model: ReadonlyMap<string, Content>, where: string): void {
  const keys = pairs.map(([key]) => key);
  expect(keys, `${where}: order`).toStrictEqual([...new Set(keys)].toSorted());
  const given = new Map(pairs);
  for (const key of keys) expect(model.has(key), `${where}: ${key}`).toBe(true);
  for (const [name, { acknowledged, unknown }] of model) {
    const value = given.get(name) ?? null;
    expect(value === acknowledged || unknown.has(value), `${where}: ${name} is ${value}, not ${acknowledged} or ${[...unknown].join()}`).toBe(true);
  }
}

describe('a walk over all keys', () => {
  it('gives the newest acknowledged value of each key, once and in order, whatever failed before and whatever is stale', async () => {
    const counts = { written: 0, unknown: 0, deleted: 0, stale: 0, slices: 0, withOneDown: 0 };
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      const shape = SHAPES[seed % SHAPES.length] ?? SHAPES[0];
      const cluster = await PureCluster.start({ ...shape, seed });
      const model = new Map<string, Content>();
      for (let step = 0; step < 60; step++) {
        if (cluster.random.isBelow(0.15)) await disturb(cluster);
        await writeAtRandom(cluster, model);
      }
      cluster.heal();
      for (const id of cluster.ids) if (!cluster.runningIds.includes(id)) await cluster.recover(id);
      if (shape.replicationFactor > 2 && cluster.random.isBelow(0.5)) {
        await cluster.fail(cluster.random.pick(cluster.ids));
        counts.withOneDown++;
      }
      for (const { acknowledged, unknown } of model.values()) {
        counts.written += acknowledged === null ? 0 : 1;
        counts.deleted += acknowledged === null ? 1 : 0;
        counts.unknown += unknown.size;
      }
      for (const name of NAMES) {
        const replicas = cluster.placement.ofKey(textBytes(name)).replicas.filter((id) => cluster.runningIds.includes(id));
        if (new Set(replicas.map((id) => JSON.stringify(cluster.stored(id, textBytes(name))))).size > 1) counts.stale++;
      }
      const up = await walk(cluster, QUORUM);
      expectAllowed(up.pairs, model, `seed ${seed}, forward`);
      const down = await walk(cluster, QUORUM, RANGE_FLAGS.reverse);
      expectAllowed(down.pairs.toReversed(), model, `seed ${seed}, reverse`);
      counts.slices += up.slices + down.slices;

      for (const id of cluster.ids) if (!cluster.runningIds.includes(id)) await cluster.recover(id);
      await cluster.converge();
      const names = [...model.keys()].toSorted();
      const stored = names.flatMap((name) => {
        const found = cluster.stored(cluster.placement.ofKey(textBytes(name)).replicas[0] ?? 0, textBytes(name));
        return found === null || found === 'damaged' || found.value === null ? [] : [[name, found.value] as const];
      });
      for (const level of [AVAILABLE, ONE, QUORUM, ALL] as const) {
        expect((await walk(cluster, level)).pairs, `seed ${seed}, level ${level}`).toStrictEqual(stored);
        expect((await walk(cluster, level, RANGE_FLAGS.reverse)).pairs, `seed ${seed}, level ${level}, reverse`).toStrictEqual(stored.toReversed());
      }
      const keys = await walk(cluster, QUORUM, RANGE_FLAGS.keysOnly);
      expect(keys.pairs, `seed ${seed}, keys`).toStrictEqual(stored.map(([key]) => [key, null]));
      await expectAllOver(cluster);
    }
    for (const [what, count] of Object.entries(counts)) expect({ what, happened: count > 0 }).toStrictEqual({ what, happened: true });
  });
});

describe('one slice', () => {
  it('is what lies between its bounds, up to its limit, and says where the next begins', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 2 });
    await filled(cluster, NAMES.slice(0, 10));
    const [, second = '', , , fifth = ''] = NAMES;
    const span = { from: textBytes(second), to: textBytes(fifth) };
    expect((await scanned(cluster, 0, span)).entries).toStrictEqual({ pairs: all(NAMES.slice(1, 4)), resume: null });
    expect((await scanned(cluster, 1, { ...span, limit: 1 })).entries).toMatchObject({ pairs: all([second]), resume: textBytes(`${second}\0`) });
    expect((await scanned(cluster, 2, { ...span, flags: RANGE_FLAGS.reverse })).entries).toStrictEqual({ pairs: all(NAMES.slice(1, 4)).toReversed(), resume: null });
    expect((await scanned(cluster, 2, { from: span.to, to: span.from })).entries).toStrictEqual({ pairs: [], resume: null });
    expect((await scanned(cluster, 2, { from: textBytes('x') })).entries).toStrictEqual({ pairs: [], resume: null });
    await expectAllOver(cluster);
  });

  it('ends before the bytes of a slice are passed, unless its first entry does it alone', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3 });
    const size = 400_000;
    for (const name of ['a', 'b', 'c', 'd']) await answered(cluster, cluster.put(0, textBytes(name), name.repeat(size), ALL));
    await answered(cluster, cluster.put(0, textBytes('e'), 'e'.repeat(1_048_576), ALL));
    const first = (await scanned(cluster, 0)).entries;
    expect(first.pairs.map(([key, value]) => [key, value?.length])).toStrictEqual([['a', size], ['b', size]]);
    expect(first.resume).toStrictEqual(textBytes('c'));
    expect((await scanned(cluster, 0, { from: textBytes('e') })).entries.pairs.map(([, value]) => value?.length)).toStrictEqual([1_048_576]);
    expect((await scanned(cluster, 0, { flags: RANGE_FLAGS.keysOnly })).entries).toStrictEqual({ pairs: ['a', 'b', 'c', 'd', 'e'].map((key) => [key, null]), resume: null });
    await expectAllOver(cluster);
  });

  it('may hold nothing and go on, where all is deleted', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3 });
    await filled(cluster, ['z']);
    for (const name of NAMES) await answered(cluster, cluster.delete(0, textBytes(name), ALL));
    const { pairs, resume } = (await scanned(cluster, 1, { limit: 3 })).entries;
    expect([pairs, resume !== null]).toStrictEqual([[], true]);
    expect((await walk(cluster, QUORUM)).pairs).toStrictEqual(all(['z']));
  });
});

describe('the levels of a range read', () => {
  it('need as many replicas of every key as they ask for', async () => {
    const cluster = await PureCluster.start({ nodes: 4, replicationFactor: 3 });
    await filled(cluster, NAMES);
    await cluster.fail(3);
    expect((await scanned(cluster, 0, {}, QUORUM)).entries.pairs).toStrictEqual(all(NAMES));
    expect((await scanned(cluster, 0, {}, ALL)).failure).toMatchObject({ code: 'RING_UNAVAILABLE', received: 2 });
    await cluster.fail(2);
    expect((await scanned(cluster, 0, {}, QUORUM)).failure).toMatchObject({ code: 'RING_UNAVAILABLE', received: 1 });
    expect((await scanned(cluster, 0, {}, ONE)).entries.pairs).toStrictEqual(all(NAMES));
    expect((await scanned(cluster, 0, {}, AVAILABLE)).entries.pairs).toStrictEqual(all(NAMES));
    await cluster.fail(1);
    expect((await scanned(cluster, 0, {}, AVAILABLE)).failure).toMatchObject({ code: 'RING_UNAVAILABLE', received: 0 });
    expect(rangesOf(cluster)).toBe(3 + 2 + 2);
    await expectAllOver(cluster);
  });

  it('go on without a node that is lost in the middle, if enough others are asked', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 2 });
    await filled(cluster, NAMES);
    const [available, quorum] = [cluster.scan(0, {}, AVAILABLE), cluster.scan(0, {}, QUORUM)];
    await cluster.deliver(({ to, kind }) => kind === 'request' && to === 2);
    await cluster.fail(2);
    await cluster.deliver();
    expect(available.entries).toStrictEqual({ pairs: all(NAMES), resume: null });
    expect(quorum.failure.code).toBe('RING_UNAVAILABLE');
    await expectAllOver(cluster);
  });

  it('at `available` wait for a slow node, but not for ever', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 2 });
    await filled(cluster, NAMES);
    const asked = cluster.scan(0, {}, AVAILABLE);
    await cluster.deliver((envelope) => !repliesOf(2)(envelope));
    cluster.tick(REPLICA_TIMEOUT_MS - 1);
    expect(asked.isAnswered).toBe(false);
    cluster.tick(1);
    expect(asked.entries.pairs).toStrictEqual(all(NAMES));
    await expectAllOver(cluster);
  });

  it('at `quorum` fail at the deadline, and not before', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 2 });
    await filled(cluster, NAMES);
    const asked = cluster.scan(0, {}, QUORUM);
    await cluster.deliver((envelope) => !repliesOf(2)(envelope));
    cluster.tick(REQUEST_TIMEOUT_MS - 1);
    expect(asked.isAnswered).toBe(false);
    cluster.tick(1);
    expect(asked.failure.code).toBe('RING_UNAVAILABLE');
    await expectAllOver(cluster);
  });

  it('do not count what a node said that came back with another directory', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3 });
    await filled(cluster, NAMES);
    const asked = cluster.scan(0, {}, QUORUM);
    await cluster.deliver(({ from, to }) => from === 1 || to === 1);
    await cluster.wipe(1);
    await cluster.deliver(({ from, to }) => from === 0 && to === 0);
    expect(asked.isAnswered).toBe(false);
    await cluster.deliver();
    expect(asked.entries.pairs).toStrictEqual(all(NAMES));
    await expectAllOver(cluster);
  });
});

describe('an untrusted store', () => {
  it('is counted by no level but `available`, and there only when nothing else is to come', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3 });
    await filled(cluster, NAMES);
    await cluster.wipe(1);
    expect((await scanned(cluster, 1, {}, QUORUM)).entries.pairs).toStrictEqual(all(NAMES));
    expect((await scanned(cluster, 1, {}, ALL)).failure).toMatchObject({ code: 'RING_UNAVAILABLE', received: 2 });
    await cluster.fail(2);
    expect((await scanned(cluster, 1, {}, QUORUM)).failure.code).toBe('RING_UNAVAILABLE');
    expect((await scanned(cluster, 1, {}, AVAILABLE)).entries.pairs).toStrictEqual(all(NAMES));
    await cluster.fail(0);
    expect((await scanned(cluster, 1, {}, ONE)).failure).toMatchObject({ code: 'RING_UNAVAILABLE', received: 0 });
    expect((await scanned(cluster, 1, {}, AVAILABLE)).entries).toStrictEqual({ pairs: [], resume: null });
    await expectAllOver(cluster);
  });

  it('may give the newest value', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3 });
    await filled(cluster, ['a', 'b']);
    await cluster.wipe(1);
    cluster.tick(10);
    cluster.put(1, textBytes('a'), 'newer', ONE);
    await cluster.deliver(({ from, to }) => from === 1 && to === 1);
    cluster.drop(() => true);
    expect((await scanned(cluster, 1, {}, ALL)).failure.code).toBe('RING_UNAVAILABLE');
    await cluster.fail(2);
    expect((await scanned(cluster, 1, {}, AVAILABLE)).entries.pairs).toStrictEqual([['a', 'newer'], ['b', 'of b']]);
  });
});

describe('a damaged copy', () => {
  async function damaged(options: { nodes: number; replicationFactor: number; hit(kv: MemoryKv, place: Parameters<typeof recordKeyOf>[0], key: Uint8Array): Promise<unknown> }): Promise<{ cluster: PureCluster; name: string; holder: NodeId }> {
    const { nodes, replicationFactor, hit } = options;
    const kvs = Object.fromEntries(Array.from({ length: nodes }, (_, id) => [id, new MemoryKv()]));
    const cluster = await PureCluster.start({ nodes, replicationFactor, kvs, recentBytesMax: 0 });
    await filled(cluster, NAMES);
    const name = NAMES[9] ?? '';
    const key = textBytes(name);
    const [holder] = cluster.placement.ofKey(key).replicas;
    const kv = holder === undefined ? undefined : kvs[holder];
    if (holder === undefined || kv === undefined) throw new Error('no replica');
    await hit(kv, cluster.node(holder).store, key);
    return { cluster, name, holder };
  }
  const flipped = async (kv: MemoryKv, place: Parameters<typeof recordKeyOf>[0], key: Uint8Array): Promise<void> => flipValue(kv, recordKeyOf(place, key));
  const vanished = async (kv: MemoryKv, place: Parameters<typeof recordKeyOf>[0], key: Uint8Array): Promise<unknown> => flipKey(kv, recordKeyOf(place, key), -1);

  it.each([
    ['whose bytes changed', flipped],
    ['that vanished from its place', vanished],
  ])('%s gives way to those of the other replicas, and fails the read where too few are left', async (_name, hit) => {
    const { cluster, holder } = await damaged({ nodes: 3, replicationFactor: 3, hit });
    const [other = 0, another = 1] = cluster.ids.filter((id) => id !== holder);
    for (const level of [AVAILABLE, ONE, QUORUM] as const) expect((await scanned(cluster, holder, {}, level)).entries.pairs).toStrictEqual(all(NAMES));
    expect((await scanned(cluster, other, {}, ALL)).failure.code).toBe('RING_RECORD_DAMAGED');
    await cluster.fail(other);
    expect((await scanned(cluster, another, {}, QUORUM)).failure.code).toBe('RING_RECORD_DAMAGED');
    expect((await scanned(cluster, another, {}, AVAILABLE)).entries.pairs).toStrictEqual(all(NAMES));
    await cluster.fail(another);
    expect((await scanned(cluster, holder, {}, AVAILABLE)).failure.code).toBe('RING_RECORD_DAMAGED');
    await expectAllOver(cluster);
  });

  it('makes the read wait for another replica, if one may still reply', async () => {
    const { cluster, holder } = await damaged({ nodes: 3, replicationFactor: 3, hit: flipped });
    const [other = 0, another = 1] = cluster.ids.filter((id) => id !== holder);
    for (const level of [AVAILABLE, QUORUM] as const) {
      const asked = cluster.scan(other, {}, level);
      await cluster.deliver((envelope) => !repliesOf(another)(envelope));
      expect(asked.isAnswered).toBe(false);
      await cluster.deliver();
      expect(asked.entries.pairs).toStrictEqual(all(NAMES));
    }
    const late = cluster.scan(other, {}, QUORUM);
    await cluster.deliver((envelope) => !repliesOf(another)(envelope));
    cluster.tick(REQUEST_TIMEOUT_MS);
    expect(late.failure.code).toBe('RING_RECORD_DAMAGED');
    await expectAllOver(cluster);
  });

  it('that was replaced by what may be older is not counted until it was compared', async () => {
    const { cluster, name, holder } = await damaged({ nodes: 3, replicationFactor: 3, hit: flipped });
    const key = textBytes(name);
    const older = encodeRecord(key, { timestamp: 1, writer: 1 }, textBytes('old'));
    await cluster.node(holder).store.writeAll([{ kind: 'record', key, record: older, hintFor: [] }]);
    expect(cluster.node(holder).store.isDoubtful(key)).toBe(true);
    for (const level of [AVAILABLE, QUORUM] as const) expect((await scanned(cluster, holder, {}, level)).entries.pairs).toStrictEqual(all(NAMES));
    await cluster.fail(cluster.ids.find((id) => id !== holder) ?? 0);
    expect((await scanned(cluster, holder, {}, QUORUM)).failure.code).toBe('RING_UNAVAILABLE');
    expect((await scanned(cluster, holder, { to: key }, QUORUM)).entries.pairs).toStrictEqual(all(NAMES.filter((before) => before < name)));
    expect((await scanned(cluster, holder, {}, AVAILABLE)).entries.pairs).toStrictEqual(all(NAMES));
  });

  it('that is the only one fails the read, and no other stretch', async () => {
    const { cluster, name } = await damaged({ nodes: 3, replicationFactor: 1, hit: flipped });
    expect((await scanned(cluster, 0, {}, AVAILABLE)).failure.code).toBe('RING_RECORD_DAMAGED');
    expect((await scanned(cluster, 0, { to: textBytes(name) }, QUORUM)).entries.pairs).toStrictEqual(all(NAMES.filter((other) => other < name)));
  });

  it('of a key in the index makes no key that never was', async () => {
    const { cluster, holder } = await damaged({ nodes: 3, replicationFactor: 3, hit: async (kv, _place, key) => flipKey(kv, orderedKey(key), -1) });
    expect((await scanned(cluster, holder, {}, QUORUM)).entries.pairs).toStrictEqual(all(NAMES));
  });
});

describe('what a range read holds', () => {
  it('is counted before the replies come, and refuses what would be too much', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3, requestBytesInFlightMax: 2 << 20 });
    await filled(cluster, NAMES);
    const first = cluster.scan(0, { limit: 1_000 });
    expect(cluster.heldBytes).toBeGreaterThan(2 << 20);
    const second = cluster.scan(0, { limit: 1 });
    expect(second.failure.code).toBe('RING_OVERLOADED');
    await cluster.deliver();
    expect(first.entries.pairs).toStrictEqual(all(NAMES));
    expect((await scanned(cluster, 0, { limit: 1 })).entries.pairs).toHaveLength(1);
    await expectAllOver(cluster);
  });
});
