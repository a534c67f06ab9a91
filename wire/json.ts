/** Text frames: JSON for scripts and browser consoles. The same requests and replies as in binary frames, one to one. */
import { readVersion, versionToString } from '../data/portable.ts';
import { base64FromBytes, bytesFromBase64 } from './base64.ts';
import { checkExplain, checkKeyed, checkLocate, checkPut, checkScan, invalidRequest, type InvalidRequest } from './decode-client.ts';
import { ERROR_CODES, FrameError, isRetryable } from './errors.ts';
import { MESSAGES_PER_FRAME_MAX, SCAN_ENTRIES_DEFAULT } from './limits.ts';
import { LEVELS, RANGE_FLAGS, TYPE, WRITE_FLAGS, type ClientReply, type ClientRequest } from './messages.ts';
import type { NodeRead } from './answers.ts';
import { hintPairs, nodeReads, replicaWrites } from './detail.ts';
import { isCount } from './shape.ts';
import { utf8Bytes, utf8Text } from './text.ts';

export interface TextFrame {
  /** Whether the frame was an array of requests; the replies then go out as arrays too. */
  readonly isArray: boolean;
  readonly requests: readonly (ClientRequest | InvalidRequest)[];
}

type Fields = Readonly<Record<string, unknown>>;

/** Fields that each operation takes beside `id` and `op`; any other is refused, lest a misspelt one be overlooked. */
const FIELDS_BY_OPERATION: Readonly<Record<string, readonly string[]>> = {
  put: ['key', 'value', 'consistency', 'timeoutMs', 'detail'],
  get: ['key', 'consistency', 'timeoutMs', 'detail'],
  delete: ['key', 'consistency', 'timeoutMs', 'detail'],
  locate: ['key'],
  explain: ['key'],
  status: [],
  converged: [],
  ping: [],
  topology: [],
  scan: ['from', 'to', 'limit', 'reverse', 'keysOnly', 'consistency', 'timeoutMs'],
};

/** Throws `FrameError` when the text is not JSON, neither an object nor an array, or an array of too many requests. */
export function decodeTextFrame(text: string): TextFrame {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch (cause) {
    throw new FrameError(`a text frame is JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (Array.isArray(frame)) {
    const elements: readonly unknown[] = frame;
    if (elements.length > MESSAGES_PER_FRAME_MAX) throw new FrameError(`a frame has at most ${MESSAGES_PER_FRAME_MAX} requests`);
    return { isArray: true, requests: elements.map(textRequest) };
  }
  if (!isFields(frame)) throw new FrameError('a text frame is a request or an array of them');
  return { isArray: false, requests: [textRequest(frame)] };
}

/** One reply as JSON text. */
export function encodeTextReply(reply: ClientReply): string {
  return JSON.stringify(textReply(reply));
}

/** Several replies as one text frame: a JSON array. */
export function encodeTextReplies(replies: readonly ClientReply[]): string {
  return JSON.stringify(replies.map(textReply));
}

function textRequest(request: unknown): ClientRequest | InvalidRequest {
  if (!isFields(request)) return invalidRequest(null, 'RING_BAD_REQUEST', 'a request is an object');
  const id = request['id'];
  if (!isCount(id)) return invalidRequest(null, 'RING_BAD_REQUEST', '"id" is a whole number from 0 on');
  const operation = request['op'];
  if (typeof operation !== 'string') return invalidRequest(id, 'RING_BAD_REQUEST', '"op" is the name of an operation');
  if (!Object.hasOwn(FIELDS_BY_OPERATION, operation)) {
    return invalidRequest(id, 'RING_UNKNOWN_OPERATION', `no operation is called ${JSON.stringify(operation.slice(0, 64))}`);
  }
  const known = FIELDS_BY_OPERATION[operation] ?? [];
  const unknownName = Object.keys(request).find((name) => name !== 'id' && name !== 'op' && !known.includes(name));
  if (unknownName !== undefined) return invalidRequest(id, 'RING_BAD_REQUEST', `${operation} has no field ${JSON.stringify(unknownName.slice(0, 64))}`);
  return operationRequest(operation, id, request);
}

function operationRequest(operation: string, id: number, request: Fields): ClientRequest | InvalidRequest {
  const timeoutMs = request['timeoutMs'] ?? 0;
  switch (operation) {
    case 'put':
      return checkPut(id, bytesFromJson(request['key']), bytesFromJson(request['value']), levelOf(request), timeoutMs, detailOf(request));
    case 'get':
      return checkKeyed(TYPE.get, id, bytesFromJson(request['key']), levelOf(request), timeoutMs, detailOf(request));
    case 'delete':
      return checkKeyed(TYPE.delete, id, bytesFromJson(request['key']), levelOf(request), timeoutMs, detailOf(request));
    case 'locate':
      return checkLocate(id, bytesFromJson(request['key']));
    case 'explain':
      return checkExplain(id, bytesFromJson(request['key']));
    case 'status':
      return [TYPE.status, id];
    case 'converged':
      return [TYPE.converged, id];
    case 'topology':
      return [TYPE.topology, id];
    case 'scan':
      return checkScan(id, boundOf(request['from']), boundOf(request['to']), request['limit'] ?? SCAN_ENTRIES_DEFAULT, flagsOf(request), levelOf(request), timeoutMs);
    default:
      return [TYPE.ping, id];
  }
}

/** The number of the named level; -1, which the checks refuse, for any other value. */
function levelOf(request: Fields): number {
  const name = request['consistency'];
  return name === undefined ? 0 : LEVELS.findIndex((level) => level === name);
}

/** -1, which the checks refuse, when a flag is neither true nor false. */
function flagsOf({ reverse = false, keysOnly = false }: Fields): number {
  if (typeof reverse !== 'boolean' || typeof keysOnly !== 'boolean') return -1;
  return (reverse ? RANGE_FLAGS.reverse : 0) + (keysOnly ? RANGE_FLAGS.keysOnly : 0);
}

/** Flags; -1, which the checks refuse, for what is neither true nor false. */
function detailOf({ detail }: Fields): number | undefined {
  if (detail === undefined || detail === false) return undefined;
  return detail === true ? WRITE_FLAGS.detail : -1;
}

/** null and a bound that is left out are the same: the first key, or the last. */
function boundOf(value: unknown): Uint8Array | null | undefined {
  return value === undefined || value === null ? null : (bytesFromJson(value) ?? undefined);
}

/** Text or `{"base64": "…"}`; null for all else, text with a lone surrogate and base64 that is not canonical included. */
export function bytesFromJson(value: unknown): Uint8Array | null {
  if (typeof value === 'string') return utf8Bytes(value);
  if (!isFields(value) || Object.keys(value).length !== 1) return null;
  const base64 = value['base64'];
  if (typeof base64 !== 'string') return null;
  return bytesFromBase64(base64);
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textReply(reply: ClientReply): Fields {
  switch (reply[0]) {
    case TYPE.written: {
      const [, id, version, durableOn, pairs, fsync, said] = reply;
      const hints = hintPairs(pairs);
      return { id, ok: true, version: versionText(version), durableOn, hints, fsync: fsync === 1, ...(said === undefined ? {} : { replicas: replicaWrites(said, hints) }) };
    }
    case TYPE.value: {
      const [, id, value, version, replied, said] = reply;
      const detail = said === undefined ? {} : { replied, nodes: nodeReads(said).map(textRead) };
      return { id, ok: true, value: value === null ? null : bytesToJson(value), ...(version === null ? {} : { version: versionText(version) }), ...detail };
    }
    case TYPE.json:
      return { id: reply[1], ok: true, result: JSON.parse(reply[2]) as unknown };
    case TYPE.pong:
      return { id: reply[1], ok: true };
    case TYPE.entries: {
      const [, id, pairs, resume] = reply;
      return { id, ok: true, entries: textEntries(pairs), resume: resume === null ? null : bytesToJson(resume) };
    }
    case TYPE.issued:
      return { id: reply[1], issued: versionText(reply[2]) };
    case TYPE.failed: {
      const [, id, number, message, required, received, version] = reply;
      const code = ERROR_CODES[number];
      const known = version === null ? {} : { version: versionText(version) };
      return { id, ok: false, code, message, retryable: isRetryable(code), required, received, ...known };
    }
  }
}

function textEntries(pairs: readonly (Uint8Array | null)[]): readonly Fields[] {
  const entries: Fields[] = [];
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    const [key, value] = [pairs[index] ?? null, pairs[index + 1] ?? null];
    if (key !== null) entries.push({ key: bytesToJson(key), ...(value === null ? {} : { value: bytesToJson(value) }) });
  }
  return entries;
}

function textRead({ version, ...read }: NodeRead): Fields {
  return { ...read, version: version === null ? null : versionToString(version) };
}

/** Text when the bytes are UTF-8, else `{"base64": "…"}`. */
export function bytesToJson(value: Uint8Array): string | { readonly base64: string } {
  return utf8Text(value) ?? { base64: base64FromBytes(value) };
}

function versionText(bytes: Uint8Array): string {
  return versionToString(readVersion(bytes, 0));
}
