/**
 * Which key a request is for, as a number. The three request distributions of YCSB's core workloads (Cooper et al.,
 * "Benchmarking Cloud Serving Systems with YCSB", SoCC 2010, section 4).
 */
import type { SeededRandom } from './random.ts';
import { ZipfianRanks } from './zipfian.ts';

export type Distribution = 'uniform' | 'zipfian' | 'latest';

export interface KeyChooser {
  /** 0 ≤ key < `keys`, the keys that there are by now: no fewer than at any call before. */
  next(keys: number): number;
}

/** YCSB draws from so many ranks, however many keys there are, and knows the sum of their weights. */
const SCRAMBLED_RANKS = 10_000_000_000;
const SCRAMBLED_ZETA = 26.469_028_201_783_02;

export function keyChooser(distribution: Distribution, random: SeededRandom): KeyChooser {
  switch (distribution) {
    case 'uniform':
      return { next: (keys) => random.below(keys) };
    case 'zipfian':
      return scrambledZipfian(random);
    case 'latest':
      return latest(random);
  }
}

/** Some keys are popular, and lie anywhere: YCSB's ScrambledZipfianGenerator, with another hash than its FNV. */
function scrambledZipfian(random: SeededRandom): KeyChooser {
  const ranks = new ZipfianRanks(random, SCRAMBLED_RANKS, SCRAMBLED_ZETA);
  return { next: (keys) => scramble(ranks.next()) % keys };
}

/** The newest keys are the popular ones: YCSB's SkewedLatestGenerator. */
function latest(random: SeededRandom): KeyChooser {
  const ranks = new ZipfianRanks(random, 1);
  return {
    next(keys) {
      ranks.grow(keys);
      return keys - 1 - ranks.next();
    },
  };
}

/** 32 bits of a rank below 2^53. Source: the finalizer of MurmurHash3, once for each half. */
export function scramble(rank: number): number {
  return mix(mix(Math.floor(rank / 0x1_0000_0000) + 0x9e37_79b9) ^ (rank % 0x1_0000_0000));
}

function mix(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
