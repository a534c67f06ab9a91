/** What a store gives of a stretch of keys: every key that it has, in order, readable or not. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryKv, encodeRecord, isTombstone, type OrderedSlice, type ScanDirection, type Store } from '../../data/index.ts';
import { flipKey, flipValue, recordKeyOf } from '../support/damage.ts';
import { at, openLoneStore, put, reopened, text } from '../support/lone-store.ts';
import { FaultyKv } from '../support/faulty-kv.ts';

const WIDE = { entriesMax: 1_000, bytesMax: 1 << 20 };
const WHOLE = { from: null, to: null };

const shown = ({ entries }: OrderedSlice): readonly string[] =>
  entries.map(({ key, record }) => `${Buffer.from(key).toString()}${record === 'damaged' ? '!' : isTombstone(record) ? '-' : ''}`);

async function walk(store: Store, entriesMax: number, bytesMax: number, direction: ScanDirection): Promise<readonly string[]> {
  const found: string[] = [];
  let span: { from: Uint8Array | null; to: Uint8Array | null } = WHOLE;
  for (;;) {
    const slice = await store.orderedSlice(span, { entriesMax, bytesMax }, direction);
    expect(slice.entries.length).toBeLessThanOrEqual(entriesMax);
    found.push(...shown(slice));
    if (slice.next === null) return found;
    span = direction === 'forward' ? { ...span, from: slice.next } : { ...span, to: slice.next };
  }
}

describe('a slice of the keys in order', () => {
  it('has the keys of the span with their records, tombstones too, from either end', async () => {
    const { store } = await openLoneStore(new MemoryKv());
    await store.writeAll([put('d', 1), put('a', 1), put('c', 1), put('bb', 1), { kind: 'record', key: text('b'), record: encodeRecord(text('b'), at(1), null), hintFor: [] }]);
    expect(shown(await store.orderedSlice(WHOLE, WIDE, 'forward'))).toStrictEqual(['a', 'b-', 'bb', 'c', 'd']);
    expect(shown(await store.orderedSlice(WHOLE, WIDE, 'reverse'))).toStrictEqual(['d', 'c', 'bb', 'b-', 'a']);
    expect(shown(await store.orderedSlice({ from: text('b'), to: text('c') }, WIDE, 'forward'))).toStrictEqual(['b-', 'bb']);
    expect(shown(await store.orderedSlice({ from: text('b'), to: text('c') }, WIDE, 'reverse'))).toStrictEqual(['bb', 'b-']);
    expect(shown(await store.orderedSlice({ from: text('x'), to: text('b') }, WIDE, 'forward'))).toStrictEqual([]);
    expect(await store.orderedSlice({ from: text('e'), to: null }, WIDE, 'forward')).toStrictEqual({ entries: [], bytes: 0, isCertain: true, next: null });
  });

  it('has the whole, each key once, when it goes on from where the last one stopped', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.string({ minLength: 1, maxLength: 4, unit: fc.constantFrom('a', 'b', '\0', 'z') }), { maxLength: 20 }),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 80 }),
        async (names, entriesMax, bytesMax) => {
          const { store } = await openLoneStore(new MemoryKv());
          await store.writeAll(names.map((name) => put(name, 1)));
          const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
          expect(await walk(store, entriesMax, bytesMax, 'forward')).toStrictEqual(sorted);
          expect(await walk(store, entriesMax, bytesMax, 'reverse')).toStrictEqual(sorted.toReversed());
        },
      ),
      { numRuns: 60 },
    );
  });

  it('shows a damaged record, and one that vanished from under its key, as damaged', async () => {
    const kv = new MemoryKv();
    const { store, events } = await openLoneStore(kv);
    await store.writeAll(['a', 'b', 'c', 'd'].map((name) => put(name, 1)));
    await flipValue(kv, recordKeyOf(store, text('b')));
    await flipKey(kv, recordKeyOf(store, text('c')), -1);
    expect(shown(await store.orderedSlice(WHOLE, WIDE, 'forward'))).toStrictEqual(['a', 'b!', 'c!', 'd']);
    expect(shown(await store.orderedSlice(WHOLE, WIDE, 'reverse'))).toStrictEqual(['d', 'c!', 'b!', 'a']);
    expect(events.map(({ event }) => event)).toStrictEqual(['damaged', 'damaged']);
  });

  it('is uncertain when a record in it replaced a damaged one', async () => {
    const kv = new MemoryKv();
    const { store } = await openLoneStore(kv);
    await store.writeAll([put('a', 2), put('b', 1)]);
    await flipValue(kv, recordKeyOf(store, text('a')));
    await store.writeAll([put('a', 1)]);
    expect((await store.orderedSlice(WHOLE, WIDE, 'forward')).isCertain).toBe(false);
    expect((await store.orderedSlice({ from: text('b'), to: null }, WIDE, 'forward')).isCertain).toBe(true);
  });

  it('is refused while the database is being reopened', async () => {
    const kv = new FaultyKv(new MemoryKv(), [[1, 'lost']]);
    const { store } = await openLoneStore(kv);
    const letGo = kv.holdReopen();
    await store.writeAll([put('a', 1)]);
    await expect(store.orderedSlice(WHOLE, WIDE, 'forward')).rejects.toThrow(expect.objectContaining({ code: 'RING_STORE_UNAVAILABLE' }));
    letGo();
    await reopened(store);
    expect(shown(await store.orderedSlice(WHOLE, WIDE, 'forward'))).toStrictEqual([]);
  });
});
