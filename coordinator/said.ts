/** What each node said of one request, as flat lists for the answer. Kept only for those who ask for it. Pure. */
import { versionToBytes, type NodeId, type Version } from '../data/index.ts';
import { READ_SAID, WRITE_SAID, type ReadSaid, type StoredStatus } from '../wire/index.ts';

const NO_ANSWER = WRITE_SAID.indexOf('no-answer');
const UNREACHABLE = WRITE_SAID.indexOf('unreachable');

/** node, WRITE_SAID … of a write that has just been sent to the `live` among its replicas. */
export function saidAtStart(replicas: readonly NodeId[], live: readonly NodeId[]): number[] {
  return replicas.flatMap((node) => [node, live.includes(node) ? NO_ANSWER : UNREACHABLE]);
}

/** Notes a replica's word in such a list. */
export function noteSaid(said: number[], node: NodeId, status: StoredStatus): void {
  for (let index = 0; index + 1 < said.length; index += 2) if (said[index] === node) said[index + 1] = status;
}

/** What a read knows of the nodes that it asked. */
export interface ReadKnowledge {
  readonly replicas: readonly NodeId[];
  readonly standIns: readonly NodeId[];
  readonly replies: readonly { readonly node: NodeId; readonly version: Version | null; readonly isTrusted: boolean }[];
  readonly damaged: readonly NodeId[];
  /** Those that could not look. */
  readonly failed: readonly NodeId[];
  readonly waiting: readonly NodeId[];
}

/** node, 0 replica or 1 stand-in, READ_SAID, version or null … */
export function readSaid(known: ReadKnowledge): readonly (number | Uint8Array | null)[] {
  const rows: (number | Uint8Array | null)[] = [];
  const note = (node: NodeId, role: 0 | 1): void => {
    const reply = known.replies.find((candidate) => candidate.node === node) ?? null;
    const version = reply?.version ?? null;
    rows.push(node, role, READ_SAID.indexOf(wordOf(node, reply, known)), version === null ? null : versionToBytes(version));
  };
  for (const node of known.replicas) note(node, 0);
  for (const node of known.standIns) note(node, 1);
  return rows;
}

function wordOf(node: NodeId, reply: ReadKnowledge['replies'][number] | null, { damaged, failed, waiting }: ReadKnowledge): ReadSaid {
  if (reply !== null) return !reply.isTrusted ? 'untrusted' : reply.version === null ? 'absent' : 'record';
  if (damaged.includes(node)) return 'damaged';
  if (failed.includes(node)) return 'failed';
  return waiting.includes(node) ? 'no-answer' : 'unreachable';
}
