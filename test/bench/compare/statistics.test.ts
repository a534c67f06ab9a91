import { describe, expect, it } from 'vitest';
import { compareMeasures, type Measures, type Verdict } from '../../../bench/compare/statistics.ts';
import { SeededRandom } from '../../../bench/load/random.ts';

const PAIRS = 10;
const FIGURES = 8;

/** A store that does about 1,000 a second, with outliers to the slow side. */
function noisy(random: SeededRandom, speed: number): number {
  const outlier = random.below(20) === 0 ? 0.8 : 1;
  return 1000 * speed * outlier * (1 + 0.06 * (random.next() + random.next() - 1));
}

/** Pairs on a machine that has slow spells; `speed`: of the second of each pair. */
function pairs(random: SeededRandom, speed: number): Measures {
  const spells = Array.from({ length: PAIRS }, () => 0.95 + 0.1 * random.next());
  return { before: spells.map((spell) => noisy(random, spell)), after: spells.map((spell) => noisy(random, spell * speed)), taken: 'pairs', better: 'more' };
}

function verdicts(count: number, speed: number): Verdict[] {
  return Array.from({ length: count }, (_, seed) => compareMeasures(pairs(new SeededRandom(seed), speed), FIGURES, new SeededRandom(seed + 1)).verdict);
}

describe('compareMeasures', () => {
  it('calls no difference between measures of one distribution, but for a rare run', () => {
    const called = verdicts(40, 1).filter((verdict) => verdict !== 'no difference beyond the noise');
    expect(called.length).toBeLessThanOrEqual(1);
  });

  it('finds a store that became 20 % slower, and one that became 20 % faster', () => {
    expect(verdicts(20, 0.8).filter((verdict) => verdict === 'slower').length).toBeGreaterThanOrEqual(17);
    expect(verdicts(20, 1.2).filter((verdict) => verdict === 'faster').length).toBeGreaterThanOrEqual(17);
  });

  it('tells by how much beyond the noise: the nearer end of the interval', () => {
    const { ratio, low, high, beyondNoise } = compareMeasures(pairs(new SeededRandom(1), 0.8), FIGURES, new SeededRandom(1));
    expect(ratio).toBeGreaterThan(0.7);
    expect(low).toBeLessThanOrEqual(ratio);
    expect(high).toBeGreaterThanOrEqual(ratio);
    expect(beyondNoise).toBeCloseTo(1 - high, 12);
    expect(beyondNoise).toBeGreaterThan(0);
  });

  it('does not mistake a slow spell for a difference when both of a pair were in it', () => {
    const before = [1000, 990, 500, 510, 1005, 995, 480, 505, 1000, 1010];
    const paired = compareMeasures({ before, after: before.map((value) => value * 0.9), taken: 'pairs', better: 'more' }, 1, new SeededRandom(1));
    const apart = compareMeasures({ before, after: before.map((value) => value * 0.9), taken: 'apart', better: 'more' }, 1, new SeededRandom(1));
    expect(paired.verdict).toBe('slower');
    expect(paired.beyondNoise).toBeCloseTo(0.1, 12);
    expect(apart.verdict).toBe('no difference beyond the noise');
  });

  it('takes more of what should be less as slower', () => {
    const measures: Measures = { before: [50, 51, 49, 50, 50], after: [60, 61, 59, 60, 62], taken: 'apart', better: 'less' };
    expect(compareMeasures(measures, 1, new SeededRandom(1)).verdict).toBe('slower');
    expect(compareMeasures({ ...measures, better: 'more' }, 1, new SeededRandom(1)).verdict).toBe('faster');
  });

  it('gives the same for the same seed', () => {
    const measures = pairs(new SeededRandom(7), 0.95);
    expect(compareMeasures(measures, 1, new SeededRandom(3))).toStrictEqual(compareMeasures(measures, 1, new SeededRandom(3)));
    expect(compareMeasures(measures, 1, new SeededRandom(3)).low).not.toBe(compareMeasures(pairs(new SeededRandom(8), 0.95), 1, new SeededRandom(3)).low);
  });

  it('widens the interval the more figures a run compares', () => {
    const measures = pairs(new SeededRandom(5), 1);
    const [one, many] = [1, 40].map((figures) => compareMeasures(measures, figures, new SeededRandom(1)));
    expect((many?.high ?? 0) - (many?.low ?? 0)).toBeGreaterThan((one?.high ?? 0) - (one?.low ?? 0));
  });

  it('refuses pairs that are not complete, and nothing', () => {
    expect(() => compareMeasures({ before: [1, 2], after: [1], taken: 'pairs', better: 'more' }, 1, new SeededRandom(1))).toThrow(RangeError);
    expect(() => compareMeasures({ before: [], after: [1], taken: 'apart', better: 'more' }, 1, new SeededRandom(1))).toThrow(RangeError);
  });
});
