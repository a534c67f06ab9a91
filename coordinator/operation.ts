/**
 * What reads and writes in flight have in common: the requests that they have sent, and what they need of the
 * coordinator that carries them. Pure: messages and the time go in, messages and answers go out.
 */
import type { Identified, NodeId, Version } from '../data/index.ts';
import type { ClientReply, LevelNumber, PeerReply, PeerRequest } from '../wire/index.ts';
import type { Listed } from './operation-list.ts';
import type { Preference } from './placement.ts';

/** Where the answer to a client's request goes. */
export interface AnswerSink {
  answer(reply: ClientReply): void;
}

export interface OperationTimes {
  readonly hedgeAfterMs: number;
  /** How long an answered operation still waits for the replicas that have not replied. */
  readonly replicaTimeoutMs: number;
}

/**
 * Replica: keeps the key. Stand-in: a fallback node, for `target`. Repair: gets the newest record back. Fetch: has
 * confirmed a version, and is asked for the record.
 */
export type Role = 'replica' | 'stand-in' | 'repair' | 'fetch';

/** One message to one node that has not been replied to. Messages to several nodes may share an id. */
export interface SubRequest {
  readonly id: number;
  readonly node: NodeId;
  readonly role: Role;
  /** For whom the message has the node keep a hint: a stand-in for its target, a replica for those it refers for. */
  readonly hintFor: readonly NodeId[];
}

/** The id of messages that one operation has sent. */
export class MessageId implements Identified<MessageId> {
  readonly id: number;
  readonly operation: Operation;
  next: MessageId | null = null;

  constructor(id: number, operation: Operation) {
    this.id = id;
    this.operation = operation;
  }
}

export interface Operation extends Listed<Operation> {
  /** Of the messages that it has sent. */
  readonly ids: readonly MessageId[];
  /** Monotonic time at which the client must have its answer. */
  readonly deadlineMs: number;
  /** Its client waits no longer. */
  readonly isAnswered: boolean;
  /** A reply to one of its messages; one that it does not wait for (any more) is dropped. */
  onReply(from: NodeId, reply: PeerReply): void;
  /** No reply of this node will come: the link broke, or it is no longer believed to be alive. */
  onNodeLost(node: NodeId): void;
  /** The node came back with another directory: what it said before is no longer true. */
  onForgot(node: NodeId): void;
  onTick(nowMs: number): void;
  /** The ceiling was raised: ask for the version again. */
  onVersionsAvailable(): void;
}

/** What an operation may do. */
export interface OperationEnvironment {
  readonly self: NodeId;
  readonly majority: number;
  readonly times: OperationTimes;
  isAlive(node: NodeId): boolean;
  /** An id for messages of this operation, to whichever nodes. */
  takeId(operation: Operation): MessageId;
  /** False when it certainly was not sent. */
  send(to: NodeId, request: PeerRequest): boolean;
  /** A version above `floor`; null: `onVersionsAvailable` will be called when there may be one. */
  issue(operation: Operation, floor: number): Version | null;
  /** Says that so many more bytes (or fewer) are held by operations in flight. */
  hold(bytes: number): void;
  /** Forgets the operation; replies that still come are dropped. */
  finish(operation: Operation): void;
  count(event: CoordinatorEvent): void;
}

export const COORDINATOR_EVENTS = [
  'puts',
  'gets',
  'deletes',
  'writesAgain',
  'scans',
  'writesAcknowledged',
  'readsAnswered',
  'scansAnswered',
  'failures',
  'overloaded',
  'rewrites',
  'hintsSent',
  'hedges',
  'readRepairs',
  'fetches',
] as const;
export type CoordinatorEvent = (typeof COORDINATOR_EVENTS)[number];

export function requiredBy(level: LevelNumber, majority: number, replicas: number): number {
  switch (level) {
    case 0:
    case 2:
      return majority;
    case 1:
      return 1;
    case 3:
      return replicas;
  }
}

/** The replica plan of one request: whom to ask, and, when some are down, who stands in, as liveness has it now. */
export interface ReplicaPlan {
  readonly live: readonly NodeId[];
  readonly down: readonly NodeId[];
  readonly liveFallbacks: readonly NodeId[];
}

export function planReplicas(preference: Preference, liveness: { isAlive(node: NodeId): boolean }): ReplicaPlan {
  const { replicas, fallbacks } = preference;
  if (replicas.every((node) => liveness.isAlive(node))) return { live: replicas, down: NO_NODES, liveFallbacks: NO_NODES };
  return {
    live: replicas.filter((node) => liveness.isAlive(node)),
    down: replicas.filter((node) => !liveness.isAlive(node)),
    liveFallbacks: fallbacks.filter((node) => liveness.isAlive(node)),
  };
}

export const NO_NODES: readonly NodeId[] = [];

/** Takes the message to `node` with this id off the list of those waited for; null when it was not on it: settled before. */
export function settle(pending: SubRequest[], node: NodeId, id: number): SubRequest | null {
  for (let index = 0; index < pending.length; index++) {
    const sub = pending[index];
    if (sub === undefined || sub.id !== id || sub.node !== node) continue;
    pending.splice(index, 1);
    return sub;
  }
  return null;
}

/** Takes every message to `node` off the list. */
export function settleAll(pending: SubRequest[], node: NodeId): readonly SubRequest[] {
  const settled = pending.filter((sub) => sub.node === node);
  for (const sub of settled) pending.splice(pending.indexOf(sub), 1);
  return settled;
}
