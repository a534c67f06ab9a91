/**
 * The form of examples/protocol-vectors.json: how bytes and messages are written in JSON, and back.
 *
 * LAYOUTS is the one list of what clients and nodes say to each other. A message type without a layout, or without a
 * vector, fails test/wire/protocol-vectors.test.ts.
 */
import { TYPE, type ClientReply, type ClientRequest } from '../../../wire/index.ts';

/** Lowercase hex; where it has long runs, a list of such pieces and of runs. */
export type BytesForm = string | readonly (string | { readonly hex: string; readonly times: number })[];
export type FieldForm = number | string | null | { readonly hex: BytesForm } | readonly FieldForm[];
/** `type` (its name) and `id`, then the fields by name. */
export interface MessageForm {
  readonly type: string;
  readonly id: number | null;
  readonly [field: string]: FieldForm;
}

export interface Layout {
  readonly type: number;
  /** Names of the fields behind type and id, in their order. */
  readonly fields: readonly string[];
  /** Names of fields that may be left out, behind those. */
  readonly optional?: readonly string[];
}

export const REQUEST_LAYOUTS: Readonly<Record<string, Layout>> = {
  put: { type: TYPE.put, fields: ['key', 'value', 'level', 'timeoutMs'], optional: ['flags'] },
  get: { type: TYPE.get, fields: ['key', 'level', 'timeoutMs'], optional: ['flags'] },
  delete: { type: TYPE.delete, fields: ['key', 'level', 'timeoutMs'], optional: ['flags'] },
  status: { type: TYPE.status, fields: [] },
  converged: { type: TYPE.converged, fields: [] },
  control: { type: TYPE.control, fields: ['command'] },
  locate: { type: TYPE.locate, fields: ['key'] },
  ping: { type: TYPE.ping, fields: [] },
  topology: { type: TYPE.topology, fields: [] },
  scan: { type: TYPE.scan, fields: ['from', 'to', 'limit', 'flags', 'level', 'timeoutMs'] },
  explain: { type: TYPE.explain, fields: ['key'] },
  writeAgain: { type: TYPE.writeAgain, fields: ['key', 'value', 'version', 'level', 'timeoutMs', 'flags'] },
};

export const REPLY_LAYOUTS: Readonly<Record<string, Layout>> = {
  written: { type: TYPE.written, fields: ['version', 'durableOn', 'hints', 'fsync'], optional: ['said'] },
  value: { type: TYPE.value, fields: ['value', 'version', 'replied'], optional: ['said'] },
  json: { type: TYPE.json, fields: ['json'] },
  pong: { type: TYPE.pong, fields: [] },
  entries: { type: TYPE.entries, fields: ['pairs', 'resume'] },
  issued: { type: TYPE.issued, fields: ['version'] },
  failed: { type: TYPE.failed, fields: ['code', 'message', 'required', 'received', 'version'] },
};

const LAYOUTS: Readonly<Record<string, Layout>> = { ...REQUEST_LAYOUTS, ...REPLY_LAYOUTS };
const NAME_BY_TYPE: ReadonlyMap<number, string> = new Map(Object.entries(LAYOUTS).map(([name, { type }]) => [type, name]));
/** A run of one byte that is at least so long is written as such. */
const RUN_BYTES_MIN = 64;

export function utf8(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'utf8'));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

export function bytesForm(bytes: Uint8Array): BytesForm {
  const pieces: Exclude<BytesForm, string>[number][] = [];
  let kept = 0;
  for (let at = 0, end = 0; at < bytes.length; at = end) {
    while (end < bytes.length && bytes[end] === bytes[at]) end++;
    if (end - at < RUN_BYTES_MIN) continue;
    if (at > kept) pieces.push(toHex(bytes.subarray(kept, at)));
    pieces.push({ hex: toHex(bytes.subarray(at, at + 1)), times: end - at });
    kept = end;
  }
  if (kept === 0) return toHex(bytes);
  return kept < bytes.length ? [...pieces, toHex(bytes.subarray(kept))] : pieces;
}

export function bytesOf(form: BytesForm): Uint8Array {
  const hex = typeof form === 'string' ? form : form.map((piece) => (typeof piece === 'string' ? piece : piece.hex.repeat(piece.times))).join('');
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

/** A message with its fields by name. */
export function messageForm(message: ClientRequest | ClientReply): MessageForm {
  const name = NAME_BY_TYPE.get(message[0]);
  const layout = LAYOUTS[name ?? ''];
  if (name === undefined || layout === undefined) throw new Error(`type ${message[0]} has no layout`);
  const names = [...layout.fields, ...(layout.optional ?? [])];
  const fields = message.slice(2).map((field, index) => [names[index] ?? 'surplus', fieldForm(field)] as const);
  return { type: name, id: message[1], ...Object.fromEntries(fields) };
}

/** The inverse of `messageForm`, as the elements of the message's array. */
export function messageElements(form: MessageForm): readonly unknown[] {
  const layout = LAYOUTS[form.type];
  if (layout === undefined) throw new Error(`no layout for ${form.type}`);
  const present = [...layout.fields, ...(layout.optional ?? [])].filter((name) => form[name] !== undefined);
  return [layout.type, form.id, ...present.map((name) => fieldOf(form[name] ?? null))];
}

function fieldForm(field: unknown): FieldForm {
  if (field instanceof Uint8Array) return { hex: bytesForm(field) };
  if (Array.isArray(field)) return field.map(fieldForm);
  if (field === null || typeof field === 'number' || typeof field === 'string') return field;
  throw new TypeError(`no form for ${typeof field}`);
}

function fieldOf(form: FieldForm): unknown {
  if (typeof form !== 'object' || form === null) return form;
  return isList(form) ? form.map(fieldOf) : bytesOf(form.hex);
}

function isList(form: readonly FieldForm[] | { readonly hex: BytesForm }): form is readonly FieldForm[] {
  return Array.isArray(form);
}
