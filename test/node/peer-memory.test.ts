/** What a node remembers of a peer's database, and what it makes of what the peer remembers of its own. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryKv, incarnation, metaKey, nodeId, type NodeId } from '../../data/index.ts';
import { PeerMemory, judgeMemory, parseMemory, type NodeRun, type Remembered } from '../../node/peer-memory.ts';
import { flipValue, put as putRaw } from '../support/damage.ts';
import { openLoneStore } from '../support/lone-store.ts';

const PEER = nodeId(2);
const RUN: NodeRun = { incarnation: incarnation(5), run: 70, openedAt: 100 };

describe('what a peer remembers of this node', () => {
  it.each<readonly [string, Partial<Remembered>, number, ReturnType<typeof judgeMemory>]>([
    ['an earlier run that got as far as this database', { run: 60, sequence: 100 }, 0, 'as expected'],
    ['an earlier run that got less far', { run: 60, sequence: 40 }, 0, 'as expected'],
    ['an earlier run that got further', { run: 60, sequence: 101 }, 0, 'older'],
    ['a run before the last that got further', { run: 60, sequence: 40, before: 101 }, 0, 'older'],
    ['this run, further than it was opened', { sequence: 500 }, 0, 'as expected'],
    ['this run, and one before it that got further', { sequence: 90, before: 101 }, 0, 'older'],
    ['an earlier run that got further, which is known', { run: 60, sequence: 101 }, 101, 'as expected'],
    ['an earlier run that got further than is known', { run: 60, sequence: 102 }, 101, 'older'],
    ['another directory', { incarnation: 4, run: 60, sequence: 1 }, 0, 'other'],
    ['another directory in a run of the same number', { incarnation: 4 }, 1_000, 'other'],
  ])('%s', (_name, remembered, known, verdict) => {
    expect(judgeMemory({ incarnation: 5, run: 70, sequence: 0, before: 0, ...remembered }, RUN, known)).toBe(verdict);
  });

  it('in a greeting may be nothing', () => {
    expect([parseMemory([]), parseMemory([5, 60, 3])]).toStrictEqual([null, null]);
    expect(parseMemory([5, 60, 3, 2])).toStrictEqual({ incarnation: 5, run: 60, sequence: 3, before: 2 });
  });

  it('never accuses a database that only ever goes forward, and always one that lost what was heard of', async () => {
    const life = fc.array(fc.record({ grows: fc.nat(20), heard: fc.boolean() }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(life, fc.integer({ min: 1, max: 50 }), async (runs, lost) => {
        const { store } = await openLoneStore(new MemoryKv());
        const memory = new PeerMemory(store, [PEER], () => undefined);
        let sequence = 0;
        let furthest = 0;
        for (const [index, { grows, heard }] of runs.entries()) {
          const remembered = parseMemory(memory.tell(PEER));
          if (remembered !== null) expect(judgeMemory(remembered, { incarnation: incarnation(5), run: index, openedAt: sequence }, 0)).toBe('as expected');
          for (let step = 0; step <= grows; step++) {
            sequence++;
            if (!heard) continue;
            memory.heard(PEER, 5, index, sequence);
            furthest = sequence;
          }
        }
        const remembered = parseMemory(memory.tell(PEER));
        const openedAt = Math.max(0, furthest - lost);
        if (remembered !== null) expect(judgeMemory(remembered, { incarnation: incarnation(5), run: 99, openedAt }, 0)).toBe(openedAt < furthest ? 'older' : 'as expected');
      }),
    );
  });
});

describe('the memory of peers', () => {
  it('is that of the last run and of the furthest before it, and begins anew with another directory', async () => {
    const { store } = await openLoneStore(new MemoryKv());
    const forgot: NodeId[] = [];
    const memory = new PeerMemory(store, [PEER], (node) => forgot.push(node));
    expect(memory.tell(PEER)).toStrictEqual([]);
    const steps: readonly (readonly [readonly [number, number, number], readonly number[]])[] = [
      [[5, 60, 10], [5, 60, 10, 0]],
      [[5, 60, 30], [5, 60, 30, 0]],
      [[5, 60, 20], [5, 60, 30, 0]],
      [[5, 61, 12], [5, 61, 12, 30]],
      [[5, 62, 40], [5, 62, 40, 30]],
      [[5, 63, 41], [5, 63, 41, 40]],
      [[6, 64, 2], [6, 64, 2, 0]],
    ];
    for (const [[directory, run, sequence], told] of steps) {
      memory.heard(PEER, directory, run, sequence);
      expect(memory.tell(PEER)).toStrictEqual(told);
    }
    expect(forgot).toStrictEqual([PEER]);
  });

  it('is on disk after it was saved, and is written only when it changed', async () => {
    const kv = new MemoryKv();
    const { store } = await openLoneStore(kv);
    const memory = new PeerMemory(store, [PEER, nodeId(1)], () => undefined);
    await store.reserveCeiling(0);
    const { groups } = store.counters;
    memory.save();
    await store.writeAll([]);
    expect(store.counters.groups).toBe(groups);
    memory.heard(PEER, 5, 60, 10);
    expect(new PeerMemory(store, [PEER], () => undefined).tell(PEER)).toStrictEqual([]);
    memory.save();
    await store.writeAll([]);
    memory.save();
    memory.heard(PEER, 5, 60, 9);
    memory.save();
    await store.writeAll([]);
    expect(store.counters.groups).toBe(groups + 1);
    await store.close();
    const { store: again } = await openLoneStore(kv.restarted());
    const restarted = new PeerMemory(again, [PEER, nodeId(1)], () => undefined);
    expect([restarted.tell(PEER), restarted.tell(nodeId(1))]).toStrictEqual([[5, 60, 10, 0], []]);
  });

  it('raises no sequence: two nodes with nothing to do come to rest', async () => {
    const nodes = await Promise.all([1, 2].map(async (id) => {
      const { store } = await openLoneStore(new MemoryKv());
      await store.reserveCeiling(0);
      return { id: nodeId(id), store, memory: new PeerMemory(store, [nodeId(3 - id)], () => undefined) };
    }));
    const round = async (): Promise<number> => {
      const before = nodes.reduce((sum, { store }) => sum + store.counters.groups, 0);
      for (const { memory } of nodes) for (const peer of nodes) if (peer.memory !== memory) memory.heard(peer.id, 5, 60, peer.store.sequence);
      for (const { memory, store } of nodes) {
        memory.save();
        await store.writeAll([]);
      }
      return nodes.reduce((sum, { store }) => sum + store.counters.groups, 0) - before;
    };
    expect(await round()).toBe(2);
    expect(await round()).toBe(0);
  });

  it('that is damaged, or that of another peer, is no memory', async () => {
    for (const hurt of ['flipped', 'misplaced', 'empty']) {
      const kv = new MemoryKv();
      const { store } = await openLoneStore(kv);
      const memory = new PeerMemory(store, [PEER, nodeId(1)], () => undefined);
      memory.heard(PEER, 5, 60, 10);
      memory.heard(nodeId(1), 4, 61, 11);
      memory.save();
      await store.writeAll([]);
      if (hurt === 'flipped') await flipValue(kv, metaKey('peer/2'), 3);
      if (hurt === 'misplaced') await putRaw(kv, metaKey('peer/2'), kv.get(metaKey('peer/1')) ?? new Uint8Array());
      if (hurt === 'empty') await putRaw(kv, metaKey('peer/2'), new Uint8Array());
      const read = new PeerMemory(store, [PEER, nodeId(1)], () => undefined);
      expect([read.tell(PEER), read.tell(nodeId(1))]).toStrictEqual([[], [4, 61, 11, 0]]);
    }
  });
});
