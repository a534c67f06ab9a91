import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../support/seeded-random.ts';
import { TraceRing, VirtualWorld, WALL_START_MS } from './virtual-time.ts';

describe('VirtualWorld', () => {
  it('runs events in the order of their time, those of one time in the order of scheduling', async () => {
    const world = new VirtualWorld();
    const node = world.process('node-0');
    const ran: string[] = [];
    for (const [name, delayMs] of [['c', 3], ['a', 1], ['b1', 2], ['b2', 2]] as const) node.run(delayMs, () => ran.push(name));
    node.run(2, () => node.soon(() => ran.push('soon')));
    expect(await world.run(10)).toBe('idle');
    expect(ran).toStrictEqual(['a', 'b1', 'b2', 'soon', 'c']);
    expect(world.nowMs).toBe(10);
  });

  it('lets all microtasks of an event settle before the next, however long their chain', async () => {
    const world = new VirtualWorld();
    const ran: string[] = [];
    const chain = async (): Promise<void> => {
      for (let i = 0; i < 500; i++) await Promise.resolve();
      await new Promise<void>((resolve) => {
        process.nextTick(resolve);
      });
      ran.push('settled');
    };
    const failed: unknown[] = [];
    world.after(1, () => {
      chain().catch((error: unknown) => failed.push(error));
    });
    world.after(1, () => ran.push('next'));
    await world.run(2);
    expect([ran, failed]).toStrictEqual([['settled', 'next'], []]);
  });

  it('stops at the given time, goes on from it, and stops where it is told to', async () => {
    const world = new VirtualWorld();
    let ticks = 0;
    world.process('node-0').every(10, () => ticks++);
    expect(await world.run(35)).toBe('time over');
    expect([ticks, world.nowMs]).toStrictEqual([3, 35]);
    expect(await world.run(1000, () => ticks === 5)).toBe('done');
    expect([ticks, world.nowMs]).toStrictEqual([5, 50]);
    expect(await world.step()).toBe('ran');
    expect(ticks).toBe(6);
  });

  it('rejects with what an event throws, unless its process takes it', async () => {
    const world = new VirtualWorld();
    const taken: unknown[] = [];
    const error = new Error('a bug');
    const bug = (): void => {
      throw error;
    };
    world.process('node-0', { failed: (thrown) => taken.push(thrown) }).run(1, bug);
    await world.run(2);
    expect(taken).toStrictEqual([error]);
    world.process('node-1').run(1, bug);
    await expect(world.run(5)).rejects.toThrow('a bug');
  });

  it('never runs what was cancelled, also when most of the queue is', async () => {
    const world = new VirtualWorld();
    const node = world.process('node-0');
    let ran = 0;
    const timers = Array.from({ length: 5000 }, (_, i) => node.after(1 + (i % 7), () => ran++));
    for (const [i, timer] of timers.entries()) if (i % 5 !== 0) timer.cancel();
    expect(world.pending).toBe(1000);
    await world.run(10);
    expect([ran, world.pending]).toStrictEqual([1000, 0]);
    timers[0]?.cancel();
    expect(world.pending).toBe(0);
  });

  it('gives one digest for one seed, and another for another', async () => {
    const digestOf = async (seed: number): Promise<number> => {
      const world = new VirtualWorld();
      const random = new SeededRandom(seed);
      const processes = [0.9, 1, 1.1].map((rate, id) => world.process(`node-${id}`, { rate }));
      let left = 2000;
      const act = (): void => {
        if (left-- <= 0) return;
        const process = random.pick(processes);
        process.after(random.next() * 10, act);
        if (random.isBelow(0.3)) process.soon(act);
        if (random.isBelow(0.1)) process.pause();
        else random.pick(processes).resume();
        world.mix(process.wallMs());
      };
      for (let i = 0; i < 20; i++) world.after(i, act);
      world.after(500, () => {
        for (const process of processes) process.resume();
      });
      await world.run(5000);
      expect(world.eventsRun).toBeGreaterThan(100);
      return world.digest;
    };
    expect(await digestOf(1)).toBe(await digestOf(1));
    expect(await digestOf(1)).not.toBe(await digestOf(2));
  });

  it('keeps the last lines of a trace', async () => {
    const world = new VirtualWorld();
    const kept = new TraceRing(world, 2);
    for (const number of [1, 2, 3]) world.after(number, () => kept.trace(() => `line ${number}`));
    await world.run(5);
    expect(kept.lines().map((line) => line.trim())).toStrictEqual(['2.000 line 2', '3.000 line 3']);
  });
});

describe('VirtualProcess', () => {
  it('has clocks of its own that drift, are off, and jump', async () => {
    const world = new VirtualWorld();
    const fast = world.process('node-0', { rate: 1.1, wallOffsetMs: 5000 });
    let firedMs = 0;
    fast.after(110, () => {
      firedMs = world.nowMs;
    });
    await world.run(1000);
    expect(firedMs).toBeCloseTo(100);
    expect(fast.monotonicMs()).toBeCloseTo(1100);
    expect(fast.wallMs()).toBe(WALL_START_MS + 6100);
    fast.setWallOffset(-3_600_000);
    expect(fast.wallMs()).toBe(WALL_START_MS + 1100 - 3_600_000);
    expect(fast.monotonicMs()).toBeCloseTo(1100);
    await world.run(2000);
    expect(world.process('node-0').monotonicMs()).toBe(0);
  });

  it('sleeps, and wakes early and quietly by a signal', async () => {
    const world = new VirtualWorld();
    const node = world.process('node-0');
    const woken: [string, number][] = [];
    const sleep = async (name: string, signal?: AbortSignal): Promise<void> => {
      await node.sleep(100, signal);
      woken.push([name, world.nowMs]);
    };
    const controller = new AbortController();
    const sleeping = Promise.all([sleep('long'), sleep('short', controller.signal), sleep('none', AbortSignal.abort())]);
    node.run(10, () => controller.abort());
    await world.run(200);
    await sleeping;
    expect(woken).toStrictEqual([['none', 0], ['short', 10], ['long', 100]]);
  });

  it('refuses a timer that Node would fire at once', () => {
    const node = new VirtualWorld().process('node-0');
    expect(() => node.after(Infinity, () => undefined)).toThrow(RangeError);
    expect(() => node.after(Number.NaN, () => undefined)).toThrow(RangeError);
  });

  it('runs nothing after it was killed, and what waited never resolves', async () => {
    const world = new VirtualWorld();
    const node = world.process('node-0');
    const ends: string[] = [];
    let ran = 0;
    node.onEnd((how) => ends.push(how));
    node.every(1, () => ran++);
    node.sleep(5).then(() => ran++).catch(() => ran++);
    world.after(3.5, () => node.kill('silent'));
    world.after(4, () => node.run(1, () => ran++));
    world.after(4, () => node.after(1, () => ran++));
    world.after(5, () => node.kill());
    await world.run(50);
    expect([ran, ends, node.state]).toStrictEqual([3, ['silent'], 'dead']);
  });

  it('keeps what falls due while it is paused, and runs it in order when it is resumed, an interval once', async () => {
    const world = new VirtualWorld();
    const node = world.process('node-0');
    const ran: [string, number][] = [];
    const note = (name: string) => (): void => {
      ran.push([name, world.nowMs]);
    };
    node.every(10, note('interval'));
    node.run(15, note('frame 1'));
    node.run(16, note('frame 2'));
    const timer = node.after(17, note('timer'));
    node.run(16.5, () => timer.cancel());
    world.after(12, () => node.pause());
    world.after(100, () => node.resume());
    world.after(100, note('after resume'));
    await world.run(115);
    expect(ran).toStrictEqual([['interval', 10], ['frame 1', 100], ['frame 2', 100], ['interval', 100], ['after resume', 100], ['interval', 110]]);
  });

  it('keeps the order of what is due at one time when it is paused and resumed in between', async () => {
    const world = new VirtualWorld();
    const node = world.process('node-0');
    const ran: number[] = [];
    world.after(5, () => node.pause());
    for (const number of [1, 2]) node.runAt(5, () => ran.push(number));
    world.after(5, () => node.resume());
    for (const number of [3, 4]) node.runAt(5, () => ran.push(number));
    await world.run(10);
    expect(ran).toStrictEqual([1, 2, 3, 4]);
  });

  it('forgets what it kept when it is killed while paused', async () => {
    const world = new VirtualWorld();
    const node = world.process('node-0');
    let ran = 0;
    node.run(5, () => ran++);
    node.pause();
    await world.run(10);
    node.kill();
    node.resume();
    await world.run(20);
    expect(ran).toBe(0);
  });
});
