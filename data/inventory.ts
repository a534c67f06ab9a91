/**
 * What a node knows of what it stores without reading it: Merkle trees, hint counts, damaged keys. In memory only, so
 * counted anew by a scan after every start, from the first record to the last hint, slice by slice.
 *
 * Invariants
 *  I1  Trees and ledger account for exactly the keys below the cursor; a writer accounts for what it changes there
 *      (`isCounted`) and leaves what lies beyond to the scan. That holds because nothing is written while a slice is
 *      read and taken (data/store.ts, S1).
 *  I2  Damage met in a key that was counted starts the scan over: its digest can't be taken out of a tree any more.
 */
import { compareBytes, readU16 } from './bytes.ts';
import { HintLedger } from './hint-ledger.ts';
import { isNodeId, type Partition } from './identifiers.ts';
import { HINTS, KEYSPACE, RECORDS, keyAfter, parseHintKey, parseRecordKey, type KeyRange, type RecordKeyParts } from './layout.ts';
import { MerkleTrees } from './merkle.ts';
import type { KvEntry, ScanLimits } from './ordered-kv.ts';
import { stampOf } from './recent-records.ts';
import { isIntact, type RecordBytes } from './record.ts';
import { hintVersion } from './write-group.ts';

/** Where a key belongs. */
export interface KeyPlace {
  hashOf(key: Uint8Array): number;
  partitionOf(hash: number): Partition;
}

/** Damaged keys that are remembered, so that each is counted once. */
const DAMAGED_KEYS_MAX = 100_000;

export class Inventory {
  readonly trees: MerkleTrees;
  readonly ledger = new HintLedger();
  readonly #place: KeyPlace;
  readonly #report: (databaseKey: Uint8Array) => void;
  /** The scan has passed every key below this; null: all. */
  #cursor: Uint8Array | null = RECORDS.from;
  readonly #damaged = new Set<string>();
  #mustRestart = false;

  /** `report` is told of each damaged key once. */
  constructor(partitionCount: number, place: KeyPlace, report: (databaseKey: Uint8Array) => void) {
    this.trees = new MerkleTrees(partitionCount);
    this.#place = place;
    this.#report = report;
  }

  /** Whether trees and ledger account for all that is stored. */
  get isComplete(): boolean {
    return this.#cursor === null && !this.#mustRestart;
  }

  get damagedKeys(): number {
    return this.#damaged.size;
  }

  /** Database keys of damaged entries, at most so many. Those that were told go last: what can't be healed starves no other. */
  damagedList(countMax: number): readonly Uint8Array[] {
    const names: string[] = [];
    for (const name of this.#damaged) {
      if (names.length >= countMax) break;
      names.push(name);
    }
    for (const name of names) {
      this.#damaged.delete(name);
      this.#damaged.add(name);
    }
    return names.map((name) => Buffer.from(name, 'latin1'));
  }

  isCounted(databaseKey: Uint8Array): boolean {
    return this.#cursor === null || compareBytes(databaseKey, this.#cursor) < 0;
  }

  damageFound(databaseKey: Uint8Array): void {
    const name = nameOf(databaseKey);
    if (this.#damaged.has(name)) return;
    if (this.#damaged.size < DAMAGED_KEYS_MAX) this.#damaged.add(name);
    if (databaseKey[0] === KEYSPACE.record && this.isCounted(databaseKey)) this.#mustRestart = true;
    this.#report(databaseKey);
  }

  damageReplaced(databaseKey: Uint8Array): void {
    this.#damaged.delete(nameOf(databaseKey));
  }

  /** Intact, and where its key belongs: the checksum covers the key, but not the partition and hash before it. */
  isIntactAt(parts: RecordKeyParts, record: RecordBytes): boolean {
    return isIntact(parts.key, record) && this.#place.hashOf(parts.key) === parts.hash && this.#place.partitionOf(parts.hash) === parts.partition;
  }

  /** A hint that can be read, for a possible node, where its key belongs. */
  isHintIntact(databaseKey: Uint8Array, value: Uint8Array): boolean {
    if (!isNodeId(readU16(databaseKey, 1))) return false;
    const { partition, key } = parseHintKey(databaseKey);
    return key.length > 0 && hintVersion(key, value) !== null && this.#place.partitionOf(this.#place.hashOf(key)) === partition;
  }

  /** What was counted is wrong: the scan begins anew with its next slice, and not under one that is being read (I1). */
  recount(): void {
    this.#mustRestart = true;
  }

  /** Forgets what was counted. No slice may be in flight. */
  restart(): void {
    this.#mustRestart = false;
    this.#cursor = RECORDS.from;
    this.trees.clear();
    this.ledger.clearCounts();
  }

  /** What the scan reads next; null when it has passed everything. */
  nextRange(): KeyRange | null {
    if (this.#mustRestart && this.#cursor === null) this.restart();
    const from = this.#cursor;
    if (from === null) return null;
    return { from, to: from[0] === KEYSPACE.record ? RECORDS.to : HINTS.to };
  }

  /** Counts what was read of `nextRange` under these limits, and moves on. */
  take(range: KeyRange, entries: readonly KvEntry[], limits: ScanLimits): void {
    const isRecords = range.from[0] === KEYSPACE.record;
    for (const entry of entries) {
      if (isRecords) this.#countRecord(entry);
      else this.#countHint(entry);
    }
    this.#cursor = nextOf(entries, limits) ?? (isRecords ? HINTS.from : null);
  }

  #countRecord(entry: KvEntry): void {
    const parts = parseRecordKey(entry.key);
    if (!this.isIntactAt(parts, entry.value)) {
      this.damageFound(entry.key);
      return;
    }
    const { version, flags } = stampOf(entry.value);
    this.trees.add(parts.partition, parts.hash, parts.key, version, flags);
    // Met as damaged before, and right now: replaced after a scan had taken its snapshot, or misread once.
    if (this.#damaged.size > 0) this.damageReplaced(entry.key);
  }

  #countHint(entry: KvEntry): void {
    const target = readU16(entry.key, 1);
    if (isNodeId(target)) this.ledger.adjust(target, 1, entry.key.length + entry.value.length);
    if (!this.isHintIntact(entry.key, entry.value)) this.damageFound(entry.key);
  }
}

/** Where a scan that read these entries under these limits goes on; null when it has read all. */
export function nextOf(entries: readonly KvEntry[], limits: ScanLimits): Uint8Array | null {
  const last = entries.at(-1);
  if (last === undefined) return null;
  let bytes = 0;
  for (const entry of entries) bytes += entry.key.length + entry.value.length;
  return entries.length >= limits.entriesMax || bytes >= limits.bytesMax ? keyAfter(last.key) : null;
}

function nameOf(databaseKey: Uint8Array): string {
  return Buffer.from(databaseKey).toString('latin1');
}
