/**
 * The memory twin of LevelKv: a sorted array of blocks. Passes the same contract suite, keeps nothing on disk.
 */
import { compareBytes } from './bytes.ts';
import { DataError } from './errors.ts';
import type { KeyRange } from './layout.ts';
import type { Durability, KvBatch, KvEntry, OrderedKv, ScanDirection, ScanLimits } from './ordered-kv.ts';

/** A block is split in two when it grows beyond this; inserting moves at most so many entries. */
const BLOCK_ENTRIES_MAX = 512;

export class MemoryKv implements OrderedKv {
  /** Non-empty blocks in key order, entries in key order within them. */
  #blocks: KvEntry[][] = [];
  #open = true;

  get(key: Uint8Array): Uint8Array | undefined {
    this.#checkOpen();
    const block = this.#blocks[this.#blockOf(key)];
    const index = block === undefined ? -1 : lowerBound(block, key);
    const entry = block?.[index];
    return entry !== undefined && compareBytes(entry.key, key) === 0 ? Uint8Array.from(entry.value) : undefined;
  }

  async write(batch: KvBatch, _durability: Durability): Promise<void> {
    this.#checkOpen();
    for (const [index, key] of batch.keys.entries()) {
      const value = batch.values[index] ?? null;
      if (value === null) this.#remove(key);
      else this.#set({ key: Uint8Array.from(key), value: Uint8Array.from(value) });
    }
  }

  async scan(range: KeyRange, limits: ScanLimits, direction: ScanDirection = 'forward'): Promise<readonly KvEntry[]> {
    this.#checkOpen();
    return direction === 'forward' ? this.#scanUp(range, limits) : this.#scanDown(range, limits);
  }

  #scanUp(range: KeyRange, limits: ScanLimits): readonly KvEntry[] {
    const found: KvEntry[] = [];
    let bytes = 0;
    const first = Math.max(0, this.#blockOf(range.from));
    for (let b = first; b < this.#blocks.length; b++) {
      const block = this.#blocks[b] ?? [];
      for (let i = b === first ? lowerBound(block, range.from) : 0; i < block.length; i++) {
        const entry = block[i];
        if (entry === undefined || compareBytes(entry.key, range.to) >= 0) return found;
        found.push({ key: Uint8Array.from(entry.key), value: Uint8Array.from(entry.value) });
        bytes += entry.key.length + entry.value.length;
        if (found.length >= limits.entriesMax || bytes >= limits.bytesMax) return found;
      }
    }
    return found;
  }

  #scanDown(range: KeyRange, limits: ScanLimits): readonly KvEntry[] {
    const found: KvEntry[] = [];
    let bytes = 0;
    const last = this.#blockOf(range.to);
    for (let b = last; b >= 0; b--) {
      const block = this.#blocks[b] ?? [];
      for (let i = (b === last ? lowerBound(block, range.to) : block.length) - 1; i >= 0; i--) {
        const entry = block[i];
        if (entry === undefined || compareBytes(entry.key, range.from) < 0) return found;
        found.push({ key: Uint8Array.from(entry.key), value: Uint8Array.from(entry.value) });
        bytes += entry.key.length + entry.value.length;
        if (found.length >= limits.entriesMax || bytes >= limits.bytesMax) return found;
      }
    }
    return found;
  }

  async reopen(): Promise<void> {
    this.#checkOpen();
  }

  async close(): Promise<void> {
    this.#open = false;
  }

  /** A new handle on the same entries, which a process gets when it starts again; this one is closed by it. */
  restarted(): MemoryKv {
    const next = new MemoryKv();
    next.#blocks = this.#blocks;
    this.#blocks = [];
    this.#open = false;
    return next;
  }

  #checkOpen(): void {
    if (!this.#open) throw new DataError('RING_STORE_UNAVAILABLE', 'the store is closed', { retryable: true });
  }

  /** The last block whose first key is not after `key`; -1 when there is none. */
  #blockOf(key: Uint8Array): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const start = this.#blocks[middle]?.[0];
      if (start !== undefined && compareBytes(start.key, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #set(entry: KvEntry): void {
    const at = Math.max(0, this.#blockOf(entry.key));
    const block = this.#blocks[at];
    if (block === undefined) {
      this.#blocks.push([entry]);
      return;
    }
    const index = lowerBound(block, entry.key);
    const present = block[index];
    if (present !== undefined && compareBytes(present.key, entry.key) === 0) {
      block[index] = entry;
      return;
    }
    block.splice(index, 0, entry);
    if (block.length > BLOCK_ENTRIES_MAX) this.#blocks.splice(at + 1, 0, block.splice(block.length >>> 1));
  }

  #remove(key: Uint8Array): void {
    const at = this.#blockOf(key);
    const block = this.#blocks[at];
    if (block === undefined) return;
    const index = lowerBound(block, key);
    const entry = block[index];
    if (entry === undefined || compareBytes(entry.key, key) !== 0) return;
    block.splice(index, 1);
    if (block.length === 0) this.#blocks.splice(at, 1);
  }
}

/** The index of the first entry that is not before `key`. */
function lowerBound(block: readonly KvEntry[], key: Uint8Array): number {
  let low = 0;
  let high = block.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const entry = block[middle];
    if (entry !== undefined && compareBytes(entry.key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
