/**
 * What a node does about damage: looks for it before it is needed, and has it replaced from the other replicas.
 *
 *   scrub   every `scrub.intervalMs`: all entries, then the tables' own checksums, at `scrub.maxBytesPerSecond`
 *   heal    each damaged entry that was found, by the scrub or by a read: asked of the other replicas, written anew
 *
 * Invariants
 *  H1  A record that can't be read is never deleted while it could be the only trace of what was acknowledged.
 *      What is deleted: a damaged hint, or one whose record is damaged (its partition is marked for the sweep), an
 *      entry where no key of its place could be, and an index entry of which every other replica, and there is one,
 *      says that there is no record.
 *  H3  What replaced a damaged record is believed to be the newest when so many others have said what they have that
 *      one of them has every write that was acknowledged on a majority with this node in it (as for a whole store:
 *      coordinator/trust.ts, T1), or when all have been met.
 *  H2  A damaged file makes the store untrusted: which keys it has lost is not known.
 */
import { isKept, recordIntents, type Placement } from '../coordinator/index.ts';
import { KEYSPACE, compareVersions, parseDamagedKey, versionOf, type NodeId, type RecordBytes, type Store } from '../data/index.ts';
import { FOUND, TYPE, WANTS } from '../wire/index.ts';
import { messageOf } from './errors.ts';
import { Loops } from './loops.ts';
import type { PeerCalls } from './peer-calls.ts';
import type { ScrubFiles, Time } from './ports.ts';

export interface ScrubberOptions {
  readonly self: NodeId;
  /** Between the end of a scrub and the start of the next; 0: none. */
  readonly intervalMs: number;
  readonly bytesPerSecond: number;
  /** `soon`: the files of the database were not all checked at the start, and a compaction may drop what is damaged in them. */
  readonly first: 'soon' | 'after the interval';
}

export interface ScrubberPorts {
  readonly placement: Placement;
  readonly store: Store;
  readonly calls: PeerCalls;
  readonly time: Time;
  readonly scrubFiles: ScrubFiles | null;
  /** Something could not be read. */
  unreadable(reason: string): void;
  /** Files of the database are damaged. */
  filesDamaged(findings: readonly string[]): void;
  report(message: string, details: Record<string, unknown>): void;
}

export interface ScrubberCounters {
  scrubs: number;
  scrubBytes: number;
  damagedHealed: number;
  damagedDropped: number;
}

const LOOK_MS = 100;
const FIRST_SCRUB_MS = 1_000;
const HEAL_CALL_MS = 2_000;
/** Damaged entries that are looked at in one round, and the pause before those that could not be healed are tried again. */
const HEAL_ROUND = 100;
const HEAL_AGAIN_MS = 1_000;
const SLICE = { entriesMax: 500, bytesMax: 262_144 };

export class Scrubber {
  readonly counters: ScrubberCounters = { scrubs: 0, scrubBytes: 0, damagedHealed: 0, damagedDropped: 0 };
  readonly #ports: ScrubberPorts;
  readonly #options: ScrubberOptions;
  readonly #loops: Loops;

  constructor(ports: ScrubberPorts, options: ScrubberOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#loops = new Loops(ports);
  }

  start(): void {
    this.#loops.start([async () => this.#healLoop(), async () => this.#scrubLoop()]);
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

  // --- the scrub -----------------------------------------------------------------------------------------------

  async #scrubLoop(): Promise<void> {
    if (this.#options.intervalMs === 0) return;
    let waitMs = this.#options.first === 'soon' ? Math.min(FIRST_SCRUB_MS, this.#options.intervalMs) : this.#options.intervalMs;
    while (!this.#loops.isStopping) {
      await this.#loops.wait(waitMs);
      waitMs = this.#options.intervalMs;
      if (this.#loops.isStopping) return;
      try {
        await this.#scrub();
      } catch (error) {
        // The store is being reopened, or closed: the next round begins anew.
        this.#ports.report('a scrub was cut short', { reason: messageOf(error) });
        this.#ports.unreadable(messageOf(error));
      }
    }
  }

  async #scrub(): Promise<void> {
    const { store, scrubFiles } = this.#ports;
    const findings = scrubFiles === null ? [] : await scrubFiles(async (bytes) => this.#spend(bytes));
    if (findings.length > 0) this.#ports.filesDamaged(findings);
    let from: Uint8Array | null = null;
    do {
      const slice = await store.scrubSlice(from, SLICE);
      from = slice.next;
      if (!(await this.#spend(slice.bytes))) return;
    } while (from !== null);
    this.counters.scrubs++;
  }

  /** Waits until so much may be read; false when the node stops. */
  async #spend(bytes: number): Promise<boolean> {
    this.counters.scrubBytes += bytes;
    await this.#loops.wait((bytes * 1000) / this.#options.bytesPerSecond);
    while (this.#loops.isPaused && !this.#loops.isStopping) await this.#loops.wait(LOOK_MS);
    return !this.#loops.isStopping;
  }

  // --- healing -------------------------------------------------------------------------------------------------

  async #healLoop(): Promise<void> {
    const { store } = this.#ports;
    while (!this.#loops.isStopping) {
      await this.#loops.wait(LOOK_MS);
      if (this.#loops.isPaused || store.state !== 'open') continue;
      try {
        await this.#dropForeignHints();
        if (!(await this.#healSome())) await this.#loops.wait(HEAL_AGAIN_MS);
      } catch (error) {
        // The store is being reopened, or a lookup failed.
        this.#ports.report('healing was cut short', { reason: messageOf(error) });
        await this.#loops.wait(HEAL_AGAIN_MS);
      }
    }
  }

  /** One round; true when no entry of it is damaged any more. */
  async #healSome(): Promise<boolean> {
    const { store } = this.#ports;
    let areAllHealed = true;
    for (const databaseKey of store.damagedList(HEAL_ROUND)) {
      if (this.#loops.isStopping || store.state !== 'open') return false;
      if (!(await this.#heal(databaseKey))) areAllHealed = false;
    }
    for (const key of store.doubtList(HEAL_ROUND)) {
      if (this.#loops.isStopping || store.state !== 'open') return false;
      await this.#settle(key);
      if (store.isDoubtful(key)) areAllHealed = false;
    }
    return areAllHealed;
  }

  /** True when the entry is no longer damaged. */
  async #heal(databaseKey: Uint8Array): Promise<boolean> {
    const { store } = this.#ports;
    const place = parseDamagedKey(databaseKey, store);
    // A hint is not fetched anew: whoever has the record sweeps with the target.
    if (place === null || databaseKey[0] === KEYSPACE.hint) return this.#drop(databaseKey);
    const answers = await this.#askOthers(place.key);
    if (answers.newest !== null) {
      const [outcome] = await store.writeAll(recordIntents([{ key: place.key, record: answers.newest }]));
      if (outcome?.status === 'applied' || outcome?.status === 'present' || outcome?.status === 'superseded') {
        store.damageReplaced(databaseKey);
        this.counters.damagedHealed++;
        return true;
      }
      return false;
    }
    // H1: nobody else ever had it.
    return answers.areComplete && store.isRecordMissing(place.key) ? this.#dropIndex(place.key) : false;
  }

  /** H3. */
  async #settle(key: Uint8Array): Promise<void> {
    const { store } = this.#ports;
    const { newest, isEnough } = await this.#askOthers(key);
    if (!isEnough) return;
    if (newest !== null) {
      const [outcome] = await store.writeAll(recordIntents([{ key, record: newest }]));
      if (outcome === undefined || !isKept(outcome)) return;
    }
    await store.writeAll([{ kind: 'settle', key }]);
  }

  async #drop(databaseKey: Uint8Array): Promise<boolean> {
    const [outcome] = await this.#ports.store.writeAll([{ kind: 'drop-damaged', databaseKey }]);
    if (outcome?.status === 'present') this.#ports.store.damageReplaced(databaseKey);
    if (outcome?.status === 'applied') this.counters.damagedDropped++;
    return outcome?.status === 'applied' || outcome?.status === 'present';
  }

  async #dropIndex(key: Uint8Array): Promise<boolean> {
    const [outcome] = await this.#ports.store.writeAll([{ kind: 'index', key }]);
    if (outcome?.status === 'applied') this.counters.damagedDropped++;
    return outcome?.status === 'applied';
  }

  /** `areComplete`: there are other replicas, and each gave an answer that counts. */
  async #askOthers(key: Uint8Array): Promise<{ readonly newest: RecordBytes | null; readonly areComplete: boolean; readonly isEnough: boolean }> {
    const { placement, calls } = this.#ports;
    const others = placement.ofKey(key).replicas.filter((node) => node !== this.#options.self);
    const replies = await Promise.all(others.map(async (node) => calls.call(node, HEAL_CALL_MS, (id) => [TYPE.read, id, key, WANTS.record])));
    let newest: RecordBytes | null = null;
    let areComplete = others.length > 0;
    let met = 0;
    let counted = 0;
    for (const reply of replies) {
      if (reply?.[0] !== TYPE.found) {
        areComplete = false;
        continue;
      }
      const [, , status, record] = reply;
      if (status !== FOUND.failed) met++;
      if (status === FOUND.record || status === FOUND.absent) counted++;
      else areComplete = false;
      if (record !== null && (newest === null || compareVersions(versionOf(record), versionOf(newest)) > 0)) newest = record;
    }
    const { majority, topology } = placement;
    const needed = Math.min(topology.replicationFactor - majority + 1, others.length);
    return { newest, areComplete, isEnough: counted >= needed || met === others.length };
  }

  /** Hints for no other member: nobody will ever take them. */
  async #dropForeignHints(): Promise<void> {
    const { store, placement } = this.#ports;
    const members = new Set(placement.topology.members.map((member) => member.id));
    for (const target of store.ledger.targets()) {
      if (members.has(target) && target !== this.#options.self) continue;
      const { records } = await store.hintSlice(target, null, SLICE);
      await store.writeAll(records.map(({ key, record }) => ({ kind: 'drop-hint', target, key, version: versionOf(record) })));
    }
  }
}
