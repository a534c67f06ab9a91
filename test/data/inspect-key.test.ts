import { describe, expect, it } from 'vitest';
import { DataError, MemoryKv, encodeRecord, inspectKey, nodeId, type NodeId } from '../../data/index.ts';
import { orderedKey } from '../../data/layout.ts';
import { flipKey, flipValue, hintKeyOf, put as putRaw, recordKeyOf } from '../support/damage.ts';
import { REMEMBERING, at, hint, openLoneStore, put, scanAll, text, type LoneStore } from '../support/lone-store.ts';

const [ONE, TWO] = [nodeId(1), nodeId(2)];
const NONE: readonly NodeId[] = [];
const KEY = text('k');

async function opened(): Promise<LoneStore & { readonly kv: MemoryKv }> {
  const kv = new MemoryKv();
  const lone = await openLoneStore(kv, undefined, REMEMBERING);
  await scanAll(lone.store);
  return { ...lone, kv };
}

/** As a disk that no longer gives what it has. */
class UnreadableKv extends MemoryKv {
  isReadable = true;

  override get(key: Uint8Array): Uint8Array | undefined {
    if (!this.isReadable) throw new DataError('RING_STORE_UNAVAILABLE', 'a read failed', { retryable: true });
    return super.get(key);
  }
}

describe('what a store has under a key', () => {
  it('is nothing, a record or a tombstone, with the version that the memory has', async () => {
    const { store } = await opened();
    expect(inspectKey(store, KEY, [ONE])).toStrictEqual({ copy: { state: 'absent', damage: null, version: null, valueBytes: null, checksum: null, isDoubtful: false, remembered: null }, hints: [] });
    await store.writeAll([put('k', 7)]);
    expect(inspectKey(store, KEY, NONE).copy).toMatchObject({ state: 'record', version: at(7), valueBytes: 3, remembered: at(7) });
    await store.writeAll([{ kind: 'record', key: KEY, record: encodeRecord(KEY, at(8), null), hintFor: NONE }]);
    expect(inspectKey(store, KEY, NONE).copy).toMatchObject({ state: 'tombstone', version: at(8), valueBytes: 0 });
  });

  it('is read from the database where the memory has a good copy of what was damaged, and the store is told', async () => {
    const { store, kv } = await opened();
    await store.writeAll([put('k', 7)]);
    await flipValue(kv, recordKeyOf(store, KEY));
    expect(store.read(KEY)).toBeInstanceOf(Uint8Array);
    expect(inspectKey(store, KEY, NONE).copy).toMatchObject({ state: 'damaged', damage: 'checksum', version: null, remembered: at(7) });
    expect(store.damagedList(9)).toStrictEqual([recordKeyOf(store, KEY)]);
    expect(store.read(KEY)).toBe('damaged');
    // The memory is asked no more.
    expect(inspectKey(store, KEY, NONE).copy).toMatchObject({ state: 'damaged', remembered: null });
  });

  it('is an older record, or none, where the database has lost what the memory has', async () => {
    const { store, kv } = await opened();
    await store.writeAll([put('k', 7)]);
    await putRaw(kv, recordKeyOf(store, KEY), encodeRecord(KEY, at(3), text('old')));
    expect(inspectKey(store, KEY, NONE).copy).toMatchObject({ state: 'record', version: at(3), remembered: at(7) });
    expect(store.damagedKeys).toBe(0);
  });

  it('is damage where only the key index knows of it', async () => {
    const { store, kv } = await opened();
    await store.writeAll([put('k', 7)]);
    await flipKey(kv, recordKeyOf(store, KEY), -1);
    expect(inspectKey(store, KEY, NONE).copy).toMatchObject({ state: 'damaged', damage: 'vanished', remembered: at(7) });
    await putRaw(kv, orderedKey(text('stray')), Uint8Array.of(1));
    expect(inspectKey(store, text('stray'), NONE).copy).toMatchObject({ state: 'damaged', damage: 'vanished', remembered: null });
  });

  it('is doubtful where it replaced a damaged record, until that is settled', async () => {
    const { store, kv } = await opened();
    await store.writeAll([put('k', 7)]);
    await flipValue(kv, recordKeyOf(store, KEY));
    inspectKey(store, KEY, NONE);
    await store.writeAll([put('k', 9)]);
    expect(inspectKey(store, KEY, NONE).copy).toMatchObject({ state: 'record', version: at(9), isDoubtful: true });
    await store.writeAll([{ kind: 'settle', key: KEY }]);
    expect(inspectKey(store, KEY, NONE).copy.isDoubtful).toBe(false);
  });

  it('can not be said of a store that is closed, nor where a lookup fails', async () => {
    const kv = new UnreadableKv();
    const { store } = await openLoneStore(kv);
    await store.writeAll([put('k', 7, TWO)]);
    expect(inspectKey(store, KEY, [TWO])).toMatchObject({ copy: { state: 'record' }, hints: [{ target: TWO }] });
    kv.isReadable = false;
    expect(inspectKey(store, KEY, [TWO])).toMatchObject({ copy: { state: 'failed' }, hints: [] });
    kv.isReadable = true;
    await store.close();
    expect(inspectKey(store, KEY, [TWO])).toMatchObject({ copy: { state: 'failed' }, hints: [] });
  });
});

describe('the hints that a store has for a key', () => {
  it('are told for the targets that were asked about, with a record of their own or by reference', async () => {
    const { store } = await opened();
    await store.writeAll([put('k', 7, ONE), hint(TWO, 'k', 9), hint(nodeId(3), 'k', 9), hint(TWO, 'other', 9)]);
    expect(inspectKey(store, KEY, [ONE, TWO]).hints).toStrictEqual([
      { target: ONE, state: 'record', isReference: true, version: at(7), valueBytes: 3 },
      { target: TWO, state: 'record', isReference: false, version: at(9), valueBytes: 3 },
    ]);
  });

  it('deliver what is there: a reference to a record that cannot be read dangles', async () => {
    const { store, kv } = await opened();
    await store.writeAll([put('k', 7, ONE)]);
    await store.writeAll([{ kind: 'record', key: KEY, record: encodeRecord(KEY, at(8), null), hintFor: NONE }]);
    expect(inspectKey(store, KEY, [ONE]).hints).toMatchObject([{ state: 'tombstone', isReference: true, version: at(7), valueBytes: 0 }]);
    await flipValue(kv, recordKeyOf(store, KEY));
    expect(inspectKey(store, KEY, [ONE]).hints).toStrictEqual([{ target: ONE, state: 'dangling', isReference: true, version: at(7), valueBytes: null }]);
  });

  it.each([['with a record', 'hint'], ['by reference', 'reference']])('%s that are damaged are told, to the store as well', async (_, kind) => {
    const { store, kv } = await opened();
    await store.writeAll(kind === 'hint' ? [hint(ONE, 'k', 9)] : [put('k', 7, ONE)]);
    await flipValue(kv, hintKeyOf(store, ONE, KEY));
    expect(inspectKey(store, KEY, [ONE]).hints).toStrictEqual([{ target: ONE, state: 'damaged', isReference: false, version: null, valueBytes: null }]);
    expect(store.damagedList(9)).toStrictEqual([hintKeyOf(store, ONE, KEY)]);
  });
});
