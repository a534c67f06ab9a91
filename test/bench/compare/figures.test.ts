import { describe, expect, it } from 'vitest';
import { hasFailed } from '../../../bench/compare/compare.ts';
import { compareTable, errorLines } from '../../../bench/compare/compare-table.ts';
import { compareLoads, numbersOf, type ComparedLoad, type RunNumbers } from '../../../bench/compare/figures.ts';

const run = (perSecond: number, cpuMicrosPerOperation: number | null, errors = 0): RunNumbers => ({ perSecond, cpuMicrosPerOperation, errors });
const JITTER = [1, 1.01, 0.99, 1.02, 0.98, 1, 1.01, 0.99, 1.005, 0.995];
const load = (name: string, speed: number, cost: number): ComparedLoad => ({
  name,
  before: JITTER.map((noise) => run(1000 * noise, 50 * noise)),
  after: JITTER.map((noise) => run(1000 * noise * speed, 50 * noise * cost)),
  taken: 'pairs',
});

describe('the comparison of two builds', () => {
  it('says which load became slower, which one costs more, and which ones are as they were', () => {
    const figures = compareLoads([load('put', 0.8, 1), load('get', 1, 1.3)], 1);
    expect(figures.map(({ load, figure, comparison }) => [load, figure, comparison.verdict])).toStrictEqual([
      ['put', 'per s', 'slower'],
      ['put', 'cpu µs/op', 'no difference beyond the noise'],
      ['get', 'per s', 'no difference beyond the noise'],
      ['get', 'cpu µs/op', 'slower'],
    ]);
    expect(hasFailed({ figures, loads: [] })).toBe(true);
    expect(hasFailed({ figures: compareLoads([load('put', 1.2, 0.8)], 1), loads: [] })).toBe(false);
  });

  it('leaves out the processor time where it is not known', () => {
    const loads: ComparedLoad[] = [{ ...load('put', 1, 1), after: JITTER.map(() => run(1000, null)) }];
    expect(compareLoads(loads, 1).map(({ figure }) => figure)).toStrictEqual(['per s']);
  });

  it('fails when requests did', () => {
    const loads: ComparedLoad[] = [{ ...load('put', 1, 1), after: JITTER.map(() => run(1000, 50, 1)) }];
    expect(errorLines(loads)).toStrictEqual(['put: 0 errors before, 10 after: requests that failed are not compared']);
    expect(hasFailed({ figures: [], loads })).toBe(true);
  });

  it('sums the processor time of all daemons and the errors of all codes', () => {
    const resources = (costs: readonly (number | null)[]) => ({ processes: costs.map((cpuMicrosPerOperation) => ({ cpuMicrosPerOperation })) });
    expect(numbersOf({ load: { perSecond: 5, errors: { A: 1, B: 2 } }, resources: resources([1, 2, 3]) })).toStrictEqual(run(5, 6, 3));
    expect(numbersOf({ load: { perSecond: 5, errors: {} }, resources: resources([1, null]) })).toStrictEqual(run(5, null));
    expect(numbersOf({ load: { perSecond: 5, errors: {} }, resources: resources([]) })).toStrictEqual(run(5, null));
  });

  it('tells the difference, and what of it is beyond the noise', () => {
    const [, first, ...others] = compareTable([
      { load: 'put', figure: 'per s', comparison: { before: 1000, after: 800, ratio: 0.8, low: 0.75, high: 0.9, verdict: 'slower', beyondNoise: 0.1 } },
      { load: 'put', figure: 'cpu µs/op', comparison: { before: 50, after: 51, ratio: 1.02, low: 0.98, high: 1.05, verdict: 'no difference beyond the noise', beyondNoise: 0 } },
    ]);
    expect(first).toContain('slower: −20.0 %, of that −10.0 % beyond the noise');
    expect(others.map((line) => line.split(/ {2,}/))).toStrictEqual([['', 'cpu µs/op', '50.0', '51.0', '1.020', '0.980 to 1.050', 'no difference beyond the noise']]);
  });
});
