/** Time as the operating system has it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Time, Timer } from './ports.ts';

export class NodeTime implements Time {
  #skewMs = 0;

  /** Crooked by a test control if that is on. */
  wallMs(): number {
    return Math.max(0, Date.now() + this.#skewMs);
  }

  monotonicMs(): number {
    return performance.now();
  }

  after(milliseconds: number, work: () => void): Timer {
    const timer = setTimeout(work, milliseconds);
    return { cancel: () => clearTimeout(timer) };
  }

  every(milliseconds: number, work: () => void): Timer {
    const timer = setInterval(work, milliseconds);
    return { cancel: () => clearInterval(timer) };
  }

  soon(work: () => void): void {
    setImmediate(work);
  }

  async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    try {
      await delay(milliseconds, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'AbortError') throw error;
    }
  }

  skew(milliseconds: number): void {
    this.#skewMs = milliseconds;
  }

  get skewMs(): number {
    return this.#skewMs;
  }
}
