/** The storage side of one node: real store, replica and peer service, without links; and what two of them do together. */
import { Placement, RangeReplica, Replica, Trust, exchange, firstTopology, handOff, isKept, recordIntents, type SweepEffect, type SweepResult, type SweepResume, type DistrustReason } from '../../coordinator/index.ts';
import {
  HybridClock,
  MemoryKv,
  Store,
  incarnation,
  nodeId,
  readCeiling,
  versionOf,
  writerOf,
  type NodeId,
  type OrderedKv,
  type RecordSlice,
  type StoreOptions,
  type StoredRecord,
} from '../../data/index.ts';
import { PeerService } from '../../node/peer-service.ts';
import { NodeTime } from '../../node/time.ts';
import { TYPE, type PeerReply, type PeerRequest } from '../../wire/index.ts';

export const WALL_MS = 1_764_000_000_000;
const ALL = { entriesMax: 1_000_000, bytesMax: 1 << 30 };
const HINT_BATCH_BYTES = 1 << 16;

export interface StoreNode {
  readonly id: NodeId;
  readonly placement: Placement;
  readonly clock: HybridClock;
  readonly store: Store;
  readonly trust: Trust;
  readonly replica: Replica;
  readonly ranges: RangeReplica;
  readonly service: PeerService;
}

export interface StoreNodeOptions {
  readonly kv?: OrderedKv;
  readonly wallMs?: () => number;
  readonly hintBytesMax?: number;
  /** 0: every version is looked up. */
  readonly recentBytesMax?: number;
  /** Trusted unless it says why not. */
  readonly distrusted?: DistrustReason;
  /** That of a directory that was made anew differs. */
  readonly incarnation?: number;
}

/** All microtasks, and with them all that a MemoryKv was asked to do, are done when this resolves. */
export async function settle(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}

export function placementOf(nodes: number, replicationFactor: number): Placement {
  const members = Array.from({ length: nodes }, (_, index) => ({ id: nodeId(index), address: `memory://${index}` }));
  return new Placement(firstTopology(members, replicationFactor, 7));
}

/** Opens a store whose trees are built; the ceiling is not raised. */
export async function openStoreNode(id: NodeId, placement: Placement, options: StoreNodeOptions = {}): Promise<StoreNode> {
  const kv = options.kv ?? new MemoryKv();
  const wallMs = options.wallMs ?? (() => WALL_MS);
  const clock = new HybridClock(writerOf(id, incarnation(options.incarnation ?? 1)), readCeiling(kv));
  const storeOptions: StoreOptions = {
    partitionCount: placement.topology.partitionCount,
    hashSeed: placement.topology.hashSeed,
    durability: 'os',
    groupBytesMax: 1 << 20,
    queueBytesMax: 64 << 20,
    hintBytesMax: options.hintBytesMax ?? 64 << 20,
    recentBytesMax: options.recentBytesMax ?? 64 * 1024,
    reopenDelayMs: 1,
  };
  const store = await Store.open({ kv, clock, wallMs, sleep: settle, report: () => undefined }, storeOptions);
  while (!(await store.scanSlice(ALL))) await settle();
  const trust = new Trust(id, placement, options.distrusted ?? null);
  const service = new PeerService({
    self: id,
    placement,
    store,
    trust,
    time: new NodeTime(),
    nodeStatus: () => {
      throw new Error('no status here');
    },
    sweptBy: () => undefined,
    report: (error) => {
      throw error;
    },
  });
  return { id, placement, clock, store, trust, replica: new Replica(id, placement, store, trust), ranges: new RangeReplica(store, trust), service };
}

/** One request to `peer` and its reply. */
export async function askPeer(from: NodeId, peer: StoreNode, request: PeerRequest): Promise<PeerReply | null> {
  switch (request[0]) {
    case TYPE.write:
    case TYPE.hint:
    case TYPE.read:
    case TYPE.handOff:
    case TYPE.sweepRecords:
      return new Promise((resolve) => {
        peer.replica.serve([request], ([reply]) => {
          resolve(reply ?? null);
        });
      });
    case TYPE.range:
      return peer.ranges.serve(request, async () => Promise.resolve());
    case TYPE.hello:
      return null;
    default:
      return peer.service.serve(from, request);
  }
}

export interface Conversation<Result> {
  readonly result: Result;
  readonly requests: readonly PeerRequest[];
  readonly replies: readonly PeerReply[];
}

/** Whether the effect with this number (from 0) is carried out; one that is not fails as a broken link or store does. */
export type MayHappen = (step: number) => boolean;

const ALWAYS: MayHappen = () => true;

/** One whole exchange, initiated by `initiator`. */
export async function runExchange(initiator: StoreNode, peer: StoreNode, mayHappen: MayHappen = ALWAYS): Promise<Conversation<SweepResult>> {
  const requests: PeerRequest[] = [];
  const replies: PeerReply[] = [];
  const steps = exchange(initiator.store.trees, initiator.placement.sharedPartitions([initiator.id, peer.id]));
  const carryOut = async (effect: SweepEffect): Promise<SweepResume> => {
    switch (effect.do) {
      case 'ask': {
        const request = effect.build(requests.length * 2 + 1);
        requests.push(request);
        const reply = await askPeer(initiator.id, peer, request);
        if (reply !== null) replies.push(reply);
        return reply;
      }
      case 'slice':
        return initiator.store.recordSlice(effect.range, effect.limits);
      case 'store':
        return (await initiator.store.writeAll(recordIntents(effect.records))).every(isKept) ? 'stored' : null;
    }
  };
  let step = steps.next();
  for (let number = 0; step.done !== true; number++) step = steps.next(mayHappen(number) ? await carryOut(step.value) : null);
  return { result: step.value, requests, replies };
}

export interface HandOffHooks {
  readonly mayHappen?: MayHappen;
  readonly batchBytes?: number;
  /** Runs after the target has replied, before the hints are dropped. */
  afterAsk?(): Promise<void>;
}

/** Delivers the hints of `holder` for `target`; the result is how many. */
export async function runHandOff(holder: StoreNode, target: StoreNode, hooks: HandOffHooks = {}): Promise<Conversation<number>> {
  const requests: PeerRequest[] = [];
  const replies: PeerReply[] = [];
  const { mayHappen = ALWAYS, batchBytes = HINT_BATCH_BYTES } = hooks;
  const steps = handOff(target.id, batchBytes);
  let step = steps.next();
  for (let number = 0; step.done !== true; number++) {
    const effect = step.value;
    if (!mayHappen(number)) {
      step = steps.next(null);
    } else if (effect.do === 'hint-slice') {
      const slice: RecordSlice = await holder.store.hintSlice(effect.target, effect.from, effect.limits);
      step = steps.next(slice);
    } else if (effect.do === 'ask') {
      const request = effect.build(requests.length * 2 + 1);
      requests.push(request);
      const reply = await askPeer(holder.id, target, request);
      if (reply !== null) replies.push(reply);
      await hooks.afterAsk?.();
      step = steps.next(reply);
    } else {
      step = steps.next(await dropHints(holder, effect.target, effect.records));
    }
  }
  return { result: step.value, requests, replies };
}

async function dropHints(holder: StoreNode, target: NodeId, records: readonly StoredRecord[]): Promise<'dropped' | null> {
  const outcomes = await holder.store.writeAll(records.map(({ key, record }) => ({ kind: 'drop-hint', target, key, version: versionOf(record) })));
  return outcomes.every(isKept) ? 'dropped' : null;
}
