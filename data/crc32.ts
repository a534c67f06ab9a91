/**
 * CRC-32 (ISO-HDLC, that of zlib), the checksum of records. What is short is faster here than the call into zlib.
 */
import { crc32 as nativeCrc32 } from 'node:zlib';
import { crcOf, makeCrcTables } from './crc.ts';

const TABLES = makeCrcTables(0xedb88320);
/** From so many bytes on zlib is the faster one. */
const NATIVE_BYTES_MIN = 256;

/** The checksum of `bytes[from, to)`, 0 ≤ result < 2³². `before`: the checksum of the bytes that precede. */
export function crc32(bytes: Uint8Array, from = 0, to = bytes.length, before = 0): number {
  return to - from < NATIVE_BYTES_MIN ? crcOf(TABLES, bytes, from, to, before) : nativeCrc32(bytes.subarray(from, to), before);
}
