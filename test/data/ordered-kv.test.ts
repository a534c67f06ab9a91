import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KvBatch, openLevelKv, type KvEntry } from '../../data/index.ts';
import { LEVEL, LEVEL_OPTIONS, MEMORY, VIRTUAL, temporaryDirectory } from '../support/kv-places.ts';
import { EVERYTHING, UNLIMITED, batchOf, describeOrderedKv } from './ordered-kv.contract.ts';

describeOrderedKv(MEMORY);
describeOrderedKv(LEVEL);
describeOrderedKv(VIRTUAL);

const someKeys = fc.uint8Array({ minLength: 1, maxLength: 3, max: 4 });
const batches = fc.array(fc.tuple(someKeys, fc.option(fc.uint8Array({ minLength: 1, maxLength: 12 }), { nil: null, freq: 3 })), { maxLength: 40 });
const commands = fc.oneof(
  { weight: 5, arbitrary: batches.map((puts) => ({ kind: 'write' as const, puts })) },
  { weight: 3, arbitrary: someKeys.map((key) => ({ kind: 'get' as const, key })) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('scan' as const),
      from: someKeys,
      to: someKeys,
      entriesMax: fc.integer({ min: 1, max: 30 }),
      bytesMax: fc.integer({ min: 1, max: 300 }),
      direction: fc.constantFrom('forward' as const, 'reverse' as const),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
);

const plain = (entries: readonly KvEntry[]): number[][][] => entries.map(({ key, value }) => [[...key], [...value]]);

describe('MemoryKv, LevelKv and VirtualKv', () => {
  it('answer the same to any sequence of writes, reads, scans and reopens', async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(commands, { maxLength: 40 }), async (sequence) => {
        await using memoryPlace = await MEMORY.place();
        await using levelPlace = await LEVEL.place();
        await using virtualPlace = await VIRTUAL.place();
        const [memory, level, virtual] = [await memoryPlace.open(), await levelPlace.open(), await virtualPlace.open()];
        const all = [memory, level, virtual];
        for (const command of sequence) {
          if (command.kind === 'reopen') await Promise.all(all.map(async (kv) => kv.reopen()));
          if (command.kind === 'write') await Promise.all(all.map(async (kv) => kv.write(batchOf(...command.puts), 'os')));
          if (command.kind === 'get') {
            const [a, b, c] = all.map((kv) => [...(kv.get(command.key) ?? [-1])]);
            expect([a, c]).toStrictEqual([b, b]);
            compared++;
          }
          if (command.kind === 'scan') {
            const [a, b, c] = (await Promise.all(all.map(async (kv) => kv.scan(command, command, command.direction)))).map(plain);
            expect([a, c]).toStrictEqual([b, b]);
            compared++;
          }
        }
        const [a, b, c] = (await Promise.all(all.map(async (kv) => kv.scan(EVERYTHING, UNLIMITED)))).map(plain);
        expect([a, c]).toStrictEqual([b, b]);
      }),
      { numRuns: 25 },
    );
    expect(compared).toBeGreaterThan(10);
  });
});

describe('MemoryKv', () => {
  it('keeps thousands of keys in order while blocks split and empty', async () => {
    await using place = await MEMORY.place();
    const kv = await place.open();
    const key = (number: number): Uint8Array => Uint8Array.of(number >>> 8, number & 0xff);
    const batch = new KvBatch();
    for (let i = 0; i < 5000; i++) batch.put(key((i * 2741) % 5000), Uint8Array.of(1));
    for (let i = 0; i < 4000; i++) batch.delete(key((i * 7) % 5000));
    await kv.write(batch, 'os');
    const left = new Set(Array.from({ length: 5000 }, (_, i) => i));
    for (let i = 0; i < 4000; i++) left.delete((i * 7) % 5000);
    const entries = await kv.scan(EVERYTHING, UNLIMITED);
    expect(entries.map((entry) => (entry.key[0] ?? 0) * 256 + (entry.key[1] ?? 0))).toStrictEqual([...left].toSorted((a, b) => a - b));
  });
});

describe('openLevelKv', () => {
  it('refuses a missing database with RING_STORE_MISSING, and creates none', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'records');
    await expect(openLevelKv(path, 'must-exist', LEVEL_OPTIONS)).rejects.toThrow(expect.objectContaining({ code: 'RING_STORE_MISSING' }));
    await expect(openLevelKv(directory.path, 'must-exist', LEVEL_OPTIONS)).rejects.toThrow(expect.objectContaining({ code: 'RING_STORE_MISSING' }));
    expect((await readdir(directory.path)).filter((name) => name === 'CURRENT' || name.startsWith('MANIFEST'))).toStrictEqual([]);
  });

  it('refuses a database that is open already with RING_STORE_LOCKED', async () => {
    await using directory = await temporaryDirectory();
    const kv = await openLevelKv(directory.path, 'create', LEVEL_OPTIONS);
    await expect(openLevelKv(directory.path, 'must-exist', LEVEL_OPTIONS)).rejects.toThrow(expect.objectContaining({ code: 'RING_STORE_LOCKED' }));
    await kv.close();
  });

  it('leaves nothing open when it is closed while it reopens', async () => {
    await using directory = await temporaryDirectory();
    const kv = await openLevelKv(directory.path, 'create', LEVEL_OPTIONS);
    const reopening = kv.reopen();
    await kv.close();
    await expect(reopening).rejects.toThrow(expect.objectContaining({ code: 'RING_STORE_UNAVAILABLE' }));
    const again = await openLevelKv(directory.path, 'must-exist', LEVEL_OPTIONS);
    await again.close();
  });
});
