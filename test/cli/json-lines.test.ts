import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatEntry, parseLine } from '../../cli/json-lines.ts';

const parse = (line: string) => parseLine(Buffer.from(line));
const bytes = (...values: number[]) => Uint8Array.from(values);

describe('JSON lines', () => {
  it('read back as the bytes that they were written from', () => {
    const key = fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }).map((text) => new TextEncoder().encode(text)));
    const value = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.string({ maxLength: 40, unit: 'grapheme' }).map((text) => new TextEncoder().encode(text)));
    fc.assert(
      fc.property(key, value, (key, value) => {
        const line = formatEntry({ key, value });
        expect(line).not.toMatch(/[\r\n]/);
        const read = parse(line);
        expect(read.kind === 'put' && Buffer.from(key).equals(read.key) && Buffer.from(value).equals(read.value)).toBe(true);
      }),
    );
  });

  it('keep a byte order mark, and show bytes that are no text in base64', () => {
    expect(formatEntry({ key: Buffer.from('\uFEFF'), value: bytes(0xff, 0) })).toBe('{"key":"\uFEFF","value":{"base64":"/wA="}}');
    expect(parse('{"key":"\uFEFF","value":""}')).toEqual({ kind: 'put', key: bytes(0xef, 0xbb, 0xbf), value: bytes() });
    expect(formatEntry({ key: Buffer.from('k') })).toBe('{"key":"k"}');
  });

  it('may be deletes or blank', () => {
    expect(parse('{"key":"k","delete":true}')).toEqual({ kind: 'delete', key: bytes(0x6b) });
    expect(parse('')).toEqual({ kind: 'blank' });
    expect(parse(' \t\r')).toEqual({ kind: 'blank' });
  });

  it.each([
    ['x', 'RING_LINE_INVALID', 'not JSON'],
    ['{"key":"k","value":"v"}{}', 'RING_LINE_INVALID', 'not JSON'],
    ['[]', 'RING_LINE_INVALID', 'is no object'],
    ['null', 'RING_LINE_INVALID', 'null is no object'],
    ['{"value":"v"}', 'RING_LINE_INVALID', '"key" is missing'],
    ['{"key":"k"}', 'RING_LINE_INVALID', '"value" is missing'],
    ['{"key":"k","value":"v","ttl":1}', 'RING_LINE_INVALID', 'unknown field "ttl"'],
    ['{"key":"k","value":5}', 'RING_LINE_INVALID', '"value" is 5'],
    ['{"key":"k","value":null}', 'RING_LINE_INVALID', '"value" is null'],
    ['{"key":"k","value":{"base64":"AP8"}}', 'RING_LINE_INVALID', 'canonical base64'],
    ['{"key":"k","value":"\\ud800"}', 'RING_LINE_INVALID', 'lone surrogates'],
    ['{"key":"k","delete":false}', 'RING_LINE_INVALID', '"delete" is true'],
    ['{"key":"k","delete":true,"value":"v"}', 'RING_LINE_INVALID', 'without "value"'],
    ['{"key":5,"value":"v"}', 'RING_KEY_INVALID', '"key" is 5'],
    ['{"key":{"base64":"*"},"value":"v"}', 'RING_KEY_INVALID', 'canonical base64'],
    ['{"key":"","value":"v"}', 'RING_KEY_INVALID', '1 to 1024 bytes, this one has 0'],
    [`{"key":"${'ä'.repeat(513)}","value":"v"}`, 'RING_KEY_INVALID', 'this one has 1026'],
    [`{"key":"k","value":"${'v'.repeat(1_048_577)}"}`, 'RING_VALUE_TOO_LARGE', 'this one has 1048577'],
  ])('refuse %j', (line, code, problem) => {
    const read = parse(line);
    expect(read).toMatchObject({ kind: 'bad', code });
    expect(read.kind === 'bad' ? read.problem : '').toContain(problem);
  });

  it('take the longest key and value', () => {
    expect(parse(`{"key":"${'k'.repeat(1_024)}","value":"${'\\u0000'.repeat(1_048_576)}"}`).kind).toBe('put');
  });

  it('refuse bytes that are not UTF-8', () => {
    expect(parseLine(bytes(0x7b, 0xff, 0x7d))).toMatchObject({ kind: 'bad', code: 'RING_LINE_INVALID', problem: 'the line is not UTF-8' });
  });
});
