/**
 * Binary frames between nodes into checked messages. A peer that sends a wrong shape runs other code, so any doubt is a
 * `FrameError` and closes the link; nothing of such a frame is acted on. All bytes are views into the frame: copy what
 * outlives the tick. The kinds that carry the load (write, read, stored, found) are checked first.
 */
import { DIGEST_BYTES, LEAVES, isEpoch, isIncarnation, isNodeId, isPartition } from '../data/portable.ts';
import { FrameError, isErrorNumber } from './errors.ts';
import { RANGE_BYTES_MAX, RANGE_ENTRIES_MAX } from './limits.ts';
import { FOUND, RANGE_STATUS, STORED, TYPE, type FrameHeader, type PeerReply, type PeerRequest } from './messages.ts';
import { unpackFrame } from './packr.ts';
import { isBit, isBytes, isCount, isKey, isKeyList, isNodeList, isRangeBound, isRangeFlags, isRangePairs, isRecord, isRecordPairs, isText, isVersionBytes, isVersionOrNull, isVersionPairs } from './shape.ts';

/** partition (2) · root (8) */
const ROOT_ENTRY_BYTES = 2 + DIGEST_BYTES;
const LEAVES_BYTES = LEAVES * DIGEST_BYTES;
const MEMORY_NUMBERS = 4;
/** partition (2) · hash (4) · key (1,024) and the keyspace byte. */
const DATABASE_KEY_BYTES_MAX = 1031;

export interface PeerRequestFrame {
  readonly header: FrameHeader;
  readonly messages: readonly PeerRequest[];
}

export interface PeerReplyFrame {
  readonly header: FrameHeader;
  readonly messages: readonly PeerReply[];
}

/** Throws `FrameError`. */
export function decodePeerRequests(bytes: Uint8Array): PeerRequestFrame {
  const [header, messages] = splitFrame(unpackFrame(bytes));
  for (const message of messages) if (!isPeerRequest(message)) throw wrongShape('request', message);
  return { header, messages: messages as readonly PeerRequest[] };
}

/** Throws `FrameError`. */
export function decodePeerReplies(bytes: Uint8Array): PeerReplyFrame {
  const [header, messages] = splitFrame(unpackFrame(bytes));
  for (const message of messages) if (!isPeerReply(message)) throw wrongShape('reply', message);
  return { header, messages: messages as readonly PeerReply[] };
}

function splitFrame(messages: readonly unknown[]): [FrameHeader, readonly unknown[]] {
  const header = messages[0];
  if (!isHeader(header)) throw new FrameError('a frame between nodes begins with [0, epoch, clock, sequence]');
  return [header, messages.slice(1)];
}

function isHeader(value: unknown): value is FrameHeader {
  return Array.isArray(value) && value.length === 4 && value[0] === TYPE.frameHeader && isEpoch(value[1]) && isCount(value[2]) && isCount(value[3]);
}

function isPeerRequest(message: unknown): boolean {
  if (!Array.isArray(message)) return false;
  const fields: readonly unknown[] = message;
  const { length } = fields;
  if (!isCount(fields[1])) return false;
  switch (fields[0]) {
    case TYPE.write:
      return length === 5 && isKey(fields[2]) && isRecord(fields[3]) && isNodeList(fields[4]);
    case TYPE.read:
      return length === 4 && isKey(fields[2]) && isBit(fields[3]);
    case TYPE.hint:
      return length === 5 && isNodeId(fields[2]) && isKey(fields[3]) && isRecord(fields[4]);
    case TYPE.handOff:
    case TYPE.sweepRecords:
      return length === 3 && isRecordPairs(fields[2]);
    case TYPE.heartbeat:
    case TYPE.roots:
    case TYPE.nodeStatus:
      return length === 2;
    case TYPE.sweepRoots:
      return length === 3 && isMultiple(fields[2], ROOT_ENTRY_BYTES);
    case TYPE.sweepLeaves:
      return length === 4 && isPartition(fields[2]) && isBytes(fields[3]) && fields[3].length === LEAVES_BYTES;
    case TYPE.sweepVersions:
      return length === 7 && isPartition(fields[2]) && isLeaf(fields[3]) && isDatabaseKey(fields[4]) && isDatabaseKey(fields[5]) && isVersionPairs(fields[6]);
    case TYPE.range:
      return length === 7 && isRangeBound(fields[2]) && isRangeBound(fields[3]) && isUpTo(fields[4], RANGE_ENTRIES_MAX) && isUpTo(fields[5], RANGE_BYTES_MAX) && isRangeFlags(fields[6]);
    case TYPE.inspect:
      return length === 3 && isKey(fields[2]);
    case TYPE.hello:
      return length === 10 && isHello(fields);
    default:
      return false;
  }
}

function isHello(fields: readonly unknown[]): boolean {
  return isCount(fields[2]) && isText(fields[3]) && isText(fields[4]) && isNodeId(fields[5]) && isNodeId(fields[6]) && isIncarnation(fields[7]) && isCount(fields[8]) && isMemory(fields[9]);
}

/** Nothing, or incarnation, run, sequence, before. */
function isMemory(value: unknown): boolean {
  return Array.isArray(value) && (value.length === 0 || value.length === MEMORY_NUMBERS) && value.every(isCount);
}

function isPeerReply(message: unknown): boolean {
  if (!Array.isArray(message)) return false;
  const fields: readonly unknown[] = message;
  const { length } = fields;
  if (!isCount(fields[1])) return false;
  switch (fields[0]) {
    case TYPE.stored:
      return length === 4 && isCount(fields[2]) && fields[2] <= STORED.supersededUntrusted && isVersionOrNull(fields[3]) && (!isSuperseded(fields[2]) || fields[3] !== null);
    case TYPE.found:
      return length === 4 && isCount(fields[2]) && fields[2] <= FOUND.untrusted && isFoundRecord(fields[2], fields[3]);
    case TYPE.foundVersion:
      return length === 4 && isCount(fields[2]) && fields[2] <= FOUND.untrusted && isFoundVersion(fields[2], fields[3]);
    case TYPE.handedOff:
      return length === 3 && isBit(fields[2]);
    case TYPE.heartbeatReply:
      return length === 3 && typeof fields[2] === 'number' && Number.isFinite(fields[2]) && fields[2] >= 0;
    case TYPE.differing:
      return length === 4 && isBit(fields[2]) && isMultiple(fields[3], 2);
    case TYPE.leaves:
      return length === 3 && isBytes(fields[2]) && (fields[2].length === 0 || fields[2].length === LEAVES_BYTES);
    case TYPE.newer:
      return length === 5 && isRecordPairs(fields[2]) && isKeyList(fields[3]) && (fields[4] === null || isDatabaseKey(fields[4]));
    case TYPE.rootList:
      return length === 6 && isBit(fields[2]) && isMultiple(fields[3], ROOT_ENTRY_BYTES) && isCount(fields[4]) && isBit(fields[5]);
    case TYPE.nodeStatusReply:
    case TYPE.inspected:
      return length === 3 && isText(fields[2]);
    case TYPE.welcome:
      return length === 6 && isNodeId(fields[2]) && isIncarnation(fields[3]) && isCount(fields[4]) && isMemory(fields[5]);
    case TYPE.rangeRecords:
      return length === 5 && isCount(fields[2]) && fields[2] <= RANGE_STATUS.untrusted && isRangePairs(fields[3]) && isRangeBound(fields[4]);
    case TYPE.refused:
      return length === 4 && isErrorNumber(fields[2]) && isText(fields[3]);
    default:
      return false;
  }
}

function isSuperseded(status: number): boolean {
  return status === STORED.superseded || status === STORED.supersededUntrusted;
}

function isFoundRecord(status: number, record: unknown): boolean {
  if (status === FOUND.record) return isRecord(record);
  return record === null || (status === FOUND.untrusted && isRecord(record));
}

function isFoundVersion(status: number, version: unknown): boolean {
  if (status === FOUND.record) return isVersionBytes(version);
  return version === null || (status === FOUND.untrusted && isVersionBytes(version));
}

/** A limit: at least 1. */
function isUpTo(value: unknown, max: number): boolean {
  return isCount(value) && value >= 1 && value <= max;
}

function isLeaf(value: unknown): boolean {
  return isCount(value) && value < LEAVES;
}

function isDatabaseKey(value: unknown): boolean {
  return isBytes(value) && value.length <= DATABASE_KEY_BYTES_MAX;
}

function isMultiple(value: unknown, unit: number): boolean {
  return isBytes(value) && value.length % unit === 0;
}

function wrongShape(kind: string, message: unknown): FrameError {
  const type: unknown = Array.isArray(message) ? message[0] : message;
  return new FrameError(`not a ${kind} of the protocol (type ${typeof type === 'number' ? type : typeof type})`);
}
