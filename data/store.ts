/**
 * The store of one node: versioned records, hints and meta values over an OrderedKv, written by one writer.
 *
 *   write(intents) ─┐                            ┌─ outcomes, when the batch is durable
 *   write(intents) ─┼─► queue ─► group ─► batch ─┼─ outcomes
 *   write(intents) ─┘    (all that is waiting)   └─ trees, ledger, ceiling
 *
 * Invariants
 *  S1  At most one batch, or one slice of the background scan, is in flight (data/write-group.ts rests on it).
 *  S2  `applied` and `present` are said only after the batch that holds the record, or an earlier one, was committed.
 *  S3  After a failed batch nothing is acknowledged before the database was closed and opened again; what was in the
 *      batch is `unknown` (ARCHITECTURE F1), what waited behind it is refused.
 *  S4  A record whose checksum fails is `damaged`: never returned, never said to be absent.
 *  S5  The trees are right for every key that the background scan has passed; `isCounted` says which.
 *  S6  A key that is in the ordered index but has no record is damaged too: a flipped bit in a stored key hides its
 *      record where no checksum can tell, but not in two places at once.
 *  S7  Every group but those of peers' memories has a number, the sequence, in its batch. It is told to peers only when the batch was committed, so
 *      a database that has less than a peer remembers has lost groups (node/peer-memory.ts).
 *  S8  A recent record is the one that was committed last under its key. All are forgotten when the database is opened
 *      anew, and none is asked for while any damage is known here: what was lost must not be said to be there.
 */
import { decodeCheckedNumbers, encodeCheckedNumbers } from './checked-numbers.ts';
import type { HybridClock } from './clock.ts';
import { DataError } from './errors.ts';
import type { HintLedger } from './hint-ledger.ts';
import type { NodeId, Partition } from './identifiers.ts';
import { Inventory, nextOf } from './inventory.ts';
import { hashKey, partitionOfHash } from './key.ts';
import {
  ALL_DATA,
  DIRTY,
  DOUBTS,
  KEYSPACE,
  META,
  hintKey,
  hintReference,
  hintsOf,
  metaKey,
  orderedKey,
  parseDirtyMetaName,
  parseDoubtKey,
  parseHintKey,
  parseRecordKey,
  recordKey,
  type KeyRange,
  type RecordKeyParts,
} from './layout.ts';
import type { MerkleTrees } from './merkle.ts';
import type { Durability, KvEntry, OrderedKv, ScanDirection, ScanLimits } from './ordered-kv.ts';
import { readInOrder, spanRange, type KeySpan, type OrderedSlice } from './ordered-slice.ts';
import { RecentRecords, type Stamp } from './recent-records.ts';
import { isIntact, versionOf, type RecordBytes } from './record.ts';
import { scrubEntries } from './scrub.ts';
import { WriteGroup, UNKNOWN, hintVersion, type GroupContext, type WriteIntent, type WriteOutcome } from './write-group.ts';
import { newest, type Version } from './version.ts';
import { WriteQueue, bytesOfAll, type Done, type Waiting, type WriteUrgency } from './write-queue.ts';

export interface StoreOptions {
  readonly partitionCount: number;
  readonly hashSeed: number;
  readonly durability: Durability;
  /** A group takes no more after this many bytes of records. */
  readonly groupBytesMax: number;
  /** Beyond this many waiting bytes a write is refused as `overloaded`. */
  readonly queueBytesMax: number;
  readonly hintBytesMax: number;
  /** Memory for recent records; 0: none. */
  readonly recentBytesMax: number;
  /** Between two attempts to reopen after a failed write. */
  readonly reopenDelayMs: number;
}

/** What the store needs of the world. */
export interface StorePorts {
  readonly kv: OrderedKv;
  readonly clock: HybridClock;
  wallMs(): number;
  sleep(milliseconds: number): Promise<void>;
  report(event: StoreEvent): void;
}

export type StoreEvent =
  | { readonly event: 'write-failed'; readonly error: unknown }
  /** Something stored could not be read, by the writer or the scan. */
  | { readonly event: 'read-failed'; readonly error: unknown }
  | { readonly event: 'reopened' }
  | { readonly event: 'reopen-failed'; readonly error: unknown }
  /** The database has less than was committed to it. */
  | { readonly event: 'rolled-back'; readonly from: number; readonly to: number }
  | { readonly event: 'damaged'; readonly databaseKey: Uint8Array }
  | { readonly event: 'version-conflict'; readonly key: Uint8Array; readonly version: Version };

export interface StoreCounters {
  groups: number;
  writes: number;
  writeFailures: number;
  reopens: number;
  damagedFound: number;
  /** Records that were sent to this node and were damaged when they came. */
  damagedReceived: number;
  versionConflicts: number;
}

export type ReadOutcome = RecordBytes | null | 'damaged';
export type StoreState = 'open' | 'reopening' | 'closed';

export interface StoredRecord {
  readonly key: Uint8Array;
  readonly record: RecordBytes;
}

export interface RecordSlice {
  readonly records: readonly StoredRecord[];
  /** Where the next slice starts (a database key), or null at the end. */
  readonly next: Uint8Array | null;
}

export interface ScrubSlice {
  /** How much was read. */
  readonly bytes: number;
  /** Where the next slice starts, or null at the end. */
  readonly next: Uint8Array | null;
}

const REFUSED_OVERLOADED: WriteOutcome = { status: 'refused', reason: 'overloaded' };
const REFUSED_UNAVAILABLE: WriteOutcome = { status: 'refused', reason: 'unavailable' };

/** The ceiling that an earlier run reserved; 0 in a new database, and where it is damaged. */
export function readCeiling(kv: OrderedKv): number {
  return readMetaNumber(kv, META.ceiling);
}

/** 0 when it was never written, or is damaged. */
function readMetaNumber(kv: OrderedKv, name: string): number {
  const bytes = kv.get(metaKey(name));
  return (bytes === undefined ? null : decodeCheckedNumbers(name, bytes))?.[0] ?? 0;
}

export class Store implements GroupContext {
  readonly durability: Durability;
  readonly counters: StoreCounters = { groups: 0, writes: 0, writeFailures: 0, reopens: 0, damagedFound: 0, damagedReceived: 0, versionConflicts: 0 };
  readonly #ports: StorePorts;
  readonly #options: StoreOptions;
  readonly #queue: WriteQueue;
  readonly #doubts = new Map<string, Uint8Array>();
  #sequence: number;
  /** Numbers up to this one were given to groups that are not in this database. */
  #skippedSequence = 0;
  /** What is on disk of the clock's ceiling, or of the sequence, can't be read. */
  #isCeilingDamaged = false;
  #state: StoreState = 'open';
  #draining: Promise<void> | null = null;
  #slice: { readonly limits: ScanLimits; readonly resolve: (finished: boolean) => void } | null = null;
  readonly #inventory: Inventory;
  readonly #recent: RecentRecords;

  private constructor(ports: StorePorts, options: StoreOptions) {
    this.#ports = ports;
    this.#options = options;
    this.durability = options.durability;
    this.#sequence = readMetaNumber(ports.kv, META.sequence);
    this.#queue = new WriteQueue(options.groupBytesMax);
    this.#recent = new RecentRecords(options.recentBytesMax);
    this.#inventory = new Inventory(options.partitionCount, this, (databaseKey) => {
      this.counters.damagedFound++;
      this.#forgetRecent(databaseKey);
      ports.report({ event: 'damaged', databaseKey });
    });
  }

  /** Takes over an open OrderedKv; `close` closes it. */
  static async open(ports: StorePorts, options: StoreOptions): Promise<Store> {
    const store = new Store(ports, options);
    await store.#loadNotes();
    return store;
  }

  get trees(): MerkleTrees {
    return this.#inventory.trees;
  }

  get ledger(): HintLedger {
    return this.#inventory.ledger;
  }

  get state(): StoreState {
    return this.#state;
  }

  get hintBytesMax(): number {
    return this.#options.hintBytesMax;
  }

  /** Whether the trees and the ledger account for all that is stored. */
  get isScanned(): boolean {
    return this.#inventory.isComplete;
  }

  get damagedKeys(): number {
    return this.#inventory.damagedKeys;
  }

  /** The number of the last group that was committed (S7). */
  get sequence(): number {
    return this.#sequence;
  }

  /** The next group gets a number above `sequence`. Until then `sequence` is what it was: nothing was committed (S7). */
  skipSequence(sequence: number): void {
    this.#skippedSequence = Math.max(this.#skippedSequence, sequence);
  }

  /** Database keys of entries that were found to be damaged and have not been replaced; at most so many. */
  damagedList(countMax: number): readonly Uint8Array[] {
    return this.#inventory.damagedList(countMax);
  }

  /** Whether the record under this key may be older than one that was lost here (data/write-group.ts, G4). */
  isDoubtful(key: Uint8Array): boolean {
    return this.#doubts.size > 0 && this.#doubts.has(nameOf(key));
  }

  get doubtfulKeys(): number {
    return this.#doubts.size;
  }

  /** Doubtful keys, at most so many. */
  doubtList(countMax: number): readonly Uint8Array[] {
    return [...this.#doubts.values()].slice(0, countMax);
  }

  doubtArose(key: Uint8Array): void {
    this.#doubts.set(nameOf(key), Uint8Array.from(key));
  }

  doubtSettled(key: Uint8Array): void {
    this.#doubts.delete(nameOf(key));
  }

  /** Builds the trees anew, by the background scan. */
  recount(): void {
    this.#inventory.recount();
  }

  isIntactAt(parts: RecordKeyParts, record: RecordBytes): boolean {
    return this.#inventory.isIntactAt(parts, record);
  }

  isHintIntact(databaseKey: Uint8Array, value: Uint8Array): boolean {
    return this.#inventory.isHintIntact(databaseKey, value);
  }

  /** One slice of a scrub from `from` on: whatever is damaged in it is found (data/scrub.ts). */
  async scrubSlice(from: Uint8Array | null, limits: ScanLimits): Promise<ScrubSlice> {
    const entries = await this.#read({ from: from ?? ALL_DATA.from, to: ALL_DATA.to }, limits);
    const next = nextOf(entries, limits);
    if (next === null) this.#scrubMeta();
    return { bytes: scrubEntries(entries, this), next };
  }

  /** This process knows what they should be: it writes them anew before another needs them. */
  #scrubMeta(): void {
    for (const name of [META.ceiling, META.sequence]) {
      const bytes = this.readMeta(name);
      if (bytes === undefined || decodeCheckedNumbers(name, bytes) !== null) continue;
      this.counters.damagedFound++;
      this.#ports.report({ event: 'damaged', databaseKey: metaKey(name) });
      // Every group carries its sequence; the ceiling is that of the moment when the group is committed.
      this.#isCeilingDamaged = true;
      this.write([], () => undefined);
    }
  }

  /** Tells of damage that the caller found, and of an index entry that is missing. */
  indexMissing(key: Uint8Array): void {
    this.write([{ kind: 'index', key }], () => undefined);
  }

  // --- reading -------------------------------------------------------------------------------------------------

  /** The newest record of the key on this node, checked. Throws `RING_STORE_UNAVAILABLE` while closed. */
  read(key: Uint8Array): ReadOutcome {
    this.#checkOpen();
    const hash = this.hashOf(key);
    return (this.#inventory.damagedKeys > 0 ? null : this.#recent.recordOf(hash, key)) ?? this.#readAt(hash, key);
  }

  /** The version of that record alone; null: there is none. Throws like `read`. */
  readVersion(key: Uint8Array): Version | null | 'damaged' {
    this.#checkOpen();
    const hash = this.hashOf(key);
    const recent = this.recentStamp(hash, key);
    if (recent !== null) return recent.version;
    const record = this.#readAt(hash, key);
    return record === null || record === 'damaged' ? record : versionOf(record);
  }

  #readAt(hash: number, key: Uint8Array): ReadOutcome {
    const databaseKey = recordKey(this.partitionOf(hash), hash, key);
    let stored = this.get(databaseKey);
    if (stored === undefined) {
      // S6. A second place says whether there ever was one; a batch may have been committed between the two lookups.
      if (this.get(orderedKey(key)) === undefined) return null;
      stored = this.get(databaseKey);
    }
    if (stored !== undefined && isIntact(key, stored)) {
      this.#recent.set(hash, key, stored);
      return stored;
    }
    this.damageFound(databaseKey);
    return 'damaged';
  }

  /** The newest record among the hints for `targets`; references are left out, for they refer to `read`. */
  readHints(key: Uint8Array, targets: readonly NodeId[]): ReadOutcome {
    const partitionOfKey = this.partitionOf(this.hashOf(key));
    let found: RecordBytes | null = null;
    let isDamaged = false;
    for (const target of targets) {
      const databaseKey = hintKey(target, partitionOfKey, key);
      const value = this.get(databaseKey);
      if (value === undefined || hintReference(key, value) !== null) continue;
      if (isIntact(key, value)) {
        found = newerRecord(found, value);
      } else {
        isDamaged = true;
        this.damageFound(databaseKey);
      }
    }
    return found === null && isDamaged ? 'damaged' : found;
  }

  /** Whether the key is in the ordered index without a record (S6). */
  isRecordMissing(key: Uint8Array): boolean {
    const hash = this.hashOf(key);
    // In this order: both come with one batch, which may be committed between the two lookups.
    return this.get(orderedKey(key)) !== undefined && this.get(recordKey(this.partitionOf(hash), hash, key)) === undefined;
  }

  /** What is stored for `target` and this key: the version of a hint, or null. */
  hintVersionFor(key: Uint8Array, target: NodeId): Version | null {
    const value = this.get(hintKey(target, this.partitionOf(this.hashOf(key)), key));
    if (value === undefined) return null;
    return hintVersion(key, value);
  }

  /** The intact records of a range of the record keyspace, in key order. Damaged ones are left out and counted. */
  async recordSlice(range: KeyRange, limits: ScanLimits): Promise<RecordSlice> {
    const entries = await this.#read(range, limits);
    const records: StoredRecord[] = [];
    for (const entry of entries) {
      const parts = parseRecordKey(entry.key);
      if (this.#inventory.isIntactAt(parts, entry.value)) records.push({ key: parts.key, record: entry.value });
      else this.damageFound(entry.key);
    }
    return { records, next: nextOf(entries, limits) };
  }

  /** The keys of a span in their order, each with its record (data/ordered-slice.ts). Throws like `read`. */
  async orderedSlice(span: KeySpan, limits: ScanLimits, direction: ScanDirection): Promise<OrderedSlice> {
    this.#checkOpen();
    const entries = await this.#read(spanRange(span), limits, direction);
    return readInOrder(entries, limits, direction, this);
  }

  /**
   * Hinted records for `target`, from `from` on. References are followed; what cannot be read is left out, and stays.
   * The byte limit holds for the records that references lead to as well: a reference is small, its record is not.
   */
  async hintSlice(target: NodeId, from: Uint8Array | null, limits: ScanLimits): Promise<RecordSlice> {
    const range = hintsOf(target);
    const entries = await this.#read({ from: from ?? range.from, to: range.to }, limits);
    const records: StoredRecord[] = [];
    let bytes = 0;
    for (const entry of entries) {
      if (bytes >= limits.bytesMax) return { records, next: entry.key };
      if (!this.isHintIntact(entry.key, entry.value)) {
        this.damageFound(entry.key);
        continue;
      }
      const { key } = parseHintKey(entry.key);
      const record = hintReference(key, entry.value) === null ? entry.value : this.read(key);
      if (record === null || record === 'damaged' || !isIntact(key, record)) {
        this.damageFound(entry.key);
        continue;
      }
      records.push({ key, record });
      bytes += key.length + record.length;
    }
    return { records, next: nextOf(entries, limits) };
  }

  readMeta(name: string): Uint8Array | undefined {
    return this.#ports.kv.get(metaKey(name));
  }

  // --- writing -------------------------------------------------------------------------------------------------

  /** `done` gets one outcome for each intent, in order, when all are committed or refused. Never throws. */
  write(intents: readonly WriteIntent[], done: Done, urgency: WriteUrgency = 'foreground'): void {
    if (this.#state !== 'open') {
      done(intents.map(() => REFUSED_UNAVAILABLE));
      return;
    }
    const bytes = bytesOfAll(intents);
    if (this.#queue.bytes > 0 && this.#queue.bytes + bytes > this.#options.queueBytesMax) {
      done(intents.map(() => REFUSED_OVERLOADED));
      return;
    }
    this.#queue.push(intents, bytes, done, urgency);
    this.#wake();
  }

  /** Like `write`, for callers that are not on the hot path. */
  async writeAll(intents: readonly WriteIntent[], urgency: WriteUrgency = 'foreground'): Promise<readonly WriteOutcome[]> {
    return new Promise((resolve) => {
      this.write(intents, resolve, urgency);
    });
  }

  /** Raises the clock's ceiling to above `floor` on disk; resolves when that was done or was refused. */
  async reserveCeiling(floor: number): Promise<void> {
    this.#ports.clock.merge(floor);
    if (this.#ports.clock.nextCeiling(this.#ports.wallMs()) === null) return;
    await this.writeAll([]);
  }

  /**
   * One slice of the background scan, which builds the trees and counts the hints, and checks every record on the way.
   * Resolves to true when the scan has passed everything.
   */
  async scanSlice(limits: ScanLimits): Promise<boolean> {
    if (this.isScanned || this.#state === 'closed' || this.#slice !== null) return this.isScanned;
    return new Promise((resolve) => {
      this.#slice = { limits, resolve };
      this.#wake();
    });
  }

  /** Waits for the batch in flight, refuses what is queued, closes the database. */
  async close(): Promise<void> {
    this.#state = 'closed';
    this.#refuseQueue();
    await this.#draining;
    await this.#ports.kv.close();
  }

  // --- what a group needs (GroupContext) -----------------------------------------------------------------------

  get(databaseKey: Uint8Array): Uint8Array | undefined {
    try {
      return this.#ports.kv.get(databaseKey);
    } catch (error) {
      this.#cannotRead(error);
      throw error;
    }
  }

  recentStamp(hash: number, key: Uint8Array): Stamp | null {
    return this.#inventory.damagedKeys > 0 ? null : this.#recent.stampOf(hash, key);
  }

  recordCommitted(hash: number, key: Uint8Array, record: RecordBytes): void {
    this.#recent.set(hash, key, record);
  }

  hashOf(key: Uint8Array): number {
    return hashKey(key, this.#options.hashSeed);
  }

  partitionOf(hash: number): Partition {
    return partitionOfHash(hash, this.#options.partitionCount);
  }

  isCounted(databaseKey: Uint8Array): boolean {
    return this.#inventory.isCounted(databaseKey);
  }

  damageFound(databaseKey: Uint8Array): void {
    this.#inventory.damageFound(databaseKey);
  }

  damageReplaced(databaseKey: Uint8Array): void {
    this.#inventory.damageReplaced(databaseKey);
  }

  damageReceived(): void {
    this.counters.damagedReceived++;
  }

  versionConflict(key: Uint8Array, version: Version): void {
    this.counters.versionConflicts++;
    this.#ports.report({ event: 'version-conflict', key, version });
  }

  // --- the single writer ---------------------------------------------------------------------------------------

  #wake(): void {
    this.#draining ??= this.#drain();
  }

  /** Runs while anything waits. Groups and scan slices take turns, so that neither starves the other (S1). */
  async #drain(): Promise<void> {
    // One turn of the microtask queue: what the same frame brings still joins the first group.
    await Promise.resolve();
    while (!this.#queue.isEmpty || this.#slice !== null) {
      if (!this.#queue.isEmpty) await this.#commitGroup();
      const slice = this.#slice;
      this.#slice = null;
      if (slice !== null) slice.resolve(await this.#scan(slice.limits));
    }
    this.#draining = null;
  }

  async #commitGroup(): Promise<void> {
    const waiting = this.#queue.takeGroup();
    const group = new WriteGroup(this);
    let outcomes: WriteOutcome[][];
    try {
      outcomes = waiting.map((item) => item.intents.map((intent) => group.add(intent)));
    } catch (error) {
      // A lookup failed, which `get` has told of, or something that never should: nothing was written.
      if (!(error instanceof DataError)) this.#ports.report({ event: 'write-failed', error });
      for (const item of waiting) item.done(item.intents.map(() => REFUSED_UNAVAILABLE));
      return;
    }
    const { clock } = this.#ports;
    clock.merge(group.newestTimestamp);
    const ceiling = clock.nextCeiling(this.#ports.wallMs()) ?? (this.#isCeilingDamaged ? clock.ceiling : null);
    if (ceiling !== null) group.batch.put(metaKey(META.ceiling), encodeCheckedNumbers(META.ceiling, [ceiling]));
    if (group.batch.size > 0) {
      const isNumbered = group.isNumbered || ceiling !== null;
      const sequence = isNumbered ? Math.max(this.#sequence, this.#skippedSequence) + 1 : this.#sequence;
      if (isNumbered) group.batch.put(metaKey(META.sequence), encodeCheckedNumbers(META.sequence, [sequence]));
      try {
        await this.#ports.kv.write(group.batch, this.#options.durability);
      } catch (error) {
        await this.#failed(waiting, outcomes, error);
        return;
      }
      this.#sequence = sequence;
      if (ceiling !== null) {
        this.#isCeilingDamaged = false;
        clock.ceilingReserved(ceiling);
      }
      group.committed();
      this.counters.groups++;
      this.counters.writes += group.batch.size;
    }
    for (const [index, item] of waiting.entries()) item.done(outcomes[index] ?? []);
  }

  /** S3. Refused stays refused. All else is unknown: what superseded a record may itself have been in the batch. */
  async #failed(waiting: readonly Waiting[], outcomes: readonly (readonly WriteOutcome[])[], error: unknown): Promise<void> {
    this.counters.writeFailures++;
    this.#ports.report({ event: 'write-failed', error });
    if (this.#state === 'open') this.#state = 'reopening';
    for (const [index, item] of waiting.entries()) {
      item.done((outcomes[index] ?? []).map((outcome) => (outcome.status === 'refused' ? outcome : UNKNOWN)));
    }
    this.#refuseQueue();
    while (this.#state === 'reopening') {
      try {
        await this.#ports.kv.reopen();
        this.#recent.clear();
        await this.#loadNotes();
        this.#compareSequence();
        this.counters.reopens++;
        this.#inventory.restart();
        // `close` may have come meanwhile.
        if (this.#state === 'reopening') this.#state = 'open';
        this.#ports.report({ event: 'reopened' });
      } catch (reopenError) {
        this.#ports.report({ event: 'reopen-failed', error: reopenError });
        await this.#ports.sleep(this.#options.reopenDelayMs);
      }
    }
  }

  /** S7. What was being committed when the write failed may be there or not; what was committed before must be. */
  #compareSequence(): void {
    const [from, to] = [this.#sequence, readMetaNumber(this.#ports.kv, META.sequence)];
    this.#sequence = to;
    if (to >= from) return;
    this.skipSequence(from);
    this.#ports.report({ event: 'rolled-back', from, to });
  }

  async #read(range: KeyRange, limits: ScanLimits, direction: ScanDirection = 'forward'): Promise<readonly KvEntry[]> {
    try {
      return await this.#ports.kv.scan(range, limits, direction);
    } catch (error) {
      this.#cannotRead(error);
      throw error;
    }
  }

  /** While the database is closed or being reopened that is no news. */
  #cannotRead(error: unknown): void {
    if (this.#state === 'open') this.#ports.report({ event: 'read-failed', error });
  }

  #checkOpen(): void {
    if (this.#state !== 'open') throw new DataError('RING_STORE_UNAVAILABLE', `the store is ${this.#state}`, { retryable: true });
  }

  /** S8. */
  #forgetRecent(databaseKey: Uint8Array): void {
    if (databaseKey[0] !== KEYSPACE.record) return;
    const { key } = parseRecordKey(databaseKey);
    this.#recent.delete(this.hashOf(key), key);
  }

  #refuseQueue(): void {
    for (const item of this.#queue.drain()) item.done(item.intents.map(() => REFUSED_UNAVAILABLE));
  }

  // --- the background scan -------------------------------------------------------------------------------------

  /** Runs between two groups (S1), so that what it counts cannot change under it. */
  async #scan(limits: ScanLimits): Promise<boolean> {
    if (this.#state !== 'open') return false;
    const range = this.#inventory.nextRange();
    if (range === null) return true;
    let entries: readonly KvEntry[];
    try {
      entries = await this.#ports.kv.scan(range, limits);
    } catch (error) {
      this.#ports.report({ event: 'read-failed', error });
      await this.#ports.sleep(this.#options.reopenDelayMs);
      return false;
    }
    this.#inventory.take(range, entries, limits);
    return this.isScanned;
  }

  /** What was noted of partitions and keys, from disk. */
  async #loadNotes(): Promise<void> {
    await this.#loadDirty();
    const doubts = await this.#ports.kv.scan(DOUBTS, { entriesMax: 1_000_000, bytesMax: 64 << 20 });
    this.#doubts.clear();
    for (const { key } of doubts) this.doubtArose(parseDoubtKey(key));
  }

  async #loadDirty(): Promise<void> {
    const entries = await this.#ports.kv.scan(DIRTY, { entriesMax: 1_000_000, bytesMax: 64 << 20 });
    this.ledger.clearAllDirty();
    for (const entry of entries) {
      const dirty = parseDirtyMetaName(Buffer.from(entry.key.subarray(1)).toString());
      if (dirty !== null) this.ledger.markDirty(dirty.target, dirty.partition);
    }
  }
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}

function newerRecord(a: RecordBytes | null, b: RecordBytes): RecordBytes {
  if (a === null) return b;
  const [left, right] = [versionOf(a), versionOf(b)];
  return newest(left, right) === left ? a : b;
}
