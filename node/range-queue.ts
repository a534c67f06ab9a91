/**
 * Range requests of one origin, served one at a time, each in slices with a turn of the event loop in between: what is
 * small to ask for takes milliseconds to read, and others wait meanwhile.
 *
 * Invariants
 *  Q1  One request of an origin is read at a time; at most RANGES_WAITING_MAX wait. What comes beyond is answered `failed`.
 *  Q2  They are served in their order.
 */
import { failedRange, type RangeReplica } from '../coordinator/index.ts';
import type { RangeMessage, RangeRecordsMessage } from '../wire/index.ts';
import type { Time } from './ports.ts';

const RANGES_WAITING_MAX = 1_024;

export interface RangeQueueOptions {
  readonly ranges: RangeReplica;
  readonly time: Pick<Time, 'soon'>;
  /** When its origin does not take its replies, requests are answered `failed` and nothing is looked up. */
  isFull(): boolean;
  reply(reply: RangeRecordsMessage): void;
  report(error: unknown): void;
}

export class RangeQueue {
  readonly #options: RangeQueueOptions;
  #waiting: RangeMessage[] = [];
  #isRunning = false;

  constructor(options: RangeQueueOptions) {
    this.#options = options;
  }

  /** Bounds may be views into a frame, which is kept alive as long as they wait. */
  push(request: RangeMessage): void {
    if (this.#waiting.length >= RANGES_WAITING_MAX) {
      this.#options.reply(failedRange(request));
      return;
    }
    this.#waiting.push(request);
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#run().catch((error: unknown) => this.#options.report(error));
  }

  async #run(): Promise<void> {
    for (let request = this.#waiting.shift(); request !== undefined; request = this.#waiting.shift()) {
      try {
        this.#options.reply(await this.#serve(request));
      } catch (error) {
        this.#options.report(error);
      }
    }
    this.#isRunning = false;
  }

  async #serve(request: RangeMessage): Promise<RangeRecordsMessage> {
    return this.#options.isFull() ? failedRange(request) : this.#options.ranges.serve(request, async () => this.#turn());
  }

  async #turn(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#options.time.soon(resolve);
    });
  }
}
