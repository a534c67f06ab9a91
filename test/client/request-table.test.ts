import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AddressBook } from '../../client/address-book.ts';
import { RequestTable, type PendingRequest } from '../../client/request-table.ts';

function request(id: number, kind: PendingRequest['kind'] = 'repeatable', deadlineMs = 100): PendingRequest {
  return { id, kind, deadlineMs, bytes: 10, attempts: 0 };
}

function ids(requests: readonly PendingRequest[]): readonly number[] {
  return requests.map(({ id }) => id);
}

describe('the table of requests', () => {
  test('after a lost connection reads wait again, before those never sent, and writes are handed out', () => {
    const table = new RequestTable({ bytesMax: 1_000, inFlightMax: 3, attemptsMax: 2 });
    for (const added of [request(1), request(2, 'write'), request(3), request(4)]) table.add(added);
    expect(ids(table.take())).toEqual([1, 2, 3]);
    expect(ids(table.lose().unknown)).toEqual([2]);
    expect(ids(table.take())).toEqual([1, 3, 4]);
    expect(ids(table.lose().exhausted)).toEqual([1, 3]);
    expect(ids(table.take())).toEqual([4]);
  });

  test('what is late is handed out and all else stays', () => {
    const table = new RequestTable({ bytesMax: 1_000, inFlightMax: 1, attemptsMax: 2 });
    for (const added of [request(1, 'write', 50), request(2, 'write', 50), request(3, 'write', 60)]) table.add(added);
    table.take();
    expect(table.expire(49)).toEqual({ waiting: [], inFlight: [] });
    const late = table.expire(50);
    expect([ids(late.inFlight), ids(late.waiting), table.size]).toEqual([[1], [2], 1]);
    expect(ids(table.expire(60).waiting)).toEqual([3]);
  });

  test('whatever happens, each request is handed out exactly once, no write is sent twice and the limits hold', () => {
    const step = fc.oneof(
      fc.record({ act: fc.constant('add' as const), kind: fc.constantFrom<PendingRequest['kind']>('write', 'repeatable'), lifeMs: fc.nat(30) }),
      fc.record({ act: fc.constantFrom('take' as const, 'lose' as const, 'expire' as const, 'drainWaiting' as const) }),
      fc.record({ act: fc.constantFrom('answer' as const, 'remove' as const), pick: fc.nat() }),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const table = new RequestTable({ bytesMax: 80, inFlightMax: 3, attemptsMax: 3 });
      const added: PendingRequest[] = [];
      const out: number[] = [];
      const lostForGood: PendingRequest[] = [];
      for (const [nowMs, taken] of steps.entries()) {
        switch (taken.act) {
          case 'add': {
            const next = request(nowMs, taken.kind, nowMs + taken.lifeMs);
            if (table.add(next)) added.push(next);
            break;
          }
          case 'take':
            table.take();
            break;
          case 'lose': {
            const { unknown, exhausted } = table.lose();
            lostForGood.push(...unknown);
            out.push(...ids(unknown), ...ids(exhausted));
            break;
          }
          case 'expire': {
            const late = table.expire(nowMs);
            out.push(...ids(late.waiting), ...ids(late.inFlight));
            break;
          }
          case 'drainWaiting':
            out.push(...ids(table.drainWaiting()));
            break;
          case 'answer':
          case 'remove': {
            const picked = added[taken.pick % Math.max(1, added.length)];
            if (picked === undefined) break;
            const isOut = taken.act === 'answer' ? table.answer(picked.id) !== undefined : table.remove(picked);
            if (isOut) out.push(picked.id);
            break;
          }
        }
        expect(table.inFlightCount).toBeLessThanOrEqual(3);
        expect(table.bytes).toBe(table.size * 10);
        expect(table.bytes).toBeLessThanOrEqual(80);
      }
      out.push(...ids(table.drain()));
      expect(out.toSorted((a, b) => a - b)).toEqual(ids(added));
      expect(lostForGood.every(({ kind }) => kind === 'write')).toBe(true);
      expect(added.every(({ kind, attempts }) => attempts <= (kind === 'write' ? 1 : 3))).toBe(true);
    }));
  });
});

describe('the addresses', () => {
  test('each is tried once without a pause, then pauses double up to their limit', () => {
    const book = new AddressBook(['a', 'b'], () => 0.999_999);
    expect([book.take(0), book.failed(0), book.take(0), book.failed(0)]).toEqual(['a', false, 'b', true]);
    expect([book.take(49), book.take(50)]).toEqual([null, 'a']);
    expect([book.failed(50), book.take(50), book.failed(50)]).toEqual([false, 'b', true]);
    expect([book.take(149), book.take(150)]).toEqual([null, 'a']);
    for (let round = 0; round < 100; round++) book.failed(1_000);
    expect([book.take(2_999), book.take(3_000)]).toEqual([null, 'b']);
  });

  test('a connection that worked ends the pause', () => {
    const book = new AddressBook(['a'], () => 0);
    book.failed(0);
    expect(book.take(0)).toBeNull();
    book.worked();
    expect(book.take(0)).toBe('a');
  });
});
