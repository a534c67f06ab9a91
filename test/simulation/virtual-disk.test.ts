/** Each test runs over many seeds, and says with which it failed; what chance decides must have gone each way. */
import { describe, expect, it } from 'vitest';
import { KvBatch, type Durability, type KvEntry } from '../../data/index.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { VirtualDisk } from './virtual-disk.ts';
import type { VirtualKv } from './virtual-kv.ts';
import { VirtualWorld, type VirtualProcess } from './virtual-time.ts';

const SEEDS = 60;
const UNAVAILABLE = expect.objectContaining({ code: 'RING_STORE_UNAVAILABLE', retryable: true });
const record = (number: number): Uint8Array => Uint8Array.of(1, number >>> 8, number & 0xff);

interface Bench {
  readonly seed: number;
  readonly world: VirtualWorld;
  readonly random: SeededRandom;
  readonly disk: VirtualDisk;
  process: VirtualProcess;
  kv: VirtualKv;
}

function bench(seed: number): Bench {
  const world = new VirtualWorld();
  const random = new SeededRandom(seed);
  const disk = new VirtualDisk(world, 'node-0', random);
  const process = world.process('node-0');
  return { seed, world, random, disk, process, kv: disk.open(process) };
}

async function forSeeds(test: (bench: Bench) => Promise<void>): Promise<void> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      await test(bench(seed));
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
}

function put(number: number, valueBytes = 8): KvBatch {
  const batch = new KvBatch();
  batch.put(record(number), new Uint8Array(valueBytes).fill(number & 0xff));
  return batch;
}

/** Drives the world until the promise settles. */
async function finish<T>({ world }: Bench, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const watched = promise.finally(() => {
    isSettled = true;
  });
  watched.catch(() => undefined);
  await world.run(Infinity, () => isSettled);
  return watched;
}

async function write(at: Bench, numbers: readonly number[], durability: Durability, valueBytes = 8): Promise<void> {
  for (const number of numbers) await finish(at, at.kv.write(put(number, valueBytes), durability));
}

function start(at: Bench): void {
  at.process = at.world.process('node-0');
  at.kv = at.disk.open(at.process);
}

const numbersOf = (entries: readonly KvEntry[]): number[] => entries.map(({ key }) => ((key[1] ?? 0) << 8) | (key[2] ?? 0));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, number) => number);

describe('VirtualDisk', () => {
  it('shows a write when it is done and not before, an fsynced one later than another', async () => {
    await forSeeds(async (at) => {
      const writing = at.kv.write(put(1), 'fsync');
      expect(at.kv.get(record(1))).toBeUndefined();
      await finish(at, writing);
      expect(at.kv.get(record(1))).toBeDefined();
      expect(at.world.nowMs).toBeGreaterThanOrEqual(0.3);
      const beforeMs = at.world.nowMs;
      await write(at, [2], 'os');
      expect(at.world.nowMs - beforeMs).toBeLessThan(0.1);
      at.disk.setSlowFsync('slow');
      await write(at, [3], 'fsync');
      expect(at.world.nowMs - beforeMs).toBeGreaterThan(50);
      expect(at.disk.counts.slowFsyncs).toBeGreaterThan(0);
    });
  });

  it('F6 loses nothing that was written when the process is killed; what was in flight may have happened', async () => {
    const total = { kept: 0, lost: 0 };
    await forSeeds(async (at) => {
      await write(at, upTo(20), 'os');
      const unsettled = at.kv.write(put(20), 'fsync');
      let isSettled = false;
      unsettled.finally(() => {
        isSettled = true;
      }).catch(() => undefined);
      const { kv } = at;
      at.process.kill();
      expect(() => kv.get(record(1))).toThrow(UNAVAILABLE);
      await expect(kv.write(put(9), 'os')).rejects.toThrow(UNAVAILABLE);
      await at.world.run(at.world.nowMs + 1000);
      expect(isSettled).toBe(false);
      start(at);
      const found = numbersOf(at.disk.dump());
      expect(found.slice(0, 20)).toStrictEqual(upTo(20));
      total[found.length === 21 ? 'kept' : 'lost']++;
    });
    expect(Math.min(total.kept, total.lost)).toBeGreaterThan(5);
  });

  it('F6 loses a suffix of what was not fsynced in a power cut, and nothing that was, nor what the kernel wrote out', async () => {
    let lost = 0;
    await forSeeds(async (at) => {
      await write(at, [0, 1], 'os');
      await write(at, [2], 'fsync');
      await write(at, [3, 4, 5, 6], 'os');
      at.process.kill('silent');
      start(at);
      const found = numbersOf(at.disk.dump());
      expect(found.length).toBeGreaterThanOrEqual(3);
      expect(found).toStrictEqual(upTo(found.length));
      lost += 7 - found.length;
      await write(at, [10, 11], 'os');
      await at.world.run(at.world.nowMs + 31_000);
      at.disk.crash('power');
      expect(numbersOf(at.disk.dump())).toStrictEqual([...found, 10, 11]);
    });
    expect(lost).toBeGreaterThan(SEEDS);
  });

  it('F6 keeps a batch whole or not at all, also one in flight', async () => {
    const sizes = new Set<number>();
    await forSeeds(async (at) => {
      const batch = new KvBatch();
      for (const number of upTo(5)) batch.put(record(number), Uint8Array.of(1));
      at.kv.write(batch, 'fsync').catch(() => undefined);
      at.process.kill('silent');
      start(at);
      sizes.add(at.disk.dump().length);
    });
    expect([...sizes].toSorted((a, b) => a - b)).toStrictEqual([0, 5]);
  });

  it('F6 still loses what was not fsynced when the power goes some time after the process was killed', async () => {
    let lost = 0;
    await forSeeds(async (at) => {
      await write(at, upTo(10), 'os');
      at.process.kill();
      expect(at.disk.dump()).toHaveLength(10);
      at.disk.crash('power');
      lost += 10 - at.disk.dump().length;
    });
    expect(lost).toBeGreaterThan(SEEDS);
  });

  it('F5 can lose a batch without fsync though a later fsynced one survives, across a rotation of the log', async () => {
    let seen = 0;
    await forSeeds(async (at) => {
      for (let number = 0; at.disk.counts.rotations === 0; number++) await write(at, [number], 'os', 1000);
      await write(at, [1000], 'fsync');
      at.process.kill('silent');
      start(at);
      const found = numbersOf(at.disk.dump());
      expect(found).toContain(1000);
      if (at.disk.counts.lostBeforeSynced > 0) seen++;
      expect(at.disk.counts.lostBeforeSynced).toBe(at.disk.counts.batchesLostInPowerCut > 0 ? 1 : 0);
    });
    expect(seen).toBeGreaterThan(SEEDS / 2);
  });

  it.each(['io-error', 'full', 'short-write'] as const)('F1 loses what is written after a failed write (%s), at the next start or reopen', async (failure) => {
    const ghosts = { kept: 0, lost: 0 };
    await forSeeds(async (at) => {
      await write(at, [0], 'os');
      at.disk.failNextWrite(failure);
      const failed = finish(at, at.kv.write(put(1), 'fsync'));
      await expect(failed).rejects.toThrow(UNAVAILABLE);
      await expect(failed).rejects.toThrow(failure === 'full' ? /IO error: .*\.log: No space left on device/ : /Input\/output error/);
      await write(at, [2, 3, 4], 'fsync');
      expect(at.kv.get(record(3))).toBeDefined();
      expect(at.kv.get(record(1))).toBeUndefined();
      if (at.seed % 2 === 0) await finish(at, at.kv.reopen());
      else {
        at.process.kill();
        start(at);
      }
      const found = numbersOf(at.disk.dump());
      expect(found.filter((number) => number !== 1)).toStrictEqual([0]);
      ghosts[found.includes(1) ? 'kept' : 'lost']++;
      await write(at, [5], 'fsync');
      at.process.kill('silent');
      start(at);
      expect(numbersOf(at.disk.dump())).toStrictEqual([...found, 5]);
      expect([at.disk.counts.writesAfterFailure, at.disk.counts.batchesLostAfterFailure]).toStrictEqual([3, 3]);
    });
    expect(ghosts.lost).toBeGreaterThan(10);
    expect(ghosts.kept > 10).toBe(failure !== 'short-write');
  });

  it('F1 loses it too when the database is closed in order, and fails writes and reopens while it is full', async () => {
    let reopenFailures = 0;
    await forSeeds(async (at) => {
      at.disk.setFull('full');
      await expect(finish(at, at.kv.write(put(0), 'os'))).rejects.toThrow(/No space left/);
      await expect(finish(at, at.kv.write(put(1), 'os'))).rejects.toThrow(/No space left/);
      try {
        await finish(at, at.kv.reopen());
      } catch (error) {
        expect(error).toStrictEqual(UNAVAILABLE);
        expect(() => at.kv.get(record(0))).toThrow(UNAVAILABLE);
        reopenFailures++;
      }
      at.disk.setFull('free');
      await finish(at, at.kv.reopen());
      at.disk.failNextWrite('short-write');
      await expect(finish(at, at.kv.write(put(2), 'os'))).rejects.toThrow(UNAVAILABLE);
      await write(at, [3], 'fsync');
      await finish(at, at.kv.close());
      expect(numbersOf(at.disk.dump())).not.toContain(3);
    });
    expect(reopenFailures).toBeGreaterThan(SEEDS / 3);
  });

  it('F3 loses acknowledged batches of a damaged log silently at the next open, with evidence in the log before it', async () => {
    let lost = 0;
    await forSeeds(async (at) => {
      await write(at, upTo(10), 'fsync');
      expect(at.disk.loseLogSuffix(at.random)).not.toBeNull();
      expect(numbersOf(at.disk.dump())).toStrictEqual(upTo(10));
      await write(at, [20], 'fsync');
      expect(at.disk.damageEvidence).toHaveLength(1);
      at.process.kill();
      const evidence = at.disk.damageEvidence;
      start(at);
      expect(at.kv.damageFound).toStrictEqual(evidence);
      expect(at.disk.damageEvidence).toStrictEqual([]);
      const found = numbersOf(at.disk.dump());
      expect(found.at(-1)).toBe(20);
      expect(found.slice(0, -1)).toStrictEqual(upTo(found.length - 1));
      expect(at.disk.counts.batchesLostInLog).toBe(11 - found.length);
      lost += 11 - found.length;
    });
    expect(lost).toBeGreaterThan(SEEDS);
  });

  it('F3 a flip in the last record of the log looks like a torn tail: the batch is gone without evidence', async () => {
    const at = bench(1);
    expect(at.disk.loseLogSuffix(at.random, 'torn tail')).toBeNull();
    await write(at, upTo(3), 'fsync');
    expect(at.disk.loseLogSuffix(at.random, 'torn tail')).not.toBeNull();
    await finish(at, at.kv.reopen());
    expect([at.kv.damageFound, numbersOf(at.disk.dump())]).toStrictEqual([[], [0, 1]]);
  });

  it('F2 flips a bit of a value without an error, and for good', async () => {
    await forSeeds(async (at) => {
      expect(at.disk.flipBit(at.random, 'value')).toBeNull();
      await write(at, upTo(5), 'fsync');
      expect(at.disk.flipBit(at.random, 'hint')).toBeNull();
      expect(at.disk.flipBit(at.random, 'meta')).toBeNull();
      expect(at.disk.flipBit(at.random, 'value')).toMatch(/^bit \d+ of a record value/);
      const changed = (): number[] => upTo(5).filter((number) => at.kv.get(record(number))?.some((byte) => byte !== number));
      const before = changed();
      expect(before).toHaveLength(1);
      at.process.kill('silent');
      start(at);
      expect(changed()).toStrictEqual(before);
    });
  });

  it('F2 flips a bit of a key: the entry vanishes, with what it covered, and is another', async () => {
    let flips = 0;
    await forSeeds(async (at) => {
      await write(at, [...upTo(5), ...upTo(5)], 'fsync');
      if (at.disk.flipBit(at.random, 'key') === null) return;
      flips++;
      const expectOneStranger = (): void => {
        const found = numbersOf(at.disk.dump());
        expect(found).toHaveLength(5);
        expect(new Set([...found, ...upTo(5)]).size).toBe(6);
      };
      expectOneStranger();
      at.process.kill();
      start(at);
      expectOneStranger();
    });
    expect(flips).toBeGreaterThan(SEEDS / 3);
  });

  it('puts an old directory back, or none at all, with identity and marker', async () => {
    const at = bench(1);
    at.disk.identity = { node: 0 };
    await write(at, [1], 'os');
    const old = at.disk.snapshot();
    at.disk.marker = 'untrusted';
    await write(at, [2], 'fsync');
    at.disk.restore(old);
    expect(() => at.kv.get(record(1))).toThrow(UNAVAILABLE);
    expect([numbersOf(at.disk.dump()), at.disk.identity, at.disk.marker]).toStrictEqual([[1], { node: 0 }, null]);
    start(at);
    await write(at, [3], 'fsync');
    at.disk.wipe();
    expect([at.disk.dump(), at.disk.identity]).toStrictEqual([[], null]);
    at.disk.restore(old);
    start(at);
    expect(at.kv.get(record(1))).toBeDefined();
    expect(at.kv.get(record(3))).toBeUndefined();
    expect([at.disk.counts.restores, at.disk.counts.wipes]).toStrictEqual([2, 1]);
  });

  it('lets a paused process learn of its write when it is resumed', async () => {
    const at = bench(1);
    const writing = at.kv.write(put(1), 'fsync');
    at.process.pause();
    await at.world.run(5000);
    at.world.after(1, () => at.process.resume());
    await finish(at, writing);
    expect(at.world.nowMs).toBe(5001);
  });

  it('does the same for the same seed, whatever happens to it', async () => {
    const digestOf = async (seed: number): Promise<string> => {
      const at = bench(seed);
      const random = new SeededRandom(seed);
      for (let i = 0; i < 300; i++) {
        at.kv.write(put(random.below(500), random.below(2000)), random.isBelow(0.3) ? 'fsync' : 'os').catch(() => at.world.mix(i));
        if (random.isBelow(0.05)) at.disk.failNextWrite(random.pick(['io-error', 'full', 'short-write']));
        if (random.isBelow(0.05)) at.disk.loseLogSuffix(random);
        if (random.isBelow(0.1)) at.disk.flipBit(random, 'value');
        await at.world.run(at.world.nowMs + random.next() * random.pick([1, 100]));
        if (!random.isBelow(0.1)) continue;
        at.process.kill(random.pick(['crash', 'silent']));
        start(at);
      }
      expect(Object.entries(at.disk.counts).filter(([name, count]) => count === 0 && !/reopen|wipe|restore|key|Torn|slow|BeforeSynced/i.test(name))).toStrictEqual([]);
      return JSON.stringify([at.world.digest, at.disk.counts, at.disk.dump().map(({ key, value }) => [...key, ...value])]);
    };
    expect(await digestOf(7)).toBe(await digestOf(7));
    expect(await digestOf(7)).not.toBe(await digestOf(8));
  });
});
