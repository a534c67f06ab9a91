/**
 * Reflected 32-bit CRCs, slicing by 8: eight bytes a step through eight tables.
 * Source: Kounavis and Berry, "A Systematic Approach to Building High Performance Software-Based CRC Generators", 2005.
 */

/** Table `slice` begins at `slice * 256`: the crc of a byte followed by `slice` zero bytes. */
export type CrcTables = Uint32Array;

/** `polynomial`: reflected. */
export function makeCrcTables(polynomial: number): CrcTables {
  const tables = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? polynomial : 0);
    tables[byte] = crc;
  }
  for (let index = 256; index < tables.length; index++) {
    const shorter = tables[index - 256] ?? 0;
    tables[index] = (tables[shorter & 0xff] ?? 0) ^ (shorter >>> 8);
  }
  return tables;
}

/** The checksum of `bytes[from, to)`, 0 ≤ result < 2³². `before`: the checksum of the bytes that precede. */
export function crcOf(tables: CrcTables, bytes: Uint8Array, from: number, to: number, before: number): number {
  let crc = ~before;
  let at = from;
  for (const end = to - 7; at < end; at += 8) {
    const low = crc ^ word(bytes, at);
    const high = word(bytes, at + 4);
    crc =
      (tables[1792 + (low & 0xff)] ?? 0) ^
      (tables[1536 + ((low >>> 8) & 0xff)] ?? 0) ^
      (tables[1280 + ((low >>> 16) & 0xff)] ?? 0) ^
      (tables[1024 + (low >>> 24)] ?? 0) ^
      (tables[768 + (high & 0xff)] ?? 0) ^
      (tables[512 + ((high >>> 8) & 0xff)] ?? 0) ^
      (tables[256 + ((high >>> 16) & 0xff)] ?? 0) ^
      (tables[high >>> 24] ?? 0);
  }
  for (; at < to; at++) crc = (tables[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
}
