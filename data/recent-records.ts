/**
 * Records that were committed or read lately, in front of LevelDB: a write asks for the version that it replaces, a read
 * for the record, or for its version when it only confirms. Memory is a ring of entries in one array, so it costs the
 * garbage collector nothing and is bounded in bytes.
 *
 *   arena   entry · entry · entry …, oldest overwritten first. An entry, padded to 32-bit words:
 *           hash (word) · sizes (word) · key · the record, or of a large one only its beginning up to the version
 *   sizes   bytes of the key (12 bits) · of what is there of the record (12) · forgotten (1)
 *   table   buckets of WAYS positions in the arena, plus one; 0 is empty. A full bucket drops one of its own
 *
 * Invariants
 *  C1  What is found was set last for exactly this key: keys are compared, not only their hashes.
 *  C2  The arena doubles as it fills, up to `bytesMax`, and the table with it, to a quarter of that.
 *
 * What an entry says is the caller's to keep true (data/store.ts, S8).
 */
import { isTombstone, FLAG_TOMBSTONE, RECORD_STAMP_BYTES, versionOf, type RecordBytes } from './record.ts';
import type { Version } from './version.ts';

/** A record's version and flags: all of it that decides which record stays. */
export interface Stamp {
  readonly version: Version;
  readonly flags: number;
}

const WAYS = 8;
const WORD_BYTES = 4;
const HEADER_BYTES = 2 * WORD_BYTES;
const FIRST_BYTES = 64 * 1024;
/** The table has a position for so many bytes of the arena; hardly an entry has fewer than twice that. */
const TABLE_SHARE = 16;
/** A larger record is remembered by its stamp alone. */
const RECORD_BYTES_MAX = 1024;
const SIZE_MASK = 0xfff;
const RECORD_SIZE_SHIFT = 12;
/** No longer in the table: an entry that must not come back when the table is built anew. */
const FORGOTTEN = 1 << 24;

export class RecentRecords {
  readonly #wordsMax: number;
  #words = new Uint32Array(0);
  #bytes = Buffer.alloc(0);
  #table = new Int32Array(0);
  /** Where the next entry goes, in words. */
  #head = 0;
  /** What is left of the lap before this one: from `tail` to `end`. */
  #tail = 0;
  #end = 0;

  /** 0 keeps nothing. */
  constructor(bytesMax: number) {
    this.#wordsMax = Math.floor(bytesMax / WORD_BYTES);
    this.#allocate(Math.min(this.#wordsMax, FIRST_BYTES / WORD_BYTES));
  }

  /** `hash`: an unsigned 32-bit hash of the key, the same for every call. */
  stampOf(hash: number, key: Uint8Array): Stamp | null {
    const at = this.#at(this.#slotOf(hash, key));
    if (at < 0) return null;
    const start = at * WORD_BYTES + HEADER_BYTES + key.length;
    return stampOf(this.#bytes.subarray(start, start + RECORD_STAMP_BYTES));
  }

  /** A copy; null also when only the stamp is there. */
  recordOf(hash: number, key: Uint8Array): RecordBytes | null {
    const at = this.#at(this.#slotOf(hash, key));
    if (at < 0) return null;
    const size = recordSizeIn(this.#words[at + 1] ?? 0);
    if (size === RECORD_STAMP_BYTES) return null;
    const start = at * WORD_BYTES + HEADER_BYTES + key.length;
    const record = Buffer.allocUnsafe(size);
    this.#bytes.copy(record, 0, start, start + size);
    return record;
  }

  set(hash: number, key: Uint8Array, record: RecordBytes): void {
    const size = record.length <= RECORD_BYTES_MAX ? record.length : RECORD_STAMP_BYTES;
    const slot = this.#slotOf(hash, key);
    let at = this.#at(slot);
    if (at >= 0 && recordSizeIn(this.#words[at + 1] ?? 0) !== size) {
      this.#forget(slot);
      at = -1;
    }
    if (at < 0) at = this.#append(hash, key, size);
    if (at < 0) return;
    this.#bytes.set(size === record.length ? record : record.subarray(0, size), at * WORD_BYTES + HEADER_BYTES + key.length);
  }

  delete(hash: number, key: Uint8Array): void {
    const slot = this.#slotOf(hash, key);
    if (slot >= 0) this.#forget(slot);
  }

  clear(): void {
    this.#table.fill(0);
    this.#head = 0;
    this.#tail = 0;
    this.#end = 0;
  }

  /** What it takes in memory now. */
  get bytes(): number {
    return this.#bytes.length + this.#table.byteLength;
  }

  #at(slot: number): number {
    return slot < 0 ? -1 : (this.#table[slot] ?? 0) - 1;
  }

  /** The place in the table that leads to the key's entry; -1 when there is none. */
  #slotOf(hash: number, key: Uint8Array): number {
    const bucket = this.#bucketOf(hash);
    for (let slot = bucket; slot < bucket + WAYS; slot++) {
      const position = this.#table[slot] ?? 0;
      if (position !== 0 && this.#words[position - 1] === hash && this.#isKeyAt(position - 1, key)) return slot;
    }
    return -1;
  }

  /** The table's length is a power of two; a bucket is WAYS neighbours. */
  #bucketOf(hash: number): number {
    return (Math.imul(hash, 0x9e3779b1) >>> 8) & (this.#table.length - 1) & ~(WAYS - 1);
  }

  #isKeyAt(at: number, key: Uint8Array): boolean {
    if (((this.#words[at + 1] ?? 0) & SIZE_MASK) !== key.length) return false;
    const start = at * WORD_BYTES + HEADER_BYTES;
    for (let index = 0; index < key.length; index++) if (this.#bytes[start + index] !== key[index]) return false;
    return true;
  }

  /** A new entry without its record, in the arena and in the table; -1 when it is too large for the arena. */
  #append(hash: number, key: Uint8Array, recordSize: number): number {
    const sizes = key.length | (recordSize << RECORD_SIZE_SHIFT);
    const words = wordsOf(sizes);
    if (words > this.#wordsMax) return -1;
    while (this.#head + words > this.#words.length && this.#words.length < this.#wordsMax) this.#grow();
    if (this.#head + words > this.#words.length) this.#wrap();
    while (this.#tail < this.#end && this.#tail < this.#head + words) this.#evict();
    const at = this.#head;
    this.#head += words;
    this.#words[at] = hash;
    this.#words[at + 1] = sizes;
    this.#bytes.set(key, at * WORD_BYTES + HEADER_BYTES);
    this.#link(hash, at);
    return at;
  }

  #link(hash: number, at: number): void {
    const bucket = this.#bucketOf(hash);
    let slot = bucket + (at & (WAYS - 1));
    for (let way = bucket; way < bucket + WAYS; way++) {
      if (this.#table[way] === 0) slot = way;
    }
    this.#forget(slot);
    this.#table[slot] = at + 1;
  }

  #forget(slot: number): void {
    const at = this.#at(slot);
    if (at < 0) return;
    this.#words[at + 1] = (this.#words[at + 1] ?? 0) | FORGOTTEN;
    this.#table[slot] = 0;
  }

  /** Forgets the oldest entry. */
  #evict(): void {
    const at = this.#tail;
    this.#tail += wordsOf(this.#words[at + 1] ?? 0);
    const bucket = this.#bucketOf(this.#words[at] ?? 0);
    for (let slot = bucket; slot < bucket + WAYS; slot++) {
      if (this.#table[slot] === at + 1) this.#table[slot] = 0;
    }
  }

  /** The next lap: what this one holds is the oldest now. */
  #wrap(): void {
    while (this.#tail < this.#end) this.#evict();
    this.#tail = 0;
    this.#end = this.#head;
    this.#head = 0;
  }

  /** Only in the first lap, so positions stay as they are. */
  #grow(): void {
    const [words, used] = [this.#words, this.#head];
    this.#allocate(Math.min(this.#wordsMax, words.length * 2));
    this.#words.set(words.subarray(0, used));
    for (let at = 0; at < used; at += wordsOf(words[at + 1] ?? 0)) {
      if (((words[at + 1] ?? 0) & FORGOTTEN) === 0) this.#link(words[at] ?? 0, at);
    }
  }

  #allocate(words: number): void {
    this.#words = new Uint32Array(words);
    this.#bytes = Buffer.from(this.#words.buffer);
    this.#table = new Int32Array(Math.max(WAYS, powerOfTwoFrom(this.#bytes.length / TABLE_SHARE)));
  }
}

/** Takes a record, or its beginning up to the version. */
export function stampOf(record: RecordBytes): Stamp {
  return { version: versionOf(record), flags: isTombstone(record) ? FLAG_TOMBSTONE : 0 };
}

function recordSizeIn(sizes: number): number {
  return (sizes >>> RECORD_SIZE_SHIFT) & SIZE_MASK;
}

function wordsOf(sizes: number): number {
  return Math.ceil((HEADER_BYTES + (sizes & SIZE_MASK) + recordSizeIn(sizes)) / WORD_BYTES);
}

function powerOfTwoFrom(least: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, least)));
}
