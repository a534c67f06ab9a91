import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCheckedNumbers, encodeCheckedNumbers } from '../../data/index.ts';

const names = fc.string({ minLength: 1, maxLength: 20 });
const numbers = fc.array(fc.maxSafeNat(), { minLength: 1, maxLength: 6 });

describe('checked numbers', () => {
  it('come out as they went in', () => {
    fc.assert(fc.property(names, numbers, (name, list) => {
      expect(decodeCheckedNumbers(name, encodeCheckedNumbers(name, list))).toStrictEqual(list);
    }));
  });

  it('with any bits of one byte flipped are damaged', () => {
    fc.assert(fc.property(names, numbers, fc.nat(), fc.integer({ min: 1, max: 255 }), (name, list, where, bits) => {
      const bytes = encodeCheckedNumbers(name, list);
      const index = where % bytes.length;
      bytes[index] = (bytes[index] ?? 0) ^ bits;
      expect(decodeCheckedNumbers(name, bytes)).toBeNull();
    }));
  });

  it('under another name are damaged: a value that was misplaced is not believed', () => {
    fc.assert(fc.property(names, names, numbers, (name, other, list) => {
      fc.pre(name !== other);
      expect(decodeCheckedNumbers(other, encodeCheckedNumbers(name, list))).toBeNull();
    }));
  });

  it('that were cut short, or were never any, are damaged', () => {
    const bytes = encodeCheckedNumbers('ceiling', [1, 2]);
    for (let length = 0; length < bytes.length; length++) expect(decodeCheckedNumbers('ceiling', bytes.subarray(0, length))).toBeNull();
    expect(decodeCheckedNumbers('ceiling', Uint8Array.from(Buffer.from('8 bytes!')))).toBeNull();
  });
});
