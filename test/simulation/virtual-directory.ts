/**
 * What is in the directory of a LevelDB: its tables, and the logs that are not tables yet. Why it exists: this, and
 * nothing of the process that has it open, is what a crash leaves behind.
 *
 *   append ─► newest log ─rotation─► old logs ─compaction─► tables            open: logs ─► tables, a new log
 *
 * Invariants
 *  D3  (F5) Logs are cut on their own: a batch without fsync can be lost though one of a later log survives.
 *  D6  Opening reads the logs into tables: all that an open finds is durable.
 *  And of D5: a log that was compacted before an open took its damage with it.
 */
import type { KvBatch, KvEntry } from '../../data/index.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { DiskChance } from './disk-chance.ts';
import type { DiskCounts } from './disk-counts.ts';
import { SortedContent } from './sorted-content.ts';
import { VirtualLog, type LogDamage } from './virtual-log.ts';
import type { VirtualWorld } from './virtual-time.ts';

/** What a directory needs of its disk. */
export interface DirectoryPorts {
  readonly world: VirtualWorld;
  readonly random: SeededRandom;
  readonly chance: DiskChance;
  readonly counts: DiskCounts;
}

export class VirtualDirectory {
  readonly #ports: DirectoryPorts;
  readonly #name: string;
  #tables = new SortedContent();
  #logs: VirtualLog[] = [];
  #nextLogNumber = 3;

  constructor(ports: DirectoryPorts, name: string) {
    this.#ports = ports;
    this.#name = name;
    this.#startLog();
  }

  /** Where this batch goes: the newest log, or a new one. */
  logFor(batch: KvBatch): VirtualLog {
    const { chance, counts, world } = this.#ports;
    const log = this.#logs.at(-1) ?? this.#startLog();
    if (log.takes(batch)) return log;
    counts.rotations++;
    log.compactedAtMs = world.nowMs + chance.compactionMs();
    this.compact();
    return this.#startLog();
  }

  /** Old logs whose time has come are tables now. */
  compact(): void {
    for (;;) {
      const [log] = this.#logs;
      if (log === undefined || log.compactedAtMs > this.#ports.world.nowMs) return;
      this.#logs.shift();
      log.compactInto(this.#tables);
    }
  }

  /** Nobody has it open, and no compaction goes on. */
  stopCompaction(): void {
    for (const log of this.#logs) log.compactedAtMs = Infinity;
  }

  /** What a check of the logs would find now. */
  get damageEvidence(): readonly string[] {
    return this.#logs.flatMap((log) => log.evidence);
  }

  /** What an open finds in tables and logs. */
  readBack(): SortedContent {
    const content = this.#tables.clone();
    for (const log of this.#logs) log.replayInto(content);
    return content;
  }

  /** D6. What a check of the logs before it would have found. */
  recover(): readonly string[] {
    const evidence = this.damageEvidence;
    for (const log of this.#logs) this.#ports.counts.batchesLostInLog += log.damagedBatches;
    this.#tables = this.readBack();
    this.#logs = [];
    this.#startLog();
    return evidence;
  }

  replace(entries: readonly KvEntry[]): void {
    this.#tables = SortedContent.of(entries);
    this.#logs = [];
    this.#startLog();
  }

  /** A power cut, D2 and D3. */
  loseVolatile(): void {
    const { counts, random, world } = this.#ports;
    let lostBefore = 0;
    for (const log of this.#logs) {
      if (lostBefore > 0 && log.holdsSynced) counts.lostBeforeSynced++;
      lostBefore += log.loseVolatile(random, world.nowMs);
    }
    counts.batchesLostInPowerCut += lostBefore;
    for (const log of this.#logs) log.settle();
  }

  /** D4. */
  forgetDoomed(): void {
    for (const log of this.#logs) this.#ports.counts.batchesLostAfterFailure += log.forgetDoomed();
  }

  /** Damages the newest log that holds something, D5. What it did; null when none does. */
  loseLogSuffix(random: SeededRandom, kind: LogDamage): string | null {
    this.compact();
    const log = this.#logs.findLast(({ holdsKept }) => holdsKept);
    if (log === undefined) return null;
    this.#ports.counts[kind === 'evident' ? 'logsDamaged' : 'logsTorn']++;
    return log.loseSuffix(random, kind);
  }

  replaceValue(entry: KvEntry, by: Uint8Array): void {
    this.#tables.replaceValue(entry, by);
    for (const log of this.#logs) log.replaceValue(entry, by);
  }

  /** Older values of the key are gone too: an entry that vanishes does not show what it covered. */
  replaceKey(entry: KvEntry, by: Uint8Array): void {
    this.#tables.replaceKey(entry, by);
    for (const log of this.#logs) log.replaceKey(entry, by);
  }

  #startLog(): VirtualLog {
    const log = new VirtualLog(`${this.#name}/${String(this.#nextLogNumber).padStart(6, '0')}.log`, this.#ports.chance);
    this.#nextLogNumber += 2;
    this.#logs.push(log);
    return log;
  }
}
