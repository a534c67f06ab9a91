import { describe, expect, it } from 'vitest';
import { RingError } from '../../client/index.ts';
import { Meter, duration, perSecond } from '../../cli/progress.ts';
import { retryPauseMs } from '../../cli/retry.ts';

describe('progress', () => {
  it('tells the rate of the last seconds, the part that is done and the time that is left', () => {
    const meter = new Meter(0);
    expect(meter.show({ atMs: 1_000, records: 10, part: { bytes: 100, ofBytes: 1_000 } })).toBe('10 records, 10 per second, 10 %, 9 s left');
    expect(meter.show({ atMs: 5_000, records: 50, part: null })).toBe('50 records, 10 per second');
    expect(meter.show({ atMs: 10_000, records: 1_050, part: { bytes: 1_000, ofBytes: 1_000 }, note: 'n' })).toBe('1050 records, 200 per second, 100 %, 0 s left, n');
  });

  it('keeps few readings, however many there are', () => {
    const meter = new Meter(0);
    for (let atMs = 10; atMs < 100_000; atMs += 10) meter.show({ atMs, records: atMs, part: null });
    expect(meter.show({ atMs: 100_000, records: 100_000, part: null })).toBe('100000 records, 1000 per second');
  });

  it('shows lengths of time, and the rate of no time', () => {
    expect([0, 6_001, 125_000, 3_600_000 * 3.2].map(duration)).toEqual(['0 s', '7 s', '2 min 5 s', '3 h 12 min']);
    expect(perSecond(5, 0)).toBe(0);
  });
});

describe('sending again', () => {
  it.each(['RING_OVERLOADED', 'RING_UNAVAILABLE', 'RING_UNKNOWN', 'RING_SUPERSEDED', 'RING_TIMEOUT'] as const)('waits longer each time after %s, and gives up in the end', (code) => {
    const pause = (count: number, nowMs: number, random = 0.5) => retryPauseMs(new RingError(code, ''), { count, firstAtMs: 0 }, nowMs, 10_000, random);
    const pauses = [1, 2, 3, 4, 20].map((count) => pause(count, 0) ?? -1);
    expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
    expect(new Set(pauses).size).toBe(pauses.length);
    expect(pause(20, 0, 0.9)).toBeLessThanOrEqual(2_000);
    expect(pause(3, 9_999)).toBeNull();
  });

  it('does not happen after what would go wrong again', () => {
    for (const error of [new RingError('RING_KEY_INVALID', ''), new RingError('RING_CLOSED', ''), new Error('x')]) {
      expect(retryPauseMs(error, { count: 1, firstAtMs: 0 }, 0, 10_000, 0)).toBeNull();
    }
  });
});
