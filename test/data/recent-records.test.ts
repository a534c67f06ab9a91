import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecentRecords, encodeRecord, isTombstone, versionOf, type RecordBytes } from '../../data/index.ts';

/** Few hashes, so that keys share them, and keys of many lengths. */
function keyOf(number: number): Uint8Array {
  return Uint8Array.from(Buffer.from(`${number}${'x'.repeat(number % 23)}`));
}
const hashOf = (number: number): number => ((number % 37) * 0x1234_5679) >>> 0;
const spread = (number: number): number => Math.imul(number, 0x9e37_79b1) >>> 0;

/** `bytes` null: a tombstone. */
function recordOf(number: number, timestamp: number, bytes: number | null): RecordBytes {
  return encodeRecord(keyOf(number), { timestamp, writer: number }, bytes === null ? null : new Uint8Array(bytes).fill(timestamp));
}

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('set' as const),
      number: fc.nat(300),
      timestamp: fc.maxSafeNat(),
      bytes: fc.oneof(fc.constant(null), fc.constant(100), fc.nat(40), fc.integer({ min: 1_000, max: 1_020 }), fc.integer({ min: 5_000, max: 9_000 })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), number: fc.nat(300) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fill' as const), number: fc.nat(300) }) },
);

describe('RecentRecords', () => {
  it('never says what was not set last for that key, however small it is', () => {
    const met = { stamps: 0, records: 0, large: 0 };
    fc.assert(
      fc.property(fc.constantFrom(0, 200, 3_000, 400_000, 400_000), fc.array(step, { minLength: 50, maxLength: 400 }), (bytesMax, steps) => {
        const recent = new RecentRecords(bytesMax);
        const model = new Map<number, RecordBytes>();
        for (const each of steps) {
          if (each.kind === 'set') {
            const record = recordOf(each.number, each.timestamp, each.bytes);
            recent.set(hashOf(each.number), keyOf(each.number), record);
            model.set(each.number, record);
          } else if (each.kind === 'delete') {
            recent.delete(hashOf(each.number), keyOf(each.number));
            model.delete(each.number);
          } else {
            // Much at once, so that it grows, wraps and drops.
            for (let number = 1_000; number < 1_000 + each.number * 4; number++) recent.set(hashOf(number), keyOf(number), recordOf(number, number, 20));
          }
        }
        for (let number = 0; number <= 300; number++) {
          const stamp = recent.stampOf(hashOf(number), keyOf(number));
          if (stamp === null) continue;
          met.stamps++;
          const record = model.get(number) ?? new Uint8Array(0);
          expect(stamp).toStrictEqual({ version: versionOf(record), flags: isTombstone(record) ? 1 : 0 });
          const found = recent.recordOf(hashOf(number), keyOf(number));
          if (found === null) met.large++;
          else expect(Buffer.compare(found, record)).toBe(0);
          met.records++;
        }
      }),
      { numRuns: 200 },
    );
    expect(met.stamps).toBeGreaterThan(1_000);
    expect(met.records).toBeGreaterThan(500);
    expect(met.large).toBeGreaterThan(50);
  });

  it('gives a copy', () => {
    const recent = new RecentRecords(1 << 16);
    recent.set(1, keyOf(1), recordOf(1, 5, 100));
    recent.recordOf(1, keyOf(1))?.fill(0);
    expect(recent.recordOf(1, keyOf(1))).toStrictEqual(recordOf(1, 5, 100));
  });

  it('keeps all that fits, over its growth, and a bounded number of bytes of what does not', () => {
    const recent = new RecentRecords(1 << 21);
    for (let number = 0; number < 10_000; number++) recent.set(spread(number), keyOf(number), recordOf(number, number, 100));
    let kept = 0;
    for (let number = 0; number < 10_000; number++) {
      if (recent.stampOf(spread(number), keyOf(number))?.version.timestamp === number) kept++;
    }
    expect(kept).toBeGreaterThan(9_900);
    for (let number = 0; number < 100_000; number++) recent.set(spread(number), keyOf(number), recordOf(number, number, 100));
    expect(recent.bytes).toBeLessThanOrEqual((1 << 21) * 1.25);
    expect(recent.recordOf(spread(99_999), keyOf(99_999))).toStrictEqual(recordOf(99_999, 99_999, 100));
    recent.clear();
    expect(recent.stampOf(spread(99_999), keyOf(99_999))).toBeNull();
  });
});
