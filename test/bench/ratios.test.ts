import { describe, expect, it } from 'vitest';
import { tailRatios } from '../../bench/tails/ratios.ts';
import type { TailRound } from '../../bench/tails/result.ts';
import { latency, load } from './examples.ts';

function round(quietP99Ms: number, disturbedP99Ms: number): TailRound {
  return { quiet: load(quietP99Ms), disturbed: load(disturbedP99Ms), evidence: { activeSeconds: 1 } };
}

describe('ratios of tails', () => {
  it('are medians of the ratios of each round', () => {
    const [put, get] = tailRatios([round(1, 3), round(10, 11), round(2, 4)]);
    expect(put?.p99Ratio).toBe(2);
    expect(put?.quiet.p99Ms).toBe(2);
    expect(put?.disturbed.p99Ms).toBe(4);
    expect(get?.kind).toBe('get');
  });

  it('take puts and gets apart', () => {
    const quiet = { put: latency(1), get: latency(1), sendLagP99Ms: 0, errors: {} };
    const disturbed = { put: latency(5), get: latency(1), sendLagP99Ms: 0, errors: {} };
    expect(tailRatios([{ quiet, disturbed, evidence: { activeSeconds: 1 } }]).map(({ p99Ratio }) => p99Ratio)).toStrictEqual([5, 1]);
  });

  it('are null where nothing was measured', () => {
    expect(tailRatios([]).map(({ p99Ratio }) => p99Ratio)).toStrictEqual([null, null]);
    expect(tailRatios([round(0, 3)])[0]?.p99Ratio).toBeNull();
  });
});
