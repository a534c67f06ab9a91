/** Keys and values of a load. */
import { randomBytes } from 'node:crypto';

/** So many keys are kept once they were made; the others are made anew each time. */
const KEYS_KEPT_MAX = 262_144;
/** Values are cut out of this many bytes, at this many places. */
const NOISE_BYTES = 1 << 20;
const VALUES = 1_024;

/** Key number `index`, `bytes` long or as long as its number needs. */
export function keyOf(index: number, bytes: number): Buffer {
  return Buffer.from(`k${index}`.padEnd(bytes, '.'));
}

/** The least `bytes` with which all of so many keys are equally long. */
export function keyBytesLeast(records: number): number {
  return `k${records}`.length;
}

export class KeyTable {
  readonly #bytes: number;
  readonly #kept: (Buffer | undefined)[];

  constructor(records: number, bytes: number) {
    this.#bytes = bytes;
    this.#kept = Array.from({ length: Math.min(records, KEYS_KEPT_MAX) });
  }

  key(index: number): Buffer {
    if (index >= this.#kept.length) return keyOf(index, this.#bytes);
    return (this.#kept[index] ??= keyOf(index, this.#bytes));
  }
}

/** Values that do not compress. */
export class ValueTable {
  readonly #values: readonly Buffer[];
  #next = 0;

  constructor(bytes: number) {
    const noise = randomBytes(NOISE_BYTES + bytes);
    const step = NOISE_BYTES / VALUES;
    this.#values = Array.from({ length: VALUES }, (_, index) => noise.subarray(index * step, index * step + bytes));
  }

  next(): Buffer {
    this.#next = (this.#next + 1) % VALUES;
    return this.#values[this.#next] ?? Buffer.alloc(0);
  }
}
