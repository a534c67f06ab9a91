import { describe, expect, it } from 'vitest';
import { Generator, OUTSTANDING_MAX } from '../../../bench/load/generator.ts';
import type { LoadPlan, LoadResult } from '../../../bench/load/plan.ts';
import { keyOf } from '../../../bench/load/records.ts';
import type { StoreClient } from '../../../bench/load/store-client.ts';
import { VirtualClock } from './virtual-clock.ts';

const PLAN: LoadPlan = {
  target: { store: 'ring-level', urls: ['ws://127.0.0.1:1'], consistency: 'available' },
  workload: 'put',
  records: 100,
  keyBytes: 16,
  valueBytes: 10,
  clients: 1,
  inFlight: 1,
  warmUpSeconds: 0,
  seconds: 0.5,
  ratePerSecond: null,
  seed: 1,
};
const SERVICE_MS = 1;
const VALUE = Buffer.from('value');

/** A store in virtual time, which answers after `answerMs` of the moment of the request. */
class FakeStore implements StoreClient {
  writes = 0;
  reads = 0;
  inFlight = 0;
  inFlightMost = 0;
  readonly keys = new Set<string>();
  readonly #clock: VirtualClock;
  readonly #answerMs: (nowMs: number) => number;

  constructor(clock: VirtualClock, answerMs: (nowMs: number) => number = () => SERVICE_MS) {
    this.#clock = clock;
    this.#answerMs = answerMs;
  }

  async read(key: Uint8Array): Promise<Uint8Array | null> {
    this.reads++;
    await this.#serve(key);
    return VALUE;
  }

  async write(key: Uint8Array): Promise<void> {
    this.writes++;
    await this.#serve(key);
  }

  async close(): Promise<void> {
    await this.#clock.sleep(0);
  }

  async #serve(key: Uint8Array): Promise<void> {
    this.keys.add(Buffer.from(key).toString());
    this.inFlight++;
    this.inFlightMost = Math.max(this.inFlightMost, this.inFlight);
    await this.#clock.sleep(this.#answerMs(this.#clock.nowMs()));
    this.inFlight--;
  }
}

/** Stands still from 100 to 300 ms, and answers then what came meanwhile. */
const stalling = (nowMs: number): number => (nowMs >= 100 && nowMs < 300 ? 300 - nowMs : SERVICE_MS);

async function generate(clock: VirtualClock, plan: Partial<LoadPlan>, clients: readonly StoreClient[], beforeMeasurement: () => void = () => undefined): Promise<LoadResult> {
  const generator = new Generator({ ...PLAN, ...plan }, clients, clock);
  return clock.run(generator.run(async () => beforeMeasurement()));
}

describe('an open loop', () => {
  it('counts the wait of every operation that was due while the store stood still', async () => {
    const clock = new VirtualClock();
    const store = new FakeStore(clock, stalling);
    const { operations, perSecond, overall, errors, sendLag } = await generate(clock, { ratePerSecond: 1_000 }, [store]);
    expect([operations, store.writes, errors]).toEqual([500, 500, {}]);
    // What was due in the stall: 200 of 500, with waits from 200 ms down to 1.
    expect(overall.p50Ms).toBeCloseTo(1, 1);
    expect(overall.maxMs).toBeCloseTo(200, 0);
    expect(overall.p99Ms).toBeGreaterThan(190);
    expect(overall.meanMs).toBeCloseTo(0.6 * 1 + 0.4 * 100.5, 0);
    expect(perSecond).toBeGreaterThan(990);
    expect(sendLag?.maxMs).toBeLessThan(0.1);
  });

  it('shows what a closed loop omits', async () => {
    const clock = new VirtualClock();
    const { operations, overall } = await generate(clock, {}, [new FakeStore(clock, stalling)]);
    expect(operations).toBeLessThan(310);
    expect(overall.p99Ms).toBeLessThan(2);
  });

  it('sends what is due whatever is answered, over all its clients', async () => {
    const clock = new VirtualClock();
    const stores = [new FakeStore(clock, () => 2_000), new FakeStore(clock, () => 2_000)];
    const { operations, perSecond, overall } = await generate(clock, { ratePerSecond: 1_000, clients: 2 }, stores);
    expect(stores.map(({ inFlightMost }) => inFlightMost)).toEqual([250, 250]);
    expect([operations, perSecond]).toEqual([500, 0]);
    expect(overall.p50Ms).toBeCloseTo(2_000, -1);
  });

  it('counts from the moment when an operation was due, also when the generator was late', async () => {
    const clock = new VirtualClock();
    const store = new FakeStore(clock);
    const { write } = store;
    let isStalled = false;
    store.write = async (key) => {
      if (!isStalled) {
        isStalled = true;
        clock.stall(50);
      }
      return write.call(store, key);
    };
    const { operations, overall, sendLag } = await generate(clock, { ratePerSecond: 1_000 }, [store]);
    expect(operations).toBe(500);
    expect(overall.maxMs).toBeGreaterThan(49);
    expect(sendLag?.maxMs).toBeGreaterThan(48);
    expect(sendLag?.p50Ms).toBeLessThan(0.1);
  });

  it('does not send more than it can keep, and says so', async () => {
    const clock = new VirtualClock();
    const store = new FakeStore(clock, () => 500);
    const { operations, errors } = await generate(clock, { ratePerSecond: 1_000_000, seconds: 0.102 }, [store]);
    expect(store.inFlightMost).toBe(OUTSTANDING_MAX);
    expect(operations).toBe(OUTSTANDING_MAX);
    expect(errors).toEqual({ 'not-sent': 2_000 });
  });
});

describe('a closed loop', () => {
  it('keeps as many operations in flight as it is told, for each client', async () => {
    const clock = new VirtualClock();
    const stores = [new FakeStore(clock, () => 10), new FakeStore(clock, () => 10)];
    const { operations, perSecond, overall, byKind, sendLag } = await generate(clock, { clients: 2, inFlight: 4, seconds: 1 }, stores);
    expect(stores.map(({ inFlightMost }) => inFlightMost)).toEqual([4, 4]);
    expect([operations, perSecond]).toEqual([800, 800]);
    expect(overall).toMatchObject({ count: 800 });
    expect(overall.p50Ms).toBeCloseTo(10, 1);
    expect(byKind).toEqual({ update: overall });
    expect(sendLag).toBeNull();
  });

  it('does not count the warm-up, and has nothing in flight after it', async () => {
    const clock = new VirtualClock();
    const store = new FakeStore(clock, () => 10);
    const seen: number[] = [];
    const { operations } = await generate(clock, { inFlight: 2, warmUpSeconds: 0.1, seconds: 0.2 }, [store], () => {
      seen.push(store.writes, store.inFlight);
    });
    expect(seen).toEqual([20, 0]);
    expect([store.writes, operations]).toEqual([60, 40]);
  });

  it('counts errors by code, and not as operations', async () => {
    const clock = new VirtualClock();
    const store = new FakeStore(clock);
    let calls = 0;
    store.write = async () => {
      calls++;
      await clock.sleep(1);
      if (calls % 2 === 0) throw Object.assign(new Error('no'), { code: 'RING_OVERLOADED' });
      if (calls % 4 === 1) throw new TypeError('no code');
    };
    const { operations, errors, overall } = await generate(clock, {}, [store]);
    expect(operations).toBeGreaterThan(50);
    expect(overall.count).toBe(operations);
    expect(Object.keys(errors).toSorted()).toEqual(['RING_OVERLOADED', 'TypeError']);
    expect(operations + Object.values(errors).reduce((sum, count) => sum + count, 0)).toBe(calls);
  });

  it('counts a record that is not there as an error', async () => {
    const clock = new VirtualClock();
    const store = new FakeStore(clock);
    store.read = async () => {
      await clock.sleep(1);
      return null;
    };
    const { operations, errors } = await generate(clock, { workload: 'get' }, [store]);
    expect(operations).toBe(0);
    expect(errors['absent']).toBeGreaterThan(100);
  });

  it('reads, then writes, in a read-modify-write, and counts both as one', async () => {
    const clock = new VirtualClock();
    const store = new FakeStore(clock);
    const { operations, byKind } = await generate(clock, { workload: 'ycsb-f', seconds: 2 }, [store]);
    expect(store.writes).toBe(byKind['read-modify-write']?.count);
    expect(store.reads).toBe(operations);
    expect(byKind['read-modify-write']?.p50Ms).toBeCloseTo(2, 1);
    expect(byKind.read?.p50Ms).toBeCloseTo(1, 1);
  });

  it('inserts keys after those that there were, and tells how many there are now', async () => {
    const clock = new VirtualClock();
    const store = new FakeStore(clock);
    const { byKind, recordsAfter } = await generate(clock, { workload: 'ycsb-d', seconds: 2 }, [store]);
    const inserted = byKind.insert?.count ?? 0;
    expect(inserted).toBeGreaterThan(20);
    expect(recordsAfter).toBe(PLAN.records + inserted);
    expect(store.keys.has(keyOf(PLAN.records + inserted - 1, PLAN.keyBytes).toString())).toBe(true);
    expect(store.keys.has(keyOf(PLAN.records + inserted, PLAN.keyBytes).toString())).toBe(false);
  });
});

describe('a workload with range reads', () => {
  it('is refused where the client has none', () => {
    const clock = new VirtualClock();
    expect(() => new Generator({ ...PLAN, workload: 'ycsb-e' }, [new FakeStore(clock)], clock)).toThrow('ycsb-e reads ranges, and the client of ring-level has no range reads yet');
  });

  it('scans where there are some', async () => {
    const clock = new VirtualClock();
    const store: StoreClient = Object.assign(new FakeStore(clock), {
      scan: async (_: Uint8Array, count: number): Promise<number> => {
        await clock.sleep(1);
        return count;
      },
    });
    const { byKind, errors } = await generate(clock, { workload: 'ycsb-e' }, [store]);
    expect(errors).toEqual({});
    expect(byKind.scan?.count).toBeGreaterThan(400);
  });
});
