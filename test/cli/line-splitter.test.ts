import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter, TOO_LONG } from '../../cli/line-splitter.ts';

function linesOf(chunks: readonly Uint8Array[], lineBytesMax = 1_000): (string | null)[] {
  const splitter = new LineSplitter(lineBytesMax);
  const lines: (Uint8Array | typeof TOO_LONG)[] = [];
  for (const chunk of chunks) lines.push(...splitter.push(chunk));
  const last = splitter.end();
  if (last !== null) lines.push(last);
  return lines.map((line) => (line === TOO_LONG ? null : Buffer.from(line).toString()));
}

describe('lines of a stream', () => {
  it('are the same however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'ä', '\n', 'bc', '\r\n')), fc.array(fc.nat(5)), (pieces, cuts) => {
        const text = Buffer.from(pieces.join(''));
        const chunks: Uint8Array[] = [];
        let at = 0;
        for (const cut of cuts) {
          chunks.push(text.subarray(at, at + cut));
          at = Math.min(text.length, at + cut);
        }
        chunks.push(text.subarray(at));
        const lines = pieces.join('').split('\n');
        if (lines.at(-1) === '') lines.pop();
        expect(linesOf(chunks)).toEqual(lines);
      }),
    );
  });

  it('leave out a byte order mark at the beginning, and nowhere else', () => {
    expect(linesOf([Buffer.from('\uFEFF'), Buffer.from('a\n\uFEFFb')])).toEqual(['a', '\uFEFFb']);
  });

  it('stand for themselves when they are too long, and the next one is read', () => {
    expect(linesOf(['12', '345', '6\n1234\n', '12345\n1'].map((text) => Buffer.from(text)), 4)).toEqual([null, '1234', null, '1']);
  });
});
