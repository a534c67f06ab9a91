/** Work that goes on in rounds until the node stops: what the background's and the scrubber's loops have in common. */
import { setMaxListeners } from 'node:events';
import { messageOf } from './errors.ts';
import type { Time } from './ports.ts';

export interface LoopsPorts {
  readonly time: Pick<Time, 'sleep'>;
  report(message: string, details: Record<string, unknown>): void;
}

export class Loops {
  readonly #ports: LoopsPorts;
  readonly #stop = new AbortController();
  #paused = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(ports: LoopsPorts) {
    this.#ports = ports;
    // Every loop waits on this one signal.
    setMaxListeners(0, this.#stop.signal);
  }

  get isStopping(): boolean {
    return this.#stop.signal.aborted;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  /** Each loop runs until it sees `isStopping`. One that throws is a bug: it is reported and thrown on. */
  start(loops: readonly (() => Promise<void>)[]): void {
    this.#running = Promise.all(loops.map(async (loop) => loop().catch((error: unknown) => this.#failed(error))));
  }

  /** Resolves when all loops have ended. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  /** Returns early when the node stops. */
  async wait(milliseconds: number): Promise<void> {
    await this.#ports.time.sleep(milliseconds, this.#stop.signal);
  }

  #failed(error: unknown): void {
    this.#ports.report('background work failed', { error: messageOf(error) });
    throw error;
  }
}
