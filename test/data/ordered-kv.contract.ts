/** The contract of data/ordered-kv.ts, K1 to K5, for every implementation of the port. */
import { describe, expect, it } from 'vitest';
import { KvBatch, compareBytes, type KeyRange, type OrderedKv, type ScanDirection } from '../../data/index.ts';
import type { KvKind } from '../support/kv-places.ts';

export const UNLIMITED = { entriesMax: 1_000_000, bytesMax: 1 << 30 };
export const EVERYTHING: KeyRange = { from: Uint8Array.of(0), to: Uint8Array.of(0xff, 0xff, 0xff, 0xff) };

const bytes = (...numbers: number[]): Uint8Array => Uint8Array.from(numbers);
const UNAVAILABLE = expect.objectContaining({ code: 'RING_STORE_UNAVAILABLE' });

export function batchOf(...puts: readonly (readonly [Uint8Array, Uint8Array | null])[]): KvBatch {
  const batch = new KvBatch();
  for (const [key, value] of puts) {
    if (value === null) batch.delete(key);
    else batch.put(key, value);
  }
  return batch;
}

async function keysOf(kv: OrderedKv, range: KeyRange = EVERYTHING, limits = UNLIMITED, direction: ScanDirection = 'forward'): Promise<number[][]> {
  const entries = await kv.scan(range, limits, direction);
  return entries.map((entry) => [...entry.key]);
}

export function describeOrderedKv(kind: KvKind): void {
  describe(`${kind.name} as an OrderedKv`, () => {
    it('K1 applies a batch in order, the last word on a key counting', async () => {
      await using place = await kind.place();
      const kv = await place.open();
      await kv.write(batchOf([bytes(1), bytes(1)], [bytes(2), bytes(2)], [bytes(1), null], [bytes(2), bytes(3)], [bytes(9), null]), 'fsync');
      expect(kv.get(bytes(1))).toBeUndefined();
      expect([...(kv.get(bytes(2)) ?? [])]).toStrictEqual([3]);
      expect(await keysOf(kv)).toStrictEqual([[2]]);
    });

    it('K1 keeps what was written over a close and a new start, and takes an empty batch', async () => {
      await using place = await kind.place();
      const first = await place.open();
      await first.write(batchOf([bytes(1), bytes(7, 8)], [bytes(2), bytes(0)]), 'fsync');
      await first.write(batchOf([bytes(2), null]), 'os');
      await first.write(new KvBatch(), 'fsync');
      const second = await place.open();
      expect([...(second.get(bytes(1)) ?? [])]).toStrictEqual([7, 8]);
      expect(second.get(bytes(2))).toBeUndefined();
    });

    it('K2 goes on after a reopen with all that was written', async () => {
      await using place = await kind.place();
      const kv = await place.open();
      await kv.write(batchOf([bytes(1), bytes(1)]), 'fsync');
      await kv.reopen();
      await kv.write(batchOf([bytes(2), bytes(2)]), 'fsync');
      expect(await keysOf(kv)).toStrictEqual([[1], [2]]);
    });

    it('K3 scans the state at the call, whatever is written before the scan resolves', async () => {
      await using place = await kind.place();
      const kv = await place.open();
      await kv.write(batchOf([bytes(1), bytes(1)], [bytes(2), bytes(2)]), 'os');
      const scanning = kv.scan(EVERYTHING, UNLIMITED);
      await kv.write(batchOf([bytes(1), bytes(9)], [bytes(2), null], [bytes(3), bytes(3)]), 'os');
      const entries = await scanning;
      expect(entries.map((entry) => [...entry.key, ...entry.value])).toStrictEqual([[1, 1], [2, 2]]);
    });

    it('K3 is not moved by changes to what it was given or has given', async () => {
      await using place = await kind.place();
      const kv = await place.open();
      const [key, value] = [bytes(1), bytes(5)];
      await kv.write(batchOf([key, value]), 'os');
      key[0] = 2;
      value[0] = 6;
      const found = kv.get(bytes(1));
      found?.fill(7);
      const range = { from: bytes(0), to: bytes(9) };
      const scanning = kv.scan(range, UNLIMITED);
      range.from[0] = 8;
      const [entry] = await scanning;
      entry?.key.fill(8);
      entry?.value.fill(8);
      expect([...(kv.get(bytes(1)) ?? [])]).toStrictEqual([5]);
      expect(await keysOf(kv)).toStrictEqual([[1]]);
    });

    it('K4 sorts keys as unsigned bytes, a prefix first', async () => {
      await using place = await kind.place();
      const kv = await place.open();
      const sorted = [bytes(0), bytes(0, 0), bytes(1), bytes(0x7f), bytes(0x7f, 0xff), bytes(0x80), bytes(0xc3, 0xa9), bytes(0xff)];
      await kv.write(batchOf(...sorted.toReversed().map((key) => [key, bytes(1)] as const)), 'os');
      expect(await keysOf(kv)).toStrictEqual(sorted.map((key) => [...key]));
      expect(sorted.toSorted(compareBytes)).toStrictEqual(sorted);
    });

    it('scans a range from its start on and without its end', async () => {
      await using place = await kind.place();
      const kv = await place.open();
      await kv.write(batchOf(...[1, 2, 3, 4].map((number) => [bytes(number), bytes(number)] as const)), 'os');
      expect(await keysOf(kv, { from: bytes(2), to: bytes(4) })).toStrictEqual([[2], [3]]);
      expect(await keysOf(kv, { from: bytes(1, 0), to: bytes(2, 0) })).toStrictEqual([[2]]);
      expect(await keysOf(kv, { from: bytes(3), to: bytes(3) })).toStrictEqual([]);
      expect(await keysOf(kv, { from: bytes(4), to: bytes(1) })).toStrictEqual([]);
      expect(await keysOf(kv, { from: bytes(5), to: bytes(9) })).toStrictEqual([]);
    });

    it('stops a scan at the number of entries, and after the entry that reaches the number of bytes', async () => {
      await using place = await kind.place();
      const kv = await place.open();
      await kv.write(batchOf(...[1, 2, 3, 4].map((number) => [bytes(number), new Uint8Array(9)] as const)), 'os');
      const count = async (entriesMax: number, bytesMax: number): Promise<number> => (await kv.scan(EVERYTHING, { entriesMax, bytesMax })).length;
      expect(await count(3, 1000)).toBe(3);
      expect(await count(9, 1000)).toBe(4);
      expect(await count(9, 1)).toBe(1);
      expect(await count(9, 10)).toBe(1);
      expect(await count(9, 11)).toBe(2);
      expect(await count(9, 30)).toBe(3);
    });

    it('scans a range in reverse from before its end down to its start, under the same limits', async () => {
      await using place = await kind.place();
      const kv = await place.open();
      await kv.write(batchOf(...[1, 2, 3, 4].map((number) => [bytes(number), new Uint8Array(9)] as const), [bytes(2, 0), new Uint8Array(9)]), 'os');
      const down = async (from: Uint8Array, to: Uint8Array, entriesMax = 9, bytesMax = 1_000): Promise<number[][]> => keysOf(kv, { from, to }, { entriesMax, bytesMax }, 'reverse');
      expect(await keysOf(kv, EVERYTHING, UNLIMITED, 'reverse')).toStrictEqual([[4], [3], [2, 0], [2], [1]]);
      expect(await down(bytes(2), bytes(4))).toStrictEqual([[3], [2, 0], [2]]);
      expect(await down(bytes(2, 0), bytes(3, 0))).toStrictEqual([[3], [2, 0]]);
      expect(await down(bytes(0), bytes(1))).toStrictEqual([]);
      expect(await down(bytes(3), bytes(3))).toStrictEqual([]);
      expect(await down(bytes(4), bytes(1))).toStrictEqual([]);
      expect(await down(bytes(5), bytes(9))).toStrictEqual([]);
      expect(await down(bytes(0), bytes(9), 2)).toStrictEqual([[4], [3]]);
      expect(await down(bytes(0), bytes(9), 9, 1)).toStrictEqual([[4]]);
      expect(await down(bytes(0), bytes(9), 9, 11)).toStrictEqual([[4], [3]]);
    });

    it('scans thousands of entries, and values larger than a block', async () => {
      await using place = await kind.place();
      const kv = await place.open();
      const numbers = Array.from({ length: 2500 }, (_, number) => number);
      await kv.write(batchOf(...numbers.map((number) => [bytes(number >>> 8, number & 0xff), bytes(1)] as const)), 'os');
      await kv.write(batchOf([bytes(0, 7), new Uint8Array(300_000).fill(3)]), 'os');
      const entries = await kv.scan(EVERYTHING, UNLIMITED);
      expect(entries).toHaveLength(2500);
      expect(entries[7]?.value).toHaveLength(300_000);
      expect(entries.every((entry, index) => index === 0 || compareBytes(entries[index - 1]?.key ?? bytes(), entry.key) < 0)).toBe(true);
    });

    it('K5 answers every call after close with RING_STORE_UNAVAILABLE', async () => {
      await using place = await kind.place();
      const kv = await place.open();
      await kv.close();
      expect(() => kv.get(bytes(1))).toThrow(UNAVAILABLE);
      await expect(kv.write(batchOf([bytes(1), bytes(1)]), 'os')).rejects.toThrow(UNAVAILABLE);
      await expect(kv.scan(EVERYTHING, UNLIMITED)).rejects.toThrow(UNAVAILABLE);
      await expect(kv.reopen()).rejects.toThrow(UNAVAILABLE);
      await kv.close();
    });
  });
}
