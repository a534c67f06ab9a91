/** Range reads through real nodes: in one process over JSON and binary frames, and with daemons that are killed. */
import { beforeAll, describe, expect, it } from 'vitest';
import { createCluster } from '../../node/cluster.ts';
import { RingClient } from '../../client/index.ts';
import { eventually, requireBuild, settled, startDaemons } from '../support/processes.ts';
import { RawSocket } from '../support/raw-socket.ts';

beforeAll(requireBuild);

const names = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `key${String(index).padStart(5, '0')}`);
const name = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

async function collected<Entry>(entries: AsyncIterable<Entry>): Promise<readonly Entry[]> {
  const all: Entry[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

describe.each([
  [3, 3],
  [3, 2],
  [5, 3],
])('range reads over %i nodes with %i replicas', (nodes, replicationFactor) => {
  it('merge what the nodes have, in order, from either end', async () => {
    await using cluster = await createCluster({ nodes, replicationFactor });
    await using client = new RingClient(cluster.urls);
    const all = names(700);
    await Promise.all(all.map((key) => client.put(key, `of ${key}`)));
    await Promise.all(all.filter((_, index) => index % 5 === 0).map((key) => client.delete(key, { consistency: 'quorum' })));
    const left = all.filter((_, index) => index % 5 !== 0);
    const up = await collected(client.scan({ consistency: 'quorum' }));
    expect(up.map(({ key, value }) => [name(key), name(value)])).toStrictEqual(left.map((key) => [key, `of ${key}`]));
    const down = await collected(client.scan({ reverse: true, keysOnly: true }));
    expect(down.map(({ key }) => name(key))).toStrictEqual(left.toReversed());
    expect((await collected(client.scan({ prefix: 'key0001' }))).map(({ key }) => name(key))).toStrictEqual(left.filter((key) => key.startsWith('key0001')));
    expect((await collected(client.scan({ from: 'key00600', limit: 3 }))).map(({ key }) => name(key))).toStrictEqual(['key00601', 'key00602', 'key00603']);
  });
});

describe('a range read in JSON', () => {
  it('gives entries and where to go on', async () => {
    await using cluster = await createCluster({ nodes: 3, replicationFactor: 3 });
    for (const key of ['a', 'b', 'c']) await cluster.put(key, `of ${key}`);
    await cluster.put(Uint8Array.of(0xff, 1), Uint8Array.of(0xfe));
    await cluster.put('deleted', 'x');
    await cluster.delete('deleted');
    await using raw = await RawSocket.open(cluster.urls[1] ?? '');
    expect(await raw.json('{"id":1,"op":"scan","from":"b","consistency":"quorum"}')).toStrictEqual({
      id: 1,
      ok: true,
      entries: [{ key: 'b', value: 'of b' }, { key: 'c', value: 'of c' }, { key: { base64: '/wE=' }, value: { base64: '/g==' } }],
      resume: null,
    });
    expect(await raw.json('{"id":2,"op":"scan","to":"c","reverse":true,"keysOnly":true,"limit":1}')).toStrictEqual({ id: 2, ok: true, entries: [{ key: 'b' }], resume: 'b' });
    expect(await raw.json('{"id":3,"op":"scan","to":"b","reverse":true,"keysOnly":true,"limit":1}')).toMatchObject({ entries: [{ key: 'a' }] });
    expect(await raw.json('{"id":4,"op":"scan","limit":0}')).toMatchObject({ id: 4, ok: false, code: 'RING_BAD_REQUEST' });
  });

  it('of more than one frame holds, in an array, is refused where it no longer fits', async () => {
    await using cluster = await createCluster({ nodes: 1, replicationFactor: 1 });
    await cluster.put('big', new Uint8Array(1_000_000).fill(1));
    await using raw = await RawSocket.open(cluster.urls[0] ?? '');
    const answers: unknown = await raw.json(JSON.stringify([1, 2, 3].map((id) => ({ id, op: 'scan' }))));
    expect(answers).toMatchObject([{ ok: true }, { ok: false, code: 'RING_OVERLOADED' }, { ok: false, code: 'RING_OVERLOADED' }]);
  });
});

describe('a walk over daemons', () => {
  it('goes on when nodes are killed between its slices, and gives every key once', async () => {
    await using cluster = await startDaemons(3, 3);
    const client = cluster.clientFrom(0);
    const all = names(1_500);
    await Promise.all(all.map((key) => client.put(key, `of ${key}`, { consistency: 'all' })));
    const found: string[] = [];
    let kills = 0;
    for await (const { key, value } of client.scan({ consistency: 'quorum', timeoutMs: 20_000 })) {
      expect(name(value)).toBe(`of ${name(key)}`);
      found.push(name(key));
      // The client talks to node 0, so its connection is lost too.
      if (found.length === 100 || found.length === 700) {
        const node = found.length === 100 ? 0 : 1;
        await cluster.processes.killNode(node);
        kills++;
        if (node === 1) continue;
        await cluster.processes.startNode(node);
        await settled(cluster);
      }
    }
    expect(kills).toBe(2);
    expect(found).toStrictEqual(all);
    await cluster.processes.startNode(1);
    await eventually('every node gives the whole again', async () => {
      const walks = await Promise.all(cluster.clients.map(async (each) => collected(each.scan({ consistency: 'all', keysOnly: true }))));
      return walks.every((walk) => walk.length === all.length) ? true : null;
    });
  });
});
