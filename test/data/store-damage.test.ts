/** What a store says of a record whose key was hit, and what it does not take for damage. */
import { describe, expect, it } from 'vitest';
import { KvBatch, MemoryKv, nodeId, valueOf, versionOf, type KvEntry, type OrderedKv, type ReadOutcome, type ScanLimits, type WriteIntent } from '../../data/index.ts';
import { FaultyKv } from '../support/faulty-kv.ts';
import { flipKey, flipValue, recordKeyOf } from '../support/damage.ts';
import { REMEMBERING, WALL_MS, at, openLoneStore, put, reopened, scanAll, scrubAll, text } from '../support/lone-store.ts';

/** Runs `between` once, after the first lookup that finds nothing: as a batch does that another thread commits. */
class RacingKv extends MemoryKv {
  between: (() => void) | null = null;

  override get(key: Uint8Array): Uint8Array | undefined {
    const found = super.get(key);
    if (found === undefined) {
      const race = this.between;
      this.between = null;
      race?.();
    }
    return found;
  }
}

/** Its scans wait until they are let go. */
class SlowScans extends MemoryKv {
  #gate: { readonly promise: Promise<void>; readonly open: () => void } | null = null;
  scans = 0;

  hold(): void {
    let open: () => void = () => undefined;
    const promise = new Promise<void>((resolve) => {
      open = resolve;
    });
    this.#gate = { promise, open };
  }

  letGo(): void {
    this.#gate?.open();
    this.#gate = null;
  }

  override async scan(range: Parameters<OrderedKv['scan']>[0], limits: ScanLimits): Promise<readonly KvEntry[]> {
    const entries = await super.scan(range, limits);
    this.scans++;
    await this.#gate?.promise;
    return entries;
  }
}

describe('a record that vanished from under its key', () => {
  it('is answered as damaged and not as absent, and whatever is written takes its place', async () => {
    const kv = new MemoryKv();
    const { store, events } = await openLoneStore(kv);
    await store.writeAll([put('a', 5), put('b', 5)]);
    await scanAll(store);
    await flipKey(kv, recordKeyOf(store, text('a')), -1);
    expect([store.read(text('a')), store.read(text('a')), store.read(text('never'))]).toStrictEqual(['damaged', 'damaged', null]);
    expect(events.map(({ event }) => event)).toStrictEqual(['damaged']);
    // The trees counted it when it was there: they are built anew.
    expect(store.isScanned).toBe(false);
    await store.writeAll([put('a', 6)]);
    await scanAll(store);
    const record = store.read(text('a'));
    expect(record !== null && record !== 'damaged' && versionOf(record)).toStrictEqual(at(6));
    expect(store.trees.countAll()).toBe(2);
  });

  it('is not what a read meets that a batch overtakes between its two lookups', async () => {
    const kv = new RacingKv();
    const { store, events } = await openLoneStore(kv);
    await store.writeAll([put('other', 1)]);
    const source = new MemoryKv();
    const { store: elsewhere } = await openLoneStore(source);
    await elsewhere.writeAll([put('a', 1)]);
    const batch = new KvBatch();
    for (const { key, value } of await source.scan({ from: Uint8Array.of(1), to: Uint8Array.of(3) }, { entriesMax: 10, bytesMax: 1_000 })) batch.put(key, value);
    let committed: Promise<void> = Promise.resolve();
    kv.between = () => {
      committed = kv.write(batch, 'os');
    };
    const record = store.read(text('a'));
    await committed;
    expect(record === null || record === 'damaged' ? record : Buffer.from(valueOf(record) ?? []).toString()).toBe('a@1');
    expect(events).toStrictEqual([]);
    expect(store.isRecordMissing(text('a'))).toBe(false);
  });
});

describe('a write over a damaged record', () => {
  it.each<[string, (kv: MemoryKv, databaseKey: Uint8Array) => Promise<unknown>]>([
    ['whose bytes changed', async (kv, databaseKey) => flipValue(kv, databaseKey)],
    ['that vanished from its place', async (kv, databaseKey) => kv.write(deletion(databaseKey), 'os')],
  ])('%s makes its key doubtful, over a restart too, until it is settled', async (_, damage) => {
    const kv = new MemoryKv();
    const { store } = await openLoneStore(kv);
    await store.writeAll([put('a', 9), put('b', 9)]);
    await damage(kv, recordKeyOf(store, text('a')));
    expect(await store.writeAll([put('a', 1)])).toStrictEqual([{ status: 'applied' }]);
    expect([store.isDoubtful(text('a')), store.isDoubtful(text('b')), store.damagedKeys]).toStrictEqual([true, false, 0]);
    await store.writeAll([put('a', 2)]);
    const { store: restarted } = await openLoneStore(kv);
    expect([restarted.isDoubtful(text('a')), restarted.doubtfulKeys, restarted.doubtList(5)]).toStrictEqual([true, 1, [text('a')]]);
    await restarted.writeAll([{ kind: 'settle', key: text('a') }]);
    expect([restarted.isDoubtful(text('a')), restarted.doubtfulKeys]).toStrictEqual([false, 0]);
    const { store: last } = await openLoneStore(kv);
    expect(last.doubtfulKeys).toBe(0);
  });
});

describe('a record that is remembered', () => {
  it('and that is damaged gives way to a newer one without doubt, to its own version, and to no older one', async () => {
    const kv = new MemoryKv();
    const { store } = await openLoneStore(kv, () => WALL_MS, REMEMBERING);
    await store.writeAll([put('a', 9), put('b', 9)]);
    await scanAll(store);
    for (const name of ['a', 'b']) await flipValue(kv, recordKeyOf(store, text(name)));
    expect(await store.writeAll([put('a', 1), put('a', 10), put('b', 9)])).toStrictEqual([{ status: 'superseded', version: at(9) }, { status: 'applied' }, { status: 'applied' }]);
    expect([store.isDoubtful(text('a')), store.damagedKeys]).toStrictEqual([false, 0]);
    expect(['a', 'b'].map((name) => valueText(store.read(text(name))))).toStrictEqual(['a@10', 'b@9']);
    await scanAll(store);
    expect(store.trees.countAll()).toBe(2);
  });

  it('is looked up again once any damage is known, and after the database was opened anew', async () => {
    const kv = new MemoryKv();
    const { store } = await openLoneStore(kv, () => WALL_MS, REMEMBERING);
    await store.writeAll([put('a', 9), put('b', 9)]);
    await flipValue(kv, recordKeyOf(store, text('a')));
    expect([store.readVersion(text('a')), valueText(store.read(text('a')))]).toStrictEqual([at(9), 'a@9']);
    await scrubAll(store);
    expect(store.read(text('a'))).toBe('damaged');
    expect([store.readVersion(text('a')), store.readVersion(text('b')), store.readVersion(text('c'))]).toStrictEqual(['damaged', at(9), null]);
    expect(await store.writeAll([put('a', 1)])).toStrictEqual([{ status: 'applied' }]);
    expect([store.isDoubtful(text('a')), store.readVersion(text('a'))]).toStrictEqual([true, at(1)]);
    const { store: restarted } = await openLoneStore(kv, () => WALL_MS, REMEMBERING);
    expect([restarted.readVersion(text('a')), restarted.readVersion(text('a'))]).toStrictEqual([at(1), at(1)]);
    await restarted.close();
    expect(() => restarted.readVersion(text('a'))).toThrow('closed');
  });
});

describe('what is remembered', () => {
  it.each(['kept', 'lost'] as const)('is what is there after a write that failed and was %s', async (fate) => {
    const { store } = await openLoneStore(new FaultyKv(new MemoryKv(), [[2, fate]]), () => WALL_MS, REMEMBERING);
    await store.writeAll([put('a', 5)]);
    expect([store.readVersion(text('a')), await store.writeAll([put('a', 9)])]).toStrictEqual([at(5), [{ status: 'unknown' }]]);
    await reopened(store);
    const newest = fate === 'kept' ? at(9) : at(5);
    expect(store.readVersion(text('a'))).toStrictEqual(newest);
    expect(await store.writeAll([put('a', 7)])).toStrictEqual([fate === 'kept' ? { status: 'superseded', version: newest } : { status: 'applied' }]);
  });
});

describe('a hint that refers to a record', () => {
  it('that was lost and replaced by an older one goes when that one was delivered', async () => {
    const kv = new MemoryKv();
    const { store } = await openLoneStore(kv);
    const target = nodeId(1);
    const [newer] = [put('a', 9)];
    await store.writeAll([{ ...newer, hintFor: [target] } as WriteIntent]);
    await flipValue(kv, recordKeyOf(store, text('a')));
    await store.writeAll([put('a', 5)]);
    expect(await store.writeAll([{ kind: 'drop-hint', target, key: text('a'), version: at(4) }])).toStrictEqual([{ status: 'superseded', version: at(5) }]);
    expect(await store.writeAll([{ kind: 'drop-hint', target, key: text('a'), version: at(5) }])).toStrictEqual([{ status: 'applied' }]);
    expect(store.hintVersionFor(text('a'), target)).toBeNull();
  });
});

describe('the list of damaged entries', () => {
  it('tells of all in turn, however many can not be healed', async () => {
    const kv = new MemoryKv();
    const { store } = await openLoneStore(kv);
    const names = Array.from({ length: 10 }, (_, number) => `key${number}`);
    await store.writeAll(names.map((name) => put(name, 1)));
    for (const name of names) await flipValue(kv, recordKeyOf(store, text(name)));
    await scrubAll(store);
    const told = new Set<string>();
    for (let round = 0; round < 4; round++) for (const databaseKey of store.damagedList(3)) told.add(Buffer.from(databaseKey).toString('hex'));
    expect([told.size, store.damagedKeys]).toStrictEqual([10, 10]);
  });
});

describe('a recount', () => {
  it('that is asked for while a slice is read counts everything once', async () => {
    const kv = new SlowScans();
    const { store } = await openLoneStore(kv);
    await store.writeAll(Array.from({ length: 20 }, (_, number) => put(`key${number}`, 1)));
    await store.scanSlice({ entriesMax: 5, bytesMax: 1 << 20 });
    const { scans } = kv;
    kv.hold();
    const slice = store.scanSlice({ entriesMax: 5, bytesMax: 1 << 20 });
    while (kv.scans === scans) await Promise.resolve();
    store.recount();
    kv.letGo();
    await slice;
    expect(store.isScanned).toBe(false);
    await scanAll(store);
    expect(store.trees.countAll()).toBe(20);
  });

  it('brings trees right that had lost count, and stands in the way of a sweep until then', async () => {
    const kv = new MemoryKv();
    const { store } = await openLoneStore(kv);
    await store.writeAll([put('a', 1), put('b', 1)]);
    await scanAll(store);
    store.trees.clear();
    expect([store.isScanned, store.trees.countAll()]).toStrictEqual([true, 0]);
    store.recount();
    expect(store.isScanned).toBe(false);
    await scanAll(store);
    expect([store.isScanned, store.trees.countAll()]).toStrictEqual([true, 2]);
  });
});

function deletion(databaseKey: Uint8Array): KvBatch {
  const batch = new KvBatch();
  batch.delete(databaseKey);
  return batch;
}

function valueText(record: ReadOutcome): string {
  return record === null || record === 'damaged' ? String(record) : Buffer.from(valueOf(record) ?? []).toString();
}
