/** Checks of single fields, shared by the decoders. Each is a few comparisons; none allocates. */
import { KEY_BYTES_MAX, RECORD_HEADER_BYTES, VALUE_BYTES_MAX, VERSION_BYTES, isNodeId, isVersionAt } from '../data/portable.ts';
import { READ_SAID, WRITE_SAID } from './answers.ts';
import { RANGE_BOUND_BYTES_MAX, TIMEOUT_MS_MAX } from './limits.ts';

export const RECORD_BYTES_MAX = RECORD_HEADER_BYTES + VALUE_BYTES_MAX;

/** A whole number from 0 on: an id, a clock, a count. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

export function isLevel(value: unknown): boolean {
  return value === 0 || value === 1 || value === 2 || value === 3;
}

export function isTimeout(value: unknown): boolean {
  return isCount(value) && value <= TIMEOUT_MS_MAX;
}

/** Both bits of RANGE_FLAGS. */
export function isRangeFlags(value: unknown): boolean {
  return value === 0 || value === 1 || value === 2 || value === 3;
}

/** Bits of WRITE_FLAGS, but for `above`. */
export function isWriteFlags(value: unknown): boolean {
  return value === 0 || value === 1 || value === 2 || value === 3;
}

/** All bits of WRITE_FLAGS. */
export function isWriteAgainFlags(value: unknown): boolean {
  return isCount(value) && value < 8;
}

/** node, what it said, node … */
export function isWriteSaid(value: unknown): boolean {
  return isRows(value, 2, (said) => isIndexOf(WRITE_SAID, said));
}

/** node, 0 replica or 1 stand-in, what it said, its version or null, node … */
export function isReadSaid(value: unknown): boolean {
  return isRows(value, 4, (role, said, version) => isBit(role) && isIndexOf(READ_SAID, said) && isVersionOrNull(version));
}

/** Where a range begins or ends. */
export function isRangeBound(value: unknown): boolean {
  return value === null || (value instanceof Uint8Array && value.length <= RANGE_BOUND_BYTES_MAX);
}

export function isBit(value: unknown): boolean {
  return value === 0 || value === 1;
}

export function isText(value: unknown): value is string {
  return typeof value === 'string';
}

export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

export function isKey(value: unknown): boolean {
  return value instanceof Uint8Array && value.length > 0 && value.length <= KEY_BYTES_MAX;
}

export function isRecord(value: unknown): boolean {
  return value instanceof Uint8Array && value.length >= RECORD_HEADER_BYTES && value.length <= RECORD_BYTES_MAX;
}

export function isVersionBytes(value: unknown): boolean {
  return value instanceof Uint8Array && value.length === VERSION_BYTES && isVersionAt(value, 0);
}

export function isVersionOrNull(value: unknown): boolean {
  return value === null || isVersionBytes(value);
}

export function isNodeList(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  for (const element of value) if (!isNodeId(element)) return false;
  return true;
}

/** Pairs of node ids: an even number of them. */
export function isNodePairs(value: unknown): boolean {
  return isNodeList(value) && (value as readonly unknown[]).length % 2 === 0;
}

export function isKeyList(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  for (const element of value) if (!isKey(element)) return false;
  return true;
}

/** key, record, key, record … */
export function isRecordPairs(value: unknown): boolean {
  return isPairs(value, isRecord);
}

/** key, value, key, value …, a value that was not asked for as null. */
export function isValuePairs(value: unknown): boolean {
  return isPairs(value, isValueOrNull);
}

/** key, record, key, record …, a damaged one as null. */
export function isRangePairs(value: unknown): boolean {
  return isPairs(value, (element) => element === null || isRecord(element));
}

export function isValueOrNull(value: unknown): boolean {
  return value === null || (value instanceof Uint8Array && value.length <= VALUE_BYTES_MAX);
}

/** key, version, key, version … */
export function isVersionPairs(value: unknown): boolean {
  return isPairs(value, isVersionBytes);
}

function isPairs(value: unknown, isSecond: (element: unknown) => boolean): boolean {
  if (!Array.isArray(value) || value.length % 2 !== 0) return false;
  for (let index = 0; index < value.length; index += 2) {
    if (!isKey(value[index]) || !isSecond(value[index + 1])) return false;
  }
  return true;
}

/** A flat list of rows of this length, each beginning with a node id. */
function isRows(value: unknown, length: number, isRest: (second: unknown, third: unknown, fourth: unknown) => boolean): boolean {
  if (!Array.isArray(value) || value.length % length !== 0) return false;
  for (let index = 0; index < value.length; index += length) {
    if (!isNodeId(value[index]) || !isRest(value[index + 1], value[index + 2], value[index + 3])) return false;
  }
  return true;
}

function isIndexOf(list: readonly unknown[], value: unknown): boolean {
  return isCount(value) && value < list.length;
}
