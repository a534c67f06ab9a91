/** Time that passes at once: whenever nothing else is left to do, the clock is at the next moment that somebody waits for. */
import { setImmediate as settled } from 'node:timers/promises';
import type { LoadClock } from '../../../bench/load/clock.ts';

export class VirtualClock implements LoadClock {
  #nowMs = 0;
  readonly #wakersByMs = new Map<number, (() => void)[]>();

  nowMs(): number {
    return this.#nowMs;
  }

  async sleep(milliseconds: number): Promise<void> {
    return new Promise((wake) => {
      const atMs = this.#nowMs + milliseconds;
      const wakers = this.#wakersByMs.get(atMs);
      if (wakers === undefined) this.#wakersByMs.set(atMs, [wake]);
      else wakers.push(wake);
    });
  }

  /** As if the process had stood still for so long. */
  stall(milliseconds: number): void {
    this.#nowMs += milliseconds;
  }

  /** Lets time pass until `work` is done. */
  async run<T>(work: Promise<T>): Promise<T> {
    const state = { isDone: false };
    const end = (): void => {
      state.isDone = true;
    };
    work.then(end, end);
    for (await settled(); !state.isDone; await settled()) {
      const nextMs = Math.min(...this.#wakersByMs.keys());
      if (nextMs === Infinity) throw new Error('nobody waits for anything, and the work is not done');
      this.#nowMs = Math.max(this.#nowMs, nextMs);
      const wakers = this.#wakersByMs.get(nextMs) ?? [];
      this.#wakersByMs.delete(nextMs);
      for (const wake of wakers) wake();
    }
    return work;
  }
}
