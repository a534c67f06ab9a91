import { describe, expect, it } from 'vitest';
import { MemoryKv, TICKS_PER_MS, encodeRecord, incarnation, nodeId, versionOf, writerOf, type Version } from '../../data/index.ts';
import { FaultyKv } from '../support/faulty-kv.ts';
import { textBytes } from '../support/pure-cluster.ts';
import { WALL_MS, openStoreNode, placementOf, runHandOff, settle, type StoreNode } from '../support/store-node.ts';

const [HOLDER, TARGET] = [nodeId(0), nodeId(1)];
const COUNT = 20;
const keyOf = (number: number): Uint8Array => textBytes(`key-${number}`);
const versionNumber = (number: number): Version => ({ timestamp: WALL_MS * TICKS_PER_MS + number, writer: writerOf(HOLDER, incarnation(1)) });
const SMALL_BATCHES = { batchBytes: 60 };

async function hint(holder: StoreNode, number: number, version: number): Promise<void> {
  const record = encodeRecord(keyOf(number), versionNumber(version), textBytes(`${number}@${version}`));
  await holder.store.writeAll([{ kind: 'hint', target: TARGET, key: keyOf(number), record }]);
}

async function hintedPair(kv = new FaultyKv(new MemoryKv())): Promise<readonly [StoreNode, StoreNode]> {
  const placement = placementOf(2, 2);
  const [holder, target] = [await openStoreNode(HOLDER, placement), await openStoreNode(TARGET, placement, { kv })];
  for (let number = 0; number < COUNT; number++) await hint(holder, number, 1);
  return [holder, target];
}

const countDelivered = (target: StoreNode): number => Array.from({ length: COUNT }, (_, number) => target.store.read(keyOf(number))).filter((record) => record !== null).length;

describe('hand-off', () => {
  it('delivers all hints in batches, and drops them', async () => {
    const [holder, target] = await hintedPair();
    const { result, requests } = await runHandOff(holder, target, SMALL_BATCHES);
    expect(requests.length).toBeGreaterThan(3);
    expect([result, countDelivered(target), holder.store.ledger.countAll()]).toStrictEqual([COUNT, COUNT, 0]);
  });

  it('that is stopped at any step drops only what the target acknowledged', async () => {
    let stops = 0;
    for (let at = 0; ; at++) {
      const [holder, target] = await hintedPair();
      const { result } = await runHandOff(holder, target, { ...SMALL_BATCHES, mayHappen: (step) => step !== at });
      if (result === COUNT && holder.store.ledger.countAll() === 0) break;
      stops++;
      for (let number = 0; number < COUNT; number++) {
        if (target.store.read(keyOf(number)) === null) expect(holder.store.hintVersionFor(keyOf(number), TARGET)).not.toBeNull();
      }
      await runHandOff(holder, target);
      expect([countDelivered(target), holder.store.ledger.countAll()]).toStrictEqual([COUNT, 0]);
    }
    expect(stops).toBeGreaterThan(5);
  });

  it('keeps a hint that became newer while an older one was delivered', async () => {
    const [holder, target] = await hintedPair();
    const { result } = await runHandOff(holder, target, { afterAsk: async () => hint(holder, 3, 2) });
    expect(result).toBe(COUNT);
    expect([holder.store.ledger.countAll(), holder.store.hintVersionFor(keyOf(3), TARGET)]).toStrictEqual([1, versionNumber(2)]);
    await runHandOff(holder, target);
    const record = target.store.read(keyOf(3));
    expect(record === null || record === 'damaged' ? null : versionOf(record)).toStrictEqual(versionNumber(2));
  });

  it('stops when the target cannot keep what it is given, and drops nothing', async () => {
    const kv = new FaultyKv(new MemoryKv(), [[1, 'lost']]);
    const [holder, target] = await hintedPair(kv);
    const { result, requests } = await runHandOff(holder, target, SMALL_BATCHES);
    expect([result, requests.length, kv.faults, holder.store.ledger.countAll()]).toStrictEqual([0, 1, 1, COUNT]);
    await settle();
    while (!(await target.store.scanSlice({ entriesMax: 100, bytesMax: 1 << 20 }))) await settle();
    expect((await runHandOff(holder, target)).result).toBe(COUNT);
  });

  it('counts as delivered what the target has newer already', async () => {
    const [holder, target] = await hintedPair();
    const record = encodeRecord(keyOf(1), versionNumber(9), null);
    await target.store.writeAll([{ kind: 'record', key: keyOf(1), record, hintFor: [] }]);
    expect((await runHandOff(holder, target)).result).toBe(COUNT);
    expect([target.store.read(keyOf(1)), holder.store.ledger.countAll()]).toStrictEqual([record, 0]);
  });
});
