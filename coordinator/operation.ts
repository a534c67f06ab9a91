/**
 * What reads and writes in flight have in common: the requests that they have sent, and what they need of the
 * coordinator that carries them. Pure: messages and the time go in, messages and answers go out.
 */
import type { NodeId, Version } from '../data/index.ts';
import type { ClientReply, LevelNumber, PeerReply, PeerRequest } from '../wire/index.ts';
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

/** Replica: keeps the key. Stand-in: a fallback node, for `target`. Repair: gets the newest record back. */
export type Role = 'replica' | 'stand-in' | 'repair';

/** One message to one node that has not been replied to. */
export interface SubRequest {
  readonly operation: Operation;
  readonly node: NodeId;
  readonly role: Role;
  /** For whom the message has the node keep a hint: a stand-in for its target, a replica for those it refers for. */
  readonly hintFor: readonly NodeId[];
}

export interface Operation {
  /** Monotonic time at which the client must have its answer. */
  readonly deadlineMs: number;
  onReply(sub: SubRequest, reply: PeerReply): void;
  /** No reply will come: the link broke, or the node is no longer believed to be alive. */
  onLost(sub: SubRequest): void;
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
  /** False when it certainly was not sent. `build` gets the message's id. */
  send(sub: SubRequest, build: (id: number) => PeerRequest): boolean;
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
  'writesAcknowledged',
  'readsAnswered',
  'failures',
  'overloaded',
  'rewrites',
  'hintsSent',
  'hedges',
  'readRepairs',
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

/** The replica plan of one request: whom to ask and who stands in, as liveness has it now. */
export interface ReplicaPlan {
  readonly live: readonly NodeId[];
  readonly down: readonly NodeId[];
  readonly liveFallbacks: readonly NodeId[];
}

export function planReplicas(preference: Preference, liveness: { isAlive(node: NodeId): boolean }): ReplicaPlan {
  const live = preference.replicas.filter((node) => liveness.isAlive(node));
  return {
    live,
    down: live.length === preference.replicas.length ? NO_NODES : preference.replicas.filter((node) => !liveness.isAlive(node)),
    liveFallbacks: preference.fallbacks.filter((node) => liveness.isAlive(node)),
  };
}

const NO_NODES: readonly NodeId[] = [];

/** Takes the message off the list of those waited for. False when it was not on it: another round's, or settled before. */
export function settle(pending: SubRequest[], sub: SubRequest): boolean {
  const index = pending.indexOf(sub);
  if (index < 0) return false;
  pending.splice(index, 1);
  return true;
}
