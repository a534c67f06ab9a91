import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AddressBook } from '../../client/address-book.ts';
import { RequestTable, type PendingRequest, type RequestLimits } from '../../client/request-table.ts';

class Lane {
  readonly name: string;
  inFlight = 0;

  constructor(name: string) {
    this.name = name;
  }
}

/** `mayRepeat` and `mayOverlap` change in the course of a write. */
type Request = Omit<PendingRequest<Lane>, 'mayRepeat' | 'mayOverlap' | 'next'> & { mayRepeat: boolean; mayOverlap: boolean; next: Request | null };

function request(id: number, kind: Request['kind'] = 'repeatable', deadlineMs = 100): Request {
  const may = kind === 'repeatable';
  return { id, kind, mayRepeat: may, mayOverlap: may, notBeforeMs: 0, deadlineMs, bytes: 10, attempts: 0, state: 'waiting', firstLane: null, secondLane: null, next: null, place: 0 };
}

function tableOf(limits: RequestLimits, ...requests: readonly Request[]): RequestTable<Lane, Request> {
  const table = new RequestTable<Lane, Request>(limits);
  for (const added of requests) table.add(added);
  return table;
}

/** What goes over this lane now. */
function taken(table: RequestTable<Lane, Request>, lane: Lane): readonly number[] {
  const sent: number[] = [];
  table.route(({ id }) => {
    sent.push(id);
    return lane;
  });
  return sent;
}

function ids(requests: readonly Request[]): readonly number[] {
  return requests.map(({ id }) => id);
}

describe('the table of requests', () => {
  test('after a lost lane reads wait again, before those never sent, and writes are handed out', () => {
    const lane = new Lane('a');
    const table = tableOf({ bytesMax: 1_000, inFlightMax: 3, attemptsMax: 2 }, request(1), request(2, 'write'), request(3), request(4));
    expect(taken(table, lane)).toEqual([1, 2, 3]);
    expect(ids(table.lose(lane).unknown)).toEqual([2]);
    expect(taken(table, lane)).toEqual([1, 3, 4]);
    expect(ids(table.lose(lane).exhausted)).toEqual([1, 3]);
    expect(taken(table, lane)).toEqual([4]);
    expect(lane.inFlight).toBe(1);
  });

  test('a lost lane takes only what was on it', () => {
    const [a, b] = [new Lane('a'), new Lane('b')];
    const table = tableOf({ bytesMax: 1_000, inFlightMax: 9, attemptsMax: 9 }, request(1), request(2, 'write'), request(3), request(4, 'write'));
    table.route(({ id }) => (id < 3 ? a : b));
    expect(ids(table.lose(a).unknown)).toEqual([2]);
    expect([a.inFlight, b.inFlight, table.waitingCount]).toEqual([0, 2, 1]);
    expect(taken(table, b)).toEqual([1]);
  });

  test('what no lane takes keeps its place while others go, and nothing is offered after a stop', () => {
    const lane = new Lane('a');
    const table = tableOf({ bytesMax: 1_000, inFlightMax: 9, attemptsMax: 9 }, request(1), request(2), request(3), request(4), request(5));
    const offered: number[] = [];
    table.route(({ id }) => {
      offered.push(id);
      return id === 4 ? 'stop' : id === 2 ? lane : 'waits';
    });
    expect([offered, table.inFlightCount]).toEqual([[1, 2, 3, 4], 1]);
    expect(taken(table, lane)).toEqual([1, 3, 4, 5]);
  });

  test('a read is sent again over a second lane once, a write never, and survives the loss of either lane', () => {
    const [a, b] = [new Lane('a'), new Lane('b')];
    const table = tableOf({ bytesMax: 1_000, inFlightMax: 9, attemptsMax: 9 }, request(1), request(2, 'write'), request(3));
    taken(table, a);
    const again: number[] = [];
    const toB = ({ id }: Request): Lane => {
      again.push(id);
      return b;
    };
    table.sendAgain(a, toB);
    table.sendAgain(a, toB);
    expect([again, a.inFlight, b.inFlight]).toEqual([[1, 3], 3, 2]);
    expect(ids(table.lose(a).unknown)).toEqual([2]);
    expect([table.waitingCount, table.inFlightCount, b.inFlight]).toEqual([0, 2, 2]);
    table.lose(b);
    expect([table.waitingCount, a.inFlight, b.inFlight]).toEqual([2, 0, 0]);
    expect(taken(table, a)).toEqual([1, 3]);
  });

  test('a write that has been given a version waits again after a lost lane, as often as any request, and is unknown then', () => {
    const lane = new Lane('a');
    const [known, unknown] = [request(1, 'write'), request(2, 'write')];
    const table = tableOf({ bytesMax: 1_000, inFlightMax: 9, attemptsMax: 2 }, known, unknown);
    taken(table, lane);
    known.mayRepeat = true;
    expect(ids(table.lose(lane).unknown)).toEqual([2]);
    expect(taken(table, lane)).toEqual([1]);
    expect(table.lose(lane)).toMatchObject({ unknown: [{ id: 1, state: 'out' }], exhausted: [] });
    expect([table.size, table.bytes, lane.inFlight]).toEqual([0, 0, 0]);
  });

  test('a write goes over a second lane only when it may overlap, and then is not lost with either', () => {
    const [a, b] = [new Lane('a'), new Lane('b')];
    const [anew, known] = [request(1, 'write'), request(2, 'write')];
    const table = tableOf({ bytesMax: 1_000, inFlightMax: 9, attemptsMax: 9 }, anew, known);
    taken(table, a);
    anew.mayRepeat = true;
    known.mayRepeat = true;
    known.mayOverlap = true;
    table.sendAgain(a, () => b);
    expect([anew.attempts, known.attempts, a.inFlight, b.inFlight]).toEqual([1, 2, 2, 1]);
    expect(ids(table.lose(a).unknown)).toEqual([]);
    expect([anew.state, known.state, known.firstLane]).toEqual(['waiting', 'in-flight', b]);
  });

  test('what is put back waits behind all others, off both lanes, and only what is in flight can be', () => {
    const [a, b] = [new Lane('a'), new Lane('b')];
    const [first, second, third] = [request(1), request(2), request(3)];
    const table = tableOf({ bytesMax: 1_000, inFlightMax: 2, attemptsMax: 9 }, first, second, third);
    taken(table, a);
    table.sendAgain(a, () => b);
    table.putBack(first, 70);
    table.putBack(first, 80);
    table.putBack(third, 90);
    expect([first.notBeforeMs, third.notBeforeMs, first.state, a.inFlight, b.inFlight]).toEqual([70, 0, 'waiting', 1, 1]);
    expect([table.size, table.bytes, table.waitingCount, table.inFlight(1)]).toEqual([3, 30, 2, null]);
    table.remove(second);
    expect(taken(table, a)).toEqual([3, 1]);
    table.remove(first);
    table.putBack(first, 99);
    expect([first.state, table.size]).toEqual(['out', 1]);
  });

  test('what is late is handed out and all else stays', () => {
    const table = tableOf({ bytesMax: 1_000, inFlightMax: 1, attemptsMax: 2 }, request(1, 'write', 50), request(2, 'write', 50), request(3, 'write', 60));
    taken(table, new Lane('a'));
    expect(table.expire(49)).toEqual({ waiting: [], inFlight: [] });
    const late = table.expire(50);
    expect([ids(late.inFlight), ids(late.waiting), table.size]).toEqual([[1], [2], 1]);
    expect(ids(table.expire(60).waiting)).toEqual([3]);
  });

  test('a queue of many of which most were cancelled still brings the rest in their order', () => {
    const all = Array.from({ length: 20_000 }, (_, index) => request(index));
    const table = tableOf({ bytesMax: 1_000_000, inFlightMax: 20_000, attemptsMax: 1 }, ...all);
    for (const cancelled of all) if (cancelled.id % 100 !== 7) table.remove(cancelled);
    expect(taken(table, new Lane('a'))).toEqual(all.filter(({ id }) => id % 100 === 7).map(({ id }) => id));
  });

  test('whatever happens, each request is handed out exactly once, no write is sent twice that may not be and the limits hold', () => {
    const pick = fc.nat();
    const step = fc.oneof(
      fc.record({ act: fc.constant('add' as const), kind: fc.constantFrom<Request['kind']>('write', 'repeatable'), pick }),
      fc.record({ act: fc.constantFrom('route' as const, 'route' as const, 'sendAgain' as const, 'sendAgain' as const, 'lose' as const), pick }),
      fc.record({ act: fc.constantFrom('expire' as const, 'drainWaiting' as const, 'answer' as const, 'remove' as const, 'putBack' as const, 'tell' as const, 'tell' as const, 'forget' as const), pick }),
    );
    let twice = 0;
    let writesAgain = 0;
    fc.assert(fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
      const table = tableOf({ bytesMax: 80, inFlightMax: 3, attemptsMax: 3 });
      const lanes = [new Lane('a'), new Lane('b')] as const;
      const added: Request[] = [];
      const out: number[] = [];
      const lostForGood: Request[] = [];
      const told = new Set<Request>();
      const some = (pick: number): Request | undefined => added[pick % Math.max(1, added.length)];
      const takeOut = (picked: Request | null | undefined): void => {
        if (picked !== null && picked !== undefined && table.remove(picked)) out.push(picked.id);
      };
      for (const [nowMs, taken] of steps.entries()) {
        const lane = lanes[taken.pick % 2 === 0 ? 0 : 1];
        switch (taken.act) {
          case 'add': {
            const next = request(nowMs, taken.kind, nowMs + (taken.pick % 30));
            if (table.add(next)) added.push(next);
            break;
          }
          case 'route':
            table.route(({ id }) => ((id + taken.pick) % 5 === 0 ? 'waits' : (id + taken.pick) % 7 === 0 ? 'stop' : lane));
            break;
          case 'sendAgain':
            table.sendAgain(lane, (again) => {
              twice += 1;
              expect(again.mayOverlap).toBe(true);
              return lanes[taken.pick % 2 === 0 ? 1 : 0];
            });
            break;
          case 'lose': {
            const alone = added.filter(({ firstLane, secondLane, attempts, mayRepeat }) => firstLane === lane && secondLane === null && mayRepeat && attempts < 3);
            const { unknown, exhausted } = table.lose(lane);
            expect(alone.every(({ state }) => state === 'waiting')).toBe(true);
            expect(lane.inFlight).toBe(0);
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
            takeOut(table.inFlight(some(taken.pick)?.id ?? -1));
            break;
          case 'remove':
            takeOut(some(taken.pick));
            break;
          case 'putBack': {
            const back = some(taken.pick);
            if (back === undefined || !back.mayRepeat || back.attempts >= 3) break;
            const before = back.state;
            table.putBack(back, nowMs);
            expect(back.state).toBe(before === 'in-flight' ? 'waiting' : before);
            break;
          }
          case 'tell': {
            const write = some(taken.pick);
            if (write?.kind !== 'write') break;
            told.add(write);
            write.mayRepeat = true;
            // With `always` a write may be repeated but not overlap.
            write.mayOverlap = taken.pick % 3 > 0;
            break;
          }
          case 'forget': {
            const write = some(taken.pick);
            if (write?.kind === 'write') [write.mayRepeat, write.mayOverlap] = [false, false];
            break;
          }
        }
        expect(table.inFlightCount).toBeLessThanOrEqual(3);
        expect(table.bytes).toBe(table.size * 10);
        expect(table.bytes).toBeLessThanOrEqual(80);
        const onLanes = added.flatMap(({ firstLane, secondLane }) => [firstLane, secondLane]);
        for (const counted of lanes) expect(counted.inFlight).toBe(onLanes.filter((on) => on === counted).length);
      }
      out.push(...ids(table.drain()));
      expect(out.toSorted((a, b) => a - b)).toEqual(ids(added));
      expect(lostForGood.every(({ kind }) => kind === 'write')).toBe(true);
      expect(added.every((each) => each.attempts <= (each.kind === 'write' && !told.has(each) ? 1 : 3))).toBe(true);
      writesAgain += added.filter(({ kind, attempts }) => kind === 'write' && attempts > 1).length;
    }));
    expect(twice).toBeGreaterThan(0);
    expect(writesAgain).toBeGreaterThan(0);
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
