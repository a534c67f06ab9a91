/** Clients that know the topology, against real nodes: each request is carried out by a replica of its key. */
import { describe, expect, it } from 'vitest';
import { RingClient } from '../../client/index.ts';
import { createCluster, type Cluster } from '../../node/cluster.ts';
import type { TopologyAnswer } from '../../wire/index.ts';
import { eventually } from '../support/processes.ts';
import { RawSocket } from '../support/raw-socket.ts';

async function counts(cluster: Cluster, counter: string): Promise<readonly number[]> {
  return (await cluster.status()).nodes.map((node) => node?.counters[counter] ?? 0);
}

function increase(before: readonly number[], after: readonly number[]): readonly number[] {
  return after.map((count, node) => count - (before[node] ?? 0));
}

describe.each([
  [3, 3],
  [5, 3],
])('a client of %i nodes with %i replicas', (nodes, replicationFactor) => {
  it('has each request carried out by the home node of its key', async () => {
    await using cluster = await createCluster({ nodes, replicationFactor, hashSeed: 11 });
    await using client = new RingClient(cluster.urls[0] ?? '', { spread: 'by-partition' });
    const keys = Array.from({ length: 400 }, (_, index) => `key${index}`);
    const expected = Array.from({ length: nodes }, (_, node) => keys.filter((key) => cluster.replicasOf(key)[0] === node).length);
    await eventually('all requests arrive at home nodes', async () => {
      const before = await counts(cluster, 'puts');
      await Promise.all(keys.map((key) => client.put(key, 'value')));
      const puts = increase(before, await counts(cluster, 'puts'));
      return puts.every((count, node) => count === expected[node]) ? true : null;
    });
    const before = await counts(cluster, 'gets');
    const values = await Promise.all(keys.map((key) => client.get(key)));
    expect(increase(before, await counts(cluster, 'gets'))).toStrictEqual(expected);
    expect(values.every((value) => Buffer.from(value ?? []).toString() === 'value')).toBe(true);
  });

  it('stays with the node that it is connected to for what that one keeps, until it is busy', async () => {
    await using cluster = await createCluster({ nodes, replicationFactor, hashSeed: 11 });
    await using client = new RingClient(cluster.urls[0] ?? '');
    const kept = Array.from({ length: 2_000 }, (_, index) => `key${index}`).filter((key) => cluster.replicasOf(key).includes(0));
    for (let round = 0; round < 3; round++) await Promise.all(kept.slice(0, 40).map((key) => client.put(key, 'value')));
    const others = increase([], (await counts(cluster, 'puts')).slice(1));
    expect(others).toStrictEqual(others.map(() => 0));
    await eventually('a busy client uses other nodes too', async () => {
      await Promise.all(kept.map((key) => client.put(key, 'value')));
      return (await counts(cluster, 'puts')).slice(1).some((count) => count > 0) ? true : null;
    });
  });

  it('goes on when a node fails, and uses it again when it is back', async () => {
    await using cluster = await createCluster({ nodes, replicationFactor, config: { heartbeat: { intervalMs: 50, suspectAfterMs: 300, deadAfterMs: 2_000 } } });
    await using client = new RingClient(cluster.urls[0] ?? '', { spread: 'by-partition' });
    const keys = Array.from({ length: 60 }, (_, index) => `key${index}`);
    const usesNode = async (node: number): Promise<true | null> => {
      const before = await counts(cluster, 'gets');
      await Promise.all(keys.map((key) => client.get(key)));
      return (increase(before, await counts(cluster, 'gets'))[node] ?? 0) > 0 ? true : null;
    };
    await Promise.all(keys.map((key) => client.put(key, 'value')));
    await eventually('node 1 is used', async () => usesNode(1));
    await cluster.fail(1);
    for (const key of keys) expect(Buffer.from((await client.get(key)) ?? []).toString()).toBe('value');
    await cluster.recover(1);
    await eventually('node 1 is used again', async () => usesNode(1));
  });
});

describe('the topology', () => {
  it('is told by every node, with its own id', async () => {
    await using cluster = await createCluster({ nodes: 3, replicationFactor: 2, hashSeed: 9 });
    for (const [node, url] of cluster.urls.entries()) {
      await using raw = await RawSocket.open(url);
      const { ok, result } = (await raw.json('{"id":1,"op":"topology"}')) as { readonly ok: boolean; readonly result: TopologyAnswer };
      expect(ok).toBe(true);
      expect(result).toMatchObject({ clusterId: 'in-process', node, epoch: 1, hashSeed: 9, partitionCount: 192, replicationFactor: 2, members: cluster.urls.map((address, id) => ({ id, address })) });
      expect(result.replicas.slice(0, 4)).toStrictEqual([[0, 1], [1, 2], [2, 0], [0, 1]]);
      expect(result.replicas).toHaveLength(192);
    }
  });
});
