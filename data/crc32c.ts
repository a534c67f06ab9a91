/** CRC-32C (Castagnoli), the checksum of LevelDB's logs and tables. Vectors: RFC 3720, appendix B.4. */
import { crcOf, makeCrcTables } from './crc.ts';

const TABLES = makeCrcTables(0x82f63b78);
const MASK_DELTA = 0xa282ead8;

/** The checksum of `bytes[from, to)`, 0 ≤ result < 2³². `before`: the checksum of the bytes that precede. */
export function crc32c(bytes: Uint8Array, from = 0, to = bytes.length, before = 0): number {
  return crcOf(TABLES, bytes, from, to, before);
}

/** How LevelDB stores a checksum, so that one over bytes that hold checksums stays good. */
export function maskCrc(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}

export function unmaskCrc(masked: number): number {
  const rotated = (masked - MASK_DELTA) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}
