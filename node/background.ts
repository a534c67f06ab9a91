/**
 * What a node does by itself: builds its Merkle trees, sweeps, delivers hints. Carries out the effects of the pure
 * exchanges of coordinator/ over links and the store.
 *
 * Invariants
 *  N1  One exchange and one hand-off at a time for each peer.
 *  N2  Sweeps and hand-offs together stay under `sweep.maxBytesPerSecond`.
 */
import { exchange, handOff, isKept, recordIntents, type PeerStanding, type Placement, type SweepEffect, type SweepResult, type SweepResume, type Trust } from '../coordinator/index.ts';
import { dirtyMetaName, versionOf, type NodeId, type Partition, type RecordSlice, type Store, type StoredRecord, type WriteIntent } from '../data/index.ts';
import { TYPE, type PeerReply, type PeerRequest } from '../wire/index.ts';
import { Loops } from './loops.ts';
import type { PeerCalls } from './peer-calls.ts';
import type { Random, Time } from './ports.ts';

export interface BackgroundOptions {
  readonly self: NodeId;
  /** 0: none, but to make an untrusted store trusted. */
  readonly sweepIntervalMs: number;
  readonly maxBytesPerSecond: number;
  readonly hintBatchBytes: number;
  readonly scanSliceEntries: number;
}

export interface BackgroundPorts {
  readonly placement: Placement;
  readonly store: Store;
  readonly calls: PeerCalls;
  readonly time: Pick<Time, 'monotonicMs' | 'sleep' | 'soon'>;
  readonly random: Random;
  readonly trust: Trust;
  /** A complete exchange with the peer, begun in this generation of trust, came to its end. */
  exchanged(peer: NodeId, generation: number, standing: PeerStanding): void;
  isAlive(node: NodeId): boolean;
  report(message: string, details: Record<string, unknown>): void;
}

export interface BackgroundCounters {
  sweeps: number;
  sweepsEqual: number;
  sweepRecordsSent: number;
  /** How often trees and hint counts were built anew because they did not fit what is stored. */
  recounts: number;
  sweepRecordsReceived: number;
  /** Of requests and replies of the exchanges that this node began: keys, records and digests. */
  sweepBytes: number;
  hintsDelivered: number;
  handOffBytes: number;
}

const CALL_TIMEOUT_MS = 10_000;
const SCAN_BYTES_MAX = 1_048_576;
/** A peer that sweeps with this node spares it an exchange of its own for so long. */
const SWEPT_BY_MS = 1_000;
const LOOK_MS = 100;
/** While the store is untrusted: then the sweep is what the node waits for. */
const LOOK_UNTRUSTED_MS = 10;
const AGAIN_UNTRUSTED_MS = 100;
/** After an exchange that healed something; doubles with each one that does. */
const AGAIN_MS = 1_000;
/** So many sweeps in a row that met different trees and equal records: a tree is wrong, and is built anew. */
const FRUITLESS_SWEEPS_MAX = 10;
const IDLE_HAND_OFF_MS = 1_000;
/** So many looks in a row at hints that are counted and could not be read. Damaged ones are dropped long before. */
const FRUITLESS_HAND_OFFS_MAX = 3;

export class Background {
  readonly counters: BackgroundCounters = { sweeps: 0, sweepsEqual: 0, sweepRecordsSent: 0, recounts: 0, sweepRecordsReceived: 0, sweepBytes: 0, hintsDelivered: 0, handOffBytes: 0 };
  readonly #ports: BackgroundPorts;
  readonly #options: BackgroundOptions;
  readonly #loops: Loops;
  readonly #peers: readonly NodeId[];
  readonly #nextSweepMs = new Map<NodeId, number>();
  readonly #sweptByMs = new Map<NodeId, number>();
  readonly #fruitlessByPeer = new Map<NodeId, number>();
  #budgetFreeMs = 0;

  constructor(ports: BackgroundPorts, options: BackgroundOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#loops = new Loops(ports);
    this.#peers = ports.placement.topology.members.map((member) => member.id).filter((id) => id !== options.self);
  }

  start(): void {
    const ofPeers = this.#peers.flatMap((peer) => [async () => this.#sweepLoop(peer), async () => this.#handOffLoop(peer)]);
    this.#loops.start([async () => this.#scanLoop(), ...ofPeers]);
  }

  async stop(): Promise<void> {
    await this.#loops.stop();
  }

  pause(): void {
    this.#loops.pause();
  }

  resume(): void {
    this.#loops.resume();
  }

  /** A peer came back: look at it now. */
  peerUp(peer: NodeId): void {
    this.#nextSweepMs.set(peer, 0);
  }

  /** The store became untrusted: every peer is to be compared with, now. */
  trustChanged(): void {
    this.#nextSweepMs.clear();
  }

  sweptBy(peer: NodeId): void {
    this.#sweptByMs.set(peer, this.#ports.time.monotonicMs());
  }

  /** Counts bytes of the background work, and makes the next step wait when they are too many (N2). */
  #spend(counter: 'sweepBytes' | 'handOffBytes', message: readonly unknown[]): void {
    const bytes = bytesOf(message);
    this.counters[counter] += bytes;
    const now = this.#ports.time.monotonicMs();
    this.#budgetFreeMs = Math.max(now, this.#budgetFreeMs) + (bytes * 1000) / this.#options.maxBytesPerSecond;
  }

  // --- the scan ------------------------------------------------------------------------------------------------

  async #scanLoop(): Promise<void> {
    const { store } = this.#ports;
    const limits = { entriesMax: this.#options.scanSliceEntries, bytesMax: SCAN_BYTES_MAX };
    while (!this.#loops.isStopping) {
      if (store.isScanned || this.#loops.isPaused) await this.#loops.wait(LOOK_MS);
      else if (!(await store.scanSlice(limits))) await new Promise<void>((resolve) => this.#ports.time.soon(resolve));
    }
  }

  // --- the sweep -----------------------------------------------------------------------------------------------

  async #sweepLoop(peer: NodeId): Promise<void> {
    const { store, placement, time, trust } = this.#ports;
    const shared = placement.sharedPartitions([this.#options.self, peer]);
    if (shared.length === 0) return;
    let unequal = 0;
    while (!this.#loops.isStopping) {
      await this.#loops.wait(trust.awaits(peer) ? LOOK_UNTRUSTED_MS : LOOK_MS);
      const now = time.monotonicMs();
      if (this.#loops.isPaused || !store.isScanned || !this.#ports.isAlive(peer) || now < (this.#nextSweepMs.get(peer) ?? 0)) continue;
      if (this.#options.sweepIntervalMs === 0 && !trust.awaits(peer)) continue;
      const dirty = store.ledger.dirtyPartitions(peer);
      // A peer's own exchange spares this node one, unless it owes the peer a look, or itself.
      if (!trust.awaits(peer) && dirty.length === 0 && now - (this.#sweptByMs.get(peer) ?? -SWEPT_BY_MS) < SWEPT_BY_MS) continue;
      this.#nextSweepMs.set(peer, now + this.#options.sweepIntervalMs * (0.9 + this.#ports.random.next() / 5));
      const { generation } = trust;
      const standing = trust.awaits(peer) ? await this.#standingOf(peer) : 'trusted';
      const result = await this.#sweep(peer, shared);
      if (result.outcome !== 'interrupted') this.#ports.exchanged(peer, generation, standing);
      this.#noticeWrongTree(peer, result);
      if (result.outcome === 'equal') await this.#clearDirty(peer, dirty);
      const isEqual = result.outcome === 'equal';
      unequal = isEqual ? 0 : unequal + 1;
      // What was healed or cut short is looked at again soon, and a peer that could not yet say what it should; but what
      // differs time after time are writes on their way.
      const pauseMs = trust.awaits(peer) ? AGAIN_UNTRUSTED_MS : Math.min(AGAIN_MS * 2 ** (unequal - 1), this.#options.sweepIntervalMs);
      if (!isEqual || trust.awaits(peer)) this.#nextSweepMs.set(peer, time.monotonicMs() + pauseMs);
    }
  }

  async #standingOf(peer: NodeId): Promise<PeerStanding> {
    const reply = await this.#ask(peer, 'sweepBytes', (id) => [TYPE.roots, id]);
    return reply?.[0] === TYPE.rootList && reply[5] === 1 ? 'trusted' : 'untrusted';
  }

  async #sweep(peer: NodeId, shared: Parameters<typeof exchange>[1]): Promise<SweepResult> {
    const steps = exchange(this.#ports.store.trees, shared);
    let step = steps.next();
    while (step.done !== true) {
      await this.#waitForBudget();
      step = steps.next(this.#loops.isStopping ? null : await this.#carryOut(peer, step.value));
    }
    const result = step.value;
    this.counters.sweeps++;
    if (result.outcome === 'equal') this.counters.sweepsEqual++;
    this.counters.sweepRecordsSent += result.sent;
    this.counters.sweepRecordsReceived += result.received;
    if (result.sent + result.received > 0) this.#ports.report('sweep', { peer, ...result });
    return result;
  }

  async #carryOut(peer: NodeId, effect: SweepEffect): Promise<SweepResume> {
    const { store } = this.#ports;
    switch (effect.do) {
      case 'ask':
        return this.#ask(peer, 'sweepBytes', effect.build);
      case 'slice':
        return store.recordSlice(effect.range, effect.limits).catch(() => null);
      case 'store':
        return (await store.writeAll(recordIntents(effect.records), 'background')).every(isKept) ? 'stored' : null;
    }
  }

  /** Writes in flight make trees differ for a moment; a tree that lost count of its records differs for ever. */
  #noticeWrongTree(peer: NodeId, { outcome, received, sent }: SweepResult): void {
    const isFruitless = outcome === 'healed' && received + sent === 0;
    const count = isFruitless ? (this.#fruitlessByPeer.get(peer) ?? 0) + 1 : 0;
    this.#fruitlessByPeer.set(peer, count < FRUITLESS_SWEEPS_MAX ? count : 0);
    if (count >= FRUITLESS_SWEEPS_MAX) this.#recount();
  }

  #recount(): void {
    this.counters.recounts++;
    this.#ports.store.recount();
  }

  /** Those marks that were there before the sweep; one made meanwhile may be of a write that the sweep did not see. */
  async #clearDirty(peer: NodeId, dirty: readonly Partition[]): Promise<void> {
    const { store } = this.#ports;
    if (dirty.length > 0) await store.writeAll(dirty.map((number) => ({ kind: 'meta', name: dirtyMetaName(peer, number), value: null })));
  }

  // --- hints ---------------------------------------------------------------------------------------------------

  async #handOffLoop(target: NodeId): Promise<void> {
    const { store } = this.#ports;
    let fruitless = 0;
    while (!this.#loops.isStopping) {
      await this.#loops.wait(LOOK_MS);
      if (this.#loops.isPaused || !this.#ports.isAlive(target) || store.ledger.count(target).hints === 0) continue;
      const { delivered, isNothingThere } = await this.#deliver(target);
      fruitless = isNothingThere && store.isScanned ? fruitless + 1 : 0;
      if (delivered > 0) this.#ports.report('hints delivered', { target, delivered });
      // Hints are counted that are not there: a flipped bit took them away from under their target.
      else if (fruitless >= FRUITLESS_HAND_OFFS_MAX) this.#recount();
      // What cannot be read or is not taken is tried again, but not all the time.
      if (delivered === 0) await this.#loops.wait(IDLE_HAND_OFF_MS);
      if (fruitless >= FRUITLESS_HAND_OFFS_MAX) fruitless = 0;
    }
  }

  /** `isNothingThere`: all hints for the target were looked through, and none could be read. */
  async #deliver(target: NodeId): Promise<{ readonly delivered: number; readonly isNothingThere: boolean }> {
    const { store } = this.#ports;
    const steps = handOff(target, this.#options.hintBatchBytes);
    let step = steps.next();
    let isNothingThere = true;
    while (step.done !== true) {
      const effect = step.value;
      await this.#waitForBudget();
      if (effect.do !== 'hint-slice' || this.#loops.isStopping) isNothingThere = false;
      if (this.#loops.isStopping) step = steps.next(null);
      else if (effect.do === 'ask') step = steps.next(await this.#ask(target, 'handOffBytes', effect.build));
      else if (effect.do === 'drop-hints') step = steps.next(await this.#dropHints(effect.target, effect.records));
      else {
        const slice = await store.hintSlice(effect.target, effect.from, effect.limits).catch((): RecordSlice | null => null);
        if (slice === null) isNothingThere = false;
        step = steps.next(slice);
      }
    }
    return { delivered: step.value, isNothingThere };
  }

  async #dropHints(target: NodeId, records: readonly StoredRecord[]): Promise<'dropped' | null> {
    const intents: WriteIntent[] = records.map(({ key, record }) => ({ kind: 'drop-hint', target, key, version: versionOf(record) }));
    const outcomes = await this.#ports.store.writeAll(intents, 'background');
    if (!outcomes.every(isKept)) return null;
    this.counters.hintsDelivered += records.length;
    return 'dropped';
  }

  // --- small things --------------------------------------------------------------------------------------------

  async #ask(peer: NodeId, counter: 'sweepBytes' | 'handOffBytes', build: (id: number) => PeerRequest): Promise<PeerReply | null> {
    const reply = await this.#ports.calls.call(peer, CALL_TIMEOUT_MS, (id) => {
      const request = build(id);
      this.#spend(counter, request);
      return request;
    });
    if (reply !== null) this.#spend(counter, reply);
    return reply;
  }

  async #waitForBudget(): Promise<void> {
    const waitMs = this.#budgetFreeMs - this.#ports.time.monotonicMs();
    // Timers are coarse: small debts add up before they are waited for.
    if (waitMs > 5) await this.#loops.wait(waitMs);
  }
}

/** Bytes of keys, records and digests in a message, for the budget. */
export function bytesOf(message: readonly unknown[]): number {
  let bytes = 8;
  for (const part of message) {
    if (part instanceof Uint8Array) bytes += part.length + 3;
    else if (Array.isArray(part)) for (const item of part) bytes += item instanceof Uint8Array ? item.length + 3 : 3;
  }
  return bytes;
}
