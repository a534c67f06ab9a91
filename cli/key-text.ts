/**
 * Bytes on a terminal and on a command line. Pure.
 *
 * Towards people, `printable`: text as it is, all that cannot be seen escaped, so that no two keys are shown the same and a
 * tab or a line end is never part of what is shown. From people, `bytesFromWord`: a word stands for its UTF-8 bytes, but for
 * one word, `{"base64":"…"}`, the form that bytes have in JSON.
 */
import { isUtf8 } from 'node:buffer';

import { bytesFromJson, bytesToJson, utf8Bytes, utf8Text } from '../wire/index.ts';

/** For help texts. */
export const PRINTABLE_HELP = `Text is shown as it is, but for a backslash (\\\\), a tab (\\t), line ends (\\n, \\r), characters that cannot be seen
(\\x00, \\u{200e}) and bytes that are not UTF-8 (\\xff). So no two keys, and no two values, are shown the same.`;

export const BYTES_HELP = `A key or bound that is no text is written as in JSON: '{"base64":"AP8="}'.`;

/** Control characters, format characters, lone marks of direction, private use, and separators other than the space. */
const UNSEEN = /[\\\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;
const NAMED: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

export function printable(bytes: Uint8Array): string {
  const text = utf8Text(bytes);
  return text === null ? printablePieces(bytes) : printableText(text);
}

/** A word as a person types it; null when it holds a lone surrogate or names bytes wrongly. */
export function bytesFromWord(word: string): Uint8Array | null {
  if (!word.startsWith('{"base64":')) return utf8Bytes(word);
  try {
    // A text that only begins like it is a text.
    return bytesFromJson(JSON.parse(word));
  } catch {
    return utf8Bytes(word);
  }
}

/** What `bytesFromWord` reads as these bytes. */
export function wordFromBytes(bytes: Uint8Array): string {
  const form = bytesToJson(bytes);
  // No program can be given a NUL in an argument.
  const isText = typeof form === 'string' && !form.includes('\0') && !form.startsWith('{"base64":');
  return isText ? form : JSON.stringify({ base64: Buffer.from(bytes).toString('base64') });
}

function printableText(text: string): string {
  return text.replaceAll(UNSEEN, (character) => NAMED[character] ?? escaped(character.codePointAt(0) ?? 0));
}

function escaped(codePoint: number): string {
  return codePoint < 0x80 ? `\\x${codePoint.toString(16).padStart(2, '0')}` : `\\u{${codePoint.toString(16)}}`;
}

/** Bytes that are not UTF-8: the stretches that are, as text; the rest byte by byte. */
function printablePieces(bytes: Uint8Array): string {
  let shown = '';
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at] ?? 0;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const piece = bytes.subarray(at, at + length);
    const isText = piece.length === length && isUtf8(piece);
    shown += isText ? printableText(Buffer.from(piece).toString('utf8')) : `\\x${lead.toString(16).padStart(2, '0')}`;
    at += isText ? length : 1;
  }
  return shown;
}
