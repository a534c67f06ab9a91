/** What a program in a browser may rely on, step by step, against a cluster of three nodes with three replicas. */
import { check, equal, equalBytes, errorOf, eventOf, utf8, watched, type Step } from './page.ts';

const MIB = 1_048_576;
/** A machine may be slow; nothing here is about time. */
const PATIENT = { timeoutMs: 60_000, connectTimeoutMs: 20_000 };
const SEND_BUFFER_HIGH_BYTES = 8 * MIB;

export const STEPS: Readonly<Record<string, Step>> = {
  'a value that was put is there, and gone when it was deleted': async ({ RingClient }, { urls }) => {
    const client = new RingClient(urls, PATIENT);
    const { version, durableOn } = await client.put('plain', 'value', { consistency: 'all' });
    equal(durableOn.length, 3, 'replicas that have it');
    equalBytes(await client.get('plain'), utf8('value'), 'what was put');
    const detail = await client.getWithDetail('plain', { consistency: 'quorum' });
    equal(detail.version, version, 'the version that was read');
    check(detail.replied.length >= 2, 'two replicas were counted');
    equal(detail.nodes.map(({ node }) => node).toSorted((a, b) => a - b), [0, 1, 2], 'the nodes of which something is told');
    check(detail.nodes.filter((node) => node.said === 'record' && node.version?.timestamp === version.timestamp).length >= 2, 'what each had said');
    await client.delete('plain', { consistency: 'all' });
    equal(await client.get('plain'), null, 'a deleted value');
    equal(await client.get('never put'), null, 'an absent value');
    await client.close();
  },

  'keys and values are any bytes and any text': async ({ RingClient }, { urls }) => {
    const client = new RingClient(urls, PATIENT);
    const every = Uint8Array.from({ length: 256 }, (_, index) => index);
    const cases: readonly (readonly [string | Uint8Array, string | Uint8Array])[] = [
      [new Uint8Array([0, 255, 254]), every],
      [every.subarray(10, 20), every.subarray(100, 101)],
      ['ключ 🔑', '\u{feff}значение 🗝 é'],
      ['x'.repeat(1_024), ''],
      ['empty', new Uint8Array(0)],
      ['long text', 'ключ'.repeat(10_000)],
    ];
    await Promise.all(cases.map(async ([key, value]) => client.put(key, value)));
    for (const [key, value] of cases) equalBytes(await client.get(key), typeof value === 'string' ? utf8(value) : value, 'a value');
    equalBytes(await client.get(utf8('ключ 🔑')), utf8('\u{feff}значение 🗝 é'), 'the same key as bytes');
    await client.close();
  },

  'what was handed in may be changed at once': async ({ RingClient }, { urls }) => {
    const client = new RingClient(urls, PATIENT);
    const [key, value] = [utf8('mine'), utf8('before')];
    const put = client.put(key, value);
    key.fill(0);
    value.fill(0);
    await put;
    equalBytes(await client.get('mine'), utf8('before'), 'the value as it was');
    await client.close();
  },

  'requests of one task go out as one frame': async ({ RingClient }, { urls }) =>
    watched(async (seen) => {
      const client = new RingClient(urls, { ...PATIENT, spread: 'none' });
      await client.ping();
      const before = seen.frames;
      const puts = Array.from({ length: 100 }, async (_, index) => client.put(`batch ${index}`, String(index)));
      // Made by a promise, still in the same task.
      const more = Promise.resolve().then(async () => client.get('batch 1'));
      await Promise.all([...puts, more]);
      equal(seen.frames - before, 1, 'frames');
      await client.close();
    }),

  'thousands of requests at once each get their own answer': async ({ RingClient }, { urls }) => {
    const client = new RingClient(urls, PATIENT);
    const keys = Array.from({ length: 2_000 }, (_, index) => `many ${index}`);
    await Promise.all(keys.map(async (key) => client.put(key, `value of ${key}`)));
    const values = await Promise.all(keys.map(async (key) => client.get(key)));
    for (const [index, key] of keys.entries()) equalBytes(values[index] ?? null, utf8(`value of ${key}`), key);
    await client.close();
  },

  'large values wait until the socket has taken those before': async ({ RingClient }, { urls }) =>
    watched(async (seen) => {
      const client = new RingClient(urls, { ...PATIENT, spread: 'none' });
      const values = Array.from({ length: 24 }, (_, index) => new Uint8Array(MIB).fill(index));
      await Promise.all(values.map(async (value, index) => client.put(`large ${index}`, value)));
      check(seen.bufferedBytesMost >= SEND_BUFFER_HIGH_BYTES, `so much waited that the client stopped, not ${seen.bufferedBytesMost}`);
      check(seen.bufferedBytesMost < 2 * SEND_BUFFER_HIGH_BYTES, `the client stopped, not ${seen.bufferedBytesMost}`);
      for (const [index, value] of values.entries()) equalBytes(await client.get(`large ${index}`), value, 'a large value');
      await client.close();
    }),

  'a scan is in order, bounded, and backwards too': async ({ RingClient }, { urls }) => {
    const client = new RingClient(urls, PATIENT);
    const names = Array.from({ length: 350 }, (_, index) => `scan/${String(index).padStart(4, '0')}`);
    await Promise.all(names.map(async (name, index) => client.put(name, String(index), { consistency: 'all' })));
    const text = new TextDecoder();
    const found: string[] = [];
    for await (const { key, value } of client.scan({ prefix: 'scan/' })) found.push(`${text.decode(key)}=${text.decode(value)}`);
    equal(found, names.map((name, index) => `${name}=${index}`), 'all of it');
    const last: string[] = [];
    for await (const { key } of client.scan({ from: 'scan/', to: 'scan/0300', reverse: true, keysOnly: true, limit: 3 })) last.push(text.decode(key));
    equal(last, ['scan/0299', 'scan/0298', 'scan/0297'], 'the last three before the end');
    await client.close();
  },

  'a level: puts, a batch, ranges, sublevels, why a key has its value, and clear': async ({ RingLevel }, { urls }) => {
    const db = new RingLevel<string, { readonly n: number }>(urls, { ...PATIENT, keyspace: 'page', valueEncoding: 'json' });
    await db.put('a', { n: 1 });
    await db.batch([{ type: 'put', key: 'b', value: { n: 2 } }, { type: 'put', key: 'c', value: { n: 3 } }, { type: 'del', key: 'a' }]);
    await db.batch().put('d', { n: 4 }).write();
    equal(await db.getMany(['a', 'b', 'd']), [null, { n: 2 }, { n: 4 }], 'of each, the deleted one undefined');
    const found: [string, number][] = [];
    for await (const [key, value] of db.iterator({ gte: 'b', lt: 'd' })) found.push([key, value.n]);
    equal(found, [['b', 2], ['c', 3]], 'a range');
    equal(await db.keys({ reverse: true, limit: 2 }).all(), ['d', 'c'], 'the last keys');
    const users = db.sublevel('users', { valueEncoding: 'utf8' });
    await users.put('alice', 'é 🗝');
    equal(await users.iterator().all(), [['alice', 'é 🗝']], 'a sublevel');
    const { value, nodes } = await db.getWithDetail('b');
    equal([value, nodes.length], [{ n: 2 }, 3], 'a value with detail');
    const { rule, winner } = await db.explain('b');
    equal([rule.code, winner?.deleted, winner?.replicas.length !== 0], ['only-version', false, true], 'why');
    // Of another keyspace nothing is seen.
    const other = new RingLevel(urls, { ...PATIENT, keyspace: 'other page' });
    equal(await other.keys().all(), [], 'another keyspace');
    await other.close();
    await db.clear({ lt: 'c' });
    equal(await db.keys({ gte: 'a' }).all(), ['c', 'd'], 'what is left');
    await db.clear();
    equal([await db.keys().all(), await users.keys().all()], [[], []], 'after all was cleared');
    await db.close();
    equal(db.status, 'closed', 'the state');
    await db.open();
    equal(await db.get('c'), undefined, 'opened again');
    await db.close();
  },

  'a level is given views and gives them back': async ({ RingLevel }, { urls }) => {
    const db = new RingLevel<Uint8Array, Uint8Array>(urls, { ...PATIENT, keyspace: 'views', keyEncoding: 'view', valueEncoding: 'view' });
    const [key, value] = [Uint8Array.of(0, 255), Uint8Array.of(255, 0, 1)];
    await db.put(key, value);
    equalBytes((await db.get(key)) ?? null, value, 'a value');
    equalBytes((await db.keys().next()) ?? null, key, 'a key');
    await db[Symbol.asyncDispose]();
    const error = await errorOf(db.get(key));
    check(error instanceof Error && 'code' in error && error.code === 'LEVEL_DATABASE_NOT_OPEN', `it is closed, not ${String(error)}`);
  },

  'many requests are spread over the nodes': async ({ RingClient }, { urls }) =>
    watched(async (seen) => {
      const client = new RingClient(urls[0] ?? '', { ...PATIENT, spread: 'by-partition' });
      // It learns of the others after some requests, and connects to them as it goes on.
      for (let round = 0; seen.addresses.size < urls.length && round < 200; round++) {
        await Promise.all(Array.from({ length: 16 }, async (_, index) => client.get(`spread ${round} ${index}`)));
      }
      equal([...seen.addresses].toSorted(), [...urls].toSorted(), 'the addresses that were connected to');
      await client.close();
    }),

  'the cluster tells of itself': async ({ RingClient }, { urls }) => {
    const client = new RingClient(urls, PATIENT);
    await client.ping();
    equal((await client.status()).nodes.length, 3, 'nodes');
    equal((await client.locate('plain')).replicas.toSorted((a, b) => a - b), [0, 1, 2], 'the replicas of a key');
    equal(typeof (await client.converged()).converged, 'boolean', 'converged');
    await client.close();
  },

  'errors are RingErrors with a code': async ({ RingClient, RingError }, { urls }) => {
    const client = new RingClient(urls, PATIENT);
    const code = async (promise: Promise<unknown>): Promise<string> => {
      const error = await errorOf(promise);
      check(error instanceof RingError && error instanceof Error && error.name === 'RingError', `a RingError, not ${String(error)}`);
      return error.code;
    };
    equal(await code(client.get('')), 'RING_KEY_INVALID', 'an empty key');
    equal(await code(client.get('\ud800')), 'RING_KEY_INVALID', 'half a character');
    equal(await code(client.put('k', new Uint8Array(MIB + 1))), 'RING_VALUE_TOO_LARGE', 'a value too large');
    equal(await code(client.control({ heal: true })), 'RING_NOT_ALLOWED', 'what the node refuses');
    check((await errorOf(client.get('k', { timeoutMs: 0 }))) instanceof RangeError, 'an option that cannot be');
    const aborted = new AbortController();
    const get = client.get('k', { signal: aborted.signal });
    aborted.abort(new Error('changed my mind'));
    equal(String(await errorOf(get)), 'Error: changed my mind', 'an aborted request');
    const waiting = client.get('k');
    const closing = client.close();
    equal(await code(waiting), 'RING_CLOSED', 'a request that the close overtakes');
    await closing;
    await client.close();
    equal(await code(client.get('k')), 'RING_CLOSED', 'a request after the close');
  },

  'an address where nobody listens is passed over, and nobody at all is an error': async ({ RingClient, RingError }, { urls, deadUrl }) => {
    const client = new RingClient([deadUrl, ...urls], PATIENT);
    await client.put('beyond', 'the first');
    await client.close();
    const lonely = new RingClient(deadUrl, { ...PATIENT, failFast: 'fail-fast' });
    const error = await errorOf(lonely.get('k'));
    check(error instanceof RingError && error.code === 'RING_UNAVAILABLE' && error.message.includes(deadUrl), `it says which address, not ${String(error)}`);
    await lonely.close();
  },

  'JSON frames need no client at all': async (_, { urls }) => {
    const socket = new WebSocket(urls[0] ?? '');
    await eventOf(socket, 'open');
    const ask = async (request: object): Promise<Record<string, unknown>> => {
      socket.send(JSON.stringify(request));
      const { data } = (await eventOf(socket, 'message')) as MessageEvent<string>;
      return JSON.parse(data) as Record<string, unknown>;
    };
    equal((await ask({ id: 1, op: 'put', key: 'json', value: 'é 🗝' }))['ok'], true, 'the put');
    equal((await ask({ id: 2, op: 'get', key: 'json' }))['value'], 'é 🗝', 'text');
    await ask({ id: 3, op: 'put', key: { base64: '/wA=' }, value: { base64: 'AP8=' } });
    equal((await ask({ id: 4, op: 'get', key: { base64: '/wA=' } }))['value'], { base64: 'AP8=' }, 'bytes');
    equal((await ask({ id: 5, op: 'get', key: { base64: '/wA' } }))['code'], 'RING_BAD_REQUEST', 'base64 that is not canonical');
    socket.close();
  },

  'a page from loopback is let in, another only where its origin is allowed': async (_, { urls, strangerOrigin, hospitableUrl }) => {
    const url = urls[0] ?? '';
    equal(await framed(location.origin, url), 'let in', 'loopback');
    equal(await framed(strangerOrigin, url), 'refused', 'another origin');
    equal(await framed(strangerOrigin, hospitableUrl), 'let in', 'another origin that is allowed');
  },

  // The last one, as a node is gone after it.
  'when the connected node is killed, the client goes on with another': async ({ RingClient, RingError }, { urls }) => {
    const client = new RingClient(urls, PATIENT);
    await client.put('survivor', 'still here', { consistency: 'all' });
    const { askedNode } = await client.status();
    const outcomes = { reads: 0, written: 0, unknown: 0 };
    let killed = false;
    const killing = fetch(`/kill/${askedNode}`, { method: 'POST' }).then(() => (killed = true));
    for (let round = 0, after = 0; after < 20; round++) {
      const put = client.put(`fail-over ${round}`, 'x').then(
        () => (outcomes.written += 1),
        (error: unknown) => {
          check(error instanceof RingError && error.code === 'RING_UNKNOWN', `a write that was sent is unknown at worst, not ${String(error)}`);
          outcomes.unknown += 1;
        },
      );
      equalBytes(await client.get('survivor'), utf8('still here'), 'a read on the way');
      outcomes.reads += 1;
      await put;
      if (killed) after += 1;
    }
    await killing;
    // What was in flight when the node died may be unknown; what came later is not.
    check(outcomes.reads >= 20 && outcomes.written >= 15 && outcomes.unknown <= 2, `work was done: ${JSON.stringify(outcomes)}`);
    check((await client.status()).askedNode !== askedNode, 'another node answers');
    await client.close();
  },
};

/** What becomes of a socket from a frame of this origin to the node. */
async function framed(origin: string, url: string): Promise<unknown> {
  const frame = document.createElement('iframe');
  frame.src = `${origin}/frame.html?url=${encodeURIComponent(url)}`;
  const told = eventOf(window, 'message') as Promise<MessageEvent<unknown>>;
  document.body.append(frame);
  const { data } = await told;
  frame.remove();
  return data;
}
