import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STRETCH_LIMITS, decodeRoots, encodeRoots } from '../../coordinator/index.ts';
import { TICKS_PER_MS, compareVersions, encodeRecord, hashKey, incarnation, leafOfHash, nodeId, versionOf, writerOf, type RecordBytes, type Version, type WriteIntent } from '../../data/index.ts';
import { TYPE } from '../../wire/index.ts';
import { textBytes } from '../support/pure-cluster.ts';
import { WALL_MS, openStoreNode, placementOf, runExchange, type StoreNode } from '../support/store-node.ts';

const [ZERO, ONE] = [nodeId(0), nodeId(1)];

interface Planted {
  readonly key: number;
  readonly version: number;
  readonly isTombstone: boolean;
}

const keyOf = (number: number): Uint8Array => textBytes(`key-${number}`);
const versionNumber = (number: number): Version => ({ timestamp: WALL_MS * TICKS_PER_MS + number, writer: writerOf(ZERO, incarnation(1)) });

function intentOf({ key, version, isTombstone }: Planted): WriteIntent {
  const record = encodeRecord(keyOf(key), versionNumber(version), isTombstone ? null : textBytes(`${key}@${version}`));
  return { kind: 'record', key: keyOf(key), record, hintFor: [] };
}

async function pair(): Promise<readonly [StoreNode, StoreNode]> {
  const placement = placementOf(2, 2);
  return [await openStoreNode(ZERO, placement), await openStoreNode(ONE, placement)];
}

async function expectNewest(nodes: readonly StoreNode[], planted: readonly Planted[]): Promise<void> {
  const newest = new Map<number, RecordBytes>();
  for (const one of planted) {
    const intent = intentOf(one);
    if (intent.kind !== 'record') continue;
    const before = newest.get(one.key);
    if (before === undefined || compareVersions(versionOf(intent.record), versionOf(before)) > 0) newest.set(one.key, intent.record);
  }
  for (const { store } of nodes) {
    for (const [key, record] of newest) expect(Uint8Array.from(bytesOf(store.read(keyOf(key))))).toStrictEqual(Uint8Array.from(record));
    expect(store.trees.countAll()).toBe(newest.size);
  }
}

// A tombstone is told by its version, so that no version stands for two records.
const contents = fc.array(
  fc.record({ key: fc.nat(60), version: fc.nat(9) }).map((one): Planted => ({ ...one, isTombstone: one.version % 4 === 3 })),
  { maxLength: 80 },
);

describe('one exchange', () => {
  it('gives both sides the newest of what either had, whichever begins', async () => {
    let moved = 0;
    await fc.assert(
      fc.asyncProperty(contents, contents, fc.boolean(), async (left, right, isSwapped) => {
        const [a, b] = await pair();
        await a.store.writeAll(left.map(intentOf));
        await b.store.writeAll(right.map(intentOf));
        const { result } = await (isSwapped ? runExchange(b, a) : runExchange(a, b));
        expect(result.outcome).not.toBe('interrupted');
        await expectNewest([a, b], [...left, ...right]);
        moved += result.sent + result.received;
        const again = await runExchange(a, b);
        expect(again.result).toStrictEqual({ outcome: 'equal', partitions: 0, received: 0, sent: 0 });
      }),
      { numRuns: 60 },
    );
    expect(moved).toBeGreaterThan(0);
  });

  it('between equal replicas is one message each way', async () => {
    const [a, b] = await pair();
    const planted = Array.from({ length: 50 }, (_, key) => intentOf({ key, version: 1, isTombstone: false }));
    await a.store.writeAll(planted);
    await b.store.writeAll(planted);
    const { result, requests, replies } = await runExchange(a, b);
    expect([result.outcome, requests.length, replies.length]).toStrictEqual(['equal', 1, 1]);
  });

  it('heals a leaf that holds more than a stretch may, in bounded messages', async () => {
    const placement = placementOf(2, 2);
    const { hashSeed, partitionCount } = placement.topology;
    const inLeaf: Uint8Array[] = [];
    // All keys of one partition and one leaf: there are few, so they are found by trying.
    for (let i = 0; inLeaf.length < 40; i++) {
      const key = textBytes(`k${i}`);
      const hash = hashKey(key, hashSeed);
      if (hash % partitionCount === 5 && leafOfHash(hash) === 9) inLeaf.push(key);
    }
    const value = Buffer.alloc(30_000, 'x');
    for (const [evenTo, oddTo] of [[0, 1], [1, 0], [0, 0]] as const) {
      const nodes = [await openStoreNode(ZERO, placement), await openStoreNode(ONE, placement)] as const;
      for (const [index, key] of inLeaf.entries()) {
        const record = encodeRecord(key, versionNumber(index), value);
        await nodes[index % 2 === 0 ? evenTo : oddTo].store.writeAll([{ kind: 'record', key, record, hintFor: [] }]);
      }
      const { result, requests, replies } = await runExchange(nodes[0], nodes[1]);
      expect(result.outcome).toBe('healed');
      for (const { store } of nodes) expect(inLeaf.every((key) => store.read(key) !== null)).toBe(true);
      const sizes = [...requests, ...replies].map((message) => {
        const lists = message.filter((part): part is Uint8Array[] => Array.isArray(part)).flat();
        return lists.reduce((sum, bytes) => sum + bytes.length, 0);
      });
      expect(Math.max(...sizes)).toBeLessThanOrEqual(STRETCH_LIMITS.bytesMax + value.length + 100);
      expect(sizes.filter((size) => size > 0).length).toBeGreaterThan(3);
    }
  });

  it('heals more records than a stretch may hold, when one side has them and the other is empty', async () => {
    for (const isSwapped of [false, true]) {
      const [a, b] = await pair();
      const planted = Array.from({ length: 4_000 }, (_, key): Planted => ({ key, version: 1, isTombstone: key % 7 === 0 }));
      await a.store.writeAll(planted.map(intentOf));
      const { result } = await (isSwapped ? runExchange(b, a) : runExchange(a, b));
      expect(isSwapped ? result.received : result.sent).toBe(4_000);
      await expectNewest([a, b], planted);
    }
  });

  it('that is interrupted at any step says so, loses nothing, and the next one finishes', async () => {
    const left = Array.from({ length: 20 }, (_, key): Planted => ({ key, version: key % 3, isTombstone: false }));
    const right = Array.from({ length: 20 }, (_, key): Planted => ({ key: key + 10, version: (key + 1) % 3, isTombstone: false }));
    let interruptions = 0;
    for (let at = 0; ; at++) {
      const [a, b] = await pair();
      await a.store.writeAll(left.map(intentOf));
      await b.store.writeAll(right.map(intentOf));
      const { result } = await runExchange(a, b, (number) => number !== at);
      if (result.outcome !== 'interrupted') break;
      interruptions++;
      for (const { key } of left) expect(a.store.read(keyOf(key))).not.toBeNull();
      await runExchange(a, b);
      await expectNewest([a, b], [...left, ...right]);
    }
    expect(interruptions).toBeGreaterThan(10);
  });

  it('ends when the peer has to build its trees anew, for it has not compared everything', async () => {
    const [a, b] = await pair();
    await a.store.writeAll([intentOf({ key: 1, version: 1, isTombstone: false })]);
    const steps = runExchange(a, { ...b, service: Object.assign(Object.create(b.service), { serve: building }) });
    expect((await steps).result).toStrictEqual({ outcome: 'interrupted', partitions: 0, received: 0, sent: 0 });
    async function building(...[peer, request]: Parameters<typeof b.service.serve>): ReturnType<typeof b.service.serve> {
      return request[0] === TYPE.sweepLeaves ? [TYPE.leaves, request[1], new Uint8Array(0)] : b.service.serve(peer, request);
    }
  });
});

describe('roots', () => {
  it('are read back as they were written', async () => {
    const [a] = await pair();
    await a.store.writeAll([intentOf({ key: 1, version: 1, isTombstone: false })]);
    const shared = a.placement.sharedPartitions([ZERO, ONE]);
    const roots = decodeRoots(encodeRoots(a.store.trees, shared));
    expect([...roots.keys()]).toStrictEqual(shared);
    for (const [partition, root] of roots) expect(a.store.trees.isRoot(partition, root, 0)).toBe(true);
  });
});

function bytesOf(record: RecordBytes | 'damaged' | null): RecordBytes {
  if (record === null || record === 'damaged') throw new Error(`no record: ${String(record)}`);
  return record;
}
