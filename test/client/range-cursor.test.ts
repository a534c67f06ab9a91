/** A place in a range from which entries are taken, against whatever slices it is given. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RangeCursor, type CursorOptions } from '../../client/range-cursor.ts';
import type { AskSlice, SliceRequest } from '../../client/scan.ts';
import { compareBytes } from '../../data/index.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
const NAMES = Array.from({ length: 5_000 }, (_, index) => String(index).padStart(5, '0'));
const FORWARDS: CursorOptions = { direction: 'forwards', parts: 'entries' };

/** Slices of the names; `give`: how many of those that were asked for, a failure for a number below zero. */
function slices(names: readonly string[], give: (limit: number) => number, asked: SliceRequest[] = []): AskSlice {
  return async (request) => {
    asked.push(request);
    const { from, to, limit, flags } = request;
    const given = give(limit);
    if (given < 0) throw new Error('no answer');
    const within = names.filter((name) => (from === null || compareBytes(bytes(name), from) >= 0) && (to === null || compareBytes(bytes(name), to) < 0));
    const ordered = (flags & 1) === 0 ? within : within.toReversed();
    const taken = ordered.slice(0, given);
    // With none given there is still a way on: this is what a slice full of tombstones is.
    const last = taken.at(-1);
    const end = (flags & 1) === 0 ? from : to;
    const resume = taken.length === ordered.length ? null : last === undefined ? end ?? bytes((flags & 1) === 0 ? '' : '~') : bytes((flags & 1) === 0 ? `${last}\0` : last);
    return { entries: taken.map((name) => ({ key: bytes(name), value: bytes(name) })), resume };
  };
}

function names(entries: readonly { readonly key: Uint8Array }[]): string[] {
  return entries.map(({ key }) => Buffer.from(key).toString());
}

describe('a cursor in a range', () => {
  it('gives every entry once and in order, whatever slices hold, fail or are asked for ahead', async () => {
    let failed = 0;
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.infiniteStream(fc.integer({ min: -1, max: 4 })), fc.infiniteStream(fc.integer({ min: 1, max: 7 })), async (isReverse, sizes, wanted) => {
        const all = NAMES.slice(0, 60);
        const cursor = new RangeCursor(slices(all, () => sizes.next().value), { from: null, to: null }, { direction: isReverse ? 'reverse' : 'forwards', parts: 'entries' });
        const got: string[] = [];
        for (;;) {
          const count = wanted.next().value;
          try {
            await cursor.fill(count, Infinity);
          } catch {
            failed += 1;
            continue;
          }
          const taken = names(cursor.take(count));
          got.push(...taken);
          if (taken.length < count) break;
        }
        expect(got).toStrictEqual(isReverse ? all.toReversed() : all);
      }),
      { numRuns: 100 },
    );
    expect(failed).toBeGreaterThan(100);
  });

  it('asks for little first, for more later, and one slice ahead from the second on', async () => {
    const asked: SliceRequest[] = [];
    const cursor = new RangeCursor(slices(NAMES, (limit) => limit, asked), { from: null, to: null }, FORWARDS);
    await cursor.fill(1, Infinity);
    expect(asked.map(({ limit }) => limit)).toStrictEqual([100]);
    cursor.take(100);
    await cursor.fill(1, Infinity);
    expect(asked.map(({ limit }) => limit)).toStrictEqual([100, 200, 400]);
    cursor.take(200);
    await cursor.fill(1, Infinity);
    expect(asked.map(({ limit }) => limit)).toStrictEqual([100, 200, 400, 800]);
    expect(cursor.buffered).toBe(400);
  });

  it('asks at once for as many as are wanted, and for no more than will be taken', async () => {
    const asked: SliceRequest[] = [];
    const cursor = new RangeCursor(slices(NAMES, (limit) => limit, asked), { from: null, to: null }, FORWARDS);
    await cursor.fill(2_500, 2_600);
    expect(names(cursor.take(2_500))).toStrictEqual(NAMES.slice(0, 2_500));
    await cursor.fill(2_500, 100);
    expect(asked.map(({ limit }) => limit)).toStrictEqual([2_500, 100]);
  });

  it('asks for nothing in an empty range', async () => {
    const asked: SliceRequest[] = [];
    const cursor = new RangeCursor(slices(NAMES, (limit) => limit, asked), { from: bytes('00002'), to: bytes('00001') }, FORWARDS);
    await cursor.fill(5, Infinity);
    expect(cursor.take(5)).toStrictEqual([]);
    expect(asked).toStrictEqual([]);
  });

  it('asks again for a slice that failed ahead of need, and only then tells', async () => {
    const asked: SliceRequest[] = [];
    let failures = 0;
    const cursor = new RangeCursor(slices(NAMES, (limit) => (asked.length > 2 && failures-- > 0 ? -1 : limit), asked), { from: null, to: null }, FORWARDS);
    failures = 1;
    await cursor.fill(300, Infinity);
    expect(asked).toHaveLength(1);
    cursor.take(300);
    await cursor.fill(1, Infinity);
    cursor.take(Infinity);
    await cursor.fill(1, Infinity);
    expect(names(cursor.take(1))).toStrictEqual(['00500']);
    failures = 2;
    cursor.take(Infinity);
    await cursor.fill(1, Infinity);
    cursor.take(Infinity);
    await expect(cursor.fill(1, Infinity)).rejects.toThrow('no answer');
    await cursor.fill(1, Infinity);
    expect(names(cursor.take(1))).toHaveLength(1);
  });

  it('uses nothing from before a restart', async () => {
    const cursor = new RangeCursor(slices(NAMES, (limit) => limit), { from: null, to: null }, FORWARDS);
    await cursor.fill(1, Infinity);
    cursor.take(100);
    await cursor.fill(1, Infinity);
    cursor.restart({ from: bytes('04000'), to: bytes('04002') });
    expect(cursor.buffered).toBe(0);
    await cursor.fill(10, Infinity);
    expect(names(cursor.take(10))).toStrictEqual(['04000', '04001']);
  });
});
