/** A number of a benchmark, told as soon as it is known. */
import { median } from './median.ts';
import { progress } from './progress.ts';
import type { Figure } from './result.ts';

export function figureOf(suite: string, name: string, unit: string, runs: readonly number[]): Figure {
  const middle = median(runs);
  progress(`${suite}: ${name} ${middle.toFixed(1)} ${unit}`);
  return { kind: 'figure', suite, name, unit, median: middle, runs };
}
