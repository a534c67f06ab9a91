/**
 * The disk of one node in the simulation, and LevelDB on it as FACTS describes it: what it keeps, and how it loses it.
 * Here is what a handle of the database and a fault do to it; what survives them is the directory.
 *
 *   write ─► in flight ─► live (what `get` sees)
 *                    └──► log: doomed | volatile | durable ─rotation─► old log ─compaction─► tables
 *
 *   virtual-kv.ts (of a process) ─► this disk ─► virtual-directory.ts (tables, logs) ─► virtual-log.ts
 *
 * Invariants: D2, D4 and D5 are kept by the log, D3 and D6 by the directory, D7 by VirtualKv, and here
 *  D1  (F6) A crash of the process loses nothing that a resolved write wrote. What was in flight may have happened.
 */
import { KvBatch, isIntact, type DataError, type Durability, type KvEntry, type RecordBytes } from '../../data/index.ts';
import { KEYSPACE, parseRecordKey } from '../../data/layout.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { DiskChance } from './disk-chance.ts';
import { DiskCounts } from './disk-counts.ts';
import { SortedContent } from './sorted-content.ts';
import { VirtualDirectory } from './virtual-directory.ts';
import { VirtualKv, ioError, type KvDisk } from './virtual-kv.ts';
import type { LogDamage } from './virtual-log.ts';
import type { VirtualProcess, VirtualWorld } from './virtual-time.ts';

const GHOST_PROBABILITY = 0.5;
const REOPEN_WHEN_FULL_FAILS_PROBABILITY = 0.7;

/** `full`: no space left. `io-error`, `full`: the batch may still be there later. `short-write`: it will not. */
export type WriteFailure = 'io-error' | 'full' | 'short-write';
export type CrashKind = 'process' | 'power';
/** A bit of a record's value, of its key, of a hint's value, of a meta value. */
export type FlipTarget = 'value' | 'key' | 'hint' | 'meta';

/** An old copy of the directory. */
export interface DiskSnapshot {
  readonly entries: readonly KvEntry[];
  readonly identity: unknown;
  readonly marker: unknown;
}

export interface DiskOptions {
  readonly trace?: (line: () => string) => void;
}

interface WriteInFlight {
  readonly batch: KvBatch;
  readonly durability: Durability;
  readonly failure: WriteFailure | null;
  readonly resolve: () => void;
  readonly reject: (error: DataError) => void;
}

export class VirtualDisk implements KvDisk {
  readonly name: string;
  readonly counts = new DiskCounts();
  /** For VirtualKv. */
  readonly chance: DiskChance;
  /** What the identity file holds; null when there is none. Opaque here. */
  identity: unknown = null;
  /** The file that says that the store is untrusted; null when there is none. Opaque here. */
  marker: unknown = null;
  /** What flips have made unreadable: the record that was last intact, by its database key (latin1). */
  readonly #flippedRecords = new Map<string, RecordBytes>();
  readonly #world: VirtualWorld;
  readonly #random: SeededRandom;
  readonly #trace: (line: () => string) => void;
  readonly #directory: VirtualDirectory;
  #live = new SortedContent();
  #opened: VirtualKv | null = null;
  #inFlight: WriteInFlight[] = [];
  #busyUntilMs = 0;
  #nextFailures: WriteFailure[] = [];
  #space: 'free' | 'full' = 'free';

  constructor(world: VirtualWorld, name: string, random: SeededRandom, options: DiskOptions = {}) {
    this.#world = world;
    this.name = name;
    this.#random = random;
    this.#trace = options.trace ?? (() => undefined);
    this.chance = new DiskChance(random, this.counts);
    this.#directory = new VirtualDirectory({ world, random, chance: this.chance, counts: this.counts }, name);
  }

  /** Opens the database for a process; ends an earlier handle as a crash of its process would. D6. */
  open(process: VirtualProcess): VirtualKv {
    this.crash('process');
    const kv = new VirtualKv(this, process);
    this.#opened = kv;
    kv.damageFound = this.recovered();
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
    this.#directory.compact();
    this.#settleInFlight();
    if (kind === 'power') this.#directory.loseVolatile();
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
    this.chance.setSlowFsync(fsync);
  }

  /** What a check of the logs would find now; the next open takes it away (and hands it on as `damageFound`). */
  get damageEvidence(): readonly string[] {
    return this.#directory.damageEvidence;
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
  loseLogSuffix(random: SeededRandom, kind: LogDamage = 'evident'): string | null {
    const what = this.#directory.loseLogSuffix(random, kind);
    if (what === null) return null;
    if (this.#opened === null) this.#live = this.#directory.readBack();
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
    this.#directory.compact();
    return { entries: this.#directory.readBack().entries(), identity: this.identity, marker: this.marker };
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
  get content(): SortedContent {
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
    this.#busyUntilMs = this.busyUntilMs + (durability === 'fsync' ? this.chance.fsyncMs() : this.chance.osWriteMs());
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
    this.#directory.compact();
    this.#directory.forgetDoomed();
    return 'open';
  }

  /** For VirtualKv: the logs are read into tables. What a check of them found. */
  recovered(): readonly string[] {
    const evidence = this.#directory.recover();
    this.#live = this.#directory.readBack();
    return evidence;
  }

  /** For VirtualKv: closed in order. */
  closed(kv: VirtualKv): void {
    if (this.#opened !== kv) return;
    this.#directory.compact();
    this.#ended();
  }

  /** Nobody has it open: no compaction goes on, and what is there is what the next open finds. */
  #ended(): void {
    this.#opened = null;
    this.#directory.forgetDoomed();
    this.#directory.stopCompaction();
    this.#live = this.#directory.readBack();
  }

  #finish(write: WriteInFlight): void {
    this.#inFlight.shift();
    const log = this.#directory.logFor(write.batch);
    const { nowMs } = this.#world;
    if (write.failure !== null) {
      this.counts.failedWrites++;
      if (write.failure !== 'short-write' && this.#random.isBelow(GHOST_PROBABILITY)) log.append(write.batch, 'os', nowMs);
      log.isBroken = true;
      write.reject(ioError('write', log.name, write.failure === 'full' ? 'No space left on device' : 'Input/output error'));
      return;
    }
    if (log.isBroken) this.counts.writesAfterFailure++;
    log.append(write.batch, write.durability, nowMs);
    this.#live.apply(write.batch);
    write.resolve();
  }

  /** D1: in their order, so that what is lost is a suffix. */
  #settleInFlight(): void {
    let isLost = false;
    for (const write of this.#inFlight.splice(0)) {
      isLost ||= write.failure !== null || this.#random.isBelow(0.5);
      this.counts[isLost ? 'inFlightLost' : 'inFlightKept']++;
      if (!isLost) this.#directory.logFor(write.batch).append(write.batch, 'os', this.#world.nowMs);
    }
    this.#busyUntilMs = 0;
  }

  #replace(entries: readonly KvEntry[], identity: unknown, marker: unknown): void {
    this.crash('process');
    this.#inFlight = [];
    this.identity = identity;
    this.marker = marker;
    this.#directory.replace(entries);
    this.#live = this.#directory.readBack();
  }

  /** The last intact record under a database key that a flip has hit, now or before; null when none did. */
  flippedRecord(databaseKey: Uint8Array): RecordBytes | null {
    return this.#flippedRecords.get(nameOf(databaseKey)) ?? null;
  }

  #noteFlip({ key, value }: KvEntry): void {
    if (key[0] === KEYSPACE.record && isIntact(parseRecordKey(key).key, value)) this.#flippedRecords.set(nameOf(key), value);
  }

  #flipValue(random: SeededRandom, entry: KvEntry, target: FlipTarget): string {
    this.#noteFlip(entry);
    const bit = random.below(entry.value.length * 8);
    const flipped = withBitFlipped(entry.value, bit);
    this.#live.replaceValue(entry, flipped);
    this.#directory.replaceValue(entry, flipped);
    this.counts.bitFlips++;
    return this.#damaged(`bit ${bit} of a ${target === 'value' ? 'record' : target} value, key ${Buffer.from(entry.key).toString('hex')}`);
  }

  #flipKey(random: SeededRandom, entry: KvEntry): string | null {
    const bit = 8 + random.below((entry.key.length - 1) * 8);
    const flipped = withBitFlipped(entry.key, bit);
    if (this.#live.get(flipped) !== undefined) return null;
    this.#noteFlip(entry);
    this.#live.replaceKey(entry, flipped);
    this.#directory.replaceKey(entry, flipped);
    this.counts.keyFlips++;
    return this.#damaged(`bit ${bit} of the key ${Buffer.from(entry.key).toString('hex')}, now ${Buffer.from(flipped).toString('hex')}`);
  }

  #damaged(what: string): string {
    this.#trace(() => `disk ${this.name}: flipped ${what}`);
    return what;
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

function nameOf(databaseKey: Uint8Array): string {
  return Buffer.from(databaseKey).toString('latin1');
}

function pickFrom(random: SeededRandom, entries: readonly KvEntry[]): KvEntry | null {
  return entries[random.below(Math.max(1, entries.length))] ?? null;
}

function withBitFlipped(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = Uint8Array.from(bytes);
  flipped[bit >>> 3] = (flipped[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
  return flipped;
}
