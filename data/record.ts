/**
 * A record as it lies on disk and travels between nodes: one byte array that is never taken apart on the way.
 *
 *   offset  0       1      2 … 13        14 … 17   18 …
 *           format  flags  version (12)  crc32     value
 *
 * crc32 (ISO-HDLC, as in zlib) covers key, format, flags, version and value, in that order. The key is not part of
 * the array; it is covered so that a value can never be read under another key (ARCHITECTURE F2: LevelDB does not check).
 */
import { readU32, writeU32 } from './bytes.ts';
import { crc32 } from './crc32.ts';
import { RECORD_HEADER_BYTES } from './record-layout.ts';
import { VERSION_BYTES, isVersionAt, readVersion, writeVersion, type Version } from './version.ts';

/** The encoded form described above. */
export type RecordBytes = Uint8Array;

export const RECORD_FORMAT = 1;
export const FLAG_TOMBSTONE = 1;
const VERSION_OFFSET = 2;
const CRC_OFFSET = VERSION_OFFSET + VERSION_BYTES;
/** Format, flags and version. */
export const RECORD_STAMP_BYTES = CRC_OFFSET;

/** `value` null makes a tombstone. */
export function encodeRecord(key: Uint8Array, version: Version, value: Uint8Array | null): RecordBytes {
  const record = Buffer.allocUnsafe(RECORD_HEADER_BYTES + (value === null ? 0 : value.length));
  record[0] = RECORD_FORMAT;
  record[1] = value === null ? FLAG_TOMBSTONE : 0;
  writeVersion(record, VERSION_OFFSET, version);
  if (value !== null) record.set(value, RECORD_HEADER_BYTES);
  writeU32(record, CRC_OFFSET, checksum(key, record));
  return record;
}

/** False when the record is damaged: too short, of an unknown format or flag, or with a checksum that does not fit. */
export function isIntact(key: Uint8Array, record: RecordBytes): boolean {
  return (
    record.length >= RECORD_HEADER_BYTES &&
    record[0] === RECORD_FORMAT &&
    ((record[1] ?? 0) & ~FLAG_TOMBSTONE) === 0 &&
    readU32(record, CRC_OFFSET) === checksum(key, record) &&
    isVersionAt(record, VERSION_OFFSET) &&
    (!isTombstone(record) || record.length === RECORD_HEADER_BYTES)
  );
}

/** The accessors below take an intact record. */
export function versionOf(record: RecordBytes): Version {
  return readVersion(record, VERSION_OFFSET);
}

export function versionBytesOf(record: RecordBytes): Uint8Array {
  return record.subarray(VERSION_OFFSET, VERSION_OFFSET + VERSION_BYTES);
}

export function isTombstone(record: RecordBytes): boolean {
  return ((record[1] ?? 0) & FLAG_TOMBSTONE) !== 0;
}

/** A view, not a copy; null for a tombstone. */
export function valueOf(record: RecordBytes): Uint8Array | null {
  return isTombstone(record) ? null : record.subarray(RECORD_HEADER_BYTES);
}

function checksum(key: Uint8Array, record: RecordBytes): number {
  return crc32(record, RECORD_HEADER_BYTES, record.length, crc32(record, 0, CRC_OFFSET, crc32(key)));
}
