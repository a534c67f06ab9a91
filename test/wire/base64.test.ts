import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64FromBytes, bufferBase64, bytesFromBase64, portableBase64 } from '../../wire/base64.ts';

const CODECS = [
  ['of Node', bufferBase64],
  ['of a browser', portableBase64],
] as const;

describe.each(CODECS)('base64 by the means %s', (_, codec) => {
  it('is what Node makes of the bytes, and back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20_000, size: 'max' }), (bytes) => {
        const text = codec?.encode(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('base64'));
        expect(Buffer.compare(codec?.decode(text ?? '') ?? new Uint8Array(1), bytes)).toBe(0);
      }),
      { numRuns: 30 },
    );
  });

  it('encodes a view of a larger array', () => {
    expect(codec?.encode(new Uint8Array([9, 0, 255, 9]).subarray(1, 3))).toBe('AP8=');
  });

  it.each(['AA', 'AA=', 'AAA', 'AB==', ' AA==', 'A A==', 'AA==\n', 'A-_=', '====', 'A', 'ключ', 'AA==AA=='])('refuses %j, which is not canonical', (text) => {
    expect(codec?.decode(text)).toBe(null);
  });
});

it('Node uses its own means', () => {
  expect(bufferBase64).not.toBe(null);
  expect(bytesFromBase64(base64FromBytes(new Uint8Array([1, 2, 3])))).toBeInstanceOf(Buffer);
});
