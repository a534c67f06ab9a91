/**
 * The lines of `load`, `dump` and `scan --json`: one JSON object a line. Pure.
 *
 * | line                          |                                                         |
 * |-------------------------------|---------------------------------------------------------|
 * | `{"key":"k","value":"v"}`     | an entry; bytes that are not UTF-8 are `{"base64":"…"}` |
 * | `{"key":"k"}`                 | of `scan --keys-only`; nothing that can be loaded       |
 * | `{"key":"k","delete":true}`   | only for `load`: the key is deleted                     |
 */
import { isUtf8 } from 'node:buffer';

import { KEY_BYTES_MAX, VALUE_BYTES_MAX, bytesFromJson, bytesToJson, type ErrorCode } from '../wire/index.ts';
import { messageOf } from './errors.ts';

export type Change =
  | { readonly kind: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly key: Uint8Array };

export interface BadLine {
  readonly kind: 'bad';
  readonly code: LineErrorCode;
  /** What is wrong, and what is allowed. */
  readonly problem: string;
}

export type LineErrorCode = 'RING_LINE_INVALID' | Extract<ErrorCode, 'RING_KEY_INVALID' | 'RING_VALUE_TOO_LARGE'>;

export type ParsedLine = Change | { readonly kind: 'blank' } | BadLine;

/** The longest value in the longest way to write it (six bytes a byte), its key, and room for spaces. */
export const LINE_BYTES_MAX = 8 * 1_048_576;

const FORM = '{"key":"…","value":"…"} or {"key":"…","delete":true}';
const TEXT_OR_BYTES = 'a text without lone surrogates, or {"base64":"…"} in canonical base64';
const FOUND_CHARACTERS_MAX = 64;
const BLANK: ParsedLine = { kind: 'blank' };

/** `value` left out: the key alone. */
export function formatEntry({ key, value }: { readonly key: Uint8Array; readonly value?: Uint8Array }): string {
  return JSON.stringify(value === undefined ? { key: bytesToJson(key) } : { key: bytesToJson(key), value: bytesToJson(value) });
}

/** `line`: without its line end. */
export function parseLine(line: Uint8Array): ParsedLine {
  if (!isUtf8(line)) return bad('RING_LINE_INVALID', 'the line is not UTF-8');
  const text = Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8');
  if (text.trim() === '') return BLANK;
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch (error) {
    return bad('RING_LINE_INVALID', `not JSON (${messageOf(error)})`);
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) return bad('RING_LINE_INVALID', `${found(fields)} is no object; allowed: ${FORM}`);
  return changeFrom(fields as Readonly<Record<string, unknown>>);
}

function changeFrom(fields: Readonly<Record<string, unknown>>): ParsedLine {
  for (const name of Object.keys(fields)) {
    if (name !== 'key' && name !== 'value' && name !== 'delete') return bad('RING_LINE_INVALID', `unknown field ${found(name)}; allowed: ${FORM}`);
  }
  if (fields['key'] === undefined) return bad('RING_LINE_INVALID', `"key" is missing; allowed: ${FORM}`);
  const key = bytesFromJson(fields['key']);
  if (key === null) return bad('RING_KEY_INVALID', `"key" is ${found(fields['key'])}; allowed: ${TEXT_OR_BYTES}`);
  if (key.length === 0 || key.length > KEY_BYTES_MAX) return bad('RING_KEY_INVALID', `a key has 1 to ${KEY_BYTES_MAX} bytes, this one has ${key.length}`);
  if (fields['delete'] !== undefined) {
    if (fields['delete'] !== true || fields['value'] !== undefined) return bad('RING_LINE_INVALID', `"delete" is true and stands without "value"; allowed: ${FORM}`);
    return { kind: 'delete', key };
  }
  if (fields['value'] === undefined) return bad('RING_LINE_INVALID', `"value" is missing; allowed: ${FORM}`);
  const value = bytesFromJson(fields['value']);
  if (value === null) return bad('RING_LINE_INVALID', `"value" is ${found(fields['value'])}; allowed: ${TEXT_OR_BYTES}`);
  if (value.length > VALUE_BYTES_MAX) return bad('RING_VALUE_TOO_LARGE', `a value has at most ${VALUE_BYTES_MAX} bytes, this one has ${value.length}`);
  return { kind: 'put', key, value };
}

function bad(code: LineErrorCode, problem: string): BadLine {
  return { kind: 'bad', code, problem };
}

/** The beginning is enough to find it by. */
function found(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= FOUND_CHARACTERS_MAX ? text : `${text.slice(0, FOUND_CHARACTERS_MAX)}…`;
}
