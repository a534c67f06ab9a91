/**
 * One group of the single writer: many writes turned into one batch.
 *
 * Atomicity: a group is built and committed while no other batch is in flight, so what is looked up here is what the
 * batch will meet; within the group, later writes see earlier ones through `#pending`. That makes read-compare-write
 * atomic within the node without a lock.
 *
 * Invariants
 *  G1  A record is replaced only by a newer one; a damaged one by any.
 *  G2  A record, the hints that rest on it and the clock's ceiling above it are in one batch (ARCHITECTURE F5).
 *  G3  What the group changes in the Merkle trees and the hint ledger takes effect when the batch has been committed,
 *      and not at all when it failed.
 *  G4  Whoever replaces a record that can't be read may put an older one in its place. The key is doubtful from then
 *      on, on disk in the same batch, until it was compared with the other replicas: what this node says of it does not
 *      count (coordinator/replica.ts).
 */
import { equalBytes, readU16, readU32 } from './bytes.ts';
import type { HintLedger } from './hint-ledger.ts';
import { isNodeId, type NodeId, type Partition } from './identifiers.ts';
import {
  KEYSPACE,
  PRESENT,
  dirtyMetaName,
  doubtKey,
  encodeHintReference,
  hintKey,
  hintReference,
  isPeerMetaName,
  metaKey,
  orderedKey,
  parseDirtyMetaName,
  parseHintKey,
  parseRecordKey,
  recordKey,
  type RecordKeyParts,
} from './layout.ts';
import type { MerkleTrees } from './merkle.ts';
import { KvBatch } from './ordered-kv.ts';
import { stampOf, type Stamp } from './recent-records.ts';
import { isIntact, versionOf, type RecordBytes } from './record.ts';
import { compareVersions, type Version } from './version.ts';

export type WriteIntent =
  /** Keep the record if it is newer than what is here; for each of `hintFor` also a hint that refers to it. */
  | { readonly kind: 'record'; readonly key: Uint8Array; readonly record: RecordBytes; readonly hintFor: readonly NodeId[] }
  /** Keep the record for `target`, which missed it. */
  | { readonly kind: 'hint'; readonly target: NodeId; readonly key: Uint8Array; readonly record: RecordBytes }
  /** The target has `version`: forget the hint unless it is newer by now. */
  | { readonly kind: 'drop-hint'; readonly target: NodeId; readonly key: Uint8Array; readonly version: Version }
  | { readonly kind: 'meta'; readonly name: string; readonly value: Uint8Array | null }
  /** Forget an entry that can't be read, and can't be healed: a hint, or a record where no key of its place could be. */
  | { readonly kind: 'drop-damaged'; readonly databaseKey: Uint8Array }
  /** Bring the ordered key index in line with what is stored under the key. */
  | { readonly kind: 'index'; readonly key: Uint8Array }
  /** What replaced a damaged record is known to be the newest there is (G4). */
  | { readonly kind: 'settle'; readonly key: Uint8Array };

export type WriteOutcome =
  | { readonly status: 'applied' }
  /** This very version was here before. */
  | { readonly status: 'present' }
  /** Something newer was here before, and stays. */
  | { readonly status: 'superseded'; readonly version: Version }
  /** Certainly not applied. */
  | { readonly status: 'refused'; readonly reason: 'overloaded' | 'unavailable' | 'hints-full' | 'damaged' }
  /** The batch failed: applied or not, and what was applied may be lost or surface later. */
  | { readonly status: 'unknown' };

export const APPLIED: WriteOutcome = { status: 'applied' };
export const OUTCOME_PRESENT: WriteOutcome = { status: 'present' };
export const UNKNOWN: WriteOutcome = { status: 'unknown' };
const HINTS_FULL: WriteOutcome = { status: 'refused', reason: 'hints-full' };
const DAMAGED: WriteOutcome = { status: 'refused', reason: 'damaged' };

interface RecordChange {
  readonly partition: Partition;
  readonly hash: number;
  readonly key: Uint8Array;
  readonly before: Stamp | null;
  readonly after: Stamp;
  readonly record: RecordBytes;
  /** The trees account for it. */
  readonly isCounted: boolean;
}

/** A record that the group puts; `next`: one whose key has the same hash. */
interface PendingRecord {
  readonly key: Uint8Array;
  record: RecordBytes;
  readonly next: PendingRecord | null;
}

/** What is stored under a key, as far as it decides what stays. `record` null: it was not read. */
interface Current {
  readonly stamp: Stamp;
  readonly record: RecordBytes | null;
}

/** What a group needs of the store. */
export interface GroupContext {
  readonly hintBytesMax: number;
  readonly trees: MerkleTrees;
  readonly ledger: HintLedger;
  hashOf(key: Uint8Array): number;
  partitionOf(hash: number): Partition;
  get(databaseKey: Uint8Array): Uint8Array | undefined;
  /** The stamp of the record that is stored under the key, when it is known without a lookup. */
  recentStamp(hash: number, key: Uint8Array): Stamp | null;
  /** The record under the key was committed. */
  recordCommitted(hash: number, key: Uint8Array, record: RecordBytes): void;
  /** Whether the background scan is past this key, so that the writer accounts for it. */
  isCounted(databaseKey: Uint8Array): boolean;
  /** Intact, and where its key belongs. */
  isIntactAt(parts: RecordKeyParts, record: RecordBytes): boolean;
  /** The same of a hint, which must name a possible node as well. */
  isHintIntact(databaseKey: Uint8Array, value: Uint8Array): boolean;
  damageFound(databaseKey: Uint8Array): void;
  damageReplaced(databaseKey: Uint8Array): void;
  doubtArose(key: Uint8Array): void;
  doubtSettled(key: Uint8Array): void;
  /** What was to be stored came damaged: another node, or the way from it, did not check. */
  damageReceived(): void;
  versionConflict(key: Uint8Array, version: Version): void;
}

export class WriteGroup {
  readonly batch = new KvBatch();
  readonly #context: GroupContext;
  /** Key hash → the records that this group puts. */
  readonly #pendingRecords = new Map<number, PendingRecord>();
  /** Database key (latin1) of another entry → the value that this group puts there; null: deleted. */
  readonly #pending = new Map<string, Uint8Array | null>();
  readonly #changes: RecordChange[] = [];
  /** What is rare: hints, dirty partitions, damage. */
  readonly #effects: (() => void)[] = [];
  /** Names of the dirty marks that the group takes away. */
  readonly #cleared = new Set<string>();
  #hintBytes = 0;
  /** Whether the last `#current` met a damaged record. */
  #isOverDamage = false;
  #newestTimestamp = 0;
  #isNumbered = false;

  constructor(context: GroupContext) {
    this.#context = context;
  }

  /** The greatest timestamp among the records of the group. */
  get newestTimestamp(): number {
    return this.#newestTimestamp;
  }

  /** Whether losing the group would be a loss. What is remembered of peers only is not: nodes would raise each other's sequence for ever. */
  get isNumbered(): boolean {
    return this.#isNumbered;
  }

  add(intent: WriteIntent): WriteOutcome {
    if (intent.kind !== 'meta' || !isPeerMetaName(intent.name)) this.#isNumbered = true;
    switch (intent.kind) {
      case 'record':
        return this.#addRecord(intent.key, intent.record, intent.hintFor);
      case 'hint':
        return this.#addHint(intent.target, intent.key, intent.record);
      case 'drop-hint':
        return this.#dropHint(intent.target, intent.key, intent.version);
      case 'meta':
        return this.#putMeta(intent.name, intent.value);
      case 'drop-damaged':
        return this.#dropDamaged(intent.databaseKey);
      case 'index':
        return this.#index(intent.key);
      case 'settle':
        this.batch.delete(doubtKey(intent.key));
        this.#effects.push(() => this.#context.doubtSettled(intent.key));
        return APPLIED;
    }
  }

  /** Brings trees and ledger up to what the committed batch holds (G3). */
  committed(): void {
    const { trees } = this.#context;
    for (const { partition, hash, key, before, after, record, isCounted } of this.#changes) {
      this.#context.recordCommitted(hash, key, record);
      if (!isCounted) continue;
      if (before !== null) trees.remove(partition, hash, key, before.version, before.flags);
      trees.add(partition, hash, key, after.version, after.flags);
    }
    for (const effect of this.#effects) effect();
  }

  #addRecord(key: Uint8Array, record: RecordBytes, hintFor: readonly NodeId[]): WriteOutcome {
    if (!isIntact(key, record)) {
      this.#context.damageReceived();
      return DAMAGED;
    }
    const hash = this.#context.hashOf(key);
    const partitionOfKey = this.#context.partitionOf(hash);
    const outcome = this.#keepNewest(key, partitionOfKey, hash, record);
    if (hintFor.length > 0) {
      const version = outcome.status === 'superseded' ? outcome.version : versionOf(record);
      for (const target of hintFor) this.#referTo(target, partitionOfKey, key, version);
    }
    return outcome;
  }

  #keepNewest(key: Uint8Array, partitionOfKey: Partition, hash: number, record: RecordBytes): WriteOutcome {
    const stamp = stampOf(record);
    const { version } = stamp;
    if (version.timestamp > this.#newestTimestamp) this.#newestTimestamp = version.timestamp;
    const databaseKey = recordKey(partitionOfKey, hash, key);
    const pending = this.#pendingRecord(hash, key);
    const current = this.#current(pending, databaseKey, hash, key, version);
    if (current !== null) {
      const order = compareVersions(version, current.stamp.version);
      if (order < 0) return { status: 'superseded', version: current.stamp.version };
      if (order === 0 && current.record !== null && !this.#winsConflict(key, current.record, record)) return OUTCOME_PRESENT;
    }
    if (pending === null) this.#pendingRecords.set(hash, { key, record, next: this.#pendingRecords.get(hash) ?? null });
    else pending.record = record;
    this.batch.put(databaseKey, record);
    if (current === null) this.batch.put(orderedKey(key), PRESENT);
    const isCounted = this.#context.isCounted(databaseKey);
    this.#changes.push({ partition: partitionOfKey, hash, key, before: current === null ? null : current.stamp, after: stamp, record, isCounted });
    if (this.#isOverDamage) {
      this.batch.put(doubtKey(key), PRESENT);
      this.#effects.push(() => this.#context.doubtArose(key));
    }
    return APPLIED;
  }

  /** Two records with one version differ: a bug somewhere. Count it, and keep the same one everywhere: the greater checksum. */
  #winsConflict(key: Uint8Array, current: RecordBytes, record: RecordBytes): boolean {
    const [ours, theirs] = [readU32(current, 14), readU32(record, 14)];
    if (ours === theirs) return false;
    this.#context.versionConflict(key, versionOf(record));
    return theirs > ours;
  }

  #addHint(target: NodeId, key: Uint8Array, record: RecordBytes): WriteOutcome {
    if (!isIntact(key, record)) {
      this.#context.damageReceived();
      return DAMAGED;
    }
    const version = versionOf(record);
    if (version.timestamp > this.#newestTimestamp) this.#newestTimestamp = version.timestamp;
    return this.#putHint(target, this.#context.partitionOf(this.#context.hashOf(key)), key, version, record);
  }

  /** A hint for a record that this node keeps itself. Without room for it the sweep is told to look. */
  #referTo(target: NodeId, partitionOfKey: Partition, key: Uint8Array, version: Version): void {
    const outcome = this.#putHint(target, partitionOfKey, key, version, encodeHintReference(key, version));
    if (outcome.status === 'refused') this.#markDirty(target, partitionOfKey);
  }

  #putHint(target: NodeId, partitionOfKey: Partition, key: Uint8Array, version: Version, value: Uint8Array): WriteOutcome {
    const databaseKey = hintKey(target, partitionOfKey, key);
    const current = this.#value(databaseKey);
    const currentVersion = current === null ? null : hintVersion(key, current);
    if (currentVersion !== null) {
      const order = compareVersions(version, currentVersion);
      if (order < 0) return { status: 'superseded', version: currentVersion };
      if (order === 0) return OUTCOME_PRESENT;
    }
    const before = current === null ? 0 : databaseKey.length + current.length;
    const growth = databaseKey.length + value.length - before;
    if (growth > 0 && this.#context.ledger.bytes + this.#hintBytes + growth > this.#context.hintBytesMax) {
      return HINTS_FULL;
    }
    this.#put(databaseKey, value);
    this.#account(databaseKey, target, current === null ? 1 : 0, growth);
    return APPLIED;
  }

  #dropHint(target: NodeId, key: Uint8Array, version: Version): WriteOutcome {
    const databaseKey = hintKey(target, this.#context.partitionOf(this.#context.hashOf(key)), key);
    const current = this.#value(databaseKey);
    if (current === null) return OUTCOME_PRESENT;
    const currentVersion = this.#toDeliver(key, current);
    if (currentVersion !== null && compareVersions(currentVersion, version) > 0) return { status: 'superseded', version: currentVersion };
    this.#pending.set(mapKey(databaseKey), null);
    this.batch.delete(databaseKey);
    this.#account(databaseKey, target, -1, -(databaseKey.length + current.length));
    return APPLIED;
  }

  /**
   * The version of what a hint delivers. A reference delivers what is here, which can be older than what it names: the
   * record was damaged since, and replaced by another replica's.
   */
  #toDeliver(key: Uint8Array, hint: Uint8Array): Version | null {
    const named = hintVersion(key, hint);
    if (hintReference(key, hint) === null) return named;
    const hash = this.#context.hashOf(key);
    const record = this.#recordAt(this.#context.partitionOf(hash), hash, key);
    return record !== null && isIntact(key, record) ? versionOf(record) : named;
  }

  /** Looks again before it deletes: what was damaged may have been replaced meanwhile. */
  #dropDamaged(databaseKey: Uint8Array): WriteOutcome {
    const value = databaseKey[0] === KEYSPACE.record ? this.#recordIn(databaseKey) : this.#value(databaseKey);
    if (value === null) return OUTCOME_PRESENT;
    if (databaseKey[0] === KEYSPACE.hint) {
      if (this.#context.isHintIntact(databaseKey, value) && !this.#isDangling(databaseKey, value)) return OUTCOME_PRESENT;
      const target = readU16(databaseKey, 1);
      if (isNodeId(target)) {
        this.#account(databaseKey, target, -1, -(databaseKey.length + value.length));
        this.#markDirty(target, parseHintKey(databaseKey).partition);
      }
    } else if (databaseKey[0] !== KEYSPACE.record || this.#context.isIntactAt(parseRecordKey(databaseKey), value)) {
      return OUTCOME_PRESENT;
    }
    if (databaseKey[0] === KEYSPACE.hint) this.#pending.set(mapKey(databaseKey), null);
    this.batch.delete(databaseKey);
    this.#effects.push(() => this.#context.damageReplaced(databaseKey));
    return APPLIED;
  }

  /** A reference to a record that is not here, or can't be read. Takes an intact hint. */
  #isDangling(databaseKey: Uint8Array, value: Uint8Array): boolean {
    const { partition, key } = parseHintKey(databaseKey);
    if (hintReference(key, value) === null) return false;
    const record = this.#recordAt(partition, this.#context.hashOf(key), key);
    return record === null || !isIntact(key, record);
  }

  #index(key: Uint8Array): WriteOutcome {
    const hash = this.#context.hashOf(key);
    const databaseKey = recordKey(this.#context.partitionOf(hash), hash, key);
    if (this.#recordAt(this.#context.partitionOf(hash), hash, key) === null) {
      this.batch.delete(orderedKey(key));
      this.#effects.push(() => this.#context.damageReplaced(databaseKey));
    } else {
      this.batch.put(orderedKey(key), PRESENT);
    }
    return APPLIED;
  }

  #account(databaseKey: Uint8Array, target: NodeId, hints: number, bytes: number): void {
    if (!this.#context.isCounted(databaseKey)) return;
    this.#hintBytes += bytes;
    this.#effects.push(() => this.#context.ledger.adjust(target, hints, bytes));
  }

  #markDirty(target: NodeId, partitionOfKey: Partition): void {
    const name = dirtyMetaName(target, partitionOfKey);
    if (this.#context.ledger.isDirty(target, partitionOfKey) && !this.#cleared.delete(name)) return;
    this.batch.put(metaKey(name), PRESENT);
    this.#effects.push(() => this.#context.ledger.markDirty(target, partitionOfKey));
  }

  #putMeta(name: string, value: Uint8Array | null): WriteOutcome {
    if (value === null) this.batch.delete(metaKey(name));
    else this.batch.put(metaKey(name), value);
    const dirty = parseDirtyMetaName(name);
    if (dirty !== null && value === null) {
      this.#cleared.add(name);
      this.#effects.push(() => this.#context.ledger.clearDirty(dirty.target, dirty.partition));
    }
    return APPLIED;
  }

  #put(databaseKey: Uint8Array, value: Uint8Array): void {
    this.#pending.set(mapKey(databaseKey), value);
    this.batch.put(databaseKey, value);
  }

  #value(databaseKey: Uint8Array): Uint8Array | null {
    const pending = this.#pending.get(mapKey(databaseKey));
    return pending === undefined ? (this.#context.get(databaseKey) ?? null) : pending;
  }

  #pendingRecord(hash: number, key: Uint8Array): PendingRecord | null {
    let pending = this.#pendingRecords.get(hash) ?? null;
    while (pending !== null && !equalBytes(pending.key, key)) pending = pending.next;
    return pending;
  }

  /** What the group or the database has under the key of a record. */
  #recordAt(partitionOfKey: Partition, hash: number, key: Uint8Array): RecordBytes | null {
    return this.#pendingRecord(hash, key)?.record ?? this.#context.get(recordKey(partitionOfKey, hash, key)) ?? null;
  }

  #recordIn(databaseKey: Uint8Array): RecordBytes | null {
    const { partition, hash, key } = parseRecordKey(databaseKey);
    return this.#recordAt(partition, hash, key);
  }

  /**
   * What is stored, or null; a damaged record counts as none (G1), and sets `#isOverDamage`. What is said to be of the
   * `arriving` version is looked at itself: it may be damaged, and is replaced then.
   */
  #current(pending: PendingRecord | null, databaseKey: Uint8Array, hash: number, key: Uint8Array, arriving: Version): Current | null {
    this.#isOverDamage = false;
    if (pending !== null) return { stamp: stampOf(pending.record), record: pending.record };
    const recent = this.#context.recentStamp(hash, key);
    if (recent !== null && compareVersions(recent.version, arriving) !== 0) return { stamp: recent, record: null };
    const stored = this.#context.get(databaseKey);
    if (stored === undefined && this.#context.get(orderedKey(key)) === undefined) return null;
    if (stored !== undefined && isIntact(key, stored)) return { stamp: stampOf(stored), record: stored };
    this.#isOverDamage = true;
    this.#context.damageFound(databaseKey);
    this.#effects.push(() => this.#context.damageReplaced(databaseKey));
    return null;
  }
}

/** The version of a stored hint; null when it is damaged, and so older than any. */
export function hintVersion(key: Uint8Array, value: Uint8Array): Version | null {
  return hintReference(key, value) ?? (isIntact(key, value) ? versionOf(value) : null);
}

function mapKey(databaseKey: Uint8Array): string {
  return Buffer.from(databaseKey.buffer, databaseKey.byteOffset, databaseKey.byteLength).toString('latin1');
}
