/**
 * Whether one series of measures is greater than another by more than their noise.
 *
 * The ratio of the medians, and a percentile bootstrap interval of it (Efron and Tibshirani, "An Introduction to the
 * Bootstrap", 1993, chapter 13): measures are drawn again from those that there are, with replacement, many times, and
 * the middle part of the ratios that this gives is the interval. Nothing is assumed of the distribution of the noise;
 * that of benchmarks has outliers to one side.
 *
 * 1. Measures that were taken as pairs, one right after the other, are drawn as pairs: what made the machine slow for a
 *    while slowed both (Kalibera and Jones, "Rigorous Benchmarking in Reasonable Time", 2013: repeat at the level at
 *    which the noise arises).
 * 2. A run compares many figures, and each could differ by chance. So each interval is as wide as Bonferroni asks: of
 *    all runs that compare a build with itself, `FALSE_ALARM_SHARE` at most call any figure different.
 * 3. A difference is called when the interval does not hold 1; what lies beyond the noise is what lies between 1 and the
 *    interval's nearer end.
 */
import type { SeededRandom } from '../load/random.ts';
import { median } from '../median.ts';

export interface Measures {
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** `pairs`: before[i] and after[i] were taken one right after the other. */
  readonly taken: 'pairs' | 'apart';
  readonly better: 'more' | 'less';
}

export type Verdict = 'faster' | 'slower' | 'no difference beyond the noise';

export interface Comparison {
  readonly before: number;
  readonly after: number;
  /** after / before. */
  readonly ratio: number;
  /** The interval. */
  readonly low: number;
  readonly high: number;
  readonly verdict: Verdict;
  /** The least difference that the interval allows, as a share: 0.05 is 5 %; 0 when it holds 1. */
  readonly beyondNoise: number;
}

const FALSE_ALARM_SHARE = 0.05;
const RESAMPLES = 10_000;

/** `figures`: how many the run compares in all. */
export function compareMeasures(measures: Measures, figures: number, random: SeededRandom): Comparison {
  const { before, after, taken, better } = measures;
  if (before.length === 0 || after.length === 0) throw new RangeError('nothing was measured');
  if (taken === 'pairs' && before.length !== after.length) throw new RangeError('a measure of a pair is missing');
  const ratios = Array.from({ length: RESAMPLES }, () => resampledRatio(measures, random)).toSorted((a, b) => a - b);
  const tail = FALSE_ALARM_SHARE / figures / 2;
  const low = ratios[Math.floor(tail * RESAMPLES)] ?? Number.NaN;
  const high = ratios[RESAMPLES - 1 - Math.floor(tail * RESAMPLES)] ?? Number.NaN;
  const [medianBefore, medianAfter] = [median(before), median(after)];
  return { before: medianBefore, after: medianAfter, ratio: medianAfter / medianBefore, low, high, verdict: verdictOf(low, high, better), beyondNoise: Math.max(0, low - 1, 1 - high) };
}

function resampledRatio({ before, after, taken }: Measures, random: SeededRandom): number {
  const drawnBefore = before.map(() => random.below(before.length));
  const drawnAfter = taken === 'pairs' ? drawnBefore : after.map(() => random.below(after.length));
  return median(drawnAfter.map((index) => after[index] ?? Number.NaN)) / median(drawnBefore.map((index) => before[index] ?? Number.NaN));
}

function verdictOf(low: number, high: number, better: Measures['better']): Verdict {
  if (low <= 1 && high >= 1) return 'no difference beyond the noise';
  return low > 1 === (better === 'more') ? 'faster' : 'slower';
}
