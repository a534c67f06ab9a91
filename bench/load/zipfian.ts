/**
 * Zipf's distribution over ranks 0 … n−1: the weight of rank i is 1 / (i+1)^0.99.
 *
 * Gray et al., "Quickly Generating Billion-Record Synthetic Databases", SIGMOD 1994, section 3.2: one random number
 * and one power per rank. Ranks 0 and 1 come out exactly; the others are an approximation whose sums are close. YCSB
 * uses the same method and the same constant.
 */
import type { SeededRandom } from './random.ts';

export const ZIPFIAN_CONSTANT = 0.99;

const ALPHA = 1 / (1 - ZIPFIAN_CONSTANT);
const WEIGHT_OF_SECOND = 0.5 ** ZIPFIAN_CONSTANT;

export class ZipfianRanks {
  readonly #random: SeededRandom;
  #count = 0;
  /** The sum of all weights. */
  #zeta: number;
  #eta = 0;

  /** `zeta`: the sum of the weights of `count` ranks, where it is known; to add it up takes long for very many. */
  constructor(random: SeededRandom, count: number, zeta: number | null = null) {
    this.#random = random;
    this.#zeta = zeta ?? 0;
    if (zeta === null) this.grow(count);
    else this.#resize(count);
  }

  /** From now on over `count` ranks, no fewer than before. */
  grow(count: number): void {
    if (count === this.#count) return;
    for (let rank = this.#count; rank < count; rank++) this.#zeta += 1 / (rank + 1) ** ZIPFIAN_CONSTANT;
    this.#resize(count);
  }

  next(): number {
    const point = this.#random.next();
    const weight = point * this.#zeta;
    if (weight < 1) return 0;
    if (weight < 1 + WEIGHT_OF_SECOND) return Math.min(1, this.#count - 1);
    return Math.min(this.#count - 1, Math.floor(this.#count * (this.#eta * point - this.#eta + 1) ** ALPHA));
  }

  #resize(count: number): void {
    this.#count = count;
    this.#eta = count <= 2 ? 0 : (1 - (2 / count) ** (1 - ZIPFIAN_CONSTANT)) / (1 - (1 + WEIGHT_OF_SECOND) / this.#zeta);
  }
}
