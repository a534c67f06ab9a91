/** Where a keyspace lies among the keys of a cluster, and what its ranges span. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Keyspace, type KeyRange } from '../../client/keyspace.ts';
import { compareBytes, equalBytes } from '../../data/index.ts';

const KEY_BYTES_MAX = 1_024;
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
const holds = ({ from, to }: { readonly from: Uint8Array | null; readonly to: Uint8Array | null }, key: Uint8Array): boolean =>
  (from === null || compareBytes(key, from) >= 0) && (to === null || compareBytes(key, to) < 0);

/** Few different bytes, so that equal ones, prefixes and neighbours are common. */
const key = fc.array(fc.constantFrom(0, 1, 0x61, 0xfe, 0xff), { maxLength: 5 }).map((values) => Uint8Array.from(values));
const longKey = fc.tuple(fc.constantFrom(1_017, 1_018, 1_020, 1_023, 1_024, 1_030), key).map(([length, end]) => Uint8Array.from([...new Uint8Array(length - end.length).fill(0x61), ...end]));
const anyKey = fc.oneof(key, longKey);
const name = fc.constantFrom('a', 'ab', 'b', 'ä', 'a!', '\u{10ffff}');

describe('a keyspace', () => {
  it.each([['users'], ['x'.repeat(64)], ['ä'.repeat(32)], [' '], ['!a!']])('can be named %j', (name) => {
    expect([...new Keyspace(name).prefix]).toStrictEqual([0xff, ...bytes(name), 0]);
  });

  it.each([[''], ['x'.repeat(65)], ['ä'.repeat(33)], ['a\0'], ['\0'], ['\uD800'], [7 as never], [Uint8Array.of(1) as never]])('cannot be named %j', (name) => {
    expect(() => new Keyspace(name)).toThrow(RangeError);
    expect(() => new Keyspace(name)).toThrow(/1 to 64 bytes in UTF-8 without NUL/);
  });

  it('shares no stored key with another, and keeps the order of its own', () => {
    const keyspaces = ['a', 'ab', 'b', '\u{10ffff}', 'a!'].map((name) => new Keyspace(name));
    const plain = new Keyspace();
    fc.assert(
      fc.property(fc.nat(4), fc.nat(4), key, key, (first, second, a, b) => {
        const [one, other] = [keyspaces[first] ?? plain, keyspaces[second] ?? plain];
        const [storedA, storedB] = [one.toStored(a), other.toStored(b)];
        if (first === second) expect(Math.sign(compareBytes(storedA, storedB))).toBe(Math.sign(compareBytes(a, b)));
        else expect(equalBytes(storedA, storedB)).toBe(false);
        expect(holds(other.boundsOf({}), storedA)).toBe(first === second);
        expect(holds(plain.boundsOf({}), storedA)).toBe(false);
        expect(equalBytes(one.fromStored(storedA), a)).toBe(true);
      }),
    );
  });

  it('leaves plain keys as they are, and refuses those that belong to others', () => {
    const plain = new Keyspace();
    expect([...plain.toStored('user1')]).toStrictEqual([...bytes('user1')]);
    expect(plain.prefix).toHaveLength(0);
    for (const bad of [Uint8Array.of(0xff), Uint8Array.of(0xff, 1), new Uint8Array(), new Uint8Array(KEY_BYTES_MAX + 1), '\uD800']) {
      expect(() => plain.toStored(bad)).toThrow(expect.objectContaining({ code: 'RING_KEY_INVALID' }));
    }
    expect(holds(plain.boundsOf({}), Uint8Array.of(0xff))).toBe(false);
    expect(holds(plain.boundsOf({}), Uint8Array.of(0xfe, 0xff))).toBe(true);
  });

  it('counts its prefix in the length of a key, and says so', () => {
    const users = new Keyspace('users');
    expect(users.toStored(new Uint8Array(KEY_BYTES_MAX - 7))).toHaveLength(KEY_BYTES_MAX);
    expect(users.toStored('')).toHaveLength(7);
    expect(() => users.toStored(new Uint8Array(KEY_BYTES_MAX - 6))).toThrow('a key of keyspace "users" has at most 1017 bytes, this one has 1018');
  });

  it('spans in every range exactly the keys that the range means', () => {
    const bound = fc.option(anyKey, { nil: undefined });
    const seen = { inside: 0, outside: 0, longBounds: 0 };
    fc.assert(
      fc.property(fc.option(name, { nil: null }), bound, bound, bound, bound, fc.array(anyKey, { minLength: 20, maxLength: 40 }), (name, gt, gte, lt, lte, keys) => {
        const keyspace = new Keyspace(name);
        const range: KeyRange = { ...(gt && { gt }), ...(gte && { gte }), ...(lt && { lt }), ...(lte && { lte }) };
        const spanned = keyspace.boundsOf(range);
        expect(spanned.to).not.toBeNull();
        for (const bound of [gt, gte, lt, lte]) if (bound !== undefined && bound.length > KEY_BYTES_MAX) seen.longBounds += 1;
        for (const key of keys) {
          if (key.length + keyspace.prefix.length > KEY_BYTES_MAX || (name === null && (key.length === 0 || key[0] === 0xff))) continue;
          const above = gte === undefined ? gt === undefined || compareBytes(key, gt) > 0 : compareBytes(key, gte) >= 0;
          const below = lte === undefined ? lt === undefined || compareBytes(key, lt) < 0 : compareBytes(key, lte) <= 0;
          seen[above && below ? 'inside' : 'outside'] += 1;
          expect(holds(spanned, keyspace.toStored(key))).toBe(above && below);
        }
        for (const end of [spanned.from, spanned.to]) expect(end?.length ?? 0).toBeLessThanOrEqual(KEY_BYTES_MAX + 1);
      }),
      { numRuns: 300 },
    );
    expect(Math.min(seen.inside, seen.outside, seen.longBounds)).toBeGreaterThan(50);
  });
});
