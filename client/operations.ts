/** What a client can ask, and how each reply is read; a reply of another type is `UNFIT`. */
import { TYPE, type ClientReply, type ClusterStatus, type ConvergedAnswer, type DetailedReadAnswer, type DetailedWriteAnswer, type ExplainAnswer, type LocateAnswer, type WriteAnswer } from '../wire/index.ts';
import { clusterStatus, convergedAnswer, detailedReadAnswer, detailedWriteAnswer, explainAnswer, jsonAnswer, locateAnswer, ownValue, writeAnswer } from './answers.ts';
import { UNFIT, type Operation } from './call.ts';
import { sliceAnswer, type Slice } from './scan.ts';

export const PUT: Operation<WriteAnswer> = { type: TYPE.put, kind: 'write', read: readWritten };
export const DELETE: Operation<WriteAnswer> = { type: TYPE.delete, kind: 'write', read: readWritten };
export const PUT_WITH_DETAIL: Operation<DetailedWriteAnswer> = { type: TYPE.put, kind: 'write', read: readWrittenWithDetail };
export const DELETE_WITH_DETAIL: Operation<DetailedWriteAnswer> = { type: TYPE.delete, kind: 'write', read: readWrittenWithDetail };
export const GET: Operation<Uint8Array | null> = {
  type: TYPE.get,
  kind: 'repeatable',
  read: (reply) => (reply[0] === TYPE.value ? ownValue(reply[2]) : UNFIT),
};
export const GET_WITH_DETAIL: Operation<DetailedReadAnswer> = {
  type: TYPE.get,
  kind: 'repeatable',
  read: (reply) => (reply[0] === TYPE.value ? (detailedReadAnswer(reply) ?? UNFIT) : UNFIT),
};
export const SCAN: Operation<Slice> = {
  type: TYPE.scan,
  kind: 'repeatable',
  read: (reply) => (reply[0] === TYPE.entries ? sliceAnswer(reply) : UNFIT),
};
export const STATUS: Operation<ClusterStatus> = {
  type: TYPE.status,
  kind: 'repeatable',
  read: (reply) => (reply[0] === TYPE.json ? clusterStatus(reply) : UNFIT),
};
export const CONVERGED: Operation<ConvergedAnswer> = {
  type: TYPE.converged,
  kind: 'repeatable',
  read: (reply) => (reply[0] === TYPE.json ? convergedAnswer(reply) : UNFIT),
};
export const LOCATE: Operation<LocateAnswer> = {
  type: TYPE.locate,
  kind: 'repeatable',
  read: (reply) => (reply[0] === TYPE.json ? locateAnswer(reply) : UNFIT),
};
export const EXPLAIN: Operation<ExplainAnswer> = {
  type: TYPE.explain,
  kind: 'repeatable',
  read: (reply) => (reply[0] === TYPE.json ? explainAnswer(reply) : UNFIT),
};
export const CONTROL: Operation<unknown> = {
  type: TYPE.control,
  kind: 'write',
  read: (reply) => (reply[0] === TYPE.json ? jsonAnswer(reply) : UNFIT),
};
export const PING: Operation<void> = {
  type: TYPE.ping,
  kind: 'repeatable',
  read: (reply) => (reply[0] === TYPE.pong ? undefined : UNFIT),
};

function readWritten(reply: ClientReply): WriteAnswer | typeof UNFIT {
  return reply[0] === TYPE.written ? writeAnswer(reply) : UNFIT;
}

function readWrittenWithDetail(reply: ClientReply): DetailedWriteAnswer | typeof UNFIT {
  return reply[0] === TYPE.written ? (detailedWriteAnswer(reply) ?? UNFIT) : UNFIT;
}
