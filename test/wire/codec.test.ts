import * as fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import {
  FRAME_BYTES_MAX,
  FRAME_BYTES_TARGET,
  FrameError,
  MESSAGES_PER_FRAME_MAX,
  checkFrame,
  decodeClientReplies,
  decodeClientRequests,
  decodePeerReplies,
  decodePeerRequests,
  encodeFrame,
  encodeFrames,
  messageBytesMax,
  type PutMessage,
} from '../../wire/index.ts';
import { clientReply, clientRequest, header, peerReply, peerRequest, plain } from './messages.ts';

const packr = new Packr({ useRecords: false, variableMapSize: true });
const decoders = [decodeClientRequests, decodeClientReplies, decodePeerRequests, decodePeerReplies];

/** Runs every decoder; anything but a FrameError is a failure of the test. */
function decodeAll(bytes: Uint8Array): void {
  for (const decode of decoders) {
    try {
      decode(bytes);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
    }
  }
}

function requestsOf(...messages: readonly unknown[]): readonly unknown[] {
  return decodeClientRequests(packr.pack(messages));
}

describe('messages in binary frames', () => {
  test('requests of clients come out as they went in', () => {
    fc.assert(fc.property(fc.array(clientRequest), (messages) => {
      expect(plain(decodeClientRequests(encodeFrame(messages)))).toEqual(plain(messages));
    }));
  });

  test('replies to clients come out as they went in', () => {
    fc.assert(fc.property(fc.array(clientReply), (messages) => {
      expect(plain(decodeClientReplies(encodeFrame(messages)))).toEqual(plain(messages));
    }));
  });

  test('requests and replies between nodes come out as they went in, with their header', () => {
    fc.assert(fc.property(header, fc.array(peerRequest), fc.array(peerReply), (first, requests, replies) => {
      const decodedRequests = decodePeerRequests(encodeFrame([first, ...requests]));
      expect(decodedRequests.header).toEqual(first);
      expect(plain(decodedRequests.messages)).toEqual(plain(requests));
      const decodedReplies = decodePeerReplies(encodeFrame([first, ...replies]));
      expect(decodedReplies.header).toEqual(first);
      expect(plain(decodedReplies.messages)).toEqual(plain(replies));
    }));
  });

  test('a frame is not overwritten by the ones encoded after it', () => {
    const frame = encodeFrame([[4, 1]]);
    const before = Uint8Array.from(frame);
    for (let id = 0; id < 10_000; id++) encodeFrame([[1, id, new Uint8Array(20), new Uint8Array(100), 0, 0]]);
    expect(Uint8Array.from(frame)).toEqual(before);
  });

  test('bytes travel as plain msgpack bin, whether Buffer or Uint8Array', () => {
    expect([...encodeFrame([[7, 1, new Uint8Array([9])]])]).toEqual([0x91, 0x93, 7, 1, 0xc4, 1, 9]);
    expect([...encodeFrame([[7, 1, Buffer.from([9])]])]).toEqual([0x91, 0x93, 7, 1, 0xc4, 1, 9]);
  });

  test('the estimate of a message is never below its size', () => {
    fc.assert(fc.property(fc.oneof(clientRequest, clientReply, peerRequest, peerReply), (message) => {
      expect(messageBytesMax(message)).toBeGreaterThanOrEqual(encodeFrame([message]).length);
    }));
  });

  test('many messages are split into frames in their order, each within the target, each with the header', () => {
    const first = [0, 1, 5] as unknown as Parameters<typeof encodeFrames>[1];
    const messages = Array.from({ length: 300 }, (_, id): PutMessage => [1, id, new Uint8Array([1]), new Uint8Array(10_000), 0, 0]);
    const frames = encodeFrames(messages, first);
    expect(frames.length).toBeGreaterThan(2);
    const ids: unknown[] = [];
    for (const frame of frames) {
      expect(frame.length).toBeLessThanOrEqual(FRAME_BYTES_TARGET);
      const [head, ...rest] = packr.unpack(frame) as readonly (readonly unknown[])[];
      expect(head).toEqual([0, 1, 5]);
      for (const message of rest) ids.push(message[1]);
    }
    expect(ids).toEqual(messages.map((message) => message[1]));
    expect(encodeFrames([])).toEqual([]);
  });
});

describe('requests that can be answered though they are wrong', () => {
  test('an unknown type is an unknown operation', () => {
    expect(requestsOf([99, 7, 'x'], [8, 8])).toMatchObject([{ invalid: true, id: 7, code: 'RING_UNKNOWN_OPERATION' }, [8, 8]]);
  });

  test('keys and values beyond their limits have codes of their own', () => {
    const key = Buffer.from('k');
    expect(requestsOf([2, 1, Buffer.alloc(0), 0, 0], [2, 2, Buffer.alloc(1025), 0, 0], [1, 3, key, Buffer.alloc(1_048_577), 0, 0], [11, 4, Buffer.alloc(0)], [11, 5, Buffer.alloc(1025)])).toMatchObject([
      { id: 1, code: 'RING_KEY_INVALID' },
      { id: 2, code: 'RING_KEY_INVALID' },
      { id: 3, code: 'RING_VALUE_TOO_LARGE' },
      { id: 4, code: 'RING_KEY_INVALID' },
      { id: 5, code: 'RING_KEY_INVALID' },
    ]);
  });

  test.each([
    [[1, 5, 'k']], [[1, 5, 'k', 3, 0, 0]], [[1, 5, 'k', 'v', 4, 0]], [[1, 5, 'k', 'v', 0, -1]], [[1, 5, 'k', 'v', 0, 1.5]],
    [[1, 5, 'k', 'v', 0, 600_001]], [[2, 5, ['k'], 0, 0]], [[2, 5, null, 0, 0]], [[6, 5, 1]], [[4, 5, 1]], [[3, 5, 'k', 0, 0, 4]], [[3, 5, 'k', 0, 0, 0, 0]], [[2, 5, 'k', 0, 0, 2]], [[1, 5, 'k', 'v', 0, 0, -1]], [[12, 5, 'k', 'v', 'not bytes', 0, 0, 0]],
    [[12, 5, 'k', 'v', Buffer.alloc(12), 0, 0]], [[12, 5, 'k', 'v', Buffer.alloc(11), 0, 0, 0]], [[12, 5, 'k', 'v', Buffer.alloc(12, 0xff), 0, 0, 0]], [[12, 5, 'k', 'v', null, 0, 0, 0]], [[12, 5, 'k', 7, Buffer.alloc(12), 0, 0, 0]],
    [[12, 5, 'k', 'v', Buffer.alloc(12), 0, 0, 8]], [[12, 5, 'k', 'v', Buffer.alloc(12), 0, 0, null]], [[12, 5, 'k', 'v', Buffer.alloc(12), 4, 0, 0]], [[1, 5, 'k', 'v', 0, 0, 4]], [[1, 5, 'k', 'v', 0, 0, null]], [[2, 5, 'k', 0, 0, 1, 1]],
    [[10, 5, 'a', 'b', 0, 0, 0, 0]], [[10, 5, 'a', 'b', 10_001, 0, 0, 0]], [[10, 5, 'a', 'b', 1, 4, 0, 0]], [[10, 5, 7, null, 1, 0, 0, 0]], [[10, 5, null, null, 1, 0, 4, 0]], [[10, 5, null, null, 1, 0, 0]],
    [[11, 5]], [[11, 5, 7]], [[11, 5, null]], [[11, 5, 'k', 0]],
  ])('%j is a bad request', (message) => {
    expect(requestsOf(message)).toMatchObject([{ invalid: true, id: 5, code: 'RING_BAD_REQUEST' }]);
  });

  test('a write that is sent again has the limits of the write', () => {
    const version = Buffer.alloc(12);
    expect(requestsOf([12, 1, '', 'v', version, 0, 0, 0], [12, 2, 'k', Buffer.alloc(1_048_577), version, 0, 0, 0], [12, 3, 'k', null, version, 0, 0, 6])).toMatchObject([
      { id: 1, code: 'RING_KEY_INVALID' },
      { id: 2, code: 'RING_VALUE_TOO_LARGE' },
      [12, 3, Uint8Array.of(0x6b), null, version, 0, 0, 6],
    ]);
  });

  test('text stands for its UTF-8 bytes', () => {
    const [put] = requestsOf([1, 1, 'schlüssel', '€'.repeat(200), 0, 0]);
    expect(plain(put)).toEqual([1, 1, Uint8Array.from(Buffer.from('schlüssel')), Uint8Array.from(Buffer.from('€'.repeat(200))), 0, 0]);
  });

  test.each([[['get', 1, 'k', 0, 0]], [[2]], [[2, -1, 'k', 0, 0]], [[2, 1.5, 'k', 0, 0]], [[2, null, 'k', 0, 0]], [7], [null], ['x'], [[]]])(
    '%j, without a readable type and id, spoils the frame', (message) => {
      expect(() => requestsOf(message)).toThrow(FrameError);
    },
  );
});

describe('frames that are refused', () => {
  test.each([
    ['nothing', []], ['a map', [0x80]], ['a map in a message', [0x91, 0x92, 4, 0x80]], ['a bare number', [1]], ['nil', [0xc0]],
    ['the unused byte', [0x91, 0xc1]], ['a record definition', [0x91, 0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61]], ['a fixext', [0x91, 0xd6, 0xff, 0, 0, 0, 0]],
    ['an ext 8', [0x91, 0xc7, 1, 0x70, 0]], ['a typed array extension', [0x91, 0xc7, 2, 0x74, 1, 0]], ['trailing bytes', [0x90, 0]],
    ['a truncated array', [0x92, 1]], ['a truncated number', [0x91, 0xcd, 1]], ['a truncated str', [0x91, 0xa3, 0x61]],
    ['a huge array', [0xdd, 0xff, 0xff, 0xff, 0xff]], ['a huge array in a message', [0x91, 0xdd, 0xff, 0xff, 0xff, 0xff]],
    ['a huge bin', [0x91, 0xc6, 0xff, 0xff, 0xff, 0xff, 1]], ['a header cut short', [0xdc, 0]], ['a length cut short', [0x91, 0xc6, 0]],
    ['arrays five deep', [0x91, 0x91, 0x91, 0x91, 0x91, 1]], ['text that is not UTF-8', [0x91, 0xa2, 0xc3, 0x28]],
    ['an encoded surrogate', [0x91, 0xa3, 0xed, 0xa0, 0x80]], ['an overlong form', [0x91, 0xa2, 0xc0, 0x80]], ['text with a byte order mark', [0x91, 0xa3, 0xef, 0xbb, 0xbf]],
  ])('%s', (_name, bytes) => {
    const frame = Uint8Array.from(bytes);
    for (const decode of [checkFrame, ...decoders]) expect(() => decode(frame)).toThrow(FrameError);
  });

  test('more messages or more values than a frame may have', () => {
    expect(() => checkFrame(packr.pack(Array.from({ length: MESSAGES_PER_FRAME_MAX }, () => 0)))).not.toThrow();
    expect(() => checkFrame(packr.pack(Array.from({ length: MESSAGES_PER_FRAME_MAX + 1 }, () => 0)))).toThrow(FrameError);
    expect(() => checkFrame(packr.pack([Array.from({ length: 1_100_000 }, () => [])]))).toThrow(FrameError);
  });

  test('a megabyte of nested arrays', () => {
    expect(() => checkFrame(new Uint8Array(1_048_576).fill(0x91))).toThrow(FrameError);
  });

  test('an answer with a field of the wrong shape, or too many', () => {
    const version = Buffer.alloc(12);
    const written = [17, 1, version, [0], [], 1];
    const value = [18, 1, null, version, [0]];
    expect(decodeClientReplies(packr.pack([written, [...written, []], [...written, [0, 9, 4095, 0]], [...value, []], [...value, [0, 1, 6, null, 1, 0, 0, version]], [23, 1, version]]))).toHaveLength(6);
    for (const reply of [[...written, null], [...written, [0]], [...written, [0, 10]], [...written, [0, -1]], [...written, [4096, 0]], [...written, [0, '0']], [...written, [], 0],
      [...value, null], [...value, [0, 1, 6]], [...value, [0, 2, 0, null]], [...value, [0, 0, 7, null]], [...value, [0, 0, 0, Buffer.alloc(11)]], [...value, [0, 0, 0, 0]], [...value, [], 0],
      [23, 1], [23, 1, null], [23, 1, Buffer.alloc(11)], [23, null, version], [23, 1, version, 0]]) {
      expect(() => decodeClientReplies(packr.pack([reply]))).toThrow(FrameError);
    }
  });

  test('a frame between nodes without its header, or with a field of the wrong shape', () => {
    const head = [0, 1, 5, 7];
    const record = Buffer.alloc(18);
    const hello = [32, 1, 1, 'cluster', 'digest', 0, 1, 1, 9];
    // What is wrong below is the message, and not what stands before it.
    expect(decodePeerRequests(packr.pack([head, [43, 1], [...hello, [1, 9, 7, 0]], [...hello, []]])).messages).toHaveLength(3);
    for (const frame of [[], [[43, 1]], [[0, 0, 5, 7], [43, 1]], [[0, 1, -1, 7]], [[0, 1, 5], [43, 1]], [[0, 1, 5, -1]], [[0, 1, 5, 1.5]],
      [head, hello], [head, [...hello, [1, 9, 7]]], [head, [...hello, [1, 9, 7, -1]]], [head, [...hello, null]], [head, [...hello.slice(0, 8), [], 9]], [head, [1, 1, 'k', 'v', 0, 0]], [head, [33, 1, Buffer.alloc(0), record, []]],
      [head, [33, 1, Buffer.from('k'), Buffer.alloc(17), []]], [head, [33, 1, Buffer.from('k'), record, [4096]]], [head, [36, 1, [Buffer.from('k')]]],
      [head, [44, 1, null, null, 1, 1]], [head, [44, 1, null, null, 0, 1, 0]], [head, [44, 1, null, null, 1_001, 1, 0]], [head, [44, 1, null, null, 1, 1_048_577, 0]], [head, [44, 1, null, Buffer.alloc(1_026), 1, 1, 0]], [head, [44, 1, null, null, 1, 1, 4]],
      [head, [45, 1]], [head, [45, 1, Buffer.alloc(0)]], [head, [45, 1, Buffer.alloc(1_025)]], [head, [45, 1, 'k']], [head, [45, 1, Buffer.from('k'), 0]]]) {
      expect(() => decodePeerRequests(packr.pack(frame))).toThrow(FrameError);
    }
    const roots = Buffer.alloc(10);
    expect(decodePeerReplies(packr.pack([head, [66, 1, 6, null], [66, 1, 7, Buffer.alloc(12)], [67, 1, 4, null], [72, 1, 1, roots, 0, 0], [64, 1, 0, 1, 9, []]])).messages).toHaveLength(5);
    for (const message of [[66, 1, 8, null], [66, 1, 7, null], [67, 1, 5, null], [67, 1, 2, record], [72, 1, 1, roots, 0], [72, 1, 1, roots, 0, 2], [64, 1, 0, 1, 9], [64, 1, 0, 1, 9, [1]], [64, 1, 0, 1, -9, []],
      [66, 1, 2, null], [66, 1, 2, Buffer.alloc(11)], [66, 1, 2, Buffer.alloc(12, 0xff)], [67, 1, 0, null], [67, 1, 1, record], [70, 1, Buffer.alloc(8)],
      [76, 1, 0, []], [76, 1, 3, [], null], [76, 1, 0, [Buffer.from('k')], null], [76, 1, 0, [Buffer.from('k'), Buffer.alloc(17)], null], [76, 1, 0, [null, record], null], [76, 1, 0, [], Buffer.alloc(1_026)],
      [77, 1], [77, 1, null], [77, 1, Buffer.from('{}')], [77, 1, '{}', 0]]) {
      expect(() => decodePeerReplies(packr.pack([head, message]))).toThrow(FrameError);
    }
  });
});

describe('whatever bytes arrive', () => {
  const message = fc.oneof(clientRequest, clientReply, peerRequest, peerReply);

  test('random bytes bring a FrameError or messages, nothing else', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => decodeAll(bytes)), { numRuns: 5_000 });
  });

  test('random bytes in an array bring a FrameError or messages, nothing else', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => decodeAll(Uint8Array.from([0x91, 0x90 | (bytes.length & 7), ...bytes]))), { numRuns: 5_000 });
  });

  test('a valid frame with bytes changed brings a FrameError or messages, nothing else', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(fc.property(header, fc.array(message, { maxLength: 3 }), changes, (first, messages, edits) => {
      const frame = Uint8Array.from(encodeFrame([first, ...messages]));
      for (const [at, byte] of edits) frame[at % Math.min(frame.length, 64)] = byte;
      decodeAll(frame);
    }), { numRuns: 2_000 });
  });

  test('a frame cut short anywhere is a FrameError', () => {
    fc.assert(fc.property(fc.array(clientRequest, { minLength: 1, maxLength: 3 }), fc.nat(), (messages, at) => {
      const frame = encodeFrame(messages);
      expect(() => decodeClientRequests(frame.subarray(0, at % frame.length))).toThrow(FrameError);
    }));
  });

  test('the largest put fits into a frame', () => {
    const put: PutMessage = [1, 1, new Uint8Array(1024).fill(1), new Uint8Array(1_048_576), 0, 0];
    const frame = encodeFrame([put]);
    expect(frame.length).toBeLessThan(FRAME_BYTES_MAX);
    expect(decodeClientRequests(frame)).toHaveLength(1);
  });
});
