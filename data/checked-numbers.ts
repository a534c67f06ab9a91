/**
 * A few numbers as a meta value, under a checksum: u64 each, then the crc32 of the name and the numbers. A flipped bit in
 * a clock's ceiling would otherwise push the clock ahead, or let a version be issued twice.
 */
import { crc32 } from './crc32.ts';
import { readU32, readU64, writeU32, writeU64 } from './bytes.ts';

const NUMBER_BYTES = 8;
const CRC_BYTES = 4;

/** `numbers`: safe integers ≥ 0. */
export function encodeCheckedNumbers(name: string, numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(numbers.length * NUMBER_BYTES + CRC_BYTES);
  for (const [index, number] of numbers.entries()) writeU64(bytes, index * NUMBER_BYTES, number);
  writeU32(bytes, bytes.length - CRC_BYTES, checksum(name, bytes));
  return bytes;
}

/** null when the bytes are damaged, or were not written under this name. */
export function decodeCheckedNumbers(name: string, bytes: Uint8Array): readonly number[] | null {
  const count = (bytes.length - CRC_BYTES) / NUMBER_BYTES;
  if (!Number.isInteger(count) || count < 1 || readU32(bytes, bytes.length - CRC_BYTES) !== checksum(name, bytes)) return null;
  return Array.from({ length: count }, (_, index) => readU64(bytes, index * NUMBER_BYTES));
}

function checksum(name: string, bytes: Uint8Array): number {
  return crc32(bytes, 0, bytes.length - CRC_BYTES, crc32(Buffer.from(name)));
}
