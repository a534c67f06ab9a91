/**
 * Entries in key order: what the tables of a directory hold, and what an open database shows. Why it exists: both are
 * read, written and copied in the same way, and a copy must be cheap, as each open and each snapshot makes one.
 *
 * Invariant: entries are never changed in place, so that copies share them, and a value is known by its identity.
 */
import { compareBytes, equalBytes, type KeyRange, type KvBatch, type KvEntry, type ScanDirection, type ScanLimits } from '../../data/index.ts';
import type { SeededRandom } from '../support/seeded-random.ts';

export class SortedContent {
  #entries: KvEntry[] = [];

  static of(entries: readonly KvEntry[]): SortedContent {
    const content = new SortedContent();
    content.#entries = [...entries];
    return content;
  }

  clone(): SortedContent {
    return SortedContent.of(this.#entries);
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

  /** Another value in the place of this one; nothing when the key has another by now. */
  replaceValue({ key, value }: KvEntry, by: Uint8Array): void {
    if (this.get(key) === value) this.set({ key, value: by });
  }

  /** The entry moves to another key. A newer value of its key goes, and moves nowhere. */
  replaceKey({ key, value }: KvEntry, by: Uint8Array): void {
    if (this.get(key) === value) this.set({ key: by, value });
    this.delete(key);
  }

  scan(range: KeyRange, limits: ScanLimits, direction: ScanDirection = 'forward'): KvEntry[] {
    const found: KvEntry[] = [];
    let bytes = 0;
    const [first, end] = [this.#lowerBound(range.from), this.#lowerBound(range.to)];
    for (let count = 0; count < end - first; count++) {
      const entry = this.#entries[direction === 'forward' ? first + count : end - 1 - count];
      if (entry === undefined) break;
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
