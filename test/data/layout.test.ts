import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareBytes, nodeId, partition } from '../../data/index.ts';
import {
  DIRTY,
  HINTS,
  RECORDS,
  dirtyMetaName,
  encodeHintReference,
  hintKey,
  hintReference,
  hintsOf,
  keyAfter,
  metaKey,
  orderedKey,
  parseDirtyMetaName,
  parseHintKey,
  parseRecordKey,
  partitionRange,
  recordKey,
  type KeyRange,
} from '../../data/layout.ts';
import { leafOfHash } from '../../data/merkle.ts';
import { keys, nodeIds, versions } from '../support/arbitraries.ts';

const partitions = fc.oneof(fc.integer({ min: 0, max: 0xffff }), fc.constantFrom(0, 255, 256, 0xfffe, 0xffff)).map(partition);
const hashes = fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(0, 0x00ff_ffff, 0x0100_0000, 0xff00_0000, 0xffff_ffff));

const isIn = (range: KeyRange, key: Uint8Array): boolean => compareBytes(range.from, key) <= 0 && compareBytes(key, range.to) < 0;

describe('layout', () => {
  it('puts a record into the range of its own leaf and of no other', () => {
    fc.assert(
      fc.property(partitions, hashes, keys, partitions, fc.integer({ min: 0, max: 255 }), (its, hash, key, other, otherLeaf) => {
        const databaseKey = recordKey(its, hash, key);
        expect(isIn(partitionRange(its, leafOfHash(hash), leafOfHash(hash)), databaseKey)).toBe(true);
        expect(isIn(RECORDS, databaseKey)).toBe(true);
        expect(isIn(partitionRange(other, otherLeaf, otherLeaf), databaseKey)).toBe(other === its && otherLeaf === leafOfHash(hash));
      }),
    );
  });

  it('puts a record into a range of leaves exactly when its leaf is one of them', () => {
    const leaves = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(partitions, hashes, keys, leaves, leaves, (its, hash, key, a, b) => {
        const [first, last] = [Math.min(a, b), Math.max(a, b)];
        const isOneOfThem = leafOfHash(hash) >= first && leafOfHash(hash) <= last;
        expect(isIn(partitionRange(its, first, last), recordKey(its, hash, key))).toBe(isOneOfThem);
      }),
    );
  });

  it('has the last leaf of the last partition end where the records end', () => {
    const range = partitionRange(partition(0xffff), 255, 255);
    expect(isIn(range, recordKey(partition(0xffff), 0xffff_ffff, new Uint8Array(1024).fill(0xff)))).toBe(true);
    expect(range.to).toStrictEqual(RECORDS.to);
  });

  it('sorts records by partition, then hash, then key', () => {
    const records = fc.tuple(partitions, hashes, keys);
    fc.assert(
      fc.property(records, records, ([p, h, k], [q, i, l]) => {
        const order = p - q || h - i || compareBytes(k, l);
        expect(Math.sign(compareBytes(recordKey(p, h, k), recordKey(q, i, l)))).toBe(Math.sign(order));
      }),
    );
  });

  it('sorts the ordered key index by key', () => {
    fc.assert(
      fc.property(keys, keys, (a, b) => {
        expect(Math.sign(compareBytes(orderedKey(a), orderedKey(b)))).toBe(Math.sign(compareBytes(a, b)));
      }),
    );
  });

  it('gives back the parts of record keys and hint keys', () => {
    fc.assert(
      fc.property(partitions, hashes, keys, nodeIds, (its, hash, key, target) => {
        const record = parseRecordKey(recordKey(its, hash, key));
        expect({ ...record, key: Uint8Array.from(record.key) }).toStrictEqual({ partition: its, hash, key });
        const hint = parseHintKey(hintKey(target, its, key));
        expect({ ...hint, key: Uint8Array.from(hint.key) }).toStrictEqual({ target, partition: its, key });
      }),
    );
  });

  it('puts a hint into the range of its target and of no other', () => {
    fc.assert(
      fc.property(nodeIds, nodeIds, partitions, keys, (target, other, its, key) => {
        const databaseKey = hintKey(target, its, key);
        expect(isIn(hintsOf(target), databaseKey)).toBe(true);
        expect(isIn(HINTS, databaseKey)).toBe(true);
        expect(isIn(hintsOf(other), databaseKey)).toBe(other === target);
      }),
    );
  });

  it('gives back the version of a hint reference', () => {
    fc.assert(
      fc.property(versions, (version) => {
        const key = Uint8Array.of(1, 2);
        const reference = encodeHintReference(key, version);
        expect(hintReference(key, reference)).toStrictEqual(version);
        expect(hintReference(Uint8Array.of(1), reference)).toBeNull();
      }),
    );
  });

  it('gives back target and partition of a dirty mark, which lies in the range of dirty marks', () => {
    fc.assert(
      fc.property(nodeIds, partitions, (target, its) => {
        const name = dirtyMetaName(target, its);
        expect(parseDirtyMetaName(name)).toStrictEqual({ target, partition: its });
        expect(isIn(DIRTY, metaKey(name))).toBe(true);
      }),
    );
    expect(isIn(DIRTY, metaKey('identity'))).toBe(false);
    expect(parseDirtyMetaName('identity')).toBeNull();
    expect(dirtyMetaName(nodeId(3), partition(17))).toBe('dirty/3/17');
  });

  it('leaves nothing between a key and the key after it', () => {
    fc.assert(
      fc.property(keys, keys, (a, b) => {
        const after = keyAfter(a);
        expect(compareBytes(a, after)).toBeLessThan(0);
        expect(compareBytes(a, b) < 0 && compareBytes(b, after) < 0).toBe(false);
      }),
    );
  });
});
