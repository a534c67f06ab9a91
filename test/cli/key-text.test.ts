import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesFromWord, printable, wordFromBytes } from '../../cli/key-text.ts';

describe('bytes that are shown', () => {
  it.each([
    [Buffer.from('user1 Zoë 日本 🙂'), 'user1 Zoë 日本 🙂'],
    [Buffer.from('a\tb\\c\r\n\0\x1b'), 'a\\tb\\\\c\\r\\n\\x00\\x1b'],
    [Buffer.from('\uFEFFx\u200e\u2028\u00a0'), '\\u{feff}x\\u{200e}\\u{2028}\\u{a0}'],
    [Buffer.from([0x61, 0xff, 0xc3, 0xa4, 0xc0, 0x80]), 'a\\xffä\\xc0\\x80'],
    [Buffer.from([0xe2, 0x82]), '\\xe2\\x82'],
    [Buffer.alloc(0), ''],
  ])('%s is %s', (bytes, shown) => expect(printable(bytes)).toBe(shown));

  it('can be read back from what is shown, so that no two are shown the same', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 30 }),
      fc.string({ maxLength: 30, unit: 'binary' }).map((text) => new TextEncoder().encode(text)),
      fc.array(fc.constantFrom('\\', 'x', 'f', '\t', 'n', 'u{a0}', '\u00a0', '\xff')).map((pieces) => Buffer.from(pieces.join(''), 'latin1')),
    );
    fc.assert(
      fc.property(bytes, (bytes) => {
        const shown = printable(bytes);
        expect(shown).not.toMatch(/[\t\r\n\0]/);
        expect(unescaped(shown).equals(bytes)).toBe(true);
      }),
    );
  });
});

describe('bytes as a word of a command line', () => {
  it('are read back', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 30 }), fc.constant(Buffer.from('{"base64":"AA=="}')), fc.constant(Buffer.from('{"base64":x'))), (bytes) => {
        const word = wordFromBytes(bytes);
        expect(word).not.toContain('\0');
        expect(Buffer.from(bytes).equals(bytesFromWord(word) ?? Buffer.from('not these'))).toBe(true);
      }),
    );
  });

  it('are text unless they have the form of bytes', () => {
    expect(Uint8Array.from(bytesFromWord('{"base64":"AP8="}') ?? [])).toEqual(Uint8Array.of(0, 0xff));
    expect(Uint8Array.from(bytesFromWord('{"base64":') ?? [])).toEqual(new TextEncoder().encode('{"base64":'));
    expect(bytesFromWord('{"base64":"AP8"}')).toBeNull();
    expect(bytesFromWord('\ud800')).toBeNull();
  });
});

/** What the help says of the form, the other way round. */
function unescaped(shown: string): Buffer {
  const pieces = shown.match(/\\(?:x[0-9a-f]{2}|u\{[0-9a-f]+\}|.)|[^\\]+/gsu) ?? [];
  return Buffer.concat(
    pieces.map((piece) => {
      if (piece.startsWith('\\x')) return Buffer.of(Number.parseInt(piece.slice(2), 16));
      if (piece.startsWith('\\u')) return Buffer.from(String.fromCodePoint(Number.parseInt(piece.slice(3), 16)));
      if (piece.startsWith('\\')) return Buffer.from({ t: '\t', n: '\n', r: '\r' }[piece.slice(1)] ?? piece.slice(1));
      return Buffer.from(piece);
    }),
  );
}
