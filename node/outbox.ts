/**
 * What a tick collects for one connection goes out as one frame.
 *
 * Invariants
 *  B1  Messages leave in the order in which they were pushed.
 *  B2  One flush a tick for all outboxes of a node; first the node's own requests are served, then sockets
 *      are written.
 */
import type { AnyMessage } from '../wire/index.ts';
import type { Time } from './ports.ts';

export interface Flushable {
  flush(): void;
}

/** What a node has sent over all of its connections, text frames left out. */
export interface SentCounters {
  framesSent: number;
  frameBytesSent: number;
}

export function countFrame(sent: SentCounters, frame: Uint8Array): void {
  sent.framesSent++;
  sent.frameBytesSent += frame.length;
}

/** Calls `flush` of whatever was scheduled, once, at the end of the tick. */
export class TickScheduler {
  readonly sent: SentCounters = { framesSent: 0, frameBytesSent: 0 };
  readonly #time: Pick<Time, 'soon'>;
  #scheduled: Flushable[] = [];
  #armed = false;
  #paused = false;

  constructor(time: Pick<Time, 'soon'>) {
    this.#time = time;
  }

  schedule(outbox: Flushable): void {
    this.#scheduled.push(outbox);
    this.#arm();
  }

  /** Nothing leaves while paused; for the test control that stops a node in its tracks. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    if (this.#scheduled.length > 0) this.#arm();
  }

  #arm(): void {
    if (this.#armed || this.#paused) return;
    this.#armed = true;
    this.#time.soon(() => this.#run());
  }

  #run(): void {
    // Flushing one may fill another: go on until nothing is left.
    while (this.#scheduled.length > 0 && !this.#paused) {
      const flushing = this.#scheduled;
      this.#scheduled = [];
      for (const outbox of flushing) outbox.flush();
    }
    this.#armed = false;
  }
}

/** Collects messages and hands them to `send` at the end of the tick. */
export class Outbox<M extends AnyMessage> implements Flushable {
  readonly #scheduler: TickScheduler;
  readonly #send: (messages: readonly M[]) => void;
  #messages: M[] = [];

  constructor(scheduler: TickScheduler, send: (messages: readonly M[]) => void) {
    this.#scheduler = scheduler;
    this.#send = send;
  }

  push(message: M): void {
    this.#messages.push(message);
    if (this.#messages.length === 1) this.#scheduler.schedule(this);
  }

  flush(): void {
    const messages = this.#messages;
    if (messages.length === 0) return;
    this.#messages = [];
    this.#send(messages);
  }

  /** Drops what is waiting. */
  clear(): void {
    this.#messages = [];
  }
}
