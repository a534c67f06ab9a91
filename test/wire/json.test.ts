import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { versionToBytes, versionToString, type Version } from '../../data/index.ts';
import { FrameError, MESSAGES_PER_FRAME_MAX, decodeTextFrame, encodeTextReplies, encodeTextReply, errorNumber, utf8Bytes, utf8Text } from '../../wire/index.ts';
import { clientReply, plain } from './messages.ts';

const version: Version = { timestamp: 1_764_000_000_000 * 1024 + 3, writer: 0xffe0_c0de };
const bytes = versionToBytes(version);
const text = versionToString(version);

function only(request: unknown): unknown {
  return plain(decodeTextFrame(JSON.stringify(request)).requests[0]);
}

function utf8(string: string): Uint8Array {
  return Uint8Array.from(Buffer.from(string));
}

describe('requests as text', () => {
  test('each operation becomes its message', () => {
    expect(only({ id: 1, op: 'put', key: 'user1', value: 'alice' })).toEqual([1, 1, utf8('user1'), utf8('alice'), 0, 0]);
    expect(only({ id: 2, op: 'get', key: 'user1', consistency: 'quorum', timeoutMs: 50 })).toEqual([2, 2, utf8('user1'), 2, 50]);
    expect(only({ id: 3, op: 'delete', key: 'ü', consistency: 'all' })).toEqual([3, 3, utf8('ü'), 3, 0]);
    expect(only({ id: 4, op: 'locate', key: { base64: '/wA=' } })).toEqual([7, 4, new Uint8Array([255, 0])]);
    expect(only({ id: 4, op: 'explain', key: 'user1' })).toEqual([11, 4, utf8('user1')]);
    expect(only({ id: 5, op: 'status' })).toEqual([4, 5]);
    expect(only({ id: 6, op: 'converged' })).toEqual([5, 6]);
    expect(only({ id: 7, op: 'ping' })).toEqual([8, 7]);
    expect(only({ id: 8, op: 'topology' })).toEqual([9, 8]);
    expect(only({ id: 9, op: 'scan' })).toEqual([10, 9, null, null, 100, 0, 0, 0]);
    expect(only({ id: 9, op: 'scan', from: 'a', to: { base64: '/w==' }, limit: 7, reverse: true, keysOnly: true, consistency: 'quorum', timeoutMs: 50 })).toEqual([10, 9, utf8('a'), new Uint8Array([255]), 7, 3, 2, 50]);
    expect(only({ id: 9, op: 'scan', from: null, to: '', keysOnly: true, reverse: false })).toEqual([10, 9, null, new Uint8Array(), 100, 2, 0, 0]);
  });

  test('detail is a flag, and no detail is none', () => {
    expect(only({ id: 1, op: 'put', key: 'k', value: 'v', detail: true })).toEqual([1, 1, utf8('k'), utf8('v'), 0, 0, 1]);
    expect(only({ id: 2, op: 'get', key: 'k', detail: true })).toEqual([2, 2, utf8('k'), 0, 0, 1]);
    expect(only({ id: 3, op: 'delete', key: 'k', detail: true, consistency: 'all' })).toEqual([3, 3, utf8('k'), 3, 0, 1]);
    expect(only({ id: 4, op: 'get', key: 'k', detail: false })).toEqual([2, 4, utf8('k'), 0, 0]);
  });

  test('an array of requests is told from a single one', () => {
    expect(decodeTextFrame('{"id":1,"op":"ping"}')).toEqual({ isArray: false, requests: [[8, 1]] });
    expect(decodeTextFrame('[{"id":1,"op":"ping"},{"id":2,"op":"ping"}]')).toEqual({ isArray: true, requests: [[8, 1], [8, 2]] });
    expect(decodeTextFrame('[]')).toEqual({ isArray: true, requests: [] });
  });

  test.each([
    [{ op: 'ping' }, null, 'RING_BAD_REQUEST'],
    [{ id: '1', op: 'ping' }, null, 'RING_BAD_REQUEST'],
    [{ id: -1, op: 'ping' }, null, 'RING_BAD_REQUEST'],
    [{ id: 1 }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'increment' }, 1, 'RING_UNKNOWN_OPERATION'],
    [{ id: 1, op: 'toString' }, 1, 'RING_UNKNOWN_OPERATION'],
    [{ id: 1, op: 'get' }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'get', key: '' }, 1, 'RING_KEY_INVALID'],
    [{ id: 1, op: 'get', key: 'ü'.repeat(513) }, 1, 'RING_KEY_INVALID'],
    [{ id: 1, op: 'get', key: '\uD800' }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'get', key: { base64: 'YQ' } }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'get', key: { base64: 'Y!==' } }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'get', key: { base64: 'YR==' } }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'get', key: { base64: 'YQ==', more: 1 } }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'get', key: 'k', consistency: 'most' }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'get', key: 'k', consistancy: 'all' }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'get', key: 'k', timeoutMs: -1 }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'put', key: 'k' }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'explain' }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'explain', key: '' }, 1, 'RING_KEY_INVALID'],
    [{ id: 1, op: 'explain', key: 'x'.repeat(1_025) }, 1, 'RING_KEY_INVALID'],
    [{ id: 1, op: 'explain', key: { base64: 'YQ' } }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'explain', key: 'k', consistency: 'all' }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'put', key: 'k', value: 'v', detail: 1 }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'get', key: 'k', detail: null }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'delete', key: 'k', detail: 'yes' }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'put', key: 'k', value: 'v', flags: 2 }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'writeAgain', key: 'k', value: 'v' }, 1, 'RING_UNKNOWN_OPERATION'],
    [{ id: 1, op: 'scan', detail: true }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'scan', from: 7 }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'scan', to: '\uD800' }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'scan', to: 'x'.repeat(1_026) }, 1, 'RING_KEY_INVALID'],
    [{ id: 1, op: 'scan', limit: 0 }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'scan', limit: 10_001 }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'scan', limit: '7' }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'scan', reverse: 1 }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'scan', keysOnly: 'yes' }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'scan', key: 'k' }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'put', key: 'k', value: null }, 1, 'RING_BAD_REQUEST'],
    [{ id: 1, op: 'put', key: 'k', value: 'v'.repeat(1_048_577) }, 1, 'RING_VALUE_TOO_LARGE'],
  ])('a wrong request is answered (case %#)', (request, id, code) => {
    expect(only(request)).toMatchObject({ invalid: true, id, code });
  });

  test('a wrong request spoils neither its frame nor its neighbours', () => {
    expect(decodeTextFrame('[7,{"id":1,"op":"ping"}]').requests).toMatchObject([{ invalid: true, id: null }, [8, 1]]);
  });

  test.each(['', '{', '7', '"x"', 'null', 'nonsense', '['.repeat(100_000)])('text that is no request is a FrameError (case %#)', (frame) => {
    expect(() => decodeTextFrame(frame)).toThrow(FrameError);
  });

  test('more requests than a frame may have are a FrameError', () => {
    expect(() => decodeTextFrame(`[${Array.from({ length: MESSAGES_PER_FRAME_MAX + 1 }, () => '0').join(',')}]`)).toThrow(FrameError);
  });

  test('any text brings a FrameError or requests, nothing else', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (frame) => {
      try {
        decodeTextFrame(frame);
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
      }
    }), { numRuns: 2_000 });
  });
});

describe('replies as text', () => {
  test('a write tells its version and where it is', () => {
    expect(JSON.parse(encodeTextReply([17, 1, bytes, [0, 2], [1, 3], 1]))).toEqual({ id: 1, ok: true, version: text, durableOn: [0, 2], hints: [{ target: 1, holder: 3 }], fsync: true });
  });

  test('a write with detail tells what each replica said, and who keeps its hint', () => {
    const said = ['applied', 'present', 'superseded', 'refused', 'unknown', 'hints-full', 'applied-untrusted', 'superseded-untrusted', 'no-answer', 'unreachable'];
    const rows = said.flatMap((_, number) => [number, number]);
    const { replicas } = JSON.parse(encodeTextReply([17, 1, bytes, [0, 1], [9, 4, 3, 0], 1, rows])) as { replicas: unknown };
    expect(replicas).toEqual(said.map((word, node) => ({ node, said: word, hintedOn: node === 9 ? 4 : node === 3 ? 0 : null })));
  });

  test('a read with detail tells who was counted and what each node said', () => {
    const said = ['record', 'absent', 'damaged', 'failed', 'untrusted', 'no-answer', 'unreachable'];
    const rows = said.flatMap((_, number) => [number, number === 6 ? 1 : 0, number, number === 0 ? bytes : null] as const);
    expect(JSON.parse(encodeTextReply([18, 2, utf8('v'), bytes, [0], rows]))).toEqual({
      id: 2, ok: true, value: 'v', version: text, replied: [0],
      nodes: said.map((word, node) => ({ node, role: node === 6 ? 'stand-in' : 'replica', said: word, version: node === 0 ? text : null })),
    });
  });

  test('a version that is told comes without an outcome', () => {
    expect(JSON.parse(encodeTextReply([23, 7, bytes]))).toEqual({ id: 7, issued: text });
  });

  test('a value is text when it is UTF-8 and base64 when it is not', () => {
    expect(encodeTextReply([18, 2, utf8('alice'), bytes, [0]])).toBe(`{"id":2,"ok":true,"value":"alice","version":"${text}"}`);
    expect(JSON.parse(encodeTextReply([18, 2, new Uint8Array([255, 0]), bytes, [0]]))).toMatchObject({ value: { base64: '/wA=' } });
  });

  test('an absent key and a deleted one have the value null', () => {
    expect(encodeTextReply([18, 2, null, null, [0]])).toBe('{"id":2,"ok":true,"value":null}');
    expect(encodeTextReply([18, 2, null, bytes, [0]])).toBe(`{"id":2,"ok":true,"value":null,"version":"${text}"}`);
  });

  test('a failure tells its code and whether to try again', () => {
    expect(JSON.parse(encodeTextReply([31, 4, errorNumber('RING_UNKNOWN'), 'late', 2, 1, bytes]))).toEqual({
      id: 4, ok: false, code: 'RING_UNKNOWN', message: 'late', retryable: true, required: 2, received: 1, version: text,
    });
  });

  test('JSON answers stand inline, a pong is bare, several replies are an array', () => {
    expect(encodeTextReplies([[19, 5, '{"a":[1]}'], [20, 6]])).toBe('[{"id":5,"ok":true,"result":{"a":[1]}},{"id":6,"ok":true}]');
  });

  test('every reply can be said', () => {
    fc.assert(fc.property(clientReply, (reply) => {
      expect(JSON.parse(encodeTextReply(reply))).toMatchObject(reply[0] === 23 ? { id: reply[1] } : { id: reply[1], ok: reply[0] !== 31 });
    }));
  });

  test('bytes that become text become the same bytes again, a byte order mark included', () => {
    fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 4 }), fc.string({ unit: 'binary' }).map((string) => utf8(`\uFEFF${string}`))), (value) => {
      const said = utf8Text(value);
      fc.pre(said !== null);
      expect(Uint8Array.from(utf8Bytes(said ?? '') ?? [])).toEqual(Uint8Array.from(value));
    }));
  });
});
