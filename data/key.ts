/** Keys: their limits, and the hash that places them. */
import xxhash from 'xxhash-wasm';
import { DataError } from './errors.ts';
import { partition, type Partition } from './identifiers.ts';

export const KEY_BYTES_MAX = 1024;
export const VALUE_BYTES_MAX = 1_048_576;

const { h32Raw } = await xxhash();

/** XXH32 of the key's bytes. */
export function hashKey(key: Uint8Array, seed: number): number {
  return h32Raw(key, seed);
}

export function partitionOfHash(hash: number, partitionCount: number): Partition {
  return partition(hash % partitionCount);
}

/** Throws `RING_KEY_INVALID` unless the key has 1 to 1,024 bytes. */
export function checkKey(key: Uint8Array): void {
  if (key.length === 0 || key.length > KEY_BYTES_MAX) {
    throw new DataError('RING_KEY_INVALID', `a key has 1 to ${KEY_BYTES_MAX} bytes, this one has ${key.length}`);
  }
}

/** Throws `RING_VALUE_TOO_LARGE` beyond 1 MiB. */
export function checkValue(value: Uint8Array): void {
  if (value.length > VALUE_BYTES_MAX) {
    throw new DataError('RING_VALUE_TOO_LARGE', `a value has at most ${VALUE_BYTES_MAX} bytes, this one has ${value.length}`);
  }
}
