/** A write that is sent again under its version, as a client does that has lost its connection (invariants W7, W8). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareVersions, incarnation, nodeId, writerOf, type Version } from '../../data/index.ts';
import { WRITE_FLAGS } from '../../wire/index.ts';
import { ALL, AVAILABLE, ONE, PureCluster, QUORUM, type Asked, type Which } from '../support/pure-cluster.ts';

const { tellVersion: TELL, above: ABOVE } = WRITE_FLAGS;
const HOUR_MS = 3_600_000;
/** Two clocks may differ by twice as much and still believe each other's versions, though none is merged here. */
const SKEW_MS = 25_000;
const LEVELS = [
  ['available', AVAILABLE],
  ['one', ONE],
  ['quorum', QUORUM],
  ['all', ALL],
] as const;
const three = async (skewsMs: readonly number[] = [], replicationFactor = 3): Promise<PureCluster> => PureCluster.start({ nodes: 3, replicationFactor, skewsMs });
const without =
  (node: number): Which =>
  ({ from, to }) =>
    from !== node && to !== node;

function toldOf({ told }: Asked): Version {
  const [version, ...more] = told;
  if (version === undefined || more.length > 0) throw new Error(`told ${told.length} versions`);
  return version;
}

describe('a write that is sent again under its version', () => {
  it.each(LEVELS)('at %s is acknowledged under that version where nothing and where something of it had arrived', async (_name, level) => {
    for (const arrived of [[], [0], [0, 2], [0, 1, 2]]) {
      const cluster = await three();
      const key = cluster.keyAt(0);
      const version = toldOf(cluster.put(0, key, 'v', level, 0, TELL));
      await cluster.deliver(({ to, kind }) => kind === 'request' && arrived.includes(to));
      cluster.drop(() => true);
      const again = cluster.writeAgain(1, key, 'v', version, level, TELL);
      await cluster.deliver();
      expect([again.written.version, again.told]).toStrictEqual([version, []]);
      await cluster.finish();
      for (const node of [0, 1, 2]) expect(cluster.stored(node, key)).toStrictEqual({ version, value: 'v' });
      expect([...cluster.versionsSentOf(key, 'v')]).toStrictEqual([version.timestamp]);
    }
  });

  it('deletes under the version of the delete', async () => {
    const cluster = await three();
    const key = cluster.keyAt(0);
    const version = toldOf(cluster.delete(0, key, QUORUM, TELL));
    cluster.drop(() => true);
    const again = cluster.writeAgain(2, key, null, version, QUORUM);
    await cluster.finish();
    expect(again.written.version).toStrictEqual(version);
    expect(cluster.stored(1, key)).toStrictEqual({ version, value: null });
  });

  it.each(LEVELS)('at %s is superseded by a newer one, which stays, and nothing newer is written', async (_name, level) => {
    const cluster = await three();
    const key = cluster.keyAt(0);
    const version = toldOf(cluster.put(0, key, 'ours', level, 0, TELL));
    cluster.drop(() => true);
    cluster.tick(1);
    const theirs = cluster.put(1, key, 'theirs', ALL);
    await cluster.deliver();
    const again = cluster.writeAgain(2, key, 'ours', version, level);
    await cluster.finish();
    expect(again.failure).toMatchObject({ code: 'RING_SUPERSEDED', version: theirs.written.version });
    expect(cluster.stored(0, key)).toStrictEqual({ version: theirs.written.version, value: 'theirs' });
    expect([...cluster.versionsSentOf(key, 'ours')]).toStrictEqual([version.timestamp]);
  });

  it('is not rewritten by its first coordinator, as that would undo what came after the acknowledgement', async () => {
    const cluster = await three();
    const key = cluster.keyAt(0);
    const first = cluster.put(0, key, 'ours', QUORUM, 0, TELL);
    await cluster.deliver(({ from, to }) => from === 0 && to === 0);
    // Node 0 has its own copy; what it sent to the others is on its way. The client goes over node 1.
    const again = cluster.writeAgain(1, key, 'ours', toldOf(first), QUORUM);
    await cluster.deliver(without(0));
    expect(again.written.version).toStrictEqual(toldOf(first));
    cluster.tick(1);
    const later = cluster.put(1, key, 'theirs', QUORUM);
    await cluster.deliver(without(0));
    expect(later.isWritten).toBe(true);
    await cluster.finish();
    expect(first.failure).toMatchObject({ code: 'RING_SUPERSEDED', version: later.written.version });
    for (const node of [0, 1, 2]) expect(cluster.stored(node, key)).toStrictEqual({ version: later.written.version, value: 'theirs' });
  });

  it('leaves what another client wrote after it was seen, which a second write with a version of its own undoes', async () => {
    for (const retry of ['same-version', 'always'] as const) {
      const cluster = await three();
      const key = cluster.keyAt(0);
      const seen: (string | null)[] = [];
      const look = async (): Promise<void> => {
        const read = cluster.get(2, key, QUORUM);
        await cluster.deliver();
        seen.push(read.value);
        cluster.tick(1);
      };
      const first = cluster.put(0, key, 'ours', QUORUM, 0, TELL);
      await cluster.deliver();
      // It is applied; the answer is lost with the connection.
      await look();
      cluster.put(1, key, 'theirs', QUORUM);
      await cluster.deliver();
      await look();
      const second = retry === 'always' ? cluster.put(2, key, 'ours', QUORUM) : cluster.writeAgain(2, key, 'ours', toldOf(first), QUORUM);
      await cluster.deliver();
      await look();
      expect(second.isWritten).toBe(retry === 'always');
      expect(seen).toStrictEqual(['ours', 'theirs', retry === 'always' ? 'ours' : 'theirs']);
    }
  });

  it('is unknown, with its version, when too few take it', async () => {
    const cluster = await three();
    const key = cluster.keyAt(0);
    const version = toldOf(cluster.put(0, key, 'v', QUORUM, 0, TELL));
    cluster.drop(() => true);
    await cluster.fail(1);
    await cluster.fail(2);
    expect(cluster.writeAgain(0, key, 'v', version, QUORUM).failure).toMatchObject({ code: 'RING_UNKNOWN', version });
  });

  it('is refused under a version that no node can have issued', async () => {
    const cluster = await three();
    const key = cluster.keyAt(0);
    const { timestamp, writer } = toldOf(cluster.put(0, key, 'v', QUORUM, 0, TELL));
    cluster.drop(() => true);
    const sent = cluster.sent.length;
    const far = { timestamp: timestamp + HOUR_MS * 1024, writer };
    const foreign = { timestamp, writer: writerOf(nodeId(9), incarnation(1)) };
    for (const flags of [0, ABOVE]) expect(cluster.writeAgain(1, key, 'v', foreign, QUORUM, flags).failure).toMatchObject({ code: 'RING_BAD_REQUEST', version: null });
    // It may have been issued where this node has not heard from.
    expect(cluster.writeAgain(1, key, 'v', far, QUORUM, 0).failure).toMatchObject({ code: 'RING_UNKNOWN', version: far });
    expect(cluster.writeAgain(1, key, 'v', far, QUORUM, ABOVE).failure).toMatchObject({ code: 'RING_UNKNOWN', version: null });
    expect(cluster.sent).toHaveLength(sent);
  });
});

describe('the version of a write', () => {
  it('is told before the outcome to those who ask for it, and to nobody else', async () => {
    const cluster = await three();
    const key = cluster.keyAt(0);
    const asked = cluster.put(0, key, 'v', QUORUM, 0, TELL);
    const silent = cluster.put(1, key, 'w', QUORUM);
    expect([asked.told.length, asked.isAnswered]).toStrictEqual([1, false]);
    await cluster.finish();
    expect(asked.written.version).toStrictEqual(toldOf(asked));
    expect([silent.told, silent.isWritten]).toStrictEqual([[], true]);
  });

  it('is told when it was waited for', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3, reservesAtStart: false });
    const write = cluster.put(0, cluster.keyAt(0), 'v', QUORUM, 0, TELL);
    expect(write.told).toStrictEqual([]);
    await cluster.finish();
    expect(write.written.version).toStrictEqual(toldOf(write));
  });
});

describe('a write that told its version and met a newer one', () => {
  it.each(LEVELS.filter(([name]) => name !== 'one'))('at %s is superseded, and wins when it is written above that', async (_name, level) => {
    const cluster = await three([-SKEW_MS, 0, 0], 2);
    const key = cluster.keyAt(1);
    const first = cluster.put(1, key, 'first', ALL);
    await cluster.deliver();
    const second = cluster.put(0, key, 'second', level, 0, TELL);
    await cluster.deliver();
    expect(second.failure).toMatchObject({ code: 'RING_SUPERSEDED', version: first.written.version });
    const above = cluster.writeAgain(0, key, 'second', first.written.version, level, ABOVE + TELL);
    await cluster.finish();
    expect(compareVersions(toldOf(above), first.written.version)).toBeGreaterThan(0);
    expect(above.written.version).toStrictEqual(toldOf(above));
    expect(cluster.stored(2, key)).toStrictEqual({ version: toldOf(above), value: 'second' });
    expect(cluster.counted('rewrites')).toBe(1);
  });

  it('counts as written when it is overwritten at once, as a rewrite does', async () => {
    const cluster = await three([-SKEW_MS, 0, SKEW_MS], 2);
    const key = cluster.keyAt(1);
    const first = cluster.put(1, key, 'first', ALL);
    await cluster.deliver();
    const above = cluster.writeAgain(0, key, 'second', first.written.version, QUORUM, ABOVE);
    const third = cluster.put(2, key, 'third', QUORUM);
    await cluster.deliver();
    await cluster.finish();
    expect([above.isWritten, third.isWritten]).toStrictEqual([true, true]);
    expect(cluster.stored(1, key)).toMatchObject({ value: 'third' });
  });

  it('never undoes what began after it was acknowledged, whatever is lost, sent again and late', async () => {
    const step = fc.record({ act: fc.constantFrom('write' as const, 'again' as const, 'deliver' as const, 'drop' as const), via: fc.nat(2), count: fc.integer({ min: 1, max: 8 }) });
    const met = { again: 0, above: 0, superseded: 0 };
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.array(fc.integer({ min: -SKEW_MS, max: SKEW_MS }), { minLength: 3, maxLength: 3 }), fc.array(step, { minLength: 5, maxLength: 40 }), async (seed, skewsMs, steps) => {
        const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 3, seed, skewsMs });
        const key = cluster.keyAt(0);
        const writes: RetriedWrite[] = [];
        for (const { act, via, count } of steps) {
          cluster.tick(1);
          if (act === 'write') writes.push(new RetriedWrite(cluster, key, `v${writes.length}`, via, writes.map((write) => write.acknowledged)));
          if (act === 'again') met.again += writes.at(-1 - (count % Math.max(1, writes.length)))?.sendAgain(via) ?? 0;
          if (act === 'deliver') for (let i = 0; i < count; i++) await cluster.deliverOne();
          if (act === 'drop') cluster.drop(({ kind, from }) => kind === 'reply' && from === via);
          for (const write of writes) met.above += write.goOn(via);
        }
        for (let round = 0; round < 3; round++) {
          await cluster.finish();
          for (const write of writes) met.above += write.goOn(0);
        }
        for (const { acknowledged, before, isSuperseded } of writes) {
          if (isSuperseded) met.superseded += 1;
          for (const earlier of before) if (acknowledged !== null && earlier !== null) expect(compareVersions(acknowledged, earlier)).toBeGreaterThan(0);
        }
        // The last word is that of a write after which none began that was acknowledged.
        const stored = cluster.stored(0, key);
        const last = stored === null || stored === 'damaged' ? undefined : writes[Number(stored.value?.slice(1))];
        if (last?.acknowledged !== undefined && last.acknowledged !== null) {
          const { acknowledged } = last;
          for (const write of writes) if (write.acknowledged !== null && write.before.includes(acknowledged)) throw new Error(`${JSON.stringify(stored)} undid ${JSON.stringify(write.acknowledged)}`);
        }
      }),
      { numRuns: 200 },
    );
    expect(met.again).toBeGreaterThan(50);
    expect(met.above).toBeGreaterThan(10);
    expect(met.superseded).toBeGreaterThan(0);
  });
});

/** What a client does with one write at `quorum`: sends it again over another node, and above a newer one while it is alone. */
class RetriedWrite {
  acknowledged: Version | null = null;
  isSuperseded = false;
  /** What had been acknowledged when it began. */
  readonly before: readonly (Version | null)[];
  readonly #cluster: PureCluster;
  readonly #key: Uint8Array;
  readonly #value: string;
  #attempts: Asked[];

  constructor(cluster: PureCluster, key: Uint8Array, value: string, via: number, before: readonly (Version | null)[]) {
    this.#cluster = cluster;
    this.#key = key;
    this.#value = value;
    this.before = before;
    this.#attempts = [cluster.put(via, key, value, QUORUM, 0, TELL)];
  }

  sendAgain(via: number): 0 | 1 {
    const version = this.#attempts.flatMap(({ told }) => told).at(-1);
    if (this.#isOver() || version === undefined) return 0;
    this.#attempts.push(this.#cluster.writeAgain(via, this.#key, this.#value, version, QUORUM));
    return 1;
  }

  /** Takes the first answer that counts. */
  goOn(via: number): 0 | 1 {
    if (this.#isOver()) return 0;
    const written = this.#attempts.find(({ isWritten }) => isWritten);
    if (written !== undefined) {
      this.acknowledged = written.written.version;
      return 0;
    }
    const failed = this.#attempts.find(({ isAnswered }) => isAnswered)?.failure;
    if (failed?.code !== 'RING_SUPERSEDED' || failed.version === null) return 0;
    if (this.#attempts.length > 1) {
      this.isSuperseded = true;
      return 0;
    }
    this.#attempts = [this.#cluster.writeAgain(via, this.#key, this.#value, failed.version, QUORUM, ABOVE + TELL)];
    return 1;
  }

  #isOver(): boolean {
    return this.acknowledged !== null || this.isSuperseded;
  }
}
