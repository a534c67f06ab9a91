/** Nodes that lost what they had acknowledged: wiped, or put back from an old copy of their directory. */
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createCluster, type Cluster } from '../../node/cluster.ts';
import { MemoryNodes, QUICK } from '../support/memory-nodes.ts';
import { convergedAt, eventually, temporaryDirectory } from '../support/processes.ts';

const text = (value: Uint8Array | null): string | null => (value === null ? null : Buffer.from(value).toString());
const codeOf = async (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    (answer) => `answered ${answer instanceof Uint8Array ? Buffer.from(answer).toString() : JSON.stringify(answer)}`,
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
  );

async function untrustedOf(cluster: Cluster, node: number): Promise<string | null | undefined> {
  return (await cluster.status()).nodes[node]?.untrusted;
}

/** Everything that the quorum acknowledged is read, through every node. */
async function expectAll(cluster: Cluster, keys: readonly string[], value: string): Promise<void> {
  for (const key of keys) expect(text(await cluster.get(key, { consistency: 'quorum' }))).toBe(value);
}

describe('a wiped node', () => {
  it.each([1, 0])('%i has no say in a quorum until it was compared with the others, and then it has', async (wiped) => {
    await using cluster = await createCluster({ nodes: 3, replicationFactor: 3, config: { ...QUICK, hints: { maxBytes: 0 }, sweep: { intervalMs: 200 } } });
    const [holder, other] = [1 - wiped, 2];
    await cluster.fail(other);
    const keys = Array.from({ length: 50 }, (_, number) => `key${number}`);
    for (const key of keys) expect((await cluster.put(key, 'v', { consistency: 'quorum' })).durableOn).toStrictEqual([0, 1]);
    // The other one, which has nothing of it, comes back when nobody is left that could tell it.
    await cluster.fail(holder);
    await cluster.wipe(wiped);
    await cluster.recover(other);
    expect(await untrustedOf(cluster, wiped)).toBe('a new directory');
    expect(await untrustedOf(cluster, other)).toBeNull();
    for (const key of keys.slice(0, 5)) {
      expect(await codeOf(cluster.get(key, { consistency: 'quorum' }))).toBe('RING_UNAVAILABLE');
      expect(await codeOf(cluster.put(`new ${key}`, 'v', { consistency: 'quorum' }))).toBe('RING_UNKNOWN');
      expect(await codeOf(cluster.get(key))).toBe('answered null');
    }
    expect((await cluster.converged()).converged).toBe(false);
    await cluster.recover(holder);
    await convergedAt(cluster);
    expect(await untrustedOf(cluster, wiped)).toBeNull();
    await cluster.fail(holder);
    await expectAll(cluster, keys, 'v');
  });

  it('under reads at quorum, one after the other, never lets one of them miss what was acknowledged', async () => {
    await using cluster = await createCluster({ nodes: 3, replicationFactor: 3, config: QUICK });
    const key = 'watched';
    let acknowledged = 0;
    let reads = 0;
    const missed: string[] = [];
    const over = new AbortController();
    const writing = (async () => {
      while (!over.signal.aborted) {
        const number = acknowledged + 1;
        if (!(await codeOf(cluster.put(key, String(number), { consistency: 'quorum' }))).startsWith('RING_')) acknowledged = number;
      }
    })();
    const reading = (async () => {
      while (!over.signal.aborted) {
        const atLeast = acknowledged;
        const answer = await codeOf(cluster.get(key, { consistency: 'quorum' }));
        if (!answer.startsWith('answered')) continue;
        if (Number(JSON.parse(answer.slice('answered '.length))) < atLeast) missed.push(`${answer} after ${atLeast}`);
        reads++;
      }
    })();
    for (const node of [1, 2, 1]) {
      await cluster.wipe(node);
      await eventually(`node ${node} is trusted again`, async () => ((await untrustedOf(cluster, node)) === null ? true : null));
    }
    over.abort();
    await Promise.all([writing, reading]);
    expect(missed).toStrictEqual([]);
    expect(Math.min(acknowledged, reads)).toBeGreaterThan(10);
  });

  it('whose trust was being won back is still untrusted when it is started again', async () => {
    await using cluster = await MemoryNodes.start(3, 3);
    await cluster.client(0).put('a', 'v', { consistency: 'all' });
    await cluster.fail(0);
    await cluster.wipe(1);
    await cluster.acquainted();
    await cluster.fail(1);
    await cluster.recover(1);
    await cluster.acquainted();
    expect([cluster.status(1).untrusted, cluster.distrusted(1)]).toStrictEqual(['a new directory', { kind: 'new' }]);
    await cluster.recover(0);
    await cluster.converged();
    expect([cluster.status(1).untrusted, cluster.distrusted(1)]).toStrictEqual([null, null]);
    await cluster.fail(1);
    await cluster.recover(1);
    await cluster.acquainted();
    expect(cluster.status(1).untrusted).toBeNull();
  });
});

describe('an old copy that was put back', () => {
  it('is found out by one peer that remembers, answers no quorum with what is old, and is healed', async () => {
    await using cluster = await MemoryNodes.start(3, 3, { hints: { maxBytes: 0 } });
    await cluster.client(0).put('a', 'old', { consistency: 'all' });
    await cluster.fail(1);
    const copy = await cluster.copy(1);
    await cluster.recover(1);
    await cluster.acquainted();
    await cluster.fail(2);
    expect((await cluster.client(0).put('a', 'new', { consistency: 'quorum' })).durableOn).toStrictEqual([0, 1]);
    const key = cluster.keyOn([1, 2, 0]);
    await cluster.client(1).put(key, 'v', { consistency: 'quorum' });
    await cluster.fail(1);
    cluster.putBack(1, copy);
    await cluster.recover(1);
    await eventually('node 1 is told', async () => Promise.resolve(cluster.distrusted(1) === null ? null : true));
    expect(cluster.distrusted(1)).toStrictEqual({ kind: 'damaged', text: 'node 0 has seen writes of this directory that it no longer has' });
    expect(cluster.status(1).untrusted).toMatch(/^node 0 has seen writes/);
    // The one that has the newer value goes, the one that never had it comes.
    await cluster.fail(0);
    await cluster.recover(2);
    await cluster.acquainted();
    for (const via of [1, 2]) {
      for (const each of ['a', key]) expect(await codeOf(cluster.client(via).get(each, { consistency: 'quorum' }))).toBe('RING_UNAVAILABLE');
    }
    await cluster.recover(0);
    await cluster.converged();
    expect([cluster.status(1).untrusted, cluster.distrusted(1)]).toStrictEqual([null, null]);
    await cluster.fail(0);
    expect(text(await cluster.client(2).get('a', { consistency: 'quorum' }))).toBe('new');
    expect(text(await cluster.client(1).get(key, { consistency: 'quorum' }))).toBe('v');
    // It goes on above what was remembered: no peer accuses it again.
    await cluster.recover(0);
    await cluster.fail(1);
    await cluster.recover(1);
    await cluster.acquainted();
    await cluster.converged();
    expect([cluster.status(1).untrusted, cluster.status(1).counters['storesHealed']]).toStrictEqual([null, 0]);
  });

  it('that lacks nothing a peer has heard of is trusted: a plain restart is no loss', async () => {
    await using cluster = await MemoryNodes.start(3, 3);
    for (let round = 0; round < 3; round++) {
      await cluster.client(0).put('a', `v${round}`, { consistency: 'all' });
      for (const node of [0, 1, 2]) {
        await cluster.fail(node);
        await cluster.recover(node);
        await cluster.acquainted();
      }
    }
    await cluster.converged();
    for (const node of [0, 1, 2]) expect([cluster.distrusted(node), cluster.status(node).counters['storesHealed']]).toStrictEqual([null, 0]);
  });

  it('from before it was made anew is found out by its incarnation', async () => {
    await using cluster = await MemoryNodes.start(3, 3);
    await cluster.client(0).put('a', 'v', { consistency: 'all' });
    await cluster.fail(1);
    const before = await cluster.copy(1);
    await cluster.wipe(1);
    await cluster.converged();
    await cluster.fail(1);
    cluster.putBack(1, before);
    cluster.makeAnew(1);
    await cluster.recover(1);
    await eventually('node 1 is told', async () => Promise.resolve((cluster.status(1).counters['storesHealed'] ?? 0) > 0 || cluster.status(1).untrusted !== null ? true : null));
    await cluster.converged();
    expect(cluster.status(1).untrusted).toBeNull();
  });

  it('of a directory is found out and healed', async () => {
    await using directory = await temporaryDirectory();
    await using cluster = await createCluster({ nodes: 3, replicationFactor: 3, dir: directory.path, config: { ...QUICK, hints: { maxBytes: 0 } } });
    const [live, copy] = [join(directory.path, 'node-1'), join(directory.path, 'copy')];
    await cluster.put('a', 'old', { consistency: 'all' });
    await cluster.fail(1);
    await cp(live, copy, { recursive: true });
    await cluster.recover(1);
    await cluster.fail(2);
    await cluster.put('a', 'new', { consistency: 'quorum' });
    await cluster.fail(1);
    await rm(live, { recursive: true, force: true });
    await cp(copy, live, { recursive: true });
    await cluster.recover(1);
    expect(await untrustedOf(cluster, 1)).toMatch(/^node 0 has seen writes/);
    await cluster.fail(0);
    await cluster.recover(2);
    expect(await codeOf(cluster.get('a', { consistency: 'quorum' }))).toBe('RING_UNAVAILABLE');
    await cluster.recover(0);
    await convergedAt(cluster);
    expect(await untrustedOf(cluster, 1)).toBeNull();
    await cluster.fail(0);
    expect(text(await cluster.get('a', { consistency: 'quorum' }))).toBe('new');
  });
});
