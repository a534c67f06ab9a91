import { describe, expect, it } from 'vitest';
import { ReplyReader, encodeReads, encodeWrites, type Reply } from '../../../bench/peers/resp.ts';

const BINARY = Buffer.from([0, 13, 10, 36, 255, 13]);

function read(pieces: readonly Buffer[]): Reply[] {
  const replies: Reply[] = [];
  const reader = new ReplyReader((reply) => replies.push(reply));
  for (const piece of pieces) reader.add(piece);
  return replies;
}

describe('RESP', () => {
  it('encodes SETs with one WAIT after them, and keeps every byte of key and value', () => {
    const encoded = encodeWrites([{ key: BINARY, value: Buffer.alloc(0) }, { key: Buffer.from('k'), value: BINARY }], 1, 1000);
    const expected = ['*3\r\n$3\r\nSET\r\n$6\r\n', BINARY, '\r\n$0\r\n\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$6\r\n', BINARY, '\r\n*3\r\n$4\r\nWAIT\r\n$1\r\n1\r\n$4\r\n1000\r\n'];
    expect(encoded).toStrictEqual(Buffer.concat(expected.map((part) => Buffer.from(part))));
  });

  it('encodes GETs', () => {
    expect(encodeReads([Buffer.from('a'), BINARY])).toStrictEqual(Buffer.concat([Buffer.from('*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$6\r\n'), BINARY, Buffer.from('\r\n')]));
  });

  it('reads the same replies in whatever pieces they come', () => {
    const bytes = Buffer.concat([Buffer.from('+OK\r\n:2\r\n$-1\r\n-ERR no\r\n$6\r\n'), BINARY, Buffer.from('\r\n$0\r\n\r\n')]);
    const expected: Reply[] = [
      { kind: 'text', text: 'OK' },
      { kind: 'text', text: '2' },
      { kind: 'bulk', bytes: null },
      { kind: 'error', text: 'ERR no' },
      { kind: 'bulk', bytes: BINARY },
      { kind: 'bulk', bytes: Buffer.alloc(0) },
    ];
    expect(read([bytes])).toStrictEqual(expected);
    expect(read([...bytes].map((byte) => Buffer.from([byte])))).toStrictEqual(expected);
  });

  it('refuses what is no reply', () => {
    expect(() => read([Buffer.from('HTTP/1.1 400\r\n')])).toThrow('not a reply');
  });
});
