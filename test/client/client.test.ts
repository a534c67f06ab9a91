import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { RingClient, RingError, type RingClientOptions } from '../../client/index.ts';
import { isPlain } from '../../client/options.ts';
import { TYPE, errorNumber } from '../../wire/index.ts';
import { ScriptedNode, VERSION, answer, answerTo, freePort, until, type Arrival } from './scripted-node.ts';

const cleanUps: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(cleanUps.splice(0).map((cleanUp) => cleanUp()));
});

async function startNode(script?: (arrival: Arrival) => void, port?: number): Promise<ScriptedNode> {
  const node = await ScriptedNode.start(script, port);
  cleanUps.push(() => node.stop());
  return node;
}

function connect(urls: string | readonly string[], options?: RingClientOptions): RingClient {
  const client = new RingClient(urls, options);
  cleanUps.push(() => client.close());
  return client;
}

function silent(): void {
  // A node that takes requests and never answers.
}

/** The error that the promise rejects with. */
async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it did not reject');
}

describe('one node', () => {
  test('every operation brings its answer', async () => {
    const node = await startNode();
    const client = connect(node.url);
    expect(await client.put('k', 'v')).toEqual({ version: VERSION, durableOn: [0, 1], hints: [{ target: 2, holder: 0 }], fsync: true });
    expect(await client.delete(new Uint8Array([1]))).toMatchObject({ version: VERSION });
    expect(await client.get('k')).toEqual(new Uint8Array([107]));
    expect(await client.getWithDetail('k')).toEqual({
      value: new Uint8Array([107]),
      version: VERSION,
      replied: [0, 1],
      nodes: [
        { node: 0, role: 'replica', said: 'record', version: VERSION },
        { node: 1, role: 'replica', said: 'record', version: VERSION },
        { node: 2, role: 'replica', said: 'unreachable', version: null },
      ],
    });
    expect((await client.putWithDetail('k', 'v')).replicas).toEqual([
      { node: 0, said: 'applied', hintedOn: null },
      { node: 1, said: 'applied', hintedOn: null },
      { node: 2, said: 'unreachable', hintedOn: 0 },
    ]);
    expect(await client.status()).toMatchObject({ clusterId: 'c' });
    expect(await client.converged()).toEqual({ converged: true, reasons: [] });
    expect(await client.locate('k')).toMatchObject({ homeNode: 1 });
    expect(await client.explain('k')).toMatchObject({ replicas: [1], rule: { code: 'no-record' } });
    expect(await client.control({ heal: true })).toEqual({ heal: true });
    await client.ping();
    expect(node.connections).toBe(1);
  });

  test('requests of one tick go out as one frame, with their consistency and time', async () => {
    const node = await startNode();
    const client = connect(node.url, { consistency: 'quorum', timeoutMs: 4_000, retryWrites: 'never' });
    await Promise.all([client.put('a', '1'), client.get('b', { consistency: 'all', timeoutMs: 30 }), client.delete('c')]);
    expect(node.frameSizes).toEqual([3]);
    expect(node.arrivals.map(({ request }) => [request[0], request.at(-2)])).toEqual([[TYPE.put, 2], [TYPE.get, 3], [TYPE.delete, 2]]);
    expect(node.arrivals[1]?.request.at(-1)).toBeLessThanOrEqual(30);
  });

  test('answers that come in another order reach their own callers', async () => {
    const node = await startNode(silent);
    const client = connect(node.url);
    const values = Promise.all(['a', 'b', 'c'].map((key) => client.get(key)));
    await until(() => node.arrivals.length === 3);
    const [first] = node.arrivals;
    first?.reply(...node.arrivals.map(({ request }) => answerTo(request)).toReversed());
    expect(await values).toEqual([new Uint8Array([97]), new Uint8Array([98]), new Uint8Array([99])]);
  });

  test('a failure carries what the node said', async () => {
    const node = await startNode(({ request, reply }) => reply([31, request[1], errorNumber('RING_UNAVAILABLE'), 'two of three are down', 2, 1, null]));
    const error = await errorOf(connect(node.url).put('k', 'v'));
    expect(error).toBeInstanceOf(RingError);
    expect(error).toMatchObject({ code: 'RING_UNAVAILABLE', message: 'two of three are down', retryable: true, required: 2, received: 1, version: null });
  });

  test('requests of a megabyte each arrive whole, one a frame', async () => {
    const node = await startNode();
    const client = connect(node.url, { timeoutMs: 20_000 });
    const value = new Uint8Array(1_048_576).fill(7);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => client.put(`k${index}`, value)));
    expect(answers).toHaveLength(20);
    expect(node.frameSizes.length).toBeGreaterThanOrEqual(20);
  });

  test('no more than inFlightMax requests are sent before answers come', async () => {
    const node = await startNode(silent);
    const client = connect(node.url, { inFlightMax: 2 });
    const values = Promise.all(['a', 'b', 'c', 'd', 'e'].map((key) => client.get(key)));
    for (let answered = 0; answered < 5; answered++) {
      const expected = Math.min(5, answered + 2);
      // oxlint-disable-next-line no-await-in-loop
      await until(() => node.arrivals.length >= expected);
      expect(node.arrivals.length).toBe(expected);
      const arrival = node.arrivals[answered];
      if (arrival !== undefined) answer(arrival);
    }
    expect(await values).toHaveLength(5);
  });
});

describe('keys, values and options', () => {
  test.each([
    ['an empty key', async (client: RingClient) => client.get(''), 'RING_KEY_INVALID'],
    ['a long key', async (client: RingClient) => client.get('k'.repeat(1025)), 'RING_KEY_INVALID'],
    ['a lone surrogate', async (client: RingClient) => client.get('\uDC00'), 'RING_KEY_INVALID'],
    ['a large value', async (client: RingClient) => client.put('k', new Uint8Array(1_048_577)), 'RING_VALUE_TOO_LARGE'],
  ])('%s is refused before anything is sent', async (_name, act, code) => {
    expect(await errorOf(act(connect('ws://127.0.0.1:1')))).toMatchObject({ code });
  });

  test('what cannot be an address or an option is a programmer error', async () => {
    for (const urls of [[], 'http://localhost', 'nonsense', 'ws://localhost/#x']) expect(() => new RingClient(urls)).toThrow(TypeError);
    expect(() => new RingClient('ws://localhost', { timeoutMs: 0 })).toThrow(RangeError);
    // @ts-expect-error a program in JavaScript may say it
    expect(() => new RingClient('ws://localhost', { spread: 'everywhere' })).toThrow(RangeError);
    expect(await errorOf(connect('ws://127.0.0.1:1').get('k', { timeoutMs: 1.5 }))).toBeInstanceOf(RangeError);
  });

  test('an address in the clear is told from one that is not', () => {
    expect(['ws://h:1', 'WS://h:1/x?y', 'wss://h:1', 'http://h:1', 'nonsense', 'ws://h:1/#x'].map(isPlain)).toEqual([true, true, false, false, false, false]);
  });

  test('a key that its caller changes afterwards is sent as it was', async () => {
    const node = await startNode();
    const client = connect(node.url);
    const key = new Uint8Array([1, 2]);
    const value = client.get(key);
    key.fill(9);
    expect(await value).toEqual(new Uint8Array([1, 2]));
  });
});

describe('lost connections', () => {
  test('a read that was sent moves to the second address', async () => {
    const first = await startNode(({ socket }) => socket.terminate());
    const second = await startNode();
    expect(await connect([first.url, second.url]).get('k')).toEqual(new Uint8Array([107]));
    expect([first.arrivals.length, second.arrivals.length]).toEqual([1, 1]);
  });

  test('a write that was sent is not sent again and has an unknown outcome', async () => {
    const first = await startNode(({ socket }) => socket.terminate());
    const second = await startNode();
    const client = connect([first.url, second.url]);
    expect(await errorOf(client.put('k', 'v'))).toMatchObject({ code: 'RING_UNKNOWN', retryable: true });
    expect(second.arrivals).toHaveLength(0);
    expect(await client.put('k', 'v')).toMatchObject({ version: VERSION });
    expect([first.arrivals.length, second.arrivals.length]).toEqual([1, 1]);
  });

  test('a write that was not sent goes to the address that can be reached', async () => {
    const port = await freePort();
    const node = await startNode();
    expect(await connect([`ws://127.0.0.1:${port}`, node.url]).put('k', 'v')).toMatchObject({ version: VERSION });
  });

  test('a node that comes up later is found while a request waits', async () => {
    const port = await freePort();
    const value = connect(`ws://127.0.0.1:${port}`, { timeoutMs: 20_000 }).put('k', 'v');
    await startNode(answer, port);
    expect(await value).toMatchObject({ version: VERSION });
  });

  test('a node that restarts is connected again by the next request', async () => {
    const node = await ScriptedNode.start();
    const client = connect(node.url);
    await client.ping();
    await node.stop();
    const again = await startNode(answer, node.port);
    await client.ping();
    expect(again.connections).toBe(1);
  });

  test('a connection that stays silent is dropped and its reads go elsewhere', async () => {
    const first = await startNode(silent);
    const second = await startNode();
    expect(await connect([first.url, second.url], { heartbeatMs: 50, timeoutMs: 20_000 }).get('k')).toEqual(new Uint8Array([107]));
    expect(first.arrivals.some(({ request }) => request[0] === TYPE.ping)).toBe(true);
  });

  test('a slow node that answers pings keeps its requests', async () => {
    const node = await startNode((arrival) => {
      if (arrival.request[0] === TYPE.ping) answer(arrival);
    });
    const value = connect(node.url, { heartbeatMs: 25, timeoutMs: 20_000 }).get('k');
    await until(() => node.arrivals.length > 6);
    const [read] = node.arrivals;
    if (read !== undefined) answer(read);
    expect(await value).toEqual(new Uint8Array([107]));
    expect(node.connections).toBe(1);
  });

  test('a node that answers with something else than the protocol is left', async () => {
    const first = await startNode(({ socket }) => socket.send(Buffer.from([0x80])));
    const second = await startNode(({ socket }) => socket.send('text'));
    const third = await startNode(({ request, reply }) => reply([TYPE.pong, request[1]]));
    const fourth = await startNode();
    const client = connect([first.url, second.url, third.url, fourth.url]);
    expect(await client.get('k')).toEqual(new Uint8Array([107]));
    expect([first, second, third, fourth].map((node) => node.arrivals.length)).toEqual([1, 1, 1, 1]);
  });
});

describe('limits of time and memory', () => {
  test('a read without an answer times out, a write becomes unknown', async () => {
    const node = await startNode(silent);
    const client = connect(node.url, { timeoutMs: 20 });
    const [read, write] = await Promise.all([errorOf(client.get('k')), errorOf(client.put('k', 'v'))]);
    expect(read).toMatchObject({ code: 'RING_TIMEOUT' });
    expect(write).toMatchObject({ code: 'RING_UNKNOWN' });
  });

  test('when no node can be reached, a write fails as certainly not applied and names the addresses', async () => {
    const url = `ws://127.0.0.1:${await freePort()}`;
    const error = await errorOf(connect(url, { timeoutMs: 20 }).put('k', 'v'));
    expect(error).toMatchObject({ code: 'RING_UNAVAILABLE', message: expect.stringContaining(url) as unknown });
  });

  test('who wants to fail fast learns at once that every address refused', async () => {
    const urls = [`ws://127.0.0.1:${await freePort()}`, `ws://127.0.0.1:${await freePort()}`];
    const error = await errorOf(connect(urls, { timeoutMs: 600_000, failFast: 'fail-fast' }).get('k'));
    expect(error).toMatchObject({ code: 'RING_UNAVAILABLE', message: expect.stringContaining(urls.join(', ')) as unknown });
  });

  test('requests beyond the queue limit are refused and room comes back with answers', async () => {
    const node = await startNode(silent);
    const client = connect(node.url, { queueBytesMax: 1_000 });
    const first = client.put('k', new Uint8Array(800));
    expect(await errorOf(client.put('k', new Uint8Array(800)))).toMatchObject({ code: 'RING_OVERLOADED', retryable: true });
    await until(() => node.arrivals.length === 1);
    const [arrival] = node.arrivals;
    if (arrival !== undefined) answer(arrival);
    await first;
    const second = client.put('k', new Uint8Array(800));
    await until(() => node.arrivals.length === 2);
    const next = node.arrivals[1];
    if (next !== undefined) answer(next);
    expect(await second).toMatchObject({ version: VERSION });
  });

  test('an aborted request rejects with the reason of its signal, before and after it was sent', async () => {
    const node = await startNode(silent);
    const client = connect(node.url);
    const early = AbortSignal.abort(new Error('early'));
    expect(await errorOf(client.get('k', { signal: early }))).toMatchObject({ message: 'early' });
    const controller = new AbortController();
    const value = errorOf(client.get('k', { signal: controller.signal }));
    await until(() => node.arrivals.length === 1);
    controller.abort(new Error('late'));
    expect(await value).toMatchObject({ message: 'late' });
    const [arrival] = node.arrivals;
    if (arrival !== undefined) answer(arrival);
    expect(node.connections).toBe(1);
  });
});

describe('closing', () => {
  test('requests without an answer and later ones fail as closed', async () => {
    const node = await startNode(silent);
    const client = connect(node.url);
    const pending = errorOf(client.get('k'));
    await until(() => node.arrivals.length === 1);
    await client.close();
    expect(await pending).toMatchObject({ code: 'RING_CLOSED' });
    expect(await errorOf(client.get('k'))).toMatchObject({ code: 'RING_CLOSED' });
    await client.close();
  });

  test('a client can be closed while it connects, and before it is used', async () => {
    const node = await startNode();
    const client = connect(node.url);
    const pending = errorOf(client.get('k'));
    await new Promise((resolve) => setImmediate(resolve));
    await client.close();
    expect(await pending).toMatchObject({ code: 'RING_CLOSED' });
    await connect(node.url)[Symbol.asyncDispose]();
  });

  test('a script that forgets to close its client ends all the same', async () => {
    const node = await startNode();
    const source = `import { RingClient } from './client/index.ts'; const client = new RingClient('${node.url}'); await client.put('k', 'v'); console.log('done');`;
    const script = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', source], { stdio: ['ignore', 'pipe', 'inherit'] });
    cleanUps.push(async () => {
      script.kill('SIGKILL');
    });
    let output = '';
    script.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
    const [code] = (await once(script, 'close')) as [number | null];
    expect([code, output]).toEqual([0, 'done\n']);
  });
});
