/** The number that every group carries: what a peer that remembers it can rely on. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KvBatch, META, MemoryKv, decodeCheckedNumbers, dirtyMetaName, encodeCheckedNumbers, metaKey, nodeId, partition, peerMetaName, type OrderedKv, type Store, type WriteIntent } from '../../data/index.ts';
import { flipValue, put as putRaw } from '../support/damage.ts';
import { FaultyKv } from '../support/faulty-kv.ts';
import { WALL_MS, hint, openLoneStore, put, reopened, text } from '../support/lone-store.ts';

const onDisk = (kv: OrderedKv): number | undefined => decodeCheckedNumbers(META.sequence, kv.get(metaKey(META.sequence)) ?? new Uint8Array())?.[0];
const DIRTY = dirtyMetaName(nodeId(2), partition(1));

async function failedWrite(store: Store, intent: WriteIntent): Promise<void> {
  expect(await store.writeAll([intent])).toMatchObject([{ status: 'unknown' }]);
  await reopened(store);
}

describe('the sequence of a store', () => {
  it('is raised by every group that writes something, in the batch of the group', async () => {
    const kv = new MemoryKv();
    const { store } = await openLoneStore(kv);
    expect(store.sequence).toBe(0);
    const groups: readonly (readonly WriteIntent[])[] = [
      [put('a', 1)],
      [put('a', 2), put('b', 1, nodeId(1))],
      [hint(nodeId(1), 'c', 1)],
      [{ kind: 'drop-hint', target: nodeId(1), key: text('c'), version: { timestamp: 9, writer: 0 } }],
      [{ kind: 'meta', name: DIRTY, value: Uint8Array.of(1) }],
    ];
    for (const [index, intents] of groups.entries()) {
      await store.writeAll(intents);
      expect([store.sequence, onDisk(kv)]).toStrictEqual([index + 1, index + 1]);
    }
    await store.writeAll([put('a', 1)]);
    await store.writeAll([]);
    expect([store.sequence, onDisk(kv)]).toStrictEqual([groups.length, groups.length]);
  });

  it('is not raised by what is remembered of peers alone, and is by a ceiling', async () => {
    const kv = new MemoryKv();
    let wallMs = WALL_MS;
    const { store } = await openLoneStore(kv, () => wallMs);
    await store.reserveCeiling(0);
    expect([store.sequence, onDisk(kv)]).toStrictEqual([1, 1]);
    const memory: WriteIntent = { kind: 'meta', name: peerMetaName(nodeId(2)), value: Uint8Array.of(1) };
    await store.writeAll([memory]);
    expect([store.sequence, onDisk(kv), kv.get(metaKey(peerMetaName(nodeId(2))))]).toStrictEqual([1, 1, Uint8Array.of(1)]);
    await store.writeAll([memory, put('a', 1)]);
    expect(store.sequence).toBe(2);
    wallMs += 60_000;
    await store.writeAll([memory]);
    expect([store.sequence, onDisk(kv)]).toStrictEqual([3, 3]);
  });

  it('is told only when the batch was committed', async () => {
    const kv = new FaultyKv(new MemoryKv());
    const { store } = await openLoneStore(kv);
    const release = kv.hold();
    const written = store.writeAll([put('a', 1)]);
    while (kv.writes === 0) await Promise.resolve();
    expect(store.sequence).toBe(0);
    release();
    await written;
    expect(store.sequence).toBe(1);
  });

  it.each([
    ['lost', 1],
    ['kept', 2],
  ] as const)('is what the disk has after a failed write that was %s, and no rollback', async (fate, expected) => {
    const memory = new MemoryKv();
    const { store, events } = await openLoneStore(new FaultyKv(memory, [[2, fate]]));
    await store.writeAll([put('a', 1)]);
    await failedWrite(store, put('a', 2));
    expect([store.sequence, onDisk(memory)]).toStrictEqual([expected, expected]);
    expect(events.map(({ event }) => event)).not.toContain('rolled-back');
    await store.writeAll([put('b', 1)]);
    expect([store.sequence, onDisk(memory)]).toStrictEqual([expected + 1, expected + 1]);
  });

  it('never goes back over any failed writes and restarts while the disk keeps what it committed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.integer({ min: 1, max: 15 }), fc.constantFrom('lost' as const, 'kept' as const)), { maxLength: 6 }), fc.array(fc.boolean(), { maxLength: 15 }), async (faults, restarts) => {
        let memory = new MemoryKv();
        let opened = await openLoneStore(new FaultyKv(memory, faults));
        let told = 0;
        for (const [index, restart] of restarts.entries()) {
          await opened.store.writeAll([put('a', index + 1)]);
          await reopened(opened.store);
          expect(opened.store.sequence).toBeGreaterThanOrEqual(told);
          told = opened.store.sequence;
          expect(opened.events.map(({ event }) => event)).not.toContain('rolled-back');
          if (!restart) continue;
          memory = memory.restarted();
          opened = await openLoneStore(new FaultyKv(memory, faults));
          expect(opened.store.sequence).toBe(told);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('that is less than it was after a reopen says that the database was rolled back, and is not used again', async () => {
    const memory = new MemoryKv();
    const { store, events } = await openLoneStore(new FaultyKv(memory, [[6, 'lost']]));
    for (let number = 1; number <= 5; number++) await store.writeAll([put('a', number)]);
    await putRaw(memory, metaKey(META.sequence), encodeCheckedNumbers(META.sequence, [2]));
    await failedWrite(store, put('a', 6));
    expect(events).toContainEqual({ event: 'rolled-back', from: 5, to: 2 });
    await store.writeAll([put('b', 1)]);
    expect([store.sequence, onDisk(memory)]).toStrictEqual([6, 6]);
  });

  it.each(['damaged', 'missing'])('that is %s after a reopen says so too: it was there', async (what) => {
    const memory = new MemoryKv();
    const { store, events } = await openLoneStore(new FaultyKv(memory, [[2, 'lost']]));
    await store.writeAll([put('a', 1)]);
    if (what === 'damaged') await flipValue(memory, metaKey(META.sequence), 7);
    else {
      const batch = new KvBatch();
      batch.delete(metaKey(META.sequence));
      await memory.write(batch, 'os');
    }
    await failedWrite(store, put('a', 2));
    expect(events).toContainEqual({ event: 'rolled-back', from: 1, to: 0 });
  });

  it('that is damaged when the store is opened is 0, less than any peer remembers', async () => {
    const kv = new MemoryKv();
    await (await openLoneStore(kv)).store.writeAll([put('a', 1)]);
    await flipValue(kv, metaKey(META.sequence), 7);
    expect((await openLoneStore(kv)).store.sequence).toBe(0);
  });

  it('goes on above what peers remember, tells only what was committed, and takes no skipped number for a lost one', async () => {
    const memory = new MemoryKv();
    const { store, events } = await openLoneStore(new FaultyKv(memory, [[2, 'lost']]));
    await store.writeAll([put('a', 1)]);
    store.skipSequence(1_000);
    store.skipSequence(500);
    expect(store.sequence).toBe(1);
    await failedWrite(store, put('a', 2));
    expect(events.map(({ event }) => event)).not.toContain('rolled-back');
    await store.writeAll([put('a', 3)]);
    expect([store.sequence, onDisk(memory)]).toStrictEqual([1_001, 1_001]);
  });
});
