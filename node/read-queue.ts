/**
 * Reads of one origin, served in slices.
 *
 * A request to read is small and its answer is not: thousands of them arrive in one frame, and serving that frame at
 * once would hold gigabytes of values and keep everybody else waiting.
 *
 * Invariants
 *  Q1  One turn of the event loop reads SLICE_BYTES and at most SLICE_READS values more, whatever is asked for.
 *  Q2  Reads are served in their order.
 */
import type { Replica } from '../coordinator/index.ts';
import { FOUND, TYPE, messageBytesMax, type PeerReply, type ReadMessage } from '../wire/index.ts';
import type { Time } from './ports.ts';

const SLICE_READS = 16;
const SLICE_BYTES = 4 * 1_048_576;

export interface ReadQueueOptions {
  readonly replica: Replica;
  readonly time: Pick<Time, 'soon'>;
  /** When its origin does not take its replies, reads are answered `failed` and nothing is looked up. */
  isFull(): boolean;
  reply(replies: readonly PeerReply[]): void;
}

export class ReadQueue {
  readonly #options: ReadQueueOptions;
  #waiting: readonly ReadMessage[] = [];
  #isArmed = false;

  constructor(options: ReadQueueOptions) {
    this.#options = options;
  }

  /** Keys may be views into a frame, which is kept alive as long as they wait. */
  push(reads: readonly ReadMessage[]): void {
    this.#waiting = this.#waiting.length === 0 ? reads : [...this.#waiting, ...reads];
    if (!this.#isArmed) this.#run();
  }

  #run(): void {
    this.#isArmed = false;
    let at = 0;
    let bytes = 0;
    for (;;) {
      if (at >= this.#waiting.length || bytes >= SLICE_BYTES) break;
      const slice = this.#waiting.slice(at, at + SLICE_READS);
      at += slice.length;
      if (this.#options.isFull()) {
        this.#options.reply(slice.map(([, id]) => [TYPE.found, id, FOUND.failed, null]));
        continue;
      }
      this.#options.replica.serve(slice, (replies) => {
        for (const reply of replies) bytes += messageBytesMax(reply);
        this.#options.reply(replies);
      });
    }
    this.#waiting = this.#waiting.slice(at);
    if (this.#waiting.length === 0) return;
    this.#isArmed = true;
    this.#options.time.soon(() => this.#run());
  }
}
