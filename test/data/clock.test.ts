import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HybridClock, TICKS_PER_MS, incarnation, nodeId, writerOf, type Version } from '../../data/index.ts';

const WALL_MS = 1_764_000_000_000;
const DAY_MS = 86_400_000;
const WRITER = writerOf(nodeId(1), incarnation(5));

/** A node's clock and the ceiling on its disk. */
class ClockOnDisk {
  onDisk = 0;
  clock = new HybridClock(WRITER, 0);

  restart(): void {
    this.clock = new HybridClock(WRITER, this.onDisk);
  }

  reserve(wallMs: number, floor: number): void {
    const ceiling = this.clock.nextCeiling(wallMs, floor);
    if (ceiling === null) return;
    this.onDisk = ceiling;
    this.clock.ceilingReserved(ceiling);
  }

  issue(wallMs: number, floor = 0): Version {
    const first = this.clock.issue(wallMs, floor);
    if (first !== null) return first;
    this.reserve(wallMs, floor);
    const second = this.clock.issue(wallMs, floor);
    if (second === null) throw new Error('nothing was issued after the ceiling had been raised');
    return second;
  }
}

const events = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('issue' as const), floorAheadMs: fc.integer({ min: -1000, max: 20_000 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(30_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('merge' as const), aheadMs: fc.integer({ min: -DAY_MS, max: 60_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), backMs: fc.constantFrom(0, 1, 3_600_000, DAY_MS) }) },
);

describe('HybridClock', () => {
  it('issues every version greater than the one before, over restarts with a wall clock set back a day', () => {
    fc.assert(
      fc.property(fc.array(events, { maxLength: 60 }), (history) => {
        const node = new ClockOnDisk();
        let wallMs = WALL_MS;
        let last = 0;
        for (const event of history) {
          if (event.kind === 'pass') wallMs += event.ms;
          if (event.kind === 'merge') node.clock.merge((wallMs + event.aheadMs) * TICKS_PER_MS);
          if (event.kind === 'restart') {
            wallMs -= event.backMs;
            node.restart();
          }
          if (event.kind !== 'issue') continue;
          const floor = (wallMs + event.floorAheadMs) * TICKS_PER_MS;
          const version = node.issue(wallMs, floor);
          expect(version.timestamp).toBeGreaterThan(last);
          expect(version.timestamp).toBeGreaterThan(floor);
          expect(version.timestamp).toBeLessThan(node.onDisk);
          expect(version.writer).toBe(WRITER);
          last = version.timestamp;
        }
      }),
    );
  });

  it('issues nothing at or above the ceiling', () => {
    const clock = new HybridClock(WRITER, 0);
    expect(clock.issue(WALL_MS, 0)).toBeNull();
    const ceiling = WALL_MS * TICKS_PER_MS + 3;
    clock.ceilingReserved(ceiling);
    const issued = [clock.issue(WALL_MS, 0), clock.issue(WALL_MS, 0), clock.issue(WALL_MS, 0)].map((version) => version?.timestamp);
    expect(issued).toStrictEqual([ceiling - 3, ceiling - 2, ceiling - 1]);
    expect(clock.issue(WALL_MS, 0)).toBeNull();
    expect(clock.last).toBe(ceiling - 1);
  });

  it('never lowers the ceiling', () => {
    const clock = new HybridClock(WRITER, 0);
    clock.ceilingReserved(100);
    clock.ceilingReserved(50);
    expect(clock.ceiling).toBe(100);
  });

  it('takes over a clock that is ahead and ignores one that is behind or out of range', () => {
    const clock = new HybridClock(WRITER, 0);
    clock.merge(1000);
    clock.merge(10);
    clock.merge(Number.MAX_SAFE_INTEGER + 1);
    clock.merge(Number.NaN);
    expect(clock.last).toBe(1000);
    expect(clock.read(0)).toBe(1000);
    expect(clock.read(1)).toBe(TICKS_PER_MS);
  });

  it('goes above the floor that a newer stored version sets', () => {
    const node = new ClockOnDisk();
    const floor = (WALL_MS + DAY_MS) * TICKS_PER_MS;
    expect(node.issue(WALL_MS, floor).timestamp).toBe(floor + 1);
    expect(node.issue(WALL_MS).timestamp).toBe(floor + 2);
  });

  it('always has room after the ceiling was raised, whatever the floor', () => {
    fc.assert(
      fc.property(fc.nat(10 * DAY_MS), fc.nat(10 * DAY_MS), (mergedMs, floorMs) => {
        const node = new ClockOnDisk();
        node.clock.merge(mergedMs * TICKS_PER_MS);
        node.reserve(5 * DAY_MS, floorMs * TICKS_PER_MS);
        expect(node.clock.nextCeiling(5 * DAY_MS, floorMs * TICKS_PER_MS)).toBeNull();
        expect(node.clock.issue(5 * DAY_MS, floorMs * TICKS_PER_MS)).not.toBeNull();
      }),
    );
  });

  it('does not run away over a thousand quick restarts', () => {
    const node = new ClockOnDisk();
    for (let restart = 0; restart < 1000; restart++) {
      node.issue(WALL_MS + restart);
      node.restart();
    }
    const aheadMs = node.issue(WALL_MS + 1000).timestamp / TICKS_PER_MS - (WALL_MS + 1000);
    // 10 s from the first reservation, and 64 ms a restart and not 10 s.
    expect(aheadMs).toBeLessThan(10_000 + 1000 * 65);
  });

  it('writes its ceiling every few seconds and not for each version', () => {
    const node = new ClockOnDisk();
    let writes = 0;
    for (let ms = 0; ms < 60_000; ms += 10) {
      if (node.clock.nextCeiling(WALL_MS + ms) !== null) writes++;
      node.reserve(WALL_MS + ms, 0);
      node.issue(WALL_MS + ms);
    }
    expect(writes).toBeGreaterThan(1);
    expect(writes).toBeLessThanOrEqual(13);
  });
});
