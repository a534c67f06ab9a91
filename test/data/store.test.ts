import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DIGEST_BYTES,
  HybridClock,
  KvBatch,
  META,
  MemoryKv,
  Store,
  TICKS_PER_MS,
  compareVersions,
  dirtyMetaName,
  encodeRecord,
  hashKey,
  incarnation,
  leafOfHash,
  metaKey,
  nodeId,
  partition,
  partitionOfHash,
  partitionRange,
  readCeiling,
  valueOf,
  versionOf,
  writerOf,
  type OrderedKv,
  type RecordBytes,
  type RecordSlice,
  type StoreEvent,
  type StoreOptions,
  type Version,
  type WriteIntent,
  type WriteOutcome,
} from '../../data/index.ts';
import { encodeHintReference, hintKey, recordKey } from '../../data/layout.ts';
import { closeVersions } from '../support/arbitraries.ts';
import { FaultyKv } from '../support/faulty-kv.ts';
import { LEVEL, MEMORY } from '../support/kv-places.ts';

const WALL_MS = 1_764_000_000_000;
const PARTITIONS = 4;
const SEED = 11;
const SLICE = { entriesMax: 3, bytesMax: 1 << 20 };
const ALL = { entriesMax: 100_000, bytesMax: 1 << 30 };
const OPTIONS: StoreOptions = {
  partitionCount: PARTITIONS,
  hashSeed: SEED,
  durability: 'os',
  groupBytesMax: 1 << 20,
  queueBytesMax: 8 << 20,
  hintBytesMax: 1 << 20,
  recentBytesMax: 64 * 1024,
  reopenDelayMs: 1,
};
const [ONE, TWO] = [nodeId(1), nodeId(2)];
const APPLIED: WriteOutcome = { status: 'applied' };
const UNKNOWN: WriteOutcome = { status: 'unknown' };
const UNAVAILABLE: WriteOutcome = { status: 'refused', reason: 'unavailable' };

const key = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
const at = (timestamp: number): Version => ({ timestamp, writer: writerOf(ONE, incarnation(1)) });
const recordOf = (name: string, timestamp: number, value: string | null = `${name}@${timestamp}`): RecordBytes =>
  encodeRecord(key(name), at(timestamp), value === null ? null : key(value));
const put = (name: string, timestamp: number, ...hintFor: ReturnType<typeof nodeId>[]): WriteIntent => ({
  kind: 'record',
  key: key(name),
  record: recordOf(name, timestamp),
  hintFor,
});
const hint = (target: ReturnType<typeof nodeId>, name: string, timestamp: number): WriteIntent => ({
  kind: 'hint',
  target,
  key: key(name),
  record: recordOf(name, timestamp),
});
const drop = (target: ReturnType<typeof nodeId>, name: string, timestamp: number): WriteIntent => ({
  kind: 'drop-hint',
  target,
  key: key(name),
  version: at(timestamp),
});
const superseded = (timestamp: number): WriteOutcome => ({ status: 'superseded', version: at(timestamp) });

interface Opened {
  readonly store: Store;
  readonly clock: HybridClock;
  readonly events: StoreEvent[];
}

async function openStore(kv: OrderedKv, options: Partial<StoreOptions> = {}): Promise<Opened> {
  const events: StoreEvent[] = [];
  const clock = new HybridClock(writerOf(nodeId(0), incarnation(1)), readCeiling(kv));
  const ports = {
    kv,
    clock,
    wallMs: () => WALL_MS,
    sleep: async () => Promise.resolve(),
    report: (event: StoreEvent) => {
      events.push(event);
    },
  };
  return { store: await Store.open(ports, { ...OPTIONS, ...options }), clock, events };
}

/** Hints lie by partition, then key. */
function expectedInHintOrder(...texts: string[]): string[] {
  const partitionOf = (text: string): number => placeOf(text.slice(0, 1)).partition;
  return texts.toSorted((a, b) => partitionOf(a) - partitionOf(b) || (a < b ? -1 : 1));
}

async function scanAll(store: Store): Promise<void> {
  for (let slices = 0; !(await store.scanSlice(SLICE)); slices++) expect(slices).toBeLessThan(10_000);
}

/** Turns of the microtask queue until the store has reopened; the memory database needs no others. */
async function reopened(store: Store): Promise<void> {
  for (let turns = 0; store.state === 'reopening'; turns++) {
    expect(turns).toBeLessThan(1000);
    await Promise.resolve();
  }
}

async function writesBegun(kv: FaultyKv, count: number): Promise<void> {
  for (let turns = 0; kv.writes < count; turns++) {
    expect(turns).toBeLessThan(1000);
    await Promise.resolve();
  }
}

function textOf(found: RecordBytes | null | 'damaged'): string | null {
  if (found === null || found === 'damaged') return found;
  const value = valueOf(found);
  return value === null ? 'tombstone' : Buffer.from(value).toString();
}

function placeOf(name: string): { databaseKey: Uint8Array; partition: ReturnType<typeof partition>; leaf: number } {
  const hash = hashKey(key(name), SEED);
  const its = partitionOfHash(hash, PARTITIONS);
  return { databaseKey: recordKey(its, hash, key(name)), partition: its, leaf: leafOfHash(hash) };
}

function treesOf(store: Store): string {
  const root = Buffer.alloc(DIGEST_BYTES);
  return Array.from({ length: PARTITIONS }, (_, number) => {
    store.trees.writeRoot(partition(number), root, 0);
    return `${store.trees.count(partition(number))} ${root.toString('hex')} ${Buffer.from(store.trees.leaves(partition(number))).toString('base64')}`;
  }).join('\n');
}

const countsOf = (store: Store): unknown => [store.ledger.bytes, [ONE, TWO].map((target) => store.ledger.count(target))];

/** Flips a bit of the stored bytes, as a disk may. */
async function damage(kv: OrderedKv, databaseKey: Uint8Array): Promise<void> {
  const stored = kv.get(databaseKey);
  if (stored === undefined) throw new Error('nothing is stored there');
  const last = stored.length - 1;
  stored[last] = (stored[last] ?? 0) ^ 4;
  const batch = new KvBatch();
  batch.put(databaseKey, stored);
  await kv.write(batch, 'os');
}

describe.each([MEMORY, LEVEL])('Store over $name', (kind) => {
  it('commits all that waits as one batch and tells applied, present and superseded apart', async () => {
    await using place = await kind.place();
    const kv = new FaultyKv(await place.open());
    const { store } = await openStore(kv);
    const writes = [
      store.writeAll([put('a', 5), put('b', 5)]),
      store.writeAll([put('a', 7), put('a', 6), put('a', 7), put('b', 5)]),
    ];
    expect(await Promise.all(writes)).toStrictEqual([
      [APPLIED, APPLIED],
      [APPLIED, superseded(7), { status: 'present' }, { status: 'present' }],
    ]);
    expect(kv.writes).toBe(1);
    expect(textOf(store.read(key('a')))).toBe('a@7');
    expect(await store.writeAll([put('a', 6), put('a', 7)])).toStrictEqual([superseded(7), { status: 'present' }]);
    expect(textOf(store.read(key('never')))).toBeNull();
    await store.close();
  });

  it('keeps the newest record in any order of arrival and any division into groups, over a restart', async () => {
    const writes = fc.array(fc.record({ name: fc.constantFrom('a', 'b', 'c'), version: closeVersions, isLast: fc.boolean() }), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(writes, async (sequence) => {
        await using place = await kind.place();
        const { store } = await openStore(await place.open());
        const newest = new Map<string, Version>();
        const pending: Promise<readonly WriteOutcome[]>[] = [];
        for (const { name, version, isLast } of sequence) {
          pending.push(store.writeAll([{ kind: 'record', key: key(name), record: encodeRecord(key(name), version, key(name)), hintFor: [] }]));
          if (isLast) await pending.at(-1);
          const before = newest.get(name);
          if (before === undefined || compareVersions(version, before) > 0) newest.set(name, version);
        }
        await Promise.all(pending);
        await store.close();
        const { store: again } = await openStore(await place.open());
        for (const [name, version] of newest) {
          const found = again.read(key(name));
          expect(found === null || found === 'damaged' ? found : versionOf(found)).toStrictEqual(version);
        }
        await again.close();
      }),
      { numRuns: 25 },
    );
  });

  it('has after a restart and a scan, with writes in between, the trees and hint counts of one that was never scanned anew', async () => {
    const names = fc.nat(15).map((number) => `key${number}`);
    const writes = fc.oneof(
      fc.record({ kind: fc.constant('put' as const), name: names, timestamp: fc.integer({ min: 1, max: 9 }), hinted: fc.boolean() }),
      fc.record({ kind: fc.constant('hint' as const), name: names, timestamp: fc.integer({ min: 1, max: 9 }) }),
      fc.record({ kind: fc.constant('drop' as const), name: names, timestamp: fc.integer({ min: 1, max: 9 }) }),
    );
    type GeneratedWrite = typeof writes extends fc.Arbitrary<infer W> ? W : never;
    const intentOf = (write: GeneratedWrite): WriteIntent => {
      if (write.kind === 'put') return put(write.name, write.timestamp, ...(write.hinted ? [ONE] : []));
      return write.kind === 'hint' ? hint(TWO, write.name, write.timestamp) : drop(ONE, write.name, write.timestamp);
    };
    await fc.assert(
      fc.asyncProperty(fc.array(writes, { maxLength: 40 }), fc.array(fc.array(writes, { maxLength: 4 }), { maxLength: 15 }), async (before, during) => {
        await using place = await kind.place();
        const first = await openStore(await place.open());
        await first.store.writeAll(before.map(intentOf));
        await first.store.close();

        const { store } = await openStore(await place.open());
        for (const writesNow of during) {
          // The slice and the group are asked for at once: they take turns.
          await Promise.all([store.scanSlice(SLICE), store.writeAll(writesNow.map(intentOf))]);
        }
        await scanAll(store);
        const [incremental, counts] = [treesOf(store), countsOf(store)];
        await store.close();

        const { store: rebuilt } = await openStore(await place.open());
        await scanAll(rebuilt);
        expect(incremental).toBe(treesOf(rebuilt));
        expect(counts).toStrictEqual(countsOf(rebuilt));
        await rebuilt.close();
      }),
      { numRuns: 40 },
    );
  });

  it('keeps its ceiling above every version that it stored, after a restart too', async () => {
    const stored = fc.array(fc.record({ aheadMs: fc.integer({ min: -1000, max: 10_000_000 }), asHint: fc.boolean() }), { minLength: 1, maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(stored, async (writes) => {
        await using place = await kind.place();
        const { store } = await openStore(await place.open());
        let greatest = 0;
        for (const { aheadMs, asHint } of writes) {
          const timestamp = (WALL_MS + aheadMs) * TICKS_PER_MS;
          greatest = Math.max(greatest, timestamp);
          await store.writeAll([asHint ? hint(ONE, 'k', timestamp) : put('k', timestamp)]);
        }
        await store.close();
        const { store: again, clock } = await openStore(await place.open());
        expect(clock.ceiling).toBeGreaterThan(greatest);
        await again.reserveCeiling(0);
        expect(clock.issue(0, 0)?.timestamp).toBeGreaterThan(greatest);
        await again.close();
      }),
      { numRuns: 15 },
    );
  });

  it('reads one leaf in slices', async () => {
    await using place = await kind.place();
    const { store } = await openStore(await place.open(), { partitionCount: 1 });
    const names = Array.from({ length: 600 }, (_, number) => `key${number}`);
    await store.writeAll(names.map((name) => put(name, 1)));
    const wanted = names.filter((name) => leafOfHash(hashKey(key(name), SEED)) === 255).toSorted();
    const found: string[] = [];
    const range = partitionRange(partition(0), 255, 255);
    let from: Uint8Array | null = range.from;
    while (from !== null) {
      const slice: RecordSlice = await store.recordSlice({ from, to: range.to }, { entriesMax: 1, bytesMax: 1000 });
      found.push(...slice.records.map((stored) => Buffer.from(stored.key).toString()));
      from = slice.next;
    }
    expect(wanted.length).toBeGreaterThan(0);
    expect(found.toSorted()).toStrictEqual(wanted);
    await store.close();
  });
});

describe('Store hints', () => {
  it('are a map: the newest record for each target and key', async () => {
    const { store } = await openStore(new MemoryKv());
    await scanAll(store);
    expect(await store.writeAll([hint(ONE, 'a', 5), hint(ONE, 'a', 7), hint(ONE, 'a', 6), hint(TWO, 'a', 6)])).toStrictEqual([APPLIED, APPLIED, superseded(7), APPLIED]);
    expect(await store.writeAll([hint(ONE, 'a', 6), hint(ONE, 'a', 7)])).toStrictEqual([superseded(7), { status: 'present' }]);
    expect([store.ledger.count(ONE).hints, store.ledger.count(TWO).hints]).toStrictEqual([1, 1]);
    expect(store.hintVersionFor(key('a'), ONE)).toStrictEqual(at(7));
    expect(textOf(store.readHints(key('a'), [TWO]))).toBe('a@6');
    expect(textOf(store.readHints(key('a'), [TWO, ONE]))).toBe('a@7');
    expect(store.read(key('a'))).toBeNull();
  });

  it('refer to the record when this node keeps it, and hintSlice follows the reference to the newest', async () => {
    const { store } = await openStore(new MemoryKv());
    await store.writeAll([put('a', 5, ONE), hint(ONE, 'b', 3), put('a', 9)]);
    expect(store.readHints(key('a'), [ONE])).toBeNull();
    expect(store.hintVersionFor(key('a'), ONE)).toStrictEqual(at(5));
    const slice = await store.hintSlice(ONE, null, ALL);
    expect(slice.records.map(({ record }) => textOf(record))).toStrictEqual(expectedInHintOrder('a@9', 'b@3'));
    expect(slice.next).toBeNull();
  });

  it('refer to what superseded the write', async () => {
    const { store } = await openStore(new MemoryKv());
    await store.writeAll([put('a', 9), put('a', 5, ONE)]);
    expect(store.hintVersionFor(key('a'), ONE)).toStrictEqual(at(9));
  });

  it('are dropped only up to the version that the target has', async () => {
    const { store } = await openStore(new MemoryKv());
    await scanAll(store);
    await store.writeAll([hint(ONE, 'a', 5)]);
    expect(await store.writeAll([drop(ONE, 'a', 4), drop(TWO, 'a', 9)])).toStrictEqual([superseded(5), { status: 'present' }]);
    expect(store.ledger.count(ONE).hints).toBe(1);
    expect(await store.writeAll([drop(ONE, 'a', 5)])).toStrictEqual([APPLIED]);
    expect(store.hintVersionFor(key('a'), ONE)).toBeNull();
    expect([store.ledger.count(ONE).hints, store.ledger.bytes]).toStrictEqual([0, 0]);
  });

  it('are refused past their bytes, with the partition marked dirty over a restart', async () => {
    const kv = new MemoryKv();
    const { store } = await openStore(kv, { hintBytesMax: 60 });
    await scanAll(store);
    const full: WriteOutcome = { status: 'refused', reason: 'hints-full' };
    expect(await store.writeAll([hint(ONE, 'a', 5), hint(ONE, 'b', 5), hint(ONE, 'c', 5), put('d', 5, TWO)])).toStrictEqual([APPLIED, APPLIED, full, APPLIED]);
    expect(store.ledger.bytes).toBeLessThanOrEqual(60);
    // A stand-in that refuses has nothing to sweep with; a replica has the record.
    expect(store.ledger.dirtyPartitions(ONE)).toStrictEqual([]);
    expect(store.ledger.dirtyPartitions(TWO)).toStrictEqual([placeOf('d').partition]);
    expect(await store.writeAll([hint(ONE, 'a', 6)])).toStrictEqual([APPLIED]);
    await store.close();
    const { store: again } = await openStore(kv.restarted());
    expect(again.ledger.dirtyPartitions(TWO)).toStrictEqual([placeOf('d').partition]);
    await again.writeAll([{ kind: 'meta', name: dirtyMetaName(TWO, placeOf('d').partition), value: null }]);
    expect(again.ledger.dirtyPartitions(TWO)).toStrictEqual([]);
  });

  it('replace an older hint of the same size when there is no room left', async () => {
    const kv = new MemoryKv();
    const { store } = await openStore(kv);
    await store.writeAll([hint(ONE, 'a', 5)]);
    await store.close();
    const { store: smaller } = await openStore(kv.restarted(), { hintBytesMax: 1 });
    await scanAll(smaller);
    expect(await smaller.writeAll([hint(ONE, 'a', 6)])).toStrictEqual([APPLIED]);
  });

  it('leave the dirty mark in place when one group takes it away and sets it again', async () => {
    const kv = new MemoryKv();
    const { store } = await openStore(kv, { hintBytesMax: 1 });
    await store.writeAll([put('a', 5, ONE)]);
    const its = placeOf('a').partition;
    await store.writeAll([{ kind: 'meta', name: dirtyMetaName(ONE, its), value: null }, put('a', 6, ONE)]);
    expect(store.ledger.dirtyPartitions(ONE)).toStrictEqual([its]);
    await store.close();
    const { store: again } = await openStore(kv.restarted());
    expect(again.ledger.dirtyPartitions(ONE)).toStrictEqual([its]);
  });

  it('are read in slices whose byte limit counts the records behind references', async () => {
    const { store } = await openStore(new MemoryKv());
    const names = ['a', 'b', 'c', 'd'];
    await store.writeAll(
      names.map((name) => ({ kind: 'record', key: key(name), record: encodeRecord(key(name), at(1), new Uint8Array(1000)), hintFor: [ONE] })),
    );
    const found: string[] = [];
    let from: Uint8Array | null = null;
    let slices = 0;
    do {
      const slice: RecordSlice = await store.hintSlice(ONE, from, { entriesMax: 100, bytesMax: 1500 });
      expect(slice.records.length).toBeLessThanOrEqual(2);
      found.push(...slice.records.map((stored) => Buffer.from(stored.key).toString()));
      from = slice.next;
      slices++;
    } while (from !== null);
    expect(found.toSorted()).toStrictEqual(names);
    expect(slices).toBeGreaterThan(1);
  });

  it('with a target that no node can have are reported as damaged, and the scan goes on', async () => {
    const kv = new MemoryKv();
    const batch = new KvBatch();
    const broken = hintKey(ONE, partition(0), key('a'));
    broken[1] = 0xf0;
    batch.put(broken, encodeHintReference(key('a'), at(1)));
    await kv.write(batch, 'os');
    const { store, events } = await openStore(kv);
    await scanAll(store);
    expect(events.map(({ event }) => event)).toStrictEqual(['damaged']);
  });
});

describe('Store damage', () => {
  it('is answered as damaged and never as absent, and any record replaces it', async () => {
    const kv = new MemoryKv();
    const { store, events } = await openStore(kv, { recentBytesMax: 0 });
    await scanAll(store);
    await store.writeAll([put('a', 5), put('b', 5)]);
    await damage(kv, placeOf('a').databaseKey);
    expect(store.read(key('a'))).toBe('damaged');
    expect(store.read(key('a'))).toBe('damaged');
    expect([store.counters.damagedFound, store.damagedKeys, store.isScanned]).toStrictEqual([1, 1, false]);
    expect(events.map(({ event }) => event)).toStrictEqual(['damaged']);
    const leaf = await store.recordSlice(partitionRange(placeOf('a').partition, placeOf('a').leaf, placeOf('a').leaf), ALL);
    expect(leaf.records.map((stored) => Buffer.from(stored.key).toString())).not.toContain('a');

    expect(await store.writeAll([put('a', 3)])).toStrictEqual([APPLIED]);
    expect(textOf(store.read(key('a')))).toBe('a@3');
    expect(store.damagedKeys).toBe(0);
  });

  it.each(['before', 'after'])('replaced %s the scan that it calls for leaves the right trees', async (when) => {
    const kv = new MemoryKv();
    const { store } = await openStore(kv, { recentBytesMax: 0 });
    await scanAll(store);
    await store.writeAll([put('a', 5), put('b', 5), put('c', 5)]);
    await damage(kv, placeOf('a').databaseKey);
    expect(store.read(key('a'))).toBe('damaged');
    if (when === 'after') await scanAll(store);
    await store.writeAll([put('a', 6)]);
    await scanAll(store);
    const { store: fresh } = await openStore(new MemoryKv());
    await fresh.writeAll([put('a', 6), put('b', 5), put('c', 5)]);
    await scanAll(fresh);
    expect(treesOf(store)).toBe(treesOf(fresh));
  });

  it('is found by the scan and by the writer, and is no part of the trees', async () => {
    const kv = new MemoryKv();
    const first = await openStore(kv, { recentBytesMax: 0 });
    await first.store.writeAll([put('a', 5), put('b', 5)]);
    await damage(kv, placeOf('a').databaseKey);
    await first.store.close();
    const { store, events } = await openStore(kv.restarted());
    await scanAll(store);
    expect(events.map(({ event }) => event)).toStrictEqual(['damaged']);
    expect([store.trees.countAll(), store.damagedKeys]).toStrictEqual([1, 1]);
    expect(await store.writeAll([put('a', 1), put('a', 2)])).toStrictEqual([APPLIED, APPLIED]);
    expect([store.trees.countAll(), store.damagedKeys]).toStrictEqual([2, 0]);
  });

  it.each([['partition', 2], ['top byte of the hash', 3], ['last byte of the hash', 6]])('includes a record that lies under another %s', async (_, offset) => {
    const kv = new MemoryKv();
    const batch = new KvBatch();
    const misplaced = Uint8Array.from(placeOf('a').databaseKey);
    misplaced[offset] = (misplaced[offset] ?? 0) ^ 1;
    batch.put(misplaced, recordOf('a', 5));
    await kv.write(batch, 'os');
    const { store } = await openStore(kv, { recentBytesMax: 0 });
    await scanAll(store);
    expect([store.trees.countAll(), store.counters.damagedFound]).toStrictEqual([0, 1]);
    const everywhere = { from: partitionRange(partition(0), 0, 255).from, to: partitionRange(partition(PARTITIONS), 0, 255).to };
    expect((await store.recordSlice(everywhere, ALL)).records).toStrictEqual([]);
  });

  it('is forgotten when a later scan finds the record intact', async () => {
    const kv = new MemoryKv();
    const { store } = await openStore(kv, { recentBytesMax: 0 });
    await store.writeAll([put('a', 5)]);
    await scanAll(store);
    const { databaseKey } = placeOf('a');
    await damage(kv, databaseKey);
    store.read(key('a'));
    await damage(kv, databaseKey);
    await scanAll(store);
    expect([store.damagedKeys, store.trees.countAll(), textOf(store.read(key('a')))]).toStrictEqual([0, 1, 'a@5']);
  });

  it('in a record that arrives is refused', async () => {
    const { store } = await openStore(new MemoryKv());
    const refused: WriteOutcome = { status: 'refused', reason: 'damaged' };
    const record = recordOf('a', 5);
    const other = key('b');
    expect(await store.writeAll([{ kind: 'record', key: other, record, hintFor: [ONE] }, { kind: 'hint', target: ONE, key: other, record }])).toStrictEqual([refused, refused]);
    expect(store.hintVersionFor(other, ONE)).toBeNull();
  });

  it('of two records with one version is told, and the same one stays in either order', async () => {
    const stay: (string | null)[] = [];
    for (const order of [['x', 'y'], ['y', 'x']]) {
      const { store, events } = await openStore(new MemoryKv());
      for (const value of order) await store.writeAll([{ kind: 'record', key: key('a'), record: recordOf('a', 5, value), hintFor: [] }]);
      stay.push(textOf(store.read(key('a'))));
      expect([store.counters.versionConflicts, events.map(({ event }) => event)]).toStrictEqual([1, ['version-conflict']]);
    }
    expect(stay[0]).toBe(stay[1]);
  });
});

describe('Store with a failing disk', () => {
  it.each(['lost', 'kept'] as const)('says unknown for a batch that failed and was %s, and reopens before the next acknowledgement', async (fate) => {
    const kv = new FaultyKv(new MemoryKv(), [[2, fate]], 2);
    const { store, events } = await openStore(kv);
    await store.writeAll([put('a', 5)]);
    const release = kv.hold();
    const failing = store.writeAll([put('a', 6), put('a', 5), put('b', 5), { kind: 'record', key: key('c'), record: recordOf('a', 1), hintFor: [] }]);
    // The group is taken in the next microtasks; what comes after it waits behind the batch.
    await writesBegun(kv, 2);
    const queued = store.writeAll([put('d', 5), put('e', 5)]);
    release();
    expect(await failing).toStrictEqual([UNKNOWN, UNKNOWN, UNKNOWN, { status: 'refused', reason: 'damaged' }]);
    expect(await queued).toStrictEqual([UNAVAILABLE, UNAVAILABLE]);
    expect(store.state).toBe('reopening');
    expect(await store.writeAll([put('f', 5)])).toStrictEqual([UNAVAILABLE]);
    await reopened(store);
    expect(await store.writeAll([put('b', 6)])).toStrictEqual([APPLIED]);
    expect(kv.trace).toStrictEqual(['written', 'write failed', 'reopen failed', 'reopen failed', 'reopened', 'written']);
    expect(events.map(({ event }) => event)).toStrictEqual(['write-failed', 'reopen-failed', 'reopen-failed', 'reopened']);
    expect(kv.faults).toBe(1);
    expect(textOf(store.read(key('a')))).toBe(fate === 'kept' ? 'a@6' : 'a@5');
    expect(store.read(key('d'))).toBeNull();
    await scanAll(store);
    expect(store.trees.countAll()).toBe(2);
  });

  it('has the right trees, hint counts and dirty marks after any failures', async () => {
    const fates = fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), fc.constantFrom('lost' as const, 'kept' as const)), { maxLength: 4 });
    const writes = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), fc.integer({ min: 1, max: 9 }), fc.boolean()), { minLength: 12, maxLength: 20 });
    let faults = 0;
    await fc.assert(
      fc.asyncProperty(fates, writes, async (fateByWrite, sequence) => {
        const memory = new MemoryKv();
        const kv = new FaultyKv(memory, fateByWrite);
        const { store } = await openStore(kv, { hintBytesMax: 80 });
        for (const [name, timestamp, isHint] of sequence) {
          const [outcome] = await store.writeAll([isHint ? hint(ONE, name, timestamp) : put(name, timestamp, TWO)]);
          if (outcome?.status === 'applied' && !isHint) expect(textOf(store.read(key(name)))).toBe(`${name}@${timestamp}`);
          await reopened(store);
          await store.scanSlice(SLICE);
        }
        await scanAll(store);
        const known = [treesOf(store), countsOf(store), store.ledger.dirtyPartitions(ONE), store.ledger.dirtyPartitions(TWO)];
        faults += kv.faults;
        await store.close();
        const { store: rebuilt } = await openStore(memory.restarted());
        await scanAll(rebuilt);
        expect(known).toStrictEqual([treesOf(rebuilt), countsOf(rebuilt), rebuilt.ledger.dirtyPartitions(ONE), rebuilt.ledger.dirtyPartitions(TWO)]);
      }),
    );
    expect(faults).toBeGreaterThan(0);
  });

  it('raises the ceiling in the batch of the record above it, and only when that batch is on disk', async () => {
    const memory = new MemoryKv();
    const kv = new FaultyKv(memory, [[1, 'lost'], [3, 'kept']]);
    const { store, clock } = await openStore(kv);
    const ahead = (WALL_MS + 100_000) * TICKS_PER_MS;
    expect(await store.writeAll([put('a', ahead)])).toStrictEqual([UNKNOWN]);
    expect([clock.ceiling, clock.issue(WALL_MS, 0), memory.get(metaKey(META.ceiling))]).toStrictEqual([0, null, undefined]);
    await reopened(store);
    expect(await store.writeAll([put('a', ahead)])).toStrictEqual([APPLIED]);
    expect(kv.writes).toBe(2);
    expect(readCeiling(memory)).toBeGreaterThan(ahead);
    expect(clock.ceiling).toBe(readCeiling(memory));

    const further = ahead + 100_000 * TICKS_PER_MS;
    expect(await store.writeAll([put('a', further)])).toStrictEqual([UNKNOWN]);
    await reopened(store);
    expect(clock.issue(WALL_MS, 0)).toBeNull();
    await store.reserveCeiling(0);
    expect(clock.issue(WALL_MS, 0)?.timestamp).toBeGreaterThan(further);
    expect(clock.last).toBeLessThan(readCeiling(memory));
  });

  it('stays closed when it is closed while it reopens', async () => {
    const kv = new FaultyKv(new MemoryKv(), [[1, 'lost']]);
    const { store } = await openStore(kv);
    const release = kv.holdReopen();
    expect(await store.writeAll([put('a', 5)])).toStrictEqual([UNKNOWN]);
    const closing = store.close();
    release();
    await closing;
    expect(store.state).toBe('closed');
    expect(kv.trace).toStrictEqual(['write failed', 'reopened', 'closed']);
    expect(await store.writeAll([put('a', 5)])).toStrictEqual([UNAVAILABLE]);
  });
});

describe('Store limits and close', () => {
  it('refuses as overloaded what does not fit into the queue, and takes the next when there is room', async () => {
    const kv = new FaultyKv(new MemoryKv());
    const { store } = await openStore(kv, { queueBytesMax: 300 });
    const release = kv.hold();
    const first = store.writeAll([put('a', 1)]);
    await writesBegun(kv, 1);
    const waiting = [store.writeAll([put('b', 1)]), store.writeAll([put('c', 1)]), store.writeAll([put('d', 1)])];
    const refused = await store.writeAll([put('e', 1), put('f', 1)]);
    expect(refused).toStrictEqual([{ status: 'refused', reason: 'overloaded' }, { status: 'refused', reason: 'overloaded' }]);
    release();
    expect(await Promise.all([first, ...waiting])).toStrictEqual([[APPLIED], [APPLIED], [APPLIED], [APPLIED]]);
    expect(await store.writeAll([put('e', 1), put('f', 1)])).toStrictEqual([APPLIED, APPLIED]);
    expect(store.read(key('e'))).not.toBeNull();
  });

  it('divides what waits into groups of bounded size', async () => {
    const kv = new FaultyKv(new MemoryKv());
    const { store } = await openStore(kv, { groupBytesMax: 200 });
    const outcomes = await Promise.all(Array.from({ length: 10 }, async (_, number) => store.writeAll([put(`key${number}`, 1)])));
    expect(outcomes.flat()).toStrictEqual(Array.from({ length: 10 }, () => APPLIED));
    expect(kv.writes).toBeGreaterThanOrEqual(5);
  });

  it('acknowledges the batch in flight when it is closed, refuses what is queued, then closes the database', async () => {
    const kv = new FaultyKv(new MemoryKv());
    const { store } = await openStore(kv);
    const release = kv.hold();
    const inFlight = store.writeAll([put('a', 1)]);
    await writesBegun(kv, 1);
    const queued = store.writeAll([put('b', 1)]);
    const slice = store.scanSlice(SLICE);
    const closing = store.close();
    expect(await queued).toStrictEqual([UNAVAILABLE]);
    release();
    expect(await inFlight).toStrictEqual([APPLIED]);
    expect(await slice).toBe(false);
    await closing;
    await store.close();
    expect(kv.trace.slice(0, 2)).toStrictEqual(['written', 'closed']);
    expect(await store.writeAll([put('c', 1)])).toStrictEqual([UNAVAILABLE]);
    expect(() => store.read(key('a'))).toThrow(expect.objectContaining({ code: 'RING_STORE_UNAVAILABLE' }));
  });

  it('answers at once to a write of nothing, and keeps meta values', async () => {
    const kv = new MemoryKv();
    const { store } = await openStore(kv);
    expect(await store.writeAll([])).toStrictEqual([]);
    expect(await store.writeAll([{ kind: 'meta', name: 'identity', value: key('x') }])).toStrictEqual([APPLIED]);
    await store.close();
    const { store: again } = await openStore(kv.restarted());
    expect(again.readMeta('identity')).toStrictEqual(key('x'));
    await again.writeAll([{ kind: 'meta', name: 'identity', value: null }]);
    expect(again.readMeta('identity')).toBeUndefined();
  });
});
