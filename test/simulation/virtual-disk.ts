/**
 * The disk of one node in the simulation, and LevelDB on it as FACTS describes it: what it keeps, and how it loses it.
 *
 *   write ─► in flight ─► live (what `get` sees)
 *                    └──► log: doomed | volatile | durable ─rotation─► old log ─compaction─► tables
 *
 * Invariants
 *  D1  (F6) A crash of the process loses nothing that a resolved write wrote. What was in flight may have happened.
 *  D2  (F6) A power cut keeps of each log all up to its last fsynced batch, and a chosen prefix of the rest. The kernel
 *      writes a log out FLUSH_MS after it was first dirty; a batch survives wholly or not at all.
 *  D3  (F5) Logs are cut on their own: a batch without fsync can be lost though one of a later log survives.
 *  D4  (F1) After a failed append the log takes nothing more that can be read again, and says so to nobody: later
 *      writes resolve and are seen, and are lost at the next open. The failed batch itself may come back.
 *  D5  (F3) Damage in a log takes batches from some point on away at the next open, without an error. `damageEvidence`
 *      is what a check of the logs before that open would see; a torn tail leaves none. A log that was compacted before
 *      that open took its damage with it.
 *  D6  Opening reads the logs into tables: all that an open finds is durable.
 *  D7  VirtualKv does not refuse writes after a failure: a store that forgets to reopen shall be caught.
 */
import { DataError, KvBatch, compareBytes, equalBytes, type Durability, type KeyRange, type KvEntry, type OrderedKv, type ScanLimits } from '../../data/index.ts';
import { KEYSPACE } from '../../data/layout.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { VirtualProcess, VirtualWorld } from './virtual-time.ts';

const FLUSH_MS = { min: 1_000, max: 30_000 };
const COMPACTION_MS = { min: 5, max: 3_000 };
const OPEN_MS = { min: 1, max: 20 };
const OS_WRITE_MS = { min: 0.01, max: 0.06 };
const FSYNC_MS = { min: 0.3, max: 2 };
const FSYNC_LATE_MS = { min: 20, max: 200 };
const FSYNC_LATE_PROBABILITY = 0.01;
const FSYNC_SLOW_MS = { min: 50, max: 1_000 };
const SCAN_MS = { min: 0.02, max: 0.3 };
const LOG_BYTES = { min: 4 << 10, max: 64 << 10 };
const BATCH_OVERHEAD_BYTES = 12;
const GHOST_PROBABILITY = 0.5;
const REOPEN_WHEN_FULL_FAILS_PROBABILITY = 0.7;

/** `full`: no space left. `io-error`, `full`: the batch may still be there later. `short-write`: it will not. */
export type WriteFailure = 'io-error' | 'full' | 'short-write';
export type CrashKind = 'process' | 'power';
/** A bit of a record's value, of its key, of a hint's value, of a meta value. */
export type FlipTarget = 'value' | 'key' | 'hint' | 'meta';
export type DiskCounts = ReturnType<typeof noCounts>;

/** An old copy of the directory. */
export interface DiskSnapshot {
  readonly entries: readonly KvEntry[];
  readonly identity: unknown;
  readonly marker: unknown;
}

export interface DiskOptions {
  readonly trace?: (line: () => string) => void;
}

interface Span {
  readonly min: number;
  readonly max: number;
}

export class VirtualDisk {
  readonly name: string;
  readonly counts = noCounts();
  /** What the identity file holds; null when there is none. Opaque here. */
  identity: unknown = null;
  /** The file that says that the store is untrusted; null when there is none. Opaque here. */
  marker: unknown = null;
  readonly #world: VirtualWorld;
  readonly #random: SeededRandom;
  readonly #trace: (line: () => string) => void;
  #tables = new Content();
  #logs: Log[] = [];
  #live = new Content();
  #nextLogNumber = 3;
  #opened: VirtualKv | null = null;
  #inFlight: WriteInFlight[] = [];
  #busyUntilMs = 0;
  #nextFailures: WriteFailure[] = [];
  #space: 'free' | 'full' = 'free';
  #fsync: 'usual' | 'slow' = 'usual';

  constructor(world: VirtualWorld, name: string, random: SeededRandom, options: DiskOptions = {}) {
    this.#world = world;
    this.name = name;
    this.#random = random;
    this.#trace = options.trace ?? (() => undefined);
    this.#startLog();
  }

  /** Opens the database for a process; ends an earlier handle as a crash of its process would. D6. */
  open(process: VirtualProcess): VirtualKv {
    this.crash('process');
    const kv = new VirtualKv(this, process);
    this.#opened = kv;
    kv.damageFound = this.#recover();
    process.onEnd((how) => {
      // A power cut also hits what was closed in order, unless another process has it open by now.
      if (this.#opened === kv || (this.#opened === null && how === 'silent')) this.crash(how === 'silent' ? 'power' : 'process');
    });
    return kv;
  }

  /** `process`: its handle is dead, D1. `power`: so is the page cache, D2, D3; also some time after the process ended. */
  crash(kind: CrashKind): void {
    if (kind === 'power') this.counts.powerCuts++;
    else if (this.#opened !== null) this.counts.processCrashes++;
    else return;
    this.#trace(() => `disk ${this.name}: crash (${kind})`);
    this.#opened?.die();
    this.#compact();
    this.#settleInFlight();
    if (kind === 'power') this.#loseVolatile();
    this.#ended();
  }

  /** The next write that is started fails. Several calls fail several. */
  failNextWrite(failure: WriteFailure): void {
    this.#nextFailures.push(failure);
  }

  /** While full, every write fails, and often a reopen. */
  setFull(space: 'free' | 'full'): void {
    this.#space = space;
  }

  setSlowFsync(fsync: 'usual' | 'slow'): void {
    this.#fsync = fsync;
  }

  /** What a check of the logs would find now; the next open takes it away (and hands it on as `damageFound`). */
  get damageEvidence(): readonly string[] {
    return this.#logs.flatMap((log) => log.evidence);
  }

  /** Flips one bit of one entry, wherever it is kept. What it did; null when there is no such entry. F2. */
  flipBit(random: SeededRandom, target: FlipTarget, of: 'any' | ((databaseKey: Uint8Array) => boolean) = 'any'): string | null {
    const keyspace = { value: KEYSPACE.record, key: KEYSPACE.record, hint: KEYSPACE.hint, meta: KEYSPACE.meta }[target];
    const entry = of === 'any' ? this.#live.pick(random, keyspace) : pickFrom(random, this.#live.entries().filter(({ key }) => key[0] === keyspace && of(key)));
    if (entry === null) return null;
    return target === 'key' ? this.#flipKey(random, entry) : this.#flipValue(random, entry, target);
  }

  /**
   * Damages the newest log, D5: batches from some point on, acknowledged or not, are gone at the next open. `torn tail`:
   * the last batch only, and no evidence. What it did; null when the log is empty.
   */
  loseLogSuffix(random: SeededRandom, kind: 'evident' | 'torn tail' = 'evident'): string | null {
    this.#compact();
    const log = this.#logs.findLast(({ batches }) => batches.some(({ fate }) => fate === 'kept'));
    if (log === undefined) return null;
    const kept = log.batches.filter(({ fate }) => fate === 'kept');
    const lost = kind === 'torn tail' ? kept.slice(-1) : kept.slice(random.below(kept.length));
    for (const batch of lost) batch.fate = 'damaged';
    const what = `${log.name}: checksum mismatch, ${lost.length} batches`;
    if (kind === 'evident') log.evidence.push(what);
    this.counts[kind === 'evident' ? 'logsDamaged' : 'logsTorn']++;
    if (this.#opened === null) this.#live = this.#readBack();
    this.#trace(() => `disk ${this.name}: ${what} (${kind})`);
    return what;
  }

  /** Everything is gone, the identity too. */
  wipe(): void {
    this.counts.wipes++;
    this.#replace([], null, null);
  }

  /** A copy of the directory as an open would read it now. */
  snapshot(): DiskSnapshot {
    this.#compact();
    return { entries: this.#readBack().entries(), identity: this.identity, marker: this.marker };
  }

  restore(snapshot: DiskSnapshot): void {
    this.counts.restores++;
    this.#replace(snapshot.entries, snapshot.identity, snapshot.marker);
  }

  /** What `get` and `scan` see; of a closed database what the next open finds. Not to be changed. */
  dump(): readonly KvEntry[] {
    return this.#live.entries();
  }

  /** For VirtualKv. */
  get content(): Content {
    return this.#live;
  }

  /** For VirtualKv: when what was begun is over. */
  get busyUntilMs(): number {
    return Math.max(this.#busyUntilMs, this.#world.nowMs);
  }

  /** For VirtualKv. */
  startWrite(process: VirtualProcess, batch: KvBatch, durability: Durability, resolve: () => void, reject: (error: DataError) => void): void {
    const failure = this.#nextFailures.shift() ?? (this.#space === 'full' ? 'full' : null);
    const write: WriteInFlight = { batch: copyOf(batch), durability, failure, resolve, reject };
    this.counts[durability === 'fsync' ? 'fsyncs' : 'osWrites']++;
    this.#inFlight.push(write);
    this.#busyUntilMs = this.busyUntilMs + (durability === 'fsync' ? this.#fsyncMs() : this.drawMs(OS_WRITE_MS));
    process.runAt(this.#busyUntilMs, () => {
      // A handle that died settled it otherwise.
      if (this.#inFlight[0] === write) this.#finish(write);
    });
  }

  /** For VirtualKv: closes and opens again. */
  reopened(): 'open' | 'full' {
    if (this.#space === 'full' && this.#random.isBelow(REOPEN_WHEN_FULL_FAILS_PROBABILITY)) {
      this.counts.reopenFailures++;
      return 'full';
    }
    this.counts.reopens++;
    this.#compact();
    this.#forgetDoomed();
    return 'open';
  }

  /** For VirtualKv: the logs are read into tables. What a check of them found. */
  recovered(): readonly string[] {
    return this.#recover();
  }

  /** For VirtualKv: closed in order. */
  closed(kv: VirtualKv): void {
    if (this.#opened !== kv) return;
    this.#compact();
    this.#ended();
  }

  /** For VirtualKv: an error as LevelKv throws it. */
  ioError(what: string, path: string, reason: string): DataError {
    const cause = new Error(`IO error: ${path}: ${reason}`);
    return new DataError('RING_STORE_UNAVAILABLE', `${what} failed: ${cause.message}`, { retryable: true, cause });
  }

  /** For VirtualKv. */
  drawMs(span: Span): number {
    return span.min + (span.max - span.min) * this.#random.next();
  }

  /** Nobody has it open: no compaction goes on, and what is there is what the next open finds. */
  #ended(): void {
    this.#opened = null;
    this.#forgetDoomed();
    for (const log of this.#logs) log.compactedAtMs = Infinity;
    this.#live = this.#readBack();
  }

  #fsyncMs(): number {
    const isLate = this.#random.isBelow(FSYNC_LATE_PROBABILITY);
    if (this.#fsync === 'slow' || isLate) this.counts.slowFsyncs++;
    return this.drawMs(this.#fsync === 'slow' ? FSYNC_SLOW_MS : isLate ? FSYNC_LATE_MS : FSYNC_MS);
  }

  #finish(write: WriteInFlight): void {
    this.#inFlight.shift();
    const log = this.#logFor(write);
    if (write.failure !== null) {
      this.counts.failedWrites++;
      if (write.failure !== 'short-write' && this.#random.isBelow(GHOST_PROBABILITY)) this.#append(log, write.batch, 'os');
      log.isBroken = true;
      write.reject(this.ioError('write', log.name, write.failure === 'full' ? 'No space left on device' : 'Input/output error'));
      return;
    }
    if (log.isBroken) this.counts.writesAfterFailure++;
    this.#append(log, write.batch, write.durability);
    this.#live.apply(write.batch);
    write.resolve();
  }

  /** D4: a broken log is not left before the next open. */
  #logFor(write: WriteInFlight): Log {
    const log = this.#logs.at(-1) ?? this.#startLog();
    if (log.isBroken || log.bytes === 0 || log.bytes + bytesOf(write.batch) <= log.bytesMax) return log;
    this.counts.rotations++;
    log.compactedAtMs = this.#world.nowMs + this.drawMs(COMPACTION_MS);
    this.#compact();
    return this.#startLog();
  }

  #append(log: Log, batch: KvBatch, durability: Durability): void {
    const { nowMs } = this.#world;
    if (durability === 'os' && log.flushAtMs <= nowMs) log.flushAtMs = nowMs + this.drawMs(FLUSH_MS);
    log.bytes += bytesOf(batch);
    log.batches.push({ batch, fate: log.isBroken ? 'doomed' : 'kept', isSynced: false, flushAtMs: log.flushAtMs });
    if (durability === 'os') return;
    for (let i = log.batches.length - 1; i >= 0; i--) {
      const logged = log.batches[i];
      if (logged === undefined || logged.isSynced) break;
      logged.isSynced = true;
    }
  }

  /** Old logs whose time has come are tables now. Their batches come from memory: damage to the file is no matter. */
  #compact(): void {
    for (;;) {
      const [log] = this.#logs;
      if (log === undefined || log.compactedAtMs > this.#world.nowMs) return;
      this.#logs.shift();
      for (const { batch } of log.batches) this.#tables.apply(batch);
    }
  }

  /** D1: in their order, so that what is lost is a suffix. */
  #settleInFlight(): void {
    let isLost = false;
    for (const write of this.#inFlight.splice(0)) {
      isLost ||= write.failure !== null || this.#random.isBelow(0.5);
      this.counts[isLost ? 'inFlightLost' : 'inFlightKept']++;
      if (!isLost) this.#append(this.#logFor(write), write.batch, 'os');
    }
    this.#busyUntilMs = 0;
  }

  #loseVolatile(): void {
    const { nowMs } = this.#world;
    let lostBefore = 0;
    for (const log of this.#logs) {
      const firstVolatile = log.batches.findIndex(({ isSynced, flushAtMs }) => !isSynced && flushAtMs > nowMs);
      if (lostBefore > 0 && log.batches.some(({ isSynced, fate }) => isSynced && fate === 'kept')) this.counts.lostBeforeSynced++;
      if (firstVolatile < 0) continue;
      const kept = firstVolatile + this.#random.below(log.batches.length - firstVolatile + 1);
      const lost = log.batches.splice(kept).length;
      lostBefore += lost;
      this.counts.batchesLostInPowerCut += lost;
    }
    for (const log of this.#logs) for (const logged of log.batches) logged.isSynced = true;
  }

  /** D4. */
  #forgetDoomed(): void {
    for (const log of this.#logs) {
      const kept = log.batches.filter(({ fate }) => fate !== 'doomed');
      this.counts.batchesLostAfterFailure += log.batches.length - kept.length;
      log.batches = kept;
    }
  }

  /** What an open finds in tables and logs. */
  #readBack(): Content {
    const content = this.#tables.clone();
    for (const log of this.#logs) for (const { batch, fate } of log.batches) if (fate === 'kept') content.apply(batch);
    return content;
  }

  #recover(): readonly string[] {
    const evidence = this.damageEvidence;
    for (const log of this.#logs) this.counts.batchesLostInLog += log.batches.filter(({ fate }) => fate === 'damaged').length;
    this.#tables = this.#readBack();
    this.#live = this.#tables.clone();
    this.#logs = [];
    this.#startLog();
    return evidence;
  }

  #startLog(): Log {
    const log: Log = {
      name: `${this.name}/${String(this.#nextLogNumber).padStart(6, '0')}.log`,
      batches: [],
      evidence: [],
      bytes: 0,
      bytesMax: this.drawMs(LOG_BYTES),
      flushAtMs: 0,
      compactedAtMs: Infinity,
      isBroken: false,
    };
    this.#nextLogNumber += 2;
    this.#logs.push(log);
    return log;
  }

  #replace(entries: readonly KvEntry[], identity: unknown, marker: unknown): void {
    this.crash('process');
    this.#logs = [];
    this.#inFlight = [];
    this.#tables = Content.of(entries);
    this.identity = identity;
    this.marker = marker;
    this.#recover();
  }

  #flipValue(random: SeededRandom, { key, value }: KvEntry, target: FlipTarget): string {
    const flipped = Uint8Array.from(value);
    const bit = random.below(flipped.length * 8);
    flipped[bit >>> 3] = (flipped[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
    for (const content of [this.#live, this.#tables]) if (content.get(key) === value) content.set({ key, value: flipped });
    for (const { batch } of this.#logs.flatMap(({ batches }) => batches)) {
      const at = batch.values.indexOf(value);
      if (at >= 0) batch.values[at] = flipped;
    }
    this.counts.bitFlips++;
    return this.#damaged(`bit ${bit} of a ${target === 'value' ? 'record' : target} value, key ${Buffer.from(key).toString('hex')}`);
  }

  /** Older values of the key are gone too: an entry that vanishes does not show what it covered. */
  #flipKey(random: SeededRandom, { key, value }: KvEntry): string | null {
    const flipped = Uint8Array.from(key);
    const bit = 8 + random.below((key.length - 1) * 8);
    flipped[bit >>> 3] = (flipped[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
    if (this.#live.get(flipped) !== undefined) return null;
    for (const content of [this.#live, this.#tables]) {
      if (content.get(key) === value) content.set({ key: flipped, value });
      content.delete(key);
    }
    for (const { batch } of this.#logs.flatMap(({ batches }) => batches)) {
      for (const [at, present] of batch.keys.entries()) {
        if (!equalBytes(present, key)) continue;
        if (batch.values[at] === value) batch.keys[at] = flipped;
        else batch.values[at] = null;
      }
    }
    this.counts.keyFlips++;
    return this.#damaged(`bit ${bit} of the key ${Buffer.from(key).toString('hex')}, now ${Buffer.from(flipped).toString('hex')}`);
  }

  #damaged(what: string): string {
    this.#trace(() => `disk ${this.name}: flipped ${what}`);
    return what;
  }
}

/** The database as one process has it open. */
export class VirtualKv implements OrderedKv {
  readonly #disk: VirtualDisk;
  readonly #process: VirtualProcess;
  #state: 'open' | 'reopening' | 'reopen failed' | 'closed' | 'dead' = 'open';
  /** What a check of the logs before the last open or reopen saw. */
  damageFound: readonly string[] = [];

  constructor(disk: VirtualDisk, process: VirtualProcess) {
    this.#disk = disk;
    this.#process = process;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#checkOpen();
    const value = this.#disk.content.get(key);
    return value === undefined ? undefined : Uint8Array.from(value);
  }

  async write(batch: KvBatch, durability: Durability): Promise<void> {
    this.#checkOpen();
    await new Promise<void>((resolve, reject) => {
      this.#disk.startWrite(this.#process, batch, durability, resolve, reject);
    });
  }

  async scan(range: KeyRange, limits: ScanLimits): Promise<readonly KvEntry[]> {
    this.#checkOpen();
    const found = this.#disk.content.scan(range, limits);
    await this.#pass(this.#process.world.nowMs + this.#disk.drawMs(SCAN_MS));
    this.#checkOpen();
    return found;
  }

  async reopen(): Promise<void> {
    if (this.#state === 'closed' || this.#state === 'dead') throw closedError();
    this.#state = 'reopening';
    await this.#pass(this.#disk.busyUntilMs + this.#disk.drawMs(OPEN_MS));
    if (!this.#isReopening()) throw closedError();
    if (this.#disk.reopened() === 'full') {
      this.#state = 'reopen failed';
      throw this.#disk.ioError('open', `${this.#disk.name}/MANIFEST`, 'No space left on device');
    }
    this.damageFound = this.#disk.recovered();
    this.#state = 'open';
  }

  async close(): Promise<void> {
    if (this.#state === 'closed' || this.#state === 'dead') return;
    this.#state = 'closed';
    await this.#pass(this.#disk.busyUntilMs + this.#disk.drawMs(OS_WRITE_MS));
    this.#disk.closed(this);
  }

  /** For the disk: its process crashed, or another took the database. */
  die(): void {
    this.#state = 'dead';
  }

  async #pass(untilMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#process.runAt(untilMs, resolve);
    });
  }

  /** A call, so that the compiler does not think it settled across an `await`. */
  #isReopening(): boolean {
    return this.#state === 'reopening';
  }

  #checkOpen(): void {
    if (this.#state !== 'open') throw closedError();
  }
}

interface WriteInFlight {
  readonly batch: KvBatch;
  readonly durability: Durability;
  readonly failure: WriteFailure | null;
  readonly resolve: () => void;
  readonly reject: (error: DataError) => void;
}

interface LoggedBatch {
  readonly batch: KvBatch;
  /** `doomed`: behind a failed append, D4. `damaged`: on disk, and not to be read, D5. */
  fate: 'kept' | 'doomed' | 'damaged';
  isSynced: boolean;
  /** From then on the kernel has written it out. */
  readonly flushAtMs: number;
}

interface Log {
  readonly name: string;
  batches: LoggedBatch[];
  readonly evidence: string[];
  bytes: number;
  readonly bytesMax: number;
  flushAtMs: number;
  compactedAtMs: number;
  /** An append failed. */
  isBroken: boolean;
}

/** Entries in key order. They are never changed in place, so that copies share them. */
class Content {
  #entries: KvEntry[] = [];

  static of(entries: readonly KvEntry[]): Content {
    const content = new Content();
    content.#entries = [...entries];
    return content;
  }

  clone(): Content {
    return Content.of(this.#entries);
  }

  entries(): readonly KvEntry[] {
    return [...this.#entries];
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const entry = this.#entries[this.#lowerBound(key)];
    return entry !== undefined && equalBytes(entry.key, key) ? entry.value : undefined;
  }

  set(entry: KvEntry): void {
    const at = this.#lowerBound(entry.key);
    const present = this.#entries[at];
    if (present !== undefined && equalBytes(present.key, entry.key)) this.#entries[at] = entry;
    else this.#entries.splice(at, 0, entry);
  }

  delete(key: Uint8Array): void {
    const at = this.#lowerBound(key);
    const present = this.#entries[at];
    if (present !== undefined && equalBytes(present.key, key)) this.#entries.splice(at, 1);
  }

  apply(batch: KvBatch): void {
    for (let i = 0; i < batch.keys.length; i++) {
      const key = batch.keys[i];
      const value = batch.values[i] ?? null;
      if (key === undefined) continue;
      if (value === null) this.delete(key);
      else this.set({ key, value });
    }
  }

  scan(range: KeyRange, limits: ScanLimits): KvEntry[] {
    const found: KvEntry[] = [];
    let bytes = 0;
    for (let at = this.#lowerBound(range.from); at < this.#entries.length; at++) {
      const entry = this.#entries[at];
      if (entry === undefined || compareBytes(entry.key, range.to) >= 0) break;
      found.push({ key: Uint8Array.from(entry.key), value: Uint8Array.from(entry.value) });
      bytes += entry.key.length + entry.value.length;
      if (found.length >= limits.entriesMax || bytes >= limits.bytesMax) break;
    }
    return found;
  }

  pick(random: SeededRandom, keyspace: number): KvEntry | null {
    const first = this.#lowerBound(Uint8Array.of(keyspace));
    const end = this.#lowerBound(Uint8Array.of(keyspace + 1));
    return end === first ? null : (this.#entries[first + random.below(end - first)] ?? null);
  }

  #lowerBound(key: Uint8Array): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#entries[middle];
      if (entry !== undefined && compareBytes(entry.key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function copyOf(batch: KvBatch): KvBatch {
  const copy = new KvBatch();
  for (const [i, key] of batch.keys.entries()) {
    const value = batch.values[i] ?? null;
    if (value === null) copy.delete(Uint8Array.from(key));
    else copy.put(Uint8Array.from(key), Uint8Array.from(value));
  }
  return copy;
}

function bytesOf(batch: KvBatch): number {
  let bytes = BATCH_OVERHEAD_BYTES;
  for (let i = 0; i < batch.keys.length; i++) bytes += (batch.keys[i]?.length ?? 0) + (batch.values[i]?.length ?? 0);
  return bytes;
}

function closedError(): DataError {
  return new DataError('RING_STORE_UNAVAILABLE', 'the store is closed', { retryable: true });
}

function pickFrom(random: SeededRandom, entries: readonly KvEntry[]): KvEntry | null {
  return entries[random.below(Math.max(1, entries.length))] ?? null;
}

function noCounts() {
  return {
    osWrites: 0,
    fsyncs: 0,
    slowFsyncs: 0,
    rotations: 0,
    failedWrites: 0,
    writesAfterFailure: 0,
    batchesLostAfterFailure: 0,
    reopens: 0,
    reopenFailures: 0,
    processCrashes: 0,
    powerCuts: 0,
    inFlightKept: 0,
    inFlightLost: 0,
    batchesLostInPowerCut: 0,
    /** Power cuts that lost a batch though an fsynced one of a later log survived. */
    lostBeforeSynced: 0,
    bitFlips: 0,
    keyFlips: 0,
    logsDamaged: 0,
    logsTorn: 0,
    batchesLostInLog: 0,
    wipes: 0,
    restores: 0,
  };
}
