/** LevelDB's integers: fixed ones are little-endian; a varint has seven bits a byte, the lowest first, the top bit says that more follow. */

const VARINT_BYTES_MAX = 10;

export interface Varint {
  readonly value: number;
  /** Where the next thing begins. */
  readonly next: number;
}

/** null where there is no whole one, or one beyond the safe integers. */
export function readVarint(bytes: Uint8Array, at: number): Varint | null {
  let value = 0;
  let factor = 1;
  for (let next = at; next < bytes.length && next < at + VARINT_BYTES_MAX; next++) {
    const byte = bytes[next] ?? 0;
    value += (byte & 0x7f) * factor;
    if (!Number.isSafeInteger(value)) return null;
    if (byte < 0x80) return { value, next: next + 1 };
    factor *= 128;
  }
  return null;
}

/** Four bytes; those beyond the end count as 0. */
export function readFixed32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0;
}
