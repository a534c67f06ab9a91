/** Where requests go when the client knows the topology, and what becomes of them when nodes fall silent or are lost. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { RingClient, type RingClientOptions } from '../../client/index.ts';
import { TYPE } from '../../wire/index.ts';
import { ScriptedCluster } from './scripted-cluster.ts';
import { VERSION, answer, freePort, unknownOperation, until, type Arrival } from './scripted-node.ts';

const cleanUps: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function startCluster(nodes = 3, replicationFactor = 2): Promise<ScriptedCluster> {
  const cluster = await ScriptedCluster.start(nodes, replicationFactor);
  cleanUps.push(() => cluster.stop());
  return cluster;
}

function connect(urls: string | readonly string[], options: RingClientOptions = {}): RingClient {
  const client = new RingClient(urls, { timeoutMs: 20_000, spread: 'by-partition', ...options });
  cleanUps.push(() => client.close());
  return client;
}

/** A client of this cluster whose requests reach every member, node 0 over the primary. */
async function connectSpread(cluster: ScriptedCluster, options: RingClientOptions = {}): Promise<RingClient> {
  const client = connect(cluster.urls[0] ?? '', options);
  await cluster.spread(client);
  return client;
}

const NO_ADDRESS = JSON.stringify({ clusterId: 'c', node: 0, epoch: 1, hashSeed: 0, partitionCount: 1, replicationFactor: 1, members: [{ id: 0, address: 'nowhere' }], replicas: [[0]] });

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => Promise.reject(new Error('it did not reject')),
    (error: unknown) => error,
  );
}

/** From now on one node keeps what arrives to itself. What it kept is answered by `answerAll`. */
function silence(cluster: ScriptedCluster, silent: number): { readonly kept: Arrival[]; answerAll(): void } {
  const kept: Arrival[] = [];
  cluster.script = (node, arrival) => {
    if (node === silent) kept.push(arrival);
    else answer(arrival);
  };
  return {
    kept,
    answerAll() {
      cluster.script = (_node, arrival) => answer(arrival);
      for (const arrival of kept.splice(0)) answer(arrival);
    },
  };
}

describe('requests with a key', () => {
  test('go to the home node of their key, over one connection a node', async () => {
    const cluster = await startCluster(4, 2);
    const client = await connectSpread(cluster);
    const keys = Array.from({ length: 200 }, (_, index) => `k${index}`);
    await Promise.all(keys.map((key, index) => (index % 2 === 0 ? client.get(key) : client.put(key, 'v'))));
    for (const id of cluster.nodes.keys()) expect(cluster.keysAt(id).toSorted()).toEqual(keys.filter((key) => cluster.replicasOf(key)[0] === id).toSorted());
    expect(cluster.nodes.map(({ connections }) => connections)).toEqual([1, 1, 1, 1]);
  });

  test('of one tick are one frame a node', async () => {
    const cluster = await startCluster(3, 2);
    const client = await connectSpread(cluster);
    for (const { frameSizes } of cluster.nodes) frameSizes.length = 0;
    await Promise.all([0, 1, 2].flatMap((id) => cluster.keysOf(id, 5).map((key) => client.get(key))));
    expect(cluster.nodes.map(({ frameSizes }) => frameSizes)).toEqual([[5], [5], [5]]);
  });

  test('go to another replica while the home node refuses connections, and all is answered', async () => {
    const cluster = await startCluster(3, 2);
    const client = connect(cluster.urls[0] ?? '');
    await cluster.node(1).stop();
    await cluster.spread(client, [0, 2]);
    const keys = cluster.keysOf(1, 50);
    await Promise.all(keys.map((key) => client.get(key)));
    expect([cluster.keysAt(0), cluster.keysAt(2)]).toEqual([[], keys]);
  });

  test('all go over the primary while no other lane opens', async () => {
    const cluster = await startCluster(3, 2);
    const port = await freePort();
    cluster.tell = (node, { request, reply }) => {
      const topology = cluster.topologyOf(node);
      reply([TYPE.json, request[1], JSON.stringify({ ...topology, members: topology.members.map((member) => (member.id === 0 ? member : { ...member, address: `ws://127.0.0.1:${port}` })) })]);
    };
    const client = connect(cluster.urls[0] ?? '');
    for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 20 }, (_, index) => client.put(`k${index}`, 'v')));
    expect([cluster.keysAt(0).length, cluster.node(1).connections, cluster.node(2).connections]).toEqual([200, 0, 0]);
  });

  test('reach a member that was down when it is up again', async () => {
    const cluster = await startCluster(3, 2);
    const client = await connectSpread(cluster);
    await cluster.node(1).stop();
    await client.get(cluster.keysOf(1)[0] ?? '');
    await cluster.startNode(1);
    await cluster.spread(client);
  });

  test.each<[string, (cluster: ScriptedCluster, node: number) => string]>([
    ['another member', (cluster) => JSON.stringify(cluster.topologyOf(0))],
    ['a member of another cluster', (cluster, node) => JSON.stringify({ ...cluster.topologyOf(node), clusterId: 'other' })],
    ['nobody in particular', () => '{}'],
  ])('are not given to a node that says it is %s', async (_, toText) => {
    const cluster = await startCluster(3, 2);
    cluster.tell = (node, { request, reply }) => reply([TYPE.json, request[1], node === 1 ? toText(cluster, node) : JSON.stringify(cluster.topologyOf(node))]);
    const client = connect(cluster.urls[0] ?? '');
    await cluster.spread(client, [0, 2]);
    while (cluster.countOf(1, TYPE.topology) < 2) await client.put(cluster.keysOf(1)[0] ?? '', 'v');
    expect(cluster.keysAt(1)).toEqual([]);
  });
});

describe('the topology', () => {
  test('is not asked for by a client that asks little, nor by one that is told not to spread', async () => {
    const cluster = await startCluster();
    const [url = ''] = cluster.urls;
    const little = connect(url);
    for (let number = 0; number < 20; number++) await little.get(`k${number}`);
    const single = connect(url, { spread: 'none' });
    await Promise.all(Array.from({ length: 200 }, (_, index) => single.get(`k${index}`)));
    await single.get('last');
    expect([cluster.countOf(0, TYPE.topology), cluster.countOf(0, TYPE.get)]).toEqual([0, 221]);
  });

  test.each<[string, (arrival: Arrival) => void]>([
    ['does not know the request', ({ request, reply }) => reply(unknownOperation(request[1]))],
    ['answers with something else', ({ request, reply }) => reply([TYPE.pong, request[1]])],
    ['answers with a part of it', ({ request, reply }) => reply([TYPE.json, request[1], '{"node":0,"members":[]}'])],
    ['names an address that is none', ({ request, reply }) => reply([TYPE.json, request[1], NO_ADDRESS])],
    ['never answers', () => undefined],
  ])('is done without when the node %s; it is asked once a connection', async (_, tell) => {
    const cluster = await startCluster();
    cluster.tell = (_node, arrival) => tell(arrival);
    const client = connect(cluster.urls[0] ?? '');
    const ask = async (): Promise<void> => {
      await Promise.all(Array.from({ length: 100 }, (_unused, index) => client.get(`k${index}`)));
    };
    await ask();
    await until(() => cluster.countOf(0, TYPE.topology) === 1);
    await ask();
    expect([cluster.countOf(0, TYPE.topology), cluster.countOf(0, TYPE.get), cluster.node(1).connections]).toEqual([1, 200, 0]);
    cluster.node(0).disconnect();
    await ask();
    await until(() => cluster.countOf(0, TYPE.topology) === 2);
  });

  test('is told anew when the primary has gone to another member; no second connection to it stays', async () => {
    const cluster = await startCluster(3, 2);
    const client = connect(cluster.urls.slice(0, 2));
    await cluster.spread(client);
    await cluster.node(0).stop();
    await cluster.spread(client, [1, 2]);
    await until(() => cluster.node(1).openConnections === 1);
    await cluster.startNode(0);
    await cluster.spread(client);
    expect(cluster.nodes.map(({ openConnections }) => openConnections)).toEqual([1, 1, 1]);
  });
});

describe('a lane that is lost', () => {
  test('leaves its writes unknown, and its reads go to another replica', async () => {
    const cluster = await startCluster(3, 2);
    const client = await connectSpread(cluster);
    const { kept } = silence(cluster, 1);
    const [key = ''] = cluster.keysOf(1);
    const write = errorOf(client.put(key, 'v'));
    const read = client.get(key);
    await until(() => kept.length >= 2);
    cluster.node(1).disconnect();
    expect(await write).toMatchObject({ code: 'RING_UNKNOWN', retryable: true });
    expect(Buffer.from((await read) ?? []).toString()).toBe(key);
    const puts = [0, 1, 2].map((id) => cluster.countOf(id, TYPE.put));
    expect(puts).toEqual([0, 1, 0]);
  });

  test('touches nothing that is in flight on the others', async () => {
    const cluster = await startCluster(3, 2);
    const client = await connectSpread(cluster);
    const { kept, answerAll } = silence(cluster, 2);
    const write = client.put(cluster.keysOf(2)[0] ?? '', 'v');
    await until(() => kept.length > 0);
    cluster.node(1).disconnect();
    await client.get(cluster.keysOf(1)[0] ?? '');
    answerAll();
    expect(await write).toMatchObject({ version: VERSION });
    expect(cluster.countOf(2, TYPE.put)).toBe(1);
  });

  test('that is the primary: the rest goes on over the others until it is connected again, a control waits for it', async () => {
    const cluster = await startCluster(3, 2);
    const client = await connectSpread(cluster);
    await cluster.node(0).stop();
    await client.get(cluster.keysOf(0)[0] ?? '');
    const control = client.control({ heal: true });
    for (const key of [0, 1, 2].flatMap((id) => cluster.keysOf(id, 20))) expect(await client.put(key, 'v')).toMatchObject({ version: VERSION });
    await client.status();
    const again = await cluster.startNode(0);
    expect(await control).toEqual({ heal: true });
    expect(again.arrivals.some(({ request }) => request[0] === TYPE.control)).toBe(true);
    await cluster.spread(client);
  });
});

describe('a lane from which nothing is heard', () => {
  test.each([1, 0])('is gone round by reads in flight and by what comes later, until it is heard again (node %i; 0 is the primary)', async (silent) => {
    const cluster = await startCluster(3, 2);
    const client = await connectSpread(cluster);
    const { kept, answerAll } = silence(cluster, silent);
    const keys = cluster.keysOf(silent, 3);
    const write = client.put('w'.concat(keys[0] ?? ''), 'v');
    const values = await Promise.all(keys.map((key) => client.get(key)));
    expect(values.map((value) => Buffer.from(value ?? []).toString())).toEqual(keys);
    expect(kept.filter(({ request }) => request[0] === TYPE.get)).toHaveLength(3);
    const before = kept.filter(({ request }) => request[0] !== TYPE.ping).length;
    for (const key of cluster.keysOf(silent, 30, 'later')) await client.get(key);
    expect(kept.filter(({ request }) => request[0] !== TYPE.ping)).toHaveLength(before);
    expect(kept.some(({ request }) => request[0] === TYPE.ping)).toBe(true);
    answerAll();
    await write;
    await cluster.spread(client);
    expect(cluster.node(silent).connections).toBe(1);
  });

  test('gives its reads to a lane that opens later', async () => {
    const cluster = await startCluster(3, 2);
    const told: Arrival[] = [];
    const tell = cluster.tell;
    cluster.tell = (node, arrival) => {
      if (node === 0) tell(node, arrival);
      else told.push(arrival);
    };
    const client = connect(cluster.urls[0] ?? '');
    while (told.length === 0) await Promise.all(cluster.keysOf(0, 40).concat(cluster.keysOf(1, 40)).map((key) => client.get(key)));
    const { kept } = silence(cluster, 0);
    const [first = '', second = ''] = cluster.keysOf(0, 2, 'late');
    const read = client.get(first);
    await until(() => kept.some(({ request }) => request[0] === TYPE.ping));
    const later = client.get(second);
    await until(() => cluster.keysAt(0).includes(second));
    cluster.tell = tell;
    for (const arrival of told) tell(1, arrival);
    expect(await Promise.all([read, later])).toHaveLength(2);
  });

  test('keeps its writes, which are answered late and sent once', async () => {
    const cluster = await startCluster(3, 2);
    const client = await connectSpread(cluster);
    const { kept, answerAll } = silence(cluster, 1);
    const [key = ''] = cluster.keysOf(1);
    const write = client.put(key, 'v');
    const read = client.get(key);
    await read;
    expect(kept.some(({ request }) => request[0] === TYPE.put)).toBe(true);
    answerAll();
    expect(await write).toMatchObject({ version: VERSION });
    expect([0, 1, 2].map((id) => cluster.countOf(id, TYPE.put))).toEqual([0, 1, 0]);
  });

  test('is dropped after two heartbeats, and its writes are unknown', async () => {
    const cluster = await startCluster(3, 2);
    const client = await connectSpread(cluster, { heartbeatMs: 200 });
    silence(cluster, 1);
    expect(await errorOf(client.put(cluster.keysOf(1)[0] ?? '', 'v'))).toMatchObject({ code: 'RING_UNKNOWN', message: expect.stringContaining('silent') as unknown });
  });

  test('is not suspected while it answers pings: a slow request is asked once', async () => {
    const cluster = await startCluster(3, 2);
    const client = await connectSpread(cluster);
    const slow: Arrival[] = [];
    cluster.script = (_node, arrival) => {
      if (arrival.request[0] === TYPE.ping) answer(arrival);
      else slow.push(arrival);
    };
    const read = client.get(cluster.keysOf(1)[0] ?? '');
    await until(() => cluster.countOf(1, TYPE.ping) >= 3);
    expect([0, 1, 2].map((id) => cluster.countOf(id, TYPE.get))).toEqual([0, 1, 0]);
    for (const arrival of slow) answer(arrival);
    await read;
  });

  test('is used all the same when there is no other', async () => {
    const cluster = await startCluster(1, 1);
    const client = await connectSpread(cluster);
    const { kept, answerAll } = silence(cluster, 0);
    const first = client.get('first');
    await until(() => kept.some(({ request }) => request[0] === TYPE.ping));
    const second = client.get('second');
    await until(() => cluster.keysAt(0).includes('second'));
    answerAll();
    expect(await Promise.all([first, second])).toHaveLength(2);
    expect(cluster.keysAt(0)).toEqual(['first', 'second']);
  });
});

describe('limits and closing over all lanes', () => {
  test('no more than inFlightMax requests are in flight', async () => {
    const cluster = await startCluster(3, 2);
    const client = await connectSpread(cluster, { inFlightMax: 4 });
    const held: Arrival[] = [];
    cluster.script = (_node, arrival) => {
      if (arrival.request[0] === TYPE.ping) answer(arrival);
      else held.push(arrival);
    };
    const answers = Promise.all([0, 1, 2].flatMap((id) => cluster.keysOf(id, 4).map((key) => client.get(key))));
    for (let answered = 0; answered < 12; answered++) {
      await until(() => held.length >= Math.min(12, answered + 4));
      expect(held.length).toBe(Math.min(12, answered + 4));
      const arrival = held[answered];
      if (arrival !== undefined) answer(arrival);
    }
    expect(await answers).toHaveLength(12);
  });

  test('an abort takes a request out wherever it is', async () => {
    const cluster = await startCluster(3, 2);
    const client = await connectSpread(cluster);
    const { kept } = silence(cluster, 1);
    const controller = new AbortController();
    const read = errorOf(client.put(cluster.keysOf(1)[0] ?? '', 'v', { signal: controller.signal }));
    await until(() => kept.length > 0);
    controller.abort(new Error('late'));
    expect(await read).toMatchObject({ message: 'late' });
  });

  test('close fails what is in flight on any lane and leaves no connection', async () => {
    const cluster = await startCluster(3, 2);
    const client = await connectSpread(cluster);
    let arrived = 0;
    cluster.script = () => (arrived += 1);
    const errors = Promise.all([0, 1, 2].map((id) => errorOf(client.get(cluster.keysOf(id)[0] ?? ''))));
    await until(() => arrived >= 3);
    await client.close();
    expect(await errors).toMatchObject([{ code: 'RING_CLOSED' }, { code: 'RING_CLOSED' }, { code: 'RING_CLOSED' }]);
    await until(() => cluster.nodes.every(({ openConnections }) => openConnections === 0));
  });

  test('a script that forgets to close its client ends, idle lanes or not', async () => {
    const cluster = await startCluster(3, 2);
    const source = `
      import { RingClient } from './client/index.ts';
      const client = new RingClient('${cluster.urls[0] ?? ''}');
      for (let number = 0; number < 500; number++) await client.put('k' + number, 'v');
      console.log('done');`;
    const script = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', source], { stdio: ['ignore', 'pipe', 'inherit'] });
    cleanUps.push(async () => {
      script.kill('SIGKILL');
    });
    let output = '';
    script.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
    const [code] = (await once(script, 'close')) as [number | null];
    expect([code, output]).toEqual([0, 'done\n']);
    expect(cluster.nodes.map(({ connections }) => connections)).toEqual([1, 1, 1]);
  });
});
