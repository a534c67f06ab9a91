import { describe, expect, it } from 'vitest';
import { Coverage, REQUIRED } from './coverage.ts';

describe('coverage', () => {
  it('adds up over seeds, and survives a trip through JSON', () => {
    const [one, other] = [new Coverage(), new Coverage()];
    one.add('wipes');
    one.add('operations', 40);
    other.add('operations', 2);
    one.merge(other);
    const copy = Coverage.fromCounts(JSON.parse(JSON.stringify(one)) as Record<string, number>);
    expect([copy.count('operations'), copy.count('wipes'), copy.count('resets')]).toStrictEqual([42, 1, 0]);
  });

  it('names what never happened, in the order in which it is required', () => {
    const coverage = new Coverage();
    expect(coverage.missing()).toStrictEqual(REQUIRED);
    coverage.add('b');
    coverage.add('c', 0);
    expect(coverage.missing(['a', 'b', 'c'])).toStrictEqual(['a', 'c']);
  });

  it('requires each name once', () => {
    expect(new Set(REQUIRED).size).toBe(REQUIRED.length);
  });

  it('is shown as an aligned table', () => {
    const coverage = new Coverage();
    coverage.add('operations', 12_345);
    coverage.add('extra', 7);
    expect(coverage.toTable(['operations', 'wipes'])).toBe(
      ['operations  12,345', 'wipes            0  never happened', 'extra            7'].join('\n'),
    );
  });

  it('refuses to count down', () => {
    expect(() => new Coverage().add('wipes', -1)).toThrow('cannot be counted up');
  });
});
