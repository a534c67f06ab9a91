import { describe, expect, it } from 'vitest';
import { keyChooser, scramble, type Distribution } from '../../../bench/load/key-chooser.ts';
import { SeededRandom } from '../../../bench/load/random.ts';
import { ZIPFIAN_CONSTANT, ZipfianRanks } from '../../../bench/load/zipfian.ts';

const DRAWS = 200_000;

/** How often each of `count` numbers came, as shares of 1. */
function shares(count: number, next: () => number): number[] {
  const counts = Array.from({ length: count }, () => 0);
  for (let draw = 0; draw < DRAWS; draw++) {
    const number = next();
    counts[number] = (counts[number] ?? 0) + 1;
  }
  expect(Object.keys(counts), 'no number out of bounds, and no fraction').toHaveLength(count);
  return counts.map((times) => times / DRAWS);
}

/** Zipf's formula. */
function expectedShares(count: number): number[] {
  const weights = Array.from({ length: count }, (_, rank) => 1 / (rank + 1) ** ZIPFIAN_CONSTANT);
  const sum = sumOf(weights);
  return weights.map((weight) => weight / sum);
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

describe('zipfian ranks', () => {
  it('come as often as the formula says: the first two exactly, the others within the error of the method', () => {
    const random = new SeededRandom(7);
    const ranks = new ZipfianRanks(random, 1000);
    const found = shares(1000, () => ranks.next());
    const expected = expectedShares(1000);
    expect(found[0]).toBeCloseTo(expected[0] ?? 0, 2);
    expect((found[0] ?? 0) / (expected[0] ?? 1)).toBeCloseTo(1, 1);
    expect((found[1] ?? 0) / (expected[1] ?? 1)).toBeCloseTo(1, 1);
    for (const ranks of [10, 50, 100, 300, 500]) {
      const [foundSum, expectedSum] = [sumOf(found.slice(0, ranks)), sumOf(expected.slice(0, ranks))];
      expect(Math.abs(foundSum / expectedSum - 1), `the first ${ranks} ranks: ${foundSum}, by the formula ${expectedSum}`).toBeLessThan(0.05);
    }
  });

  it('are the same whether their number is given at once or grows', () => {
    const [whole, grown] = [new ZipfianRanks(new SeededRandom(3), 500), new ZipfianRanks(new SeededRandom(3), 20)];
    grown.grow(500);
    for (let draw = 0; draw < 1000; draw++) expect(grown.next()).toBe(whole.next());
  });

  it.each([1, 2, 3])('stay below their number when that is %d', (count) => {
    const ranks = new ZipfianRanks(new SeededRandom(1), count);
    shares(count, () => ranks.next());
  });
});

describe('a key chooser', () => {
  it('that is uniform prefers no key', () => {
    const chooser = keyChooser('uniform', new SeededRandom(5));
    const found = shares(100, () => chooser.next(100));
    expect(Math.min(...found)).toBeGreaterThan(0.008);
    expect(Math.max(...found)).toBeLessThan(0.012);
  });

  it('that is zipfian prefers few keys, as often as YCSB does, and they do not lie together', () => {
    const chooser = keyChooser('zipfian', new SeededRandom(5));
    const found = shares(10_000, () => chooser.next(10_000));
    const popular = found.map((share, key) => ({ share, key })).toSorted((a, b) => b.share - a.share);
    // YCSB draws from 10^10 ranks, whose weights sum up to 26.469.
    expect(popular[0]?.key).toBe(scramble(0) % 10_000);
    expect((popular[0]?.share ?? 0) * 26.469).toBeCloseTo(1, 1);
    expect(sumOf(popular.slice(0, 100).map(({ share }) => share))).toBeGreaterThan(0.2);
    const halves = [popular.slice(0, 100).filter(({ key }) => key < 5_000), popular.slice(0, 100).filter(({ key }) => key >= 5_000)];
    expect(Math.min(...halves.map((half) => half.length))).toBeGreaterThan(30);
  });

  it('that prefers the latest follows the keys as they come', () => {
    const chooser = keyChooser('latest', new SeededRandom(5));
    const before = shares(1_000, () => chooser.next(1_000));
    const after = shares(1_200, () => chooser.next(1_200));
    const expected = expectedShares(1_000)[0] ?? 0;
    expect((before[999] ?? 0) / expected).toBeCloseTo(1, 1);
    expect(after[1_199]).toBeGreaterThan((after[999] ?? 0) * 20);
    expect(sumOf(after.slice(600))).toBeGreaterThan(sumOf(after.slice(0, 600)) * 5);
  });

  it.each<Distribution>(['uniform', 'zipfian', 'latest'])('that is %s chooses the same keys with the same seed, and others with another', (distribution) => {
    const sequence = (seed: number): number[] => {
      const chooser = keyChooser(distribution, new SeededRandom(seed));
      return Array.from({ length: 100 }, (_, index) => chooser.next(1_000 + index));
    };
    expect(sequence(11)).toEqual(sequence(11));
    expect(sequence(12)).not.toEqual(sequence(11));
  });
});

describe('the scrambling hash', () => {
  it('looks at all of a rank above 32 bits', () => {
    const hashes = new Set(Array.from({ length: 1_000 }, (_, index) => scramble(index * 0x1_0000_0000 + 5)));
    expect(hashes.size).toBe(1_000);
  });
});
