/** Binary frames between clients and nodes, both ways, into checked messages. */
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../data/portable.ts';
import { FrameError, isErrorNumber, type ErrorCode } from './errors.ts';
import { RANGE_BOUND_BYTES_MAX, SCAN_ENTRIES_MAX } from './limits.ts';
import {
  LEVELS,
  TYPE,
  type ClientReply,
  type ClientRequest,
  type DeleteMessage,
  type ExplainMessage,
  type GetMessage,
  type LevelNumber,
  type LocateMessage,
  type PutMessage,
  type ScanMessage,
  type WriteAgainMessage,
} from './messages.ts';
import { unpackFrame } from './packr.ts';
import { isBit, isCount, isLevel, isNodeList, isNodePairs, isRangeBound, isRangeFlags, isReadSaid, isText, isTimeout, isValueOrNull, isValuePairs, isVersionBytes, isVersionOrNull, isWriteAgainFlags, isWriteFlags, isWriteSaid } from './shape.ts';
import { encodeUtf8 } from './text.ts';

/** A request that cannot be carried out but can be answered; the others in its frame are not affected. */
export interface InvalidRequest {
  readonly invalid: true;
  /** null: the request has no usable id (text frames only). */
  readonly id: number | null;
  readonly code: ErrorCode;
  readonly message: string;
}

export function isInvalid(request: ClientRequest | InvalidRequest): request is InvalidRequest {
  return 'invalid' in request;
}

export function invalidRequest(id: number | null, code: ErrorCode, message: string): InvalidRequest {
  return { invalid: true, id, code, message };
}

/**
 * The requests of one frame, in their order. Keys and values are views into `bytes`: copy what outlives the tick.
 * Throws `FrameError`, on which the connection is closed, when the frame or one of its messages has no readable id.
 */
export function decodeClientRequests(bytes: Uint8Array): readonly (ClientRequest | InvalidRequest)[] {
  const requests: (ClientRequest | InvalidRequest)[] = [];
  for (const message of unpackFrame(bytes)) requests.push(clientRequest(message));
  return requests;
}

/** The replies of one frame, in their order; values are views into `bytes`. Throws `FrameError`. */
export function decodeClientReplies(bytes: Uint8Array): readonly ClientReply[] {
  const messages = unpackFrame(bytes);
  for (const message of messages) {
    if (!isClientReply(message)) throw new FrameError('not a reply that a client knows');
  }
  return messages as readonly ClientReply[];
}

function clientRequest(message: unknown): ClientRequest | InvalidRequest {
  if (!Array.isArray(message)) throw new FrameError('a message is an array');
  const fields: readonly unknown[] = message;
  const [type, id] = fields;
  if (typeof type !== 'number') throw new FrameError('a message begins with the number of its type');
  if (!isCount(id)) throw new FrameError('the id of a message is a whole number from 0 on');
  switch (type) {
    case TYPE.put:
      if (fields.length !== 6 && fields.length !== 7) return wrongLength(id, 'put', '6 fields, or 7 with flags');
      return checkPut(id, bytesOf(fields[2]), bytesOf(fields[3]), fields[4], fields[5], fields[6]);
    case TYPE.get:
    case TYPE.delete:
      if (fields.length !== 5 && fields.length !== 6) return wrongLength(id, type === TYPE.get ? 'get' : 'delete', '5 fields, or 6 with flags');
      return checkKeyed(type, id, bytesOf(fields[2]), fields[3], fields[4], fields[5]);
    case TYPE.writeAgain:
      if (fields.length !== 8) return wrongLength(id, 'writeAgain', '8 fields');
      return checkWriteAgain(id, bytesOf(fields[2]), boundOf(fields[3]), fields[4], fields[5], fields[6], fields[7]);
    case TYPE.locate:
      return fields.length === 3 ? checkLocate(id, bytesOf(fields[2])) : wrongLength(id, 'locate', '3 fields');
    case TYPE.explain:
      return fields.length === 3 ? checkExplain(id, bytesOf(fields[2])) : wrongLength(id, 'explain', '3 fields');
    case TYPE.scan:
      if (fields.length !== 8) return wrongLength(id, 'scan', '8 fields');
      return checkScan(id, boundOf(fields[2]), boundOf(fields[3]), fields[4], fields[5], fields[6], fields[7]);
    case TYPE.control:
      if (fields.length !== 3) return wrongLength(id, 'control', '3 fields');
      return isText(fields[2]) ? [TYPE.control, id, fields[2]] : invalidRequest(id, 'RING_BAD_REQUEST', 'the command of a control is JSON text');
    case TYPE.status:
    case TYPE.converged:
    case TYPE.ping:
    case TYPE.topology:
      return fields.length === 2 ? [type, id] : wrongLength(id, 'status, converged, ping or topology', '2 fields');
    default:
      return invalidRequest(id, 'RING_UNKNOWN_OPERATION', `no request has the type ${type}`);
  }
}

/** A checked put; the fields may come from either kind of frame. `null` for a key or value: it is neither bytes nor text. */
export function checkPut(id: number, key: Uint8Array | null, value: Uint8Array | null, level: unknown, timeoutMs: unknown, flags: unknown): PutMessage | InvalidRequest {
  const invalid = keyError(id, key) ?? valueError(id, value) ?? optionsError(id, level, timeoutMs) ?? flagsError(id, flags, isWriteFlags);
  if (invalid !== null) return invalid;
  const [ownKey, ownValue] = [key as Uint8Array, value as Uint8Array];
  if (flags === undefined) return [TYPE.put, id, ownKey, ownValue, level as LevelNumber, timeoutMs as number];
  return [TYPE.put, id, ownKey, ownValue, level as LevelNumber, timeoutMs as number, flags as number];
}

export function checkKeyed(type: 2 | 3, id: number, key: Uint8Array | null, level: unknown, timeoutMs: unknown, flags: unknown): GetMessage | DeleteMessage | InvalidRequest {
  const invalid = keyError(id, key) ?? optionsError(id, level, timeoutMs) ?? flagsError(id, flags, type === TYPE.get ? isBit : isWriteFlags);
  if (invalid !== null) return invalid;
  if (flags === undefined) return [type, id, key as Uint8Array, level as LevelNumber, timeoutMs as number];
  return [type, id, key as Uint8Array, level as LevelNumber, timeoutMs as number, flags as number];
}

/** `value` null deletes; a value that is neither bytes, nor text, nor nil is `undefined` here. */
function checkWriteAgain(
  id: number,
  key: Uint8Array | null,
  value: Uint8Array | null | undefined,
  version: unknown,
  level: unknown,
  timeoutMs: unknown,
  flags: unknown,
): WriteAgainMessage | InvalidRequest {
  const invalid = keyError(id, key) ?? (value === null ? null : valueError(id, value ?? null)) ?? optionsError(id, level, timeoutMs) ?? flagsError(id, flags, isWriteAgainFlags);
  if (invalid !== null) return invalid;
  if (!isVersionBytes(version)) return invalidRequest(id, 'RING_BAD_REQUEST', 'the version is the 12 bytes that a node gave to this write');
  return [TYPE.writeAgain, id, key as Uint8Array, value ?? null, version as Uint8Array, level as LevelNumber, timeoutMs as number, (flags ?? 0) as number];
}

export function checkLocate(id: number, key: Uint8Array | null): LocateMessage | InvalidRequest {
  return keyError(id, key) ?? [TYPE.locate, id, key as Uint8Array];
}

export function checkExplain(id: number, key: Uint8Array | null): ExplainMessage | InvalidRequest {
  return keyError(id, key) ?? [TYPE.explain, id, key as Uint8Array];
}

/** A bound that is neither bytes, nor text, nor nil is `undefined` here. */
export function checkScan(
  id: number,
  from: Uint8Array | null | undefined,
  to: Uint8Array | null | undefined,
  limit: unknown,
  flags: unknown,
  level: unknown,
  timeoutMs: unknown,
): ScanMessage | InvalidRequest {
  for (const bound of [from, to]) {
    if (bound === undefined) return invalidRequest(id, 'RING_BAD_REQUEST', 'a range begins and ends with bytes, well-formed text or nil');
    if (!isRangeBound(bound)) return invalidRequest(id, 'RING_KEY_INVALID', `a range begins and ends with at most ${RANGE_BOUND_BYTES_MAX} bytes`);
  }
  if (!isCount(limit) || limit < 1 || limit > SCAN_ENTRIES_MAX) return invalidRequest(id, 'RING_BAD_REQUEST', `the limit is a whole number from 1 to ${SCAN_ENTRIES_MAX}`);
  if (!isRangeFlags(flags)) return invalidRequest(id, 'RING_BAD_REQUEST', 'the flags of a scan are 0 to 3');
  return optionsError(id, level, timeoutMs) ?? [TYPE.scan, id, from ?? null, to ?? null, limit, flags as number, level as LevelNumber, timeoutMs as number];
}

function keyError(id: number, key: Uint8Array | null): InvalidRequest | null {
  if (key === null) return invalidRequest(id, 'RING_BAD_REQUEST', 'the key is neither bytes nor well-formed text');
  if (key.length > 0 && key.length <= KEY_BYTES_MAX) return null;
  return invalidRequest(id, 'RING_KEY_INVALID', `a key has 1 to ${KEY_BYTES_MAX} bytes, this one has ${key.length}`);
}

function valueError(id: number, value: Uint8Array | null): InvalidRequest | null {
  if (value === null) return invalidRequest(id, 'RING_BAD_REQUEST', 'the value is neither bytes nor well-formed text');
  if (value.length <= VALUE_BYTES_MAX) return null;
  return invalidRequest(id, 'RING_VALUE_TOO_LARGE', `a value has at most ${VALUE_BYTES_MAX} bytes, this one has ${value.length}`);
}

function flagsError(id: number, flags: unknown, areAllowed: (flags: unknown) => boolean): InvalidRequest | null {
  return flags === undefined || areAllowed(flags) ? null : invalidRequest(id, 'RING_BAD_REQUEST', 'flags that this request does not have');
}

function optionsError(id: number, level: unknown, timeoutMs: unknown): InvalidRequest | null {
  if (!isLevel(level)) return invalidRequest(id, 'RING_BAD_REQUEST', `the consistency is one of 0 to 3 (${LEVELS.join(', ')})`);
  if (!isTimeout(timeoutMs)) return invalidRequest(id, 'RING_BAD_REQUEST', 'timeoutMs is a whole number from 0 to 600000');
  return null;
}

function wrongLength(id: number, name: string, fields: string): InvalidRequest {
  return invalidRequest(id, 'RING_BAD_REQUEST', `${name} has ${fields}`);
}

/** Keys and values are bin; a str, which `checkFrame` found to be UTF-8, stands for its bytes. */
function bytesOf(value: unknown): Uint8Array | null {
  if (value instanceof Uint8Array) return value;
  return typeof value === 'string' ? encodeUtf8(value) : null;
}

function boundOf(value: unknown): Uint8Array | null | undefined {
  return value === null ? null : (bytesOf(value) ?? undefined);
}

function isClientReply(message: unknown): message is ClientReply {
  if (!Array.isArray(message)) return false;
  const fields: readonly unknown[] = message;
  const [type, id] = fields;
  if (type === TYPE.failed) return isFailed(fields);
  if (!isCount(id)) return false;
  switch (type) {
    case TYPE.written:
      return (
        (fields.length === 6 || (fields.length === 7 && isWriteSaid(fields[6]))) && isVersionBytes(fields[2]) && isNodeList(fields[3]) && isNodePairs(fields[4]) && isBit(fields[5])
      );
    case TYPE.value:
      return (
        (fields.length === 5 || (fields.length === 6 && isReadSaid(fields[5]))) &&
        isValueOrNull(fields[2]) &&
        isVersionOrNull(fields[3]) &&
        isNodeList(fields[4]) &&
        (fields[2] === null || fields[3] !== null)
      );
    case TYPE.issued:
      return fields.length === 3 && isVersionBytes(fields[2]);
    case TYPE.json:
      return fields.length === 3 && isText(fields[2]);
    case TYPE.pong:
      return fields.length === 2;
    case TYPE.entries:
      return fields.length === 4 && isValuePairs(fields[2]) && isRangeBound(fields[3]);
    default:
      return false;
  }
}

function isFailed(fields: readonly unknown[]): boolean {
  return (
    fields.length === 7 &&
    (fields[1] === null || isCount(fields[1])) &&
    isErrorNumber(fields[2]) &&
    isText(fields[3]) &&
    isCount(fields[4]) &&
    isCount(fields[5]) &&
    isVersionOrNull(fields[6])
  );
}
