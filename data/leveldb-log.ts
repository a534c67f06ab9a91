/**
 * LevelDB's log format, that of the write-ahead logs and of the MANIFEST: read without LevelDB, because LevelDB drops
 * what is damaged and says so nowhere but in a text file (ARCHITECTURE F3).
 *
 *   file    = blocks of 32 KiB, the last one shorter
 *   block   = records, then fewer than 7 bytes that mean nothing
 *   record  = crc32c of type and data, masked (4) · length (2) · type (1) · data; integers little-endian
 *   type    = 1 full, 2 first, 3 middle, 4 last: a logical record is one full, or first middle* last
 *
 * Invariants
 *  L1  Where LevelDB would use a record, `readLog` hands it out, and no other: a bad record ends its block.
 *  L2  Bad or missing bytes are a torn tail only when no record follows anywhere, at any offset. Otherwise damage: a
 *      power cut takes the end of a file, never its middle. Two exceptions, on the safe side: pages of one write that
 *      reached the disk in another order (a hole, then a record) are damage, too, and so is a value that holds a record
 *      of a log, in a record that is torn behind it.
 *  L3  Nothing follows, but the bad bytes are records to the last byte of the file by their headers, and no sector of
 *      them is all zeros: damage as well. A torn write lacks something, its end or sectors in its middle; to look whole
 *      it would have to have other bytes there that are not zeros, which only a file system does that shows what its
 *      blocks held before.
 *  L4  A fitting checksum is proof of a record that was written to this file: random bytes have one by chance once in
 *      2³² candidates. Bytes of an earlier log would have one as well, but LevelDB 1.20 begins each log as a new file, so
 *      they are there only where a file system shows what its blocks held before.
 *  L5  The search for records behind what is bad checksums no more than `SEARCH_BYTES_MAX`. Beyond that it is damage.
 */
import { crc32c, maskCrc } from './crc32c.ts';
import { readFixed32 } from './leveldb-numbers.ts';

export const LOG_BLOCK_BYTES = 32 * 1024;
export const LOG_HEADER_BYTES = 7;
const TYPE = { full: 1, first: 2, middle: 3, last: 4 } as const;

/**
 * A tenth of a second's checksums or so. Zeros and text need none of it, since no byte of theirs is a type; random bytes
 * need 1.4 MB a block, so that 1.4 MiB of them can be searched, much more than a power cut spoils.
 */
const SEARCH_BYTES_MAX = 64 * 1024 * 1024;
/** The least that a disk writes or does not write. */
const SECTOR_BYTES = 512;

export type LogCheck =
  | { readonly state: 'sound' }
  | { readonly state: 'torn-tail'; readonly offset: number }
  | { readonly state: 'damaged'; readonly offset: number; readonly reason: string };

/** Half-open range of bytes in a file. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

export interface LogReading {
  readonly check: LogCheck;
  /** What LevelDB skips: each from a bad record to the end of its block. */
  readonly unreadable: readonly ByteRange[];
}

export function checkLog(bytes: Uint8Array): LogCheck {
  return readLog(bytes, () => undefined).check;
}

/** Hands out every whole logical record with the offset of its first byte; `record` may be a view into `bytes`. */
export function readLog(bytes: Uint8Array, onRecord: (record: Uint8Array, offset: number) => void): LogReading {
  const reader = new LogReader(bytes, onRecord);
  for (let block = 0; block < bytes.length; block += LOG_BLOCK_BYTES) reader.readBlock(block);
  return reader.finish();
}

class LogReader {
  readonly #bytes: Uint8Array;
  readonly #onRecord: (record: Uint8Array, offset: number) => void;
  readonly #unreadable: ByteRange[] = [];
  #fault: { readonly offset: number; readonly reason: string } | null = null;
  #isFollowed = false;
  /** Where the first bytes lie that are not what was written; null where records merely do not fit together. */
  #badAt: number | null = null;
  #searchBytesLeft = SEARCH_BYTES_MAX;
  #fragments: Uint8Array[] = [];
  /** Where the logical record began whose fragments are being collected; null outside of one. */
  #begun: number | null = null;

  constructor(bytes: Uint8Array, onRecord: (record: Uint8Array, offset: number) => void) {
    this.#bytes = bytes;
    this.#onRecord = onRecord;
  }

  readBlock(block: number): void {
    const end = Math.min(block + LOG_BLOCK_BYTES, this.#bytes.length);
    // Fewer bytes than a header are padding in a whole block, and half a header at the end of the file.
    const stop = end === block + LOG_BLOCK_BYTES ? end - LOG_HEADER_BYTES + 1 : end;
    let at = block;
    while (at < stop) {
      const length = recordLengthAt(this.#bytes, at, end);
      if (length === null) {
        this.#skip(at, end);
        return;
      }
      this.#take(at, length);
      at += LOG_HEADER_BYTES + length;
    }
  }

  finish(): LogReading {
    if (this.#begun !== null) this.#fault ??= { offset: this.#begun, reason: 'a record has no end' };
    const fault = this.#fault;
    if (fault === null) return { check: { state: 'sound' }, unreadable: this.#unreadable };
    if (!this.#isFollowed && this.#badAt !== null && isWhole(this.#bytes, this.#badAt)) {
      return { check: { state: 'damaged', offset: fault.offset, reason: 'the last record is whole and wrong' }, unreadable: this.#unreadable };
    }
    const check: LogCheck = this.#isFollowed ? { state: 'damaged', ...fault } : { state: 'torn-tail', offset: fault.offset };
    return { check, unreadable: this.#unreadable };
  }

  /** L1, L2. */
  #skip(from: number, to: number): void {
    this.#fault ??= { offset: this.#begun ?? from, reason: 'records that cannot be read' };
    this.#badAt ??= from;
    this.#unreadable.push({ from, to });
    this.#forgetFragments();
    if (!this.#isFollowed) this.#isFollowed = this.#isRecordBehind(from, to);
  }

  /**
   * L2, L5. At any offset, since the length of the bad record may be what is bad. Records without data prove nothing:
   * seven bytes are soon the same by other means than chance.
   */
  #isRecordBehind(bad: number, end: number): boolean {
    for (let at = bad + 1; at + LOG_HEADER_BYTES < end; at++) {
      const length = claimedLengthAt(this.#bytes, at, end);
      if (length === null || length === 0) continue;
      if (length > this.#searchBytesLeft) {
        this.#fault = { offset: this.#fault?.offset ?? bad, reason: 'or may follow: there is too much to search' };
        return true;
      }
      this.#searchBytesLeft -= length;
      if (isChecksumGood(this.#bytes, at, length)) return true;
    }
    return false;
  }

  #take(at: number, length: number): void {
    if (this.#fault !== null) this.#isFollowed = true;
    const data = this.#bytes.subarray(at + LOG_HEADER_BYTES, at + LOG_HEADER_BYTES + length);
    const type = this.#bytes[at + 6];
    if (type === TYPE.full || type === TYPE.first) {
      // Writers of old left an empty first fragment at the end of a block; LevelDB forgives it, too.
      if (this.#begun !== null && this.#fragments.some((fragment) => fragment.length > 0)) this.#misfit(this.#begun, 'a record has no end');
      this.#forgetFragments();
      if (type === TYPE.full) this.#onRecord(data, at);
      else this.#begin(at, data);
      return;
    }
    if (this.#begun === null) {
      this.#misfit(at, 'a record has no beginning');
      return;
    }
    this.#fragments.push(data);
    if (type === TYPE.last) {
      const begun = this.#begun;
      const record = Buffer.concat(this.#fragments);
      this.#forgetFragments();
      this.#onRecord(record, begun);
    }
  }

  #begin(at: number, data: Uint8Array): void {
    this.#begun = at;
    this.#fragments = [data];
  }

  #forgetFragments(): void {
    this.#begun = null;
    this.#fragments = [];
  }

  /** The fragment that shows it is itself a record that follows. */
  #misfit(offset: number, reason: string): void {
    this.#fault ??= { offset, reason };
    this.#isFollowed = true;
  }
}

/** The length of the data of the good record at `at`, null where there is none that ends by `end`. */
function recordLengthAt(bytes: Uint8Array, at: number, end: number): number | null {
  const length = claimedLengthAt(bytes, at, end);
  return length !== null && isChecksumGood(bytes, at, length) ? length : null;
}

/** What the header at `at` says, null where it cannot be that of a record that ends by `end`. */
function claimedLengthAt(bytes: Uint8Array, at: number, end: number): number | null {
  if (at + LOG_HEADER_BYTES > end) return null;
  const type = bytes[at + 6] ?? 0;
  if (type < TYPE.full || type > TYPE.last) return null;
  const length = (bytes[at + 4] ?? 0) | ((bytes[at + 5] ?? 0) << 8);
  return at + LOG_HEADER_BYTES + length <= end ? length : null;
}

/** L3. Whether headers lead from `from` to the very end, and no sector on the way is empty. */
function isWhole(bytes: Uint8Array, from: number): boolean {
  let at = from;
  while (at < bytes.length) {
    const block = at - (at % LOG_BLOCK_BYTES) + LOG_BLOCK_BYTES;
    if (block - at < LOG_HEADER_BYTES) {
      at = block;
      continue;
    }
    const length = claimedLengthAt(bytes, at, Math.min(block, bytes.length));
    if (length === null) return false;
    at += LOG_HEADER_BYTES + length;
  }
  for (let sector = from - (from % SECTOR_BYTES) + SECTOR_BYTES; sector + SECTOR_BYTES <= bytes.length; sector += SECTOR_BYTES) {
    if (bytes.subarray(sector, sector + SECTOR_BYTES).every((byte) => byte === 0)) return false;
  }
  return at === bytes.length;
}

function isChecksumGood(bytes: Uint8Array, at: number, length: number): boolean {
  return maskCrc(crc32c(bytes, at + 6, at + LOG_HEADER_BYTES + length)) === readFixed32(bytes, at);
}
