/** Whatever arrives at a node's port: answered or refused with the documented code, and never to the harm of another. */
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { RingClient } from '../../client/index.ts';
import { firstTopology, topologyDigest } from '../../coordinator/index.ts';
import { nodeId } from '../../data/index.ts';
import { createCluster, type Cluster } from '../../node/cluster.ts';
import {
  CLOSE_CODES,
  ERROR_CODES,
  FRAME_BYTES_MAX,
  PROTOCOL_VERSION,
  TYPE,
  decodeClientReplies,
  decodePeerReplies,
  encodeFrame,
  type AnyMessage,
  type ClientReply,
  type HelloMessage,
} from '../../wire/index.ts';
import { RawSocket } from '../support/raw-socket.ts';

const MIB = 1_048_576;
const packr = new Packr({ useRecords: false });
const ping = encodeFrame([[TYPE.ping, 99]]);

let cluster: Cluster;
let url: string;
let bystander: RawSocket;
let bystanderClient: RingClient;

beforeAll(async () => {
  cluster = await createCluster({ nodes: 2, replicationFactor: 1 });
  url = cluster.urls[0] ?? '';
  bystander = await RawSocket.open(url);
  bystanderClient = new RingClient(url);
});

afterAll(async () => {
  await bystander[Symbol.asyncDispose]();
  await bystanderClient.close();
  await cluster.close();
});

// The point of every test here: a connection that was open all the while still works.
afterEach(async () => {
  // oxlint-disable-next-line vitest/no-standalone-expect
  expect(await bystander.json('{"id":7,"op":"ping"}')).toStrictEqual({ id: 7, ok: true });
  await bystanderClient.put('bystander', 'well');
  // oxlint-disable-next-line vitest/no-standalone-expect
  expect(Buffer.from((await bystanderClient.get('bystander')) ?? '').toString()).toBe('well');
});

async function answersTo(message: readonly unknown[]): Promise<ClientReply> {
  await using raw = await RawSocket.open(url);
  raw.binary(packr.pack([message]));
  const frame = await raw.next();
  const [reply] = frame === null ? [] : decodeClientReplies(frame);
  if (reply === undefined) throw new Error(`no answer: ${JSON.stringify(await raw.closed)}`);
  raw.binary(ping);
  expect(decodeClientReplies((await raw.next()) ?? new Uint8Array(0))).toStrictEqual([[TYPE.pong, 99]]);
  return reply;
}

function codeOf(reply: ClientReply): string {
  return reply[0] === TYPE.failed ? ERROR_CODES[reply[2]] : `type ${reply[0]}`;
}

describe('keys and values at their limits', () => {
  it.each([
    ['a key of 0 bytes', 0, 1, 'RING_KEY_INVALID'],
    ['a key of 1,025 bytes', 1025, 1, 'RING_KEY_INVALID'],
    ['a value of 1 MiB and a byte', 1, MIB + 1, 'RING_VALUE_TOO_LARGE'],
  ])('%s is refused in a binary frame', async (_, keyBytes, valueBytes, code) => {
    const reply = await answersTo([TYPE.put, 1, Buffer.alloc(keyBytes, 'k'), Buffer.alloc(valueBytes, 'v'), 0, 0]);
    expect(codeOf(reply)).toBe(code);
  });

  it.each([
    ['a key of 0 bytes', 0, 1, 'RING_KEY_INVALID'],
    ['a key of 1,025 bytes', 1025, 1, 'RING_KEY_INVALID'],
    ['a value of 1 MiB and a byte', 1, MIB + 1, 'RING_VALUE_TOO_LARGE'],
  ])('%s is refused in a text frame', async (_, keyBytes, valueBytes, code) => {
    await using raw = await RawSocket.open(url);
    const answer = await raw.json(JSON.stringify({ id: 1, op: 'put', key: 'k'.repeat(keyBytes), value: 'v'.repeat(valueBytes) }));
    expect(answer).toMatchObject({ id: 1, ok: false, code, retryable: false });
  });

  it('the same keys are refused to get and delete', async () => {
    for (const type of [TYPE.get, TYPE.delete]) {
      for (const bytes of [0, 1025]) expect(codeOf(await answersTo([type, 1, Buffer.alloc(bytes, 'k'), 0, 0]))).toBe('RING_KEY_INVALID');
    }
  });

  it('a key of exactly 1,024 bytes with a value of exactly 1 MiB comes back whole from binary frames', async () => {
    const [key, value] = [Buffer.alloc(1024, 'b'), Buffer.alloc(MIB, 'w')];
    expect((await answersTo([TYPE.put, 1, key, value, 0, 0]))[0]).toBe(TYPE.written);
    const reply = await answersTo([TYPE.get, 2, key, 0, 0]);
    expect(reply[0] === TYPE.value && value.equals(reply[2] ?? new Uint8Array(0))).toBe(true);
  });

  it('a key of exactly 1,024 bytes with a value of exactly 1 MiB comes back whole from text frames', async () => {
    await using raw = await RawSocket.open(url);
    const [key, value] = ['t'.repeat(1024), 'x'.repeat(MIB)];
    expect(await raw.json(JSON.stringify({ id: 1, op: 'put', key, value }))).toMatchObject({ id: 1, ok: true });
    expect((await raw.json(JSON.stringify({ id: 2, op: 'get', key })))['value'] === value).toBe(true);
  });
});

describe('requests that can be answered', () => {
  it.each<[string, readonly unknown[], string]>([
    ['an unknown type', [30, 1], 'RING_UNKNOWN_OPERATION'],
    ['the type of a peer message', [TYPE.write, 1, Buffer.from('k'), Buffer.alloc(40), []], 'RING_UNKNOWN_OPERATION'],
    ['a put without a value', [TYPE.put, 1, Buffer.from('k'), 0, 0], 'RING_BAD_REQUEST'],
    ['a get without its options', [TYPE.get, 1, Buffer.from('k')], 'RING_BAD_REQUEST'],
    ['a get with one field more', [TYPE.get, 1, Buffer.from('k'), 0, 0, 0, 0], 'RING_BAD_REQUEST'],
    ['a number as key', [TYPE.get, 1, 5, 0, 0], 'RING_BAD_REQUEST'],
    ['nil as value', [TYPE.put, 1, Buffer.from('k'), null, 0, 0], 'RING_BAD_REQUEST'],
    ['an unknown consistency', [TYPE.get, 1, Buffer.from('k'), 4, 0], 'RING_BAD_REQUEST'],
    ['a negative timeout', [TYPE.get, 1, Buffer.from('k'), 0, -1], 'RING_BAD_REQUEST'],
    ['a timeout beyond the limit', [TYPE.get, 1, Buffer.from('k'), 0, 600_001], 'RING_BAD_REQUEST'],
    ['a control that is not text', [TYPE.control, 1, 5], 'RING_BAD_REQUEST'],
    ['a control on a node without --test-control', [TYPE.control, 1, '{"skewMs":5}'], 'RING_NOT_ALLOWED'],
    ['a control of nonsense on a node without --test-control', [TYPE.control, 1, '{{{'], 'RING_NOT_ALLOWED'],
  ])('%s is answered with its code', async (_, message, code) => {
    expect(codeOf(await answersTo(message))).toBe(code);
  });

  it.each<[string, unknown, string]>([
    ['an unknown operation', { id: 1, op: 'fly' }, 'RING_UNKNOWN_OPERATION'],
    ['the name of an inherited property', { id: 1, op: 'constructor' }, 'RING_UNKNOWN_OPERATION'],
    ['no operation', { id: 1 }, 'RING_BAD_REQUEST'],
    ['no id', { op: 'get', key: 'k' }, 'RING_BAD_REQUEST'],
    ['an id that is text', { id: '1', op: 'get', key: 'k' }, 'RING_BAD_REQUEST'],
    ['a put without a value', { id: 1, op: 'put', key: 'k' }, 'RING_BAD_REQUEST'],
    ['a get without a key', { id: 1, op: 'get' }, 'RING_BAD_REQUEST'],
    ['a misspelt field', { id: 1, op: 'get', key: 'k', consistensy: 'all' }, 'RING_BAD_REQUEST'],
    ['an unknown consistency', { id: 1, op: 'get', key: 'k', consistency: 'most' }, 'RING_BAD_REQUEST'],
    ['base64 that is none', { id: 1, op: 'get', key: { base64: '*' } }, 'RING_BAD_REQUEST'],
    ['a lone surrogate as key', { id: 1, op: 'get', key: '\ud800' }, 'RING_BAD_REQUEST'],
    ['a control', { id: 1, op: 'control', command: '{"skewMs":5}' }, 'RING_UNKNOWN_OPERATION'],
  ])('%s in a text frame is answered with its code', async (_, request, code) => {
    await using raw = await RawSocket.open(url);
    expect(await raw.json(JSON.stringify(request))).toMatchObject({ ok: false, code });
    expect(await raw.json('{"id":2,"op":"ping"}')).toStrictEqual({ id: 2, ok: true });
  });

  it('an array of good and bad requests is answered by one array with all of them', async () => {
    await using raw = await RawSocket.open(url);
    raw.text(JSON.stringify([{ id: 1, op: 'ping' }, 5, { id: 3, op: 'fly' }]));
    const answers = JSON.parse(((await raw.next()) ?? '').toString()) as { id: number | null; ok: boolean }[];
    expect(answers.map(({ id, ok }) => [id, ok])).toStrictEqual(expect.arrayContaining([[1, true], [null, false], [3, false]]));
    expect(answers).toHaveLength(3);
    expect(await raw.json('[]')).toStrictEqual([]);
  });
});

describe('frames that cannot be read', () => {
  const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
  it.each<[string, Uint8Array]>([
    ['a map instead of the array', packr.pack({ 1: 2 })],
    ['a number instead of the array', packr.pack(5)],
    ['nothing', new Uint8Array(0)],
    ['a message that is a map', Buffer.from([0x91, 0x80])],
    ['a message that is text', packr.pack(['ping'])],
    ['a message without an id', packr.pack([[TYPE.ping]])],
    ['a message whose type is text', packr.pack([['ping', 1]])],
    ['a negative id', packr.pack([[TYPE.ping, -1]])],
    ['an id with a fraction', packr.pack([[TYPE.ping, 1.5]])],
    ['arrays nested 1,000 deep', packr.pack(nested(1000))],
    ['1 MiB of nested arrays', Buffer.alloc(MIB, 0x91)],
    ['an array that declares 4 billion messages', Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff])],
    ['a fixext', Buffer.from([0x91, 0xd4, 0x72, 0x40])],
    ['a timestamp extension', Buffer.from([0x91, 0xd6, 0xff, 0, 0, 0, 0])],
    ['an ext 8', Buffer.from([0x91, 0xc7, 1, 0x78, 0])],
    ['a record definition', new Packr({ useRecords: true }).pack([{ a: 1 }])],
    ['the byte that msgpack never uses', Buffer.from([0x91, 0xc1])],
    ['a str that is not UTF-8', Buffer.from([0x91, 0x93, 2, 1, 0xa1, 0xff])],
    ['a truncated frame', encodeFrame([[TYPE.get, 1, Buffer.from('key'), 0, 0]]).slice(0, -3)],
    ['bytes after the frame', Buffer.concat([ping, Buffer.from([1])])],
  ])('%s closes its connection with 4000', async (_, frame) => {
    await using raw = await RawSocket.open(url);
    raw.binary(frame);
    const reply = await raw.next();
    const [failed] = reply === null ? [] : decodeClientReplies(reply);
    expect(failed === undefined ? 'none' : codeOf(failed)).toBe('RING_BAD_FRAME');
    expect(failed?.[1]).toBeNull();
    expect((await raw.closed).code).toBe(CLOSE_CODES.badFrame);
  });

  it.each([
    ['text that is not JSON', '{"id":1,'],
    ['an empty text', ''],
    ['JSON that is no request', '5'],
    ['null', 'null'],
    ['JSON nested 100,000 deep', '['.repeat(100_000)],
  ])('%s closes its connection with 4000', async (_, text) => {
    await using raw = await RawSocket.open(url);
    expect(await raw.json(text)).toMatchObject({ id: null, ok: false, code: 'RING_BAD_FRAME' });
    expect((await raw.closed).code).toBe(CLOSE_CODES.badFrame);
  });

  it('a well-formed JSON value nested 100,000 deep does no harm', async () => {
    await using raw = await RawSocket.open(url);
    const answer = await raw.json(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
    expect(JSON.stringify(answer)).toMatch(/RING_BAD_(?:REQUEST|FRAME)/);
  });

  it('a text frame of invalid UTF-8 closes its connection with 1007', async () => {
    await using raw = await RawSocket.open(url);
    raw.text(Buffer.from([0x7b, 0xff, 0xfe, 0x7d]));
    expect((await raw.closed).code).toBe(1007);
  });

  it.each(['binary', 'text'] as const)('a %s frame over the limit closes its connection with 1009', async (kind) => {
    await using raw = await RawSocket.open(url);
    raw[kind](Buffer.alloc(FRAME_BYTES_MAX + 1, 0x20));
    expect((await raw.closed).code).toBe(CLOSE_CODES.tooBig);
  });

  it('random bytes are survived, or close their connection with 4000', async () => {
    let closed = 0;
    const anyBytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Uint8Array.from([0x91, 0x90 + (bytes.length % 8), ...bytes])),
      fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })).map(([at, byte]) => {
        const frame = Uint8Array.from(encodeFrame([[TYPE.put, 3, Buffer.from('random'), Buffer.from('v'), 0, 0]]));
        frame[at % frame.length] = byte;
        return frame;
      }),
    );
    await fc.assert(
      fc.asyncProperty(anyBytes, async (bytes) => {
        await using raw = await RawSocket.open(url);
        raw.binary(bytes);
        raw.binary(ping);
        for (let frame = await raw.next(); frame !== null; frame = await raw.next()) {
          if (decodeClientReplies(frame).some((reply) => reply[0] === TYPE.pong && reply[1] === 99)) return;
        }
        closed++;
        expect((await raw.closed).code).toBe(CLOSE_CODES.badFrame);
      }),
      { numRuns: 150 },
    );
    expect(closed).toBeGreaterThan(10);
  });
});

describe('peers', () => {
  const digest = (): string =>
    topologyDigest(
      firstTopology(
        cluster.urls.map((address, id) => ({ id: nodeId(id), address })),
        1,
        0,
      ),
    );
  const header = [TYPE.frameHeader, 1, 0, 0] as const;
  const hello = (over: Partial<Record<'protocol' | 'clusterId' | 'digest' | 'from' | 'to', unknown>>): Uint8Array => {
    const all = { protocol: PROTOCOL_VERSION, clusterId: 'in-process', digest: digest(), from: 1, to: 0, ...over };
    return encodeFrame([header as unknown as AnyMessage, [TYPE.hello, 5, all.protocol, all.clusterId, all.digest, all.from, all.to, 77, 1, []] as unknown as HelloMessage]);
  };

  it('a peer with the right hello is welcome', async () => {
    await using raw = await RawSocket.open(`${url}/peer`);
    raw.binary(hello({}));
    const { messages } = decodePeerReplies((await raw.next()) ?? new Uint8Array(0));
    expect(messages[0]?.slice(0, 3)).toStrictEqual([TYPE.welcome, 5, 0]);
  });

  it.each<[string, Parameters<typeof hello>[0], string]>([
    ['another protocol', { protocol: 999 }, 'RING_WRONG_PROTOCOL'],
    ['another cluster', { clusterId: 'other' }, 'RING_WRONG_CLUSTER'],
    ['another topology', { digest: 'other' }, 'RING_WRONG_TOPOLOGY'],
    ['another node in mind', { to: 1 }, 'RING_WRONG_NODE'],
    ['the name of this node', { from: 0 }, 'RING_WRONG_NODE'],
    ['a name that is no member', { from: 9 }, 'RING_WRONG_NODE'],
  ])('a peer with %s is told why and closed with 4001', async (_, over, code) => {
    await using raw = await RawSocket.open(`${url}/peer`);
    raw.binary(hello(over));
    const [reply] = decodePeerReplies((await raw.next()) ?? new Uint8Array(0)).messages;
    expect(reply?.[0] === TYPE.refused ? [reply[1], ERROR_CODES[reply[2]], reply[3].length > 10] : reply).toStrictEqual([5, code, true]);
    expect(await raw.closed).toStrictEqual({ code: CLOSE_CODES.wrongPeer, reason: code });
  });

  it('a frame of another epoch after the hello closes the link with 4001', async () => {
    await using raw = await RawSocket.open(`${url}/peer`);
    raw.binary(hello({}));
    await raw.next();
    raw.binary(encodeFrame([[TYPE.frameHeader, 2, 0, 0] as unknown as AnyMessage, [TYPE.heartbeat, 1]]));
    expect((await raw.closed).code).toBe(CLOSE_CODES.wrongPeer);
  });

  it.each<[string, () => Uint8Array]>([
    ['a client request', () => ping],
    ['a peer request before the hello', () => encodeFrame([header as unknown as AnyMessage, [TYPE.heartbeat, 1]])],
    ['a hello of the wrong shape', () => hello({ clusterId: 5 })],
    ['an empty frame', () => packr.pack([])],
    ['a header alone', () => encodeFrame([header as unknown as AnyMessage])],
    ['no msgpack', () => Buffer.from('hello')],
  ])('%s on /peer closes the connection with 4000', async (_, frame) => {
    await using raw = await RawSocket.open(`${url}/peer`);
    raw.binary(frame());
    expect((await raw.closed).code).toBe(CLOSE_CODES.badFrame);
  });

  it('text on /peer closes the connection with 4000', async () => {
    await using raw = await RawSocket.open(`${url}/peer`);
    raw.text('{"id":1,"op":"ping"}');
    expect((await raw.closed).code).toBe(CLOSE_CODES.badFrame);
  });

  it('a second hello, or a record cut short, closes the link with 4000', async () => {
    for (const second of [hello({}), packr.pack([header, [TYPE.write, 1, Buffer.from('k'), Buffer.from('short'), []]])]) {
      await using raw = await RawSocket.open(`${url}/peer`);
      raw.binary(hello({}));
      await raw.next();
      raw.binary(second);
      expect((await raw.closed).code).toBe(CLOSE_CODES.badFrame);
    }
  });

  it('a record whose checksum is wrong is not kept', async () => {
    await using raw = await RawSocket.open(`${url}/peer`);
    raw.binary(hello({}));
    await raw.next();
    raw.binary(packr.pack([header, [TYPE.write, 2, Buffer.from('forged'), Buffer.alloc(40, 1), []]]));
    const frame = await raw.next();
    const [reply] = frame === null ? [] : decodePeerReplies(frame).messages;
    expect(reply === undefined || (reply[0] === TYPE.stored && reply[2] >= 3)).toBe(true);
    expect(await cluster.get('forged')).toBeNull();
  });
});

describe('the HTTP side', () => {
  const http = (path: string): string => `${url.replace('ws:', 'http:')}${path}`;

  it.each(['https://example.org', 'http://127.0.0.1.example.org', 'http://localhost.example.org', 'null', 'file://'])('an upgrade with origin %s is refused with 403', async (origin) => {
    await expect(RawSocket.open(url, { origin })).rejects.toThrow('403');
  });

  it.each(['http://localhost:3000', 'http://127.0.0.1:8080', 'http://[::1]'])('an upgrade with the loopback origin %s is taken', async (origin) => {
    await using raw = await RawSocket.open(url, { origin });
    expect(await raw.json('{"id":1,"op":"ping"}')).toMatchObject({ ok: true });
  });

  it('a browser page, even one on loopback, is no peer', async () => {
    await expect(RawSocket.open(`${url}/peer`, { origin: 'http://localhost:3000' })).rejects.toThrow('403');
  });

  it('an upgrade on an unknown path is refused with 404', async () => {
    await expect(RawSocket.open(`${url}/elsewhere`)).rejects.toThrow('404');
  });

  it('/health tells the state of the node', async () => {
    const response = await fetch(http('/health'));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ node: 0, store: 'open' });
  });

  it('/metrics is text for Prometheus', async () => {
    const response = await fetch(http('/metrics'));
    expect(response.headers.get('content-type')).toContain('text/plain');
    expect(await response.text()).toMatch(/^ring_level_records \d+$/m);
  });

  it('any other path, and any other method, is 404', async () => {
    expect((await fetch(http('/'))).status).toBe(404);
    expect((await fetch(http('/health'), { method: 'POST', body: 'x' })).status).toBe(404);
  });
});
