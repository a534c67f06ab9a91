import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DataError,
  TIMESTAMP_MAX,
  VERSION_BYTES,
  compareBytes,
  compareVersions,
  incarnation,
  incarnationOfWriter,
  isVersionAt,
  newest,
  nodeId,
  nodeOfWriter,
  readVersion,
  versionFromString,
  versionToBytes,
  versionToString,
  writerOf,
} from '../../data/index.ts';
import { incarnations, nodeIds, versions } from '../support/arbitraries.ts';

describe('version', () => {
  it('sorts as bytes exactly as it compares', () => {
    fc.assert(
      fc.property(versions, versions, (a, b) => {
        expect(Math.sign(compareBytes(versionToBytes(a), versionToBytes(b)))).toBe(Math.sign(compareVersions(a, b)));
      }),
    );
  });

  it('has a total order', () => {
    fc.assert(
      fc.property(versions, versions, versions, (a, b, c) => {
        expect(compareVersions(a, b) + compareVersions(b, a)).toBe(0);
        expect(compareVersions(a, b) === 0).toBe(a.timestamp === b.timestamp && a.writer === b.writer);
        if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });

  it('gives the same newest in any order, grouping and repetition', () => {
    const orNull = fc.option(versions, { nil: null });
    fc.assert(
      fc.property(orNull, orNull, orNull, (a, b, c) => {
        expect(newest(a, b)).toStrictEqual(newest(b, a));
        expect(newest(newest(a, b), c)).toStrictEqual(newest(a, newest(b, c)));
        expect(newest(a, a)).toStrictEqual(a);
      }),
    );
  });

  it('lets the lowest node id win at equal timestamps, whatever the incarnations', () => {
    fc.assert(
      fc.property(nodeIds, nodeIds, incarnations, incarnations, (m, n, i, j) => {
        fc.pre(m < n);
        const [low, high] = [{ timestamp: 7, writer: writerOf(m, i) }, { timestamp: 7, writer: writerOf(n, j) }];
        expect(newest(low, high)).toBe(low);
      }),
    );
  });

  it('comes back from its bytes, at any offset', () => {
    fc.assert(
      fc.property(versions, fc.nat(9), (version, offset) => {
        const bytes = new Uint8Array(offset + VERSION_BYTES);
        bytes.set(versionToBytes(version), offset);
        expect(isVersionAt(bytes, offset)).toBe(true);
        expect(readVersion(bytes, offset)).toStrictEqual(version);
      }),
    );
  });

  it('comes back from its text', () => {
    fc.assert(
      fc.property(versions, (version) => {
        expect(versionFromString(versionToString(version))).toStrictEqual(version);
      }),
    );
  });

  it('reads as milliseconds, counter, node and incarnation', () => {
    const version = { timestamp: 1_764_000_000_000 * 1024 + 3, writer: writerOf(nodeId(1), incarnation(0xc0de)) };
    expect(versionToString(version)).toBe('1764000000000.3-n1.0c0de');
  });

  it('keeps node id and incarnation apart in the writer', () => {
    fc.assert(
      fc.property(nodeIds, incarnations, (node, itsIncarnation) => {
        const writer = writerOf(node, itsIncarnation);
        expect([nodeOfWriter(writer), incarnationOfWriter(writer)]).toStrictEqual([node, itsIncarnation]);
      }),
    );
  });

  it.each(['', '1.2-n3', '1.1024-n0.00000', '1.0-n4096.00000', '8796093022208.0-n0.00000', '1.0-n0.0000G', ' 1.0-n0.00000', '-1.0-n0.00000'])(
    'refuses the text %j with RING_VERSION_INVALID',
    (text) => {
      expect(() => versionFromString(text)).toThrow(expect.objectContaining({ code: 'RING_VERSION_INVALID' }));
      expect(() => versionFromString(text)).toThrow(DataError);
    },
  );

  it('takes no bytes that are too few or above the greatest timestamp', () => {
    expect(isVersionAt(new Uint8Array(11), 0)).toBe(false);
    const greatest = versionToBytes({ timestamp: TIMESTAMP_MAX, writer: 0 });
    expect(isVersionAt(greatest, 0)).toBe(true);
    expect(isVersionAt(new Uint8Array(VERSION_BYTES).fill(0xff), 0)).toBe(false);
    expect(isVersionAt(Uint8Array.of(0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 0)).toBe(false);
  });
});
