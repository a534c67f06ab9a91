/** Replies into what programs see, and the checks of what programs hand in. */
import { readVersion, type Version } from '../data/portable.ts';
import {
  ERROR_CODES,
  KEY_BYTES_MAX,
  VALUE_BYTES_MAX,
  hintPairs,
  nodeReads,
  replicaWrites,
  utf8Bytes,
  type ClusterStatus,
  type ConvergedAnswer,
  type DetailedReadAnswer,
  type DetailedWriteAnswer,
  type ExplainAnswer,
  type FailedMessage,
  type JsonMessage,
  type LocateAnswer,
  type TopologyAnswer,
  type ValueMessage,
  type WriteAnswer,
  type WrittenMessage,
} from '../wire/index.ts';
import { RingError } from './errors.ts';
import { isPlain } from './options.ts';

/** The bytes of a key, the client's own. Throws `RingError` (`RING_KEY_INVALID`). */
export function keyBytes(key: string | Uint8Array): Uint8Array {
  const bytes = ownBytes(key);
  if (bytes === null) throw new RingError('RING_KEY_INVALID', 'a key in text holds no lone surrogates');
  if (bytes.length === 0 || bytes.length > KEY_BYTES_MAX) {
    throw new RingError('RING_KEY_INVALID', `a key has 1 to ${KEY_BYTES_MAX} bytes, this one has ${bytes.length}`);
  }
  return bytes;
}

/** The bytes of a value, the client's own. Throws `RingError` (`RING_VALUE_TOO_LARGE`, `RING_BAD_REQUEST`). */
export function valueBytes(value: string | Uint8Array): Uint8Array {
  const bytes = ownBytes(value);
  if (bytes === null) throw new RingError('RING_BAD_REQUEST', 'a value in text holds no lone surrogates');
  if (bytes.length > VALUE_BYTES_MAX) {
    throw new RingError('RING_VALUE_TOO_LARGE', `a value has at most ${VALUE_BYTES_MAX} bytes, this one has ${bytes.length}`);
  }
  return bytes;
}

export function writeAnswer([, , version, durableOn, hints, fsync]: WrittenMessage): WriteAnswer {
  return { version: readVersion(version, 0), durableOn, hints: hintPairs(hints), fsync: fsync === 1 };
}

/** null when the node did not send what it was asked for. */
export function detailedWriteAnswer(reply: WrittenMessage): DetailedWriteAnswer | null {
  const answer = writeAnswer(reply);
  const [, , , , , , said] = reply;
  return said === undefined ? null : { ...answer, replicas: replicaWrites(said, answer.hints) };
}

/** null when the node did not send what it was asked for. */
export function detailedReadAnswer([, , value, version, replied, said]: ValueMessage): DetailedReadAnswer | null {
  return said === undefined ? null : { value: ownValue(value), version: versionOrNull(version), replied, nodes: nodeReads(said) };
}

/** A copy: as a view it would keep its whole frame in memory. */
export function ownValue(value: Uint8Array | null): Uint8Array | null {
  return value === null ? null : new Uint8Array(value);
}

export function failure([, , number, message, required, received, version]: FailedMessage): RingError {
  return new RingError(ERROR_CODES[number], message, { required, received, version: versionOrNull(version) });
}

/** The parsed JSON. Throws `RingError` (`RING_BAD_FRAME`) when it is none. */
export function jsonAnswer(reply: JsonMessage): unknown {
  try {
    return JSON.parse(reply[2]) as unknown;
  } catch (cause) {
    throw new RingError('RING_BAD_FRAME', 'the node answered with text that is not JSON', { cause });
  }
}

/** The next four look at the outline only: the node is of the same version as its messages. */
export function clusterStatus(reply: JsonMessage): ClusterStatus {
  const answer = jsonAnswer(reply);
  if (!hasFields<ClusterStatus>(answer, ['clusterId', 'epoch', 'nodes', 'converged'])) throw unexpected('status');
  return answer;
}

export function convergedAnswer(reply: JsonMessage): ConvergedAnswer {
  const answer = jsonAnswer(reply);
  if (!hasFields<ConvergedAnswer>(answer, ['converged', 'reasons'])) throw unexpected('converged');
  return answer;
}

export function locateAnswer(reply: JsonMessage): LocateAnswer {
  const answer = jsonAnswer(reply);
  if (!hasFields<LocateAnswer>(answer, ['hash', 'partition', 'homeNode', 'replicas', 'fallbacks', 'epoch'])) throw unexpected('locate');
  return answer;
}

export function explainAnswer(reply: JsonMessage): ExplainAnswer {
  const answer = jsonAnswer(reply);
  if (!hasFields<ExplainAnswer>(answer, ['replicas', 'fallbacks', 'nodes', 'hints', 'winner', 'rule', 'doubts', 'next'])) throw unexpected('explain');
  return answer;
}

/** null when the answer cannot be used. All of it is checked, as the client acts on it. */
export function topologyFrom(reply: JsonMessage): TopologyAnswer | null {
  try {
    const answer = jsonAnswer(reply);
    return isTopology(answer) ? answer : null;
  } catch {
    return null;
  }
}

function isTopology(answer: unknown): answer is TopologyAnswer {
  if (!hasFields<TopologyAnswer>(answer, ['clusterId', 'node', 'hashSeed', 'partitionCount', 'members', 'replicas'])) return false;
  const { clusterId, node, hashSeed, partitionCount, members, replicas }: Readonly<Record<keyof TopologyAnswer, unknown>> = answer;
  return (
    typeof clusterId === 'string' &&
    Number.isSafeInteger(node) &&
    Number.isSafeInteger(hashSeed) &&
    Array.isArray(members) &&
    members.every(isMember) &&
    Array.isArray(replicas) &&
    replicas.length > 0 &&
    replicas.length === partitionCount &&
    replicas.every((nodes) => Array.isArray(nodes) && nodes.every(Number.isSafeInteger))
  );
}

function isMember(member: unknown): boolean {
  if (!hasFields<TopologyAnswer['members'][number]>(member, ['id', 'address'])) return false;
  const { id, address }: Readonly<Record<string, unknown>> = member;
  return Number.isSafeInteger(id) && typeof address === 'string' && isPlain(address);
}

function hasFields<Answer>(answer: unknown, names: readonly (keyof Answer & string)[]): answer is Answer {
  return typeof answer === 'object' && answer !== null && names.every((name) => Object.hasOwn(answer, name));
}

function unexpected(operation: string): RingError {
  return new RingError('RING_BAD_FRAME', `the node's answer to ${operation} lacks fields`);
}

function versionOrNull(bytes: Uint8Array | null): Version | null {
  return bytes === null ? null : readVersion(bytes, 0);
}

/** A copy, as requests are sent later than they are made; null for text with a lone surrogate. */
function ownBytes(data: string | Uint8Array): Uint8Array | null {
  return typeof data === 'string' ? utf8Bytes(data) : new Uint8Array(data);
}
