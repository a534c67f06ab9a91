/** Clocks and waiting, as the daemon has them. */
import { setTimeout as delay } from 'node:timers/promises';

export class NodeTime {
  #skewMs = 0;

  /** The wall clock in milliseconds, crooked by a test control if that is on. */
  wallMs(): number {
    return Math.max(0, Date.now() + this.#skewMs);
  }

  /** Never goes back; for deadlines and silence. */
  monotonicMs(): number {
    return performance.now();
  }

  skew(milliseconds: number): void {
    this.#skewMs = milliseconds;
  }

  get skewMs(): number {
    return this.#skewMs;
  }
}

/** Resolves early, and quietly, when the signal comes. */
export async function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(milliseconds, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'AbortError') throw error;
  }
}
