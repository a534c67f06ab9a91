/**
 * One log of a directory: the batches that were appended to it, and what would become of each if the machine stopped
 * now. Why it exists: all that a LevelDB loses, it loses from a log; each rule of loss is one question to one log.
 *
 *   append ─► [ synced or flushed: durable | volatile ]      behind a failed append: doomed      under damage: damaged
 *
 * Invariants
 *  D2  (F6) A power cut keeps of each log all up to its last fsynced batch, and a chosen prefix of the rest. The kernel
 *      writes a log out `flushMs` after it was first dirty; a batch survives wholly or not at all.
 *  D4  (F1) After a failed append the log takes nothing more that can be read again, and says so to nobody: later
 *      writes resolve and are seen, and are lost at the next open. The failed batch itself may come back.
 *  D5  (F3) Damage in a log takes batches from some point on away at the next open, without an error. `evidence` is what
 *      a check of the log before that open would see; a torn tail leaves none.
 */
import { equalBytes, type Durability, type KvBatch, type KvEntry } from '../../data/index.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { DiskChance } from './disk-chance.ts';
import type { SortedContent } from './sorted-content.ts';

const BATCH_OVERHEAD_BYTES = 12;

/** `torn tail`: the last batch only, and no evidence. */
export type LogDamage = 'evident' | 'torn tail';

interface LoggedBatch {
  readonly batch: KvBatch;
  /** `doomed`: behind a failed append, D4. `damaged`: on disk, and not to be read, D5. */
  fate: 'kept' | 'doomed' | 'damaged';
  isSynced: boolean;
  /** From then on the kernel has written it out. */
  readonly flushAtMs: number;
}

export class VirtualLog {
  readonly name: string;
  readonly evidence: string[] = [];
  /** An append failed. */
  isBroken = false;
  compactedAtMs = Infinity;
  readonly #chance: DiskChance;
  readonly #bytesMax: number;
  #batches: LoggedBatch[] = [];
  #bytes = 0;
  #flushAtMs = 0;

  constructor(name: string, chance: DiskChance) {
    this.name = name;
    this.#chance = chance;
    this.#bytesMax = chance.logBytesMax();
  }

  /** D4: a broken log is not left before the next open. */
  takes(batch: KvBatch): boolean {
    return this.isBroken || this.#bytes === 0 || this.#bytes + bytesOf(batch) <= this.#bytesMax;
  }

  append(batch: KvBatch, durability: Durability, nowMs: number): void {
    if (durability === 'os' && this.#flushAtMs <= nowMs) this.#flushAtMs = nowMs + this.#chance.flushMs();
    this.#bytes += bytesOf(batch);
    this.#batches.push({ batch, fate: this.isBroken ? 'doomed' : 'kept', isSynced: false, flushAtMs: this.#flushAtMs });
    if (durability === 'os') return;
    for (let i = this.#batches.length - 1; i >= 0; i--) {
      const logged = this.#batches[i];
      if (logged === undefined || logged.isSynced) break;
      logged.isSynced = true;
    }
  }

  /** Whether a batch that an open would read is in it. */
  get holdsKept(): boolean {
    return this.#batches.some(({ fate }) => fate === 'kept');
  }

  get holdsSynced(): boolean {
    return this.#batches.some(({ isSynced, fate }) => isSynced && fate === 'kept');
  }

  get damagedBatches(): number {
    return this.#batches.filter(({ fate }) => fate === 'damaged').length;
  }

  /** D5, of a log that holds something. What it did. */
  loseSuffix(random: SeededRandom, kind: LogDamage): string {
    const kept = this.#batches.filter(({ fate }) => fate === 'kept');
    const lost = kind === 'torn tail' ? kept.slice(-1) : kept.slice(random.below(kept.length));
    for (const batch of lost) batch.fate = 'damaged';
    const what = `${this.name}: checksum mismatch, ${lost.length} batches`;
    if (kind === 'evident') this.evidence.push(what);
    return what;
  }

  /** D2. How many batches. */
  loseVolatile(random: SeededRandom, nowMs: number): number {
    const firstVolatile = this.#batches.findIndex(({ isSynced, flushAtMs }) => !isSynced && flushAtMs > nowMs);
    if (firstVolatile < 0) return 0;
    const kept = firstVolatile + random.below(this.#batches.length - firstVolatile + 1);
    return this.#batches.splice(kept).length;
  }

  /** All that is left is on the disk itself. */
  settle(): void {
    for (const logged of this.#batches) logged.isSynced = true;
  }

  /** D4. How many batches. */
  forgetDoomed(): number {
    const kept = this.#batches.filter(({ fate }) => fate !== 'doomed');
    const forgotten = this.#batches.length - kept.length;
    this.#batches = kept;
    return forgotten;
  }

  /** What an open reads from it. */
  replayInto(content: SortedContent): void {
    for (const { batch, fate } of this.#batches) if (fate === 'kept') content.apply(batch);
  }

  /** Its batches come from memory: damage to the file is no matter. */
  compactInto(content: SortedContent): void {
    for (const { batch } of this.#batches) content.apply(batch);
  }

  replaceValue({ value }: KvEntry, by: Uint8Array): void {
    for (const { batch } of this.#batches) {
      const at = batch.values.indexOf(value);
      if (at >= 0) batch.values[at] = by;
    }
  }

  /** Other values of the key are gone too. */
  replaceKey({ key, value }: KvEntry, by: Uint8Array): void {
    for (const { batch } of this.#batches) {
      for (const [at, present] of batch.keys.entries()) {
        if (!equalBytes(present, key)) continue;
        if (batch.values[at] === value) batch.keys[at] = by;
        else batch.values[at] = null;
      }
    }
  }
}

function bytesOf(batch: KvBatch): number {
  let bytes = BATCH_OVERHEAD_BYTES;
  for (let i = 0; i < batch.keys.length; i++) bytes += (batch.keys[i]?.length ?? 0) + (batch.values[i]?.length ?? 0);
  return bytes;
}
