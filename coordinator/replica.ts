/**
 * What a node does as a replica or a stand-in: takes requests of coordinators in arrays, gives replies in arrays.
 *
 * Invariants
 *  P1  A write is said to be stored when the store says so, which is when it is durable (data/store.ts, S2).
 *  P2  One array of requests makes one `store.write`; nothing is allocated per record but the intent.
 *  P3  A damaged record is reported as damaged, a failed lookup as failed; neither as absent.
 *  P4  What an untrusted store says is marked as such (coordinator/trust.ts, T3).
 *  P6  The same holds for one doubtful key: its record replaced a damaged one (data/write-group.ts, G4).
 *  P5  Handed over by another node in bulk, a record of which this node is no replica is not kept: its hint was damaged.
 */
import { DataError, versionToBytes, type NodeId, type Store, type StoredRecord, type Version, type WriteIntent, type WriteOutcome } from '../data/index.ts';
import {
  FOUND,
  STORED,
  TYPE,
  WANTS,
  type FoundMessage,
  type FoundStatus,
  type FoundVersionMessage,
  type HandOffMessage,
  type HintMessage,
  type PeerReply,
  type ReadMessage,
  type StoredMessage,
  type SweepRecordsMessage,
  type WriteMessage,
} from '../wire/index.ts';
import type { Placement } from './placement.ts';
import type { Trust } from './trust.ts';

export type ReplicaRequest = WriteMessage | HintMessage | ReadMessage | HandOffMessage | SweepRecordsMessage;

const NO_TARGETS: readonly NodeId[] = [];

export class Replica {
  readonly #self: NodeId;
  readonly #placement: Placement;
  readonly #store: Store;
  readonly #trust: Trust;

  constructor(self: NodeId, placement: Placement, store: Store, trust: Trust) {
    this.#self = self;
    this.#placement = placement;
    this.#store = store;
    this.#trust = trust;
  }

  /** `reply` is called at once with what can be said at once, and again when the writes are durable. */
  serve(requests: readonly ReplicaRequest[], reply: (replies: readonly PeerReply[]) => void): void {
    const found: PeerReply[] = [];
    const intents: WriteIntent[] = [];
    const writes: (WriteMessage | HintMessage)[] = [];
    for (const request of requests) {
      switch (request[0]) {
        case TYPE.read:
          found.push(this.#read(request));
          break;
        case TYPE.write:
          intents.push({ kind: 'record', key: request[2], record: request[3], hintFor: request[4] });
          writes.push(request);
          break;
        case TYPE.hint:
          intents.push({ kind: 'hint', target: request[2], key: request[3], record: request[4] });
          writes.push(request);
          break;
        case TYPE.handOff:
        case TYPE.sweepRecords:
          this.#takeMany(request, reply);
          break;
      }
    }
    if (found.length > 0) reply(found);
    if (intents.length === 0) return;
    this.#store.write(intents, (outcomes) => {
      reply(writes.map((write, index) => this.#stored(write, outcomes[index])));
    });
  }

  #read(request: ReadMessage): FoundMessage | FoundVersionMessage {
    const [, id, key, wants] = request;
    try {
      const { partition, replicas } = this.#placement.ofKey(key);
      const isReplica = replicas.includes(this.#self);
      const isCertain = !isReplica || (this.#trust.isTrusted(partition) && !this.#store.isDoubtful(key));
      if (wants === WANTS.version && isReplica) {
        const version = this.#store.readVersion(key);
        return version === 'damaged' ? damaged(request) : [TYPE.foundVersion, id, statusOf(version, isCertain), version === null ? null : versionToBytes(version)];
      }
      const record = isReplica ? this.#store.read(key) : this.#store.readHints(key, replicas);
      return record === 'damaged' ? damaged(request) : [TYPE.found, id, statusOf(record, isCertain), record];
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      return [TYPE.found, id, FOUND.failed, null];
    }
  }

  #stored(write: WriteMessage | HintMessage, outcome: WriteOutcome | undefined): StoredMessage {
    const message = stored(write[1], outcome);
    if (write[0] === TYPE.hint) return message;
    if (this.#store.isDoubtful(write[2])) return untrusted(message);
    if (this.#trust.reason === null) return message;
    const { partition } = this.#placement.ofKey(write[2]);
    return this.#trust.isTrusted(partition) ? message : untrusted(message);
  }

  #takeMany([, id, pairs]: HandOffMessage | SweepRecordsMessage, reply: (replies: readonly PeerReply[]) => void): void {
    const records = recordsOfPairs(pairs).filter(({ key }) => this.#placement.ofKey(key).replicas.includes(this.#self));
    const done = (outcomes: readonly WriteOutcome[]): void => reply([[TYPE.handedOff, id, outcomes.every(isKept) ? 1 : 0]]);
    this.#store.write(recordIntents(records), done, 'background');
  }
}

function statusOf(found: Uint8Array | Version | null, isCertain: boolean): FoundStatus {
  if (!isCertain) return FOUND.untrusted;
  return found === null ? FOUND.absent : FOUND.record;
}

function damaged([, id]: ReadMessage): FoundMessage {
  return [TYPE.found, id, FOUND.damaged, null];
}

/** Whether the node has the record, or a newer one, on disk. */
export function isKept(outcome: WriteOutcome): boolean {
  return outcome.status === 'applied' || outcome.status === 'present' || outcome.status === 'superseded';
}

export function recordIntents(records: readonly StoredRecord[]): WriteIntent[] {
  return records.map(({ key, record }) => ({ kind: 'record', key, record, hintFor: NO_TARGETS }));
}

/** key, record, key, record … as on the wire. */
export function recordsOfPairs(pairs: readonly Uint8Array[]): StoredRecord[] {
  const records: StoredRecord[] = [];
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const [key, record] = [pairs[i], pairs[i + 1]];
    if (key !== undefined && record !== undefined) records.push({ key, record });
  }
  return records;
}

export function pairsOfRecords(records: readonly StoredRecord[]): Uint8Array[] {
  return records.flatMap(({ key, record }) => [key, record]);
}

function stored(id: number, outcome: WriteOutcome | undefined): StoredMessage {
  switch (outcome?.status) {
    case 'applied':
      return [TYPE.stored, id, STORED.applied, null];
    case 'present':
      return [TYPE.stored, id, STORED.present, null];
    case 'superseded':
      return [TYPE.stored, id, STORED.superseded, versionToBytes(outcome.version)];
    case 'refused':
      return [TYPE.stored, id, outcome.reason === 'hints-full' ? STORED.hintsFull : STORED.refused, null];
    case 'unknown':
    case undefined:
      return [TYPE.stored, id, STORED.unknown, null];
  }
}

/** P4. */
function untrusted(message: StoredMessage): StoredMessage {
  const [type, id, status, version] = message;
  switch (status) {
    case STORED.applied:
    case STORED.present:
      return [type, id, STORED.appliedUntrusted, null];
    case STORED.superseded:
      return [type, id, STORED.supersededUntrusted, version];
    default:
      return message;
  }
}
