/**
 * Time of the simulation: one queue of events in place of the operating system. Why it exists: a bug that needs one
 * order of events in a million is found, and found again from its seed, only when every order comes from that seed.
 *
 * Invariants
 *  T1  Events run one at a time, in the order of (virtual time, order of scheduling); time never goes back.
 *  T2  Between two events all microtasks settle: code between two `await`s never sees a later event early.
 *  T3  Nothing here reads a real clock or chance. The one real thing is the setImmediate between two events.
 *  T4  A killed process runs nothing more; what it waited for never resolves. A paused one runs nothing until it is
 *      resumed, then all that fell due meanwhile, in order; an interval that fell due many times runs once.
 *
 * How T2 is fast: Node drains ticks and microtasks after each setImmediate callback, also between those of one turn of
 * its loop. So events run from many callbacks of one turn, and only each EVENTS_PER_TURN-th pays for a turn.
 */
import type { Time, Timer } from '../../node/ports.ts';

const EVENTS_PER_TURN = 128;
/** What setTimeout takes; beyond it, it fires at once. */
const TIMER_MS_MAX = 0x7fff_ffff;
const COMPACT_FROM = 1024;
export const WALL_START_MS = 1_764_000_000_000;

/** `done`: the condition came true. `idle`: nothing is left to happen. */
export type RunEnd = 'done' | 'time over' | 'idle';
/** `crash`: the process ends, its kernel lives (SIGKILL). `silent`: the machine loses power. */
export type EndKind = 'crash' | 'silent';

export interface ProcessOptions {
  /** How fast its clocks go; 1 is true time. */
  readonly rate?: number;
  /** How far its wall clock is off. */
  readonly wallOffsetMs?: number;
  /** Takes what an event of this process throws; without it `run` rejects with that. */
  readonly failed?: (error: unknown) => void;
}

export class VirtualWorld {
  #heap: ScheduledEvent[] = [];
  #nowMs = 0;
  #sequence = 0;
  #cancelled = 0;
  #digest = 0x811c_9dc5;
  #isRunning = false;
  /** How many events ran. */
  eventsRun = 0;

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events that are still to come; those of killed processes count until their time. */
  get pending(): number {
    return this.#heap.length - this.#cancelled;
  }

  /** Of when what ran; the same for two runs of one seed. `mix` adds what the simulation finds telling. */
  get digest(): number {
    return this.#digest >>> 0;
  }

  mix(value: number): void {
    this.#digest = Math.imul(this.#digest ^ (value | 0), 0x0100_0193);
  }

  /** An event of the world itself, of no process: a fault, a driver. */
  after(delayMs: number, work: () => void): Timer {
    return this.schedule(this.#nowMs + Math.max(0, delayMs), null, work, 0);
  }

  process(name: string, options: ProcessOptions = {}): VirtualProcess {
    return new VirtualProcess(this, name, options);
  }

  /** Runs one event and lets it settle. */
  async step(): Promise<'ran' | 'idle'> {
    const end = this.#runNext(Infinity);
    await settled();
    return end === null ? 'ran' : 'idle';
  }

  /** Runs what is due until then, and stops there or, before an event, where `isDone`. Rejects with what an event throws. */
  async run(untilMs: number, isDone: () => boolean = never): Promise<RunEnd> {
    if (this.#isRunning) throw new Error('the world runs already');
    this.#isRunning = true;
    try {
      return await new Promise<RunEnd>((resolve, reject) => {
        this.#turns(untilMs, isDone, resolve, reject);
      });
    } finally {
      this.#isRunning = false;
    }
  }

  /** For VirtualProcess: an event at a moment of the world; again and again when `periodMs` > 0. */
  schedule(atMs: number, process: VirtualProcess | null, work: () => void, periodMs: number): ScheduledEvent {
    const event = new ScheduledEvent(this, atMs, process, work, periodMs);
    event.sequence = this.#sequence++;
    this.#push(event);
    return event;
  }

  /** For VirtualProcess: a held event takes its old place, before all that is still to come. */
  release(event: ScheduledEvent): void {
    if (event.work !== null) this.#push(event);
  }

  /** For ScheduledEvent. Cancelled events stay in the heap until their time, unless they become most of it. */
  cancelled(): void {
    this.#cancelled++;
    if (this.#cancelled < COMPACT_FROM || this.#cancelled * 2 < this.#heap.length) return;
    const left = this.#heap.filter((event) => event.work !== null);
    // A sorted array is a heap.
    this.#heap = left.toSorted((a, b) => (isBefore(a, b) ? -1 : 1));
    this.#cancelled = 0;
  }

  #turns(untilMs: number, isDone: () => boolean, resolve: (end: RunEnd) => void, reject: (error: unknown) => void): void {
    let isOver = false;
    const turn = (): void => {
      if (isOver) return;
      try {
        const end = isDone() ? 'done' : this.#runNext(untilMs);
        if (end === null) return;
        isOver = true;
        resolve(end);
      } catch (error) {
        isOver = true;
        reject(error);
      }
    };
    const many = (): void => {
      if (isOver) return;
      for (let i = 0; i < EVENTS_PER_TURN; i++) setImmediate(turn);
      setImmediate(many);
    };
    setImmediate(many);
  }

  /** Null when an event ran. */
  #runNext(untilMs: number): RunEnd | null {
    for (;;) {
      const event = this.#heap[0];
      if (event === undefined || event.atMs > untilMs) {
        if (untilMs !== Infinity) this.#nowMs = Math.max(this.#nowMs, untilMs);
        return event === undefined ? 'idle' : 'time over';
      }
      this.#pop();
      const { process, work } = event;
      if (work === null) {
        this.#cancelled--;
        continue;
      }
      if (process !== null && !process.takes(event)) continue;
      // One that was held is run late.
      this.#nowMs = Math.max(this.#nowMs, event.atMs);
      this.#runEvent(event, work);
      return null;
    }
  }

  #runEvent(event: ScheduledEvent, work: () => void): void {
    this.eventsRun++;
    this.mix(event.sequence);
    this.mix(this.#nowMs * 1024);
    if (event.periodMs === 0) event.work = null;
    try {
      work();
    } catch (error) {
      if (event.process?.failed === undefined) throw error;
      event.process.failed(error);
    }
    if (event.work === null || event.periodMs === 0) return;
    event.atMs = this.#nowMs + event.periodMs;
    event.sequence = this.#sequence++;
    this.#push(event);
  }

  #push(event: ScheduledEvent): void {
    event.isQueued = true;
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const above = (at - 1) >>> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(event, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined) return;
    top.isQueued = false;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = at * 2 + 1;
      let child = heap[below];
      if (child === undefined) break;
      const right = heap[below + 1];
      if (right !== undefined && isBefore(right, child)) {
        child = right;
        below++;
      }
      if (!isBefore(child, last)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
  }
}

class ScheduledEvent implements Timer {
  readonly #world: VirtualWorld;
  readonly process: VirtualProcess | null;
  readonly periodMs: number;
  atMs: number;
  sequence = 0;
  isQueued = false;
  /** Null once it was cancelled, or ran for the only time. */
  work: (() => void) | null;

  constructor(world: VirtualWorld, atMs: number, process: VirtualProcess | null, work: () => void, periodMs: number) {
    this.#world = world;
    this.atMs = atMs;
    this.process = process;
    this.work = work;
    this.periodMs = periodMs;
  }

  cancel(): void {
    if (this.work === null) return;
    this.work = null;
    if (this.isQueued) this.#world.cancelled();
  }
}

/** One run of one node, or one client: its clocks and its life. All that calls into its code goes through `run`. */
export class VirtualProcess implements Time {
  readonly name: string;
  readonly world: VirtualWorld;
  readonly failed: ((error: unknown) => void) | undefined;
  readonly #rate: number;
  readonly #startedMs: number;
  #wallOffsetMs: number;
  #state: 'running' | 'paused' | 'dead' = 'running';
  #held: ScheduledEvent[] = [];
  #endListeners: ((how: EndKind) => void)[] = [];

  constructor(world: VirtualWorld, name: string, options: ProcessOptions) {
    this.world = world;
    this.name = name;
    this.failed = options.failed;
    this.#rate = options.rate ?? 1;
    this.#startedMs = world.nowMs;
    this.#wallOffsetMs = options.wallOffsetMs ?? 0;
  }

  get state(): 'running' | 'paused' | 'dead' {
    return this.#state;
  }

  get isAlive(): boolean {
    return this.#state !== 'dead';
  }

  wallMs(): number {
    return Math.max(0, Math.floor(WALL_START_MS + this.world.nowMs * this.#rate + this.#wallOffsetMs));
  }

  monotonicMs(): number {
    return (this.world.nowMs - this.#startedMs) * this.#rate;
  }

  after(milliseconds: number, work: () => void): Timer {
    return this.#timer(milliseconds, work, 'once');
  }

  every(milliseconds: number, work: () => void): Timer {
    return this.#timer(milliseconds, work, 'repeated');
  }

  soon(work: () => void): void {
    this.runAt(this.world.nowMs, work);
  }

  async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return;
    await new Promise<void>((resolve) => {
      const awake = (): void => {
        timer.cancel();
        signal?.removeEventListener('abort', awake);
        resolve();
      };
      const timer = this.after(milliseconds, awake);
      signal?.addEventListener('abort', awake);
    });
  }

  /** Calls into the process after a delay of true time: a frame that arrives, a disk that is done. */
  run(delayMs: number, work: () => void): Timer {
    return this.runAt(this.world.nowMs + Math.max(0, delayMs), work);
  }

  /** As `run`, at a moment: two calls with one moment run in the order of the calls. */
  runAt(atMs: number, work: () => void): Timer {
    return this.isAlive ? this.world.schedule(Math.max(atMs, this.world.nowMs), this, work, 0) : NO_TIMER;
  }

  /** The wall clock jumps. */
  setWallOffset(milliseconds: number): void {
    this.#wallOffsetMs = milliseconds;
  }

  get wallOffsetMs(): number {
    return this.#wallOffsetMs;
  }

  /** As SIGSTOP. */
  pause(): void {
    if (this.#state === 'running') this.#state = 'paused';
  }

  /** As SIGCONT. */
  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    const held = this.#held;
    this.#held = [];
    for (const event of held) this.world.release(event);
  }

  kill(how: EndKind = 'crash'): void {
    if (this.#state === 'dead') return;
    this.#state = 'dead';
    this.#held = [];
    const listeners = this.#endListeners;
    this.#endListeners = [];
    for (const listener of listeners) listener(how);
  }

  /** For the network and the disk: what they do when the process ends. */
  onEnd(listener: (how: EndKind) => void): void {
    this.#endListeners.push(listener);
  }

  /** For the world: whether a due event may run now. T4. */
  takes(event: ScheduledEvent): boolean {
    if (this.#state === 'paused') this.#held.push(event);
    return this.#state === 'running';
  }

  #timer(milliseconds: number, work: () => void, times: 'once' | 'repeated'): Timer {
    if (!(milliseconds <= TIMER_MS_MAX)) throw new RangeError(`a timer of ${milliseconds} ms fires at once in Node`);
    if (!this.isAlive) return NO_TIMER;
    const trueMs = Math.max(1, milliseconds) / this.#rate;
    return this.world.schedule(this.world.nowMs + trueMs, this, work, times === 'repeated' ? trueMs : 0);
  }
}

/** The last lines of a run. Lines are made only when they are asked for: what they capture must not change. */
export class TraceRing {
  readonly #world: VirtualWorld;
  readonly #limit: number;
  readonly #lines: { readonly atMs: number; readonly line: () => string }[] = [];
  #next = 0;

  constructor(world: VirtualWorld, limit: number) {
    this.#world = world;
    this.#limit = limit;
  }

  readonly trace = (line: () => string): void => {
    this.#lines[this.#next] = { atMs: this.#world.nowMs, line };
    this.#next = (this.#next + 1) % this.#limit;
  };

  lines(): string[] {
    const ordered = [...this.#lines.slice(this.#next), ...this.#lines.slice(0, this.#next)];
    return ordered.map(({ atMs, line }) => `${atMs.toFixed(3).padStart(12)} ${line()}`);
  }
}

const NO_TIMER: Timer = { cancel: () => undefined };

/** All microtasks are done when this resolves. */
export async function settled(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}

function isBefore(a: ScheduledEvent, b: ScheduledEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}

function never(): boolean {
  return false;
}
