import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RECORD_HEADER_BYTES, encodeRecord, isIntact, isTombstone, valueOf, versionBytesOf, versionOf, versionToBytes } from '../../data/index.ts';
import { keys, values, versions } from '../support/arbitraries.ts';

const flipped = (bytes: Uint8Array, bit: number): Uint8Array => {
  const copy = Uint8Array.from(bytes);
  copy[bit >>> 3] = (copy[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
};

describe('record', () => {
  it('gives back version and value', () => {
    fc.assert(
      fc.property(keys, versions, values, (key, version, value) => {
        const record = encodeRecord(key, version, value);
        expect(isIntact(key, record)).toBe(true);
        expect(versionOf(record)).toStrictEqual(version);
        expect(Uint8Array.from(versionBytesOf(record))).toStrictEqual(versionToBytes(version));
        expect(isTombstone(record)).toBe(value === null);
        const stored = valueOf(record);
        expect(stored === null ? null : Uint8Array.from(stored)).toStrictEqual(value);
        expect(record).toHaveLength(RECORD_HEADER_BYTES + (value?.length ?? 0));
      }),
    );
  });

  it('is damaged by any single flipped bit in the record', () => {
    fc.assert(
      fc.property(keys, versions, values, (key, version, value) => {
        const record = encodeRecord(key, version, value);
        const undetected = Array.from({ length: record.length * 8 }, (_, bit) => bit).filter((bit) => isIntact(key, flipped(record, bit)));
        expect(undetected).toStrictEqual([]);
      }),
      { numRuns: 30 },
    );
  });

  it('is damaged by any single flipped bit in the key', () => {
    fc.assert(
      fc.property(keys, versions, values, (key, version, value) => {
        const record = encodeRecord(key, version, value);
        const undetected = Array.from({ length: key.length * 8 }, (_, bit) => bit).filter((bit) => isIntact(flipped(key, bit), record));
        expect(undetected).toStrictEqual([]);
      }),
      { numRuns: 30 },
    );
  });

  it('is damaged when it was cut short', () => {
    fc.assert(
      fc.property(keys, versions, values, fc.nat(), (key, version, value, cut) => {
        const record = encodeRecord(key, version, value);
        expect(isIntact(key, record.subarray(0, cut % record.length))).toBe(false);
      }),
    );
  });

  it('tells an empty value from a tombstone', () => {
    const key = Uint8Array.of(1);
    const version = { timestamp: 1, writer: 1 };
    expect(valueOf(encodeRecord(key, version, new Uint8Array(0)))).toHaveLength(0);
    expect(valueOf(encodeRecord(key, version, null))).toBeNull();
  });
});
