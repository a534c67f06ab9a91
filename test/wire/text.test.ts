import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeUtf8, utf8Bytes, utf8Text } from '../../wire/text.ts';

/** Short ones that share an array, and some that are too long for that. */
const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary', minLength: 1_000, maxLength: 3_000 }).filter((value) => !/\p{Surrogate}/u.test(value)));

describe('the UTF-8 bytes of a text', () => {
  it('are those that Node makes, however many texts come after it', () => {
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 50 }), (texts) => {
        const encoded = texts.map(encodeUtf8);
        for (const [index, value] of texts.entries()) expect(Buffer.compare(encoded[index] ?? new Uint8Array(0), Buffer.from(value, 'utf8'))).toBe(0);
      }),
    );
  });

  it('share no byte with those of another text', () => {
    const texts = Array.from({ length: 20_000 }, (_, index) => `key ${index}`.padEnd(index % 200, '.'));
    const encoded = texts.map(encodeUtf8);
    expect(new Set(encoded.map(({ buffer }) => buffer)).size).toBeLessThan(texts.length);
    expect(encoded.map(utf8Text)).toStrictEqual(texts);
  });

  it('are none for half a character', () => {
    expect(utf8Bytes('a\ud800')).toBe(null);
    expect(utf8Bytes('')).toStrictEqual(new Uint8Array(0));
  });
});
