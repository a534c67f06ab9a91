/**
 * Carries a load out: reads a stream line by line, keeps the window full, sends failed changes again, and knows in the
 * end up to which line everything is acknowledged.
 *
 * After a bad line nothing behind it is sent; what stands before it is brought to its end. After a change that failed
 * for good, or when it is told to stop, nothing more is sent at all, and what is in flight gets a moment to be answered.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { codeOf, messageOf } from './errors.ts';
import { LINE_BYTES_MAX, parseLine, type Change } from './json-lines.ts';
import { LineSplitter, TOO_LONG } from './line-splitter.ts';
import { LoadWindow, type Taken, type WindowLimits } from './load-window.ts';
import { retryPauseMs } from './retry.ts';

/** What is needed of a client. */
export interface LoadTarget {
  put(key: Uint8Array, value: Uint8Array): Promise<unknown>;
  delete(key: Uint8Array): Promise<unknown>;
}

export interface LoadOptions {
  readonly limits: WindowLimits;
  /** So many lines are not read. */
  readonly skipLines: number;
  /** How long one change is tried again before the load gives up. */
  readonly retryForMs: number;
  /** How long requests in flight are waited for when the load is told to stop. */
  readonly stopWaitMs: number;
}

export interface LoadStop {
  /** null: it was told to stop. */
  readonly line: number | null;
  readonly kind: 'bad-line' | 'failed' | 'input' | 'told';
  readonly code: string | null;
  readonly message: string;
}

export interface LoadCounts {
  readonly puts: number;
  readonly deletes: number;
  readonly retries: number;
  /** Every line up to this one is acknowledged, blank, or was skipped. */
  readonly acknowledgedThrough: number;
}

type Line = Uint8Array | typeof TOO_LONG;

export class Loader {
  readonly #target: LoadTarget;
  readonly #options: LoadOptions;
  readonly #window: LoadWindow;
  #stop: LoadStop | null = null;
  #inFlight = 0;
  #line = 0;
  #bytesRead = 0;
  #puts = 0;
  #deletes = 0;
  #retries = 0;
  readonly #waitingCodes = new Map<Taken, string>();
  readonly #pauses = new AbortController();
  /** Called when something was acknowledged or the load is to stop; whoever waits looks again. */
  #changed: () => void = () => undefined;

  constructor(target: LoadTarget, options: LoadOptions) {
    this.#target = target;
    this.#options = options;
    this.#window = new LoadWindow(options.limits, options.skipLines);
  }

  get bytesRead(): number {
    return this.#bytesRead;
  }

  get counts(): LoadCounts {
    return { puts: this.#puts, deletes: this.#deletes, retries: this.#retries, acknowledgedThrough: this.#window.acknowledgedThrough };
  }

  /** How many changes wait to be sent again, and the code of one of their failures; null when none does. */
  get waiting(): { readonly count: number; readonly code: string } | null {
    const [code] = this.#waitingCodes.values();
    return code === undefined ? null : { count: this.#waitingCodes.size, code };
  }

  /** Nothing more is sent. `run` resolves soon. */
  stop(reason: string): void {
    this.#stopFor({ line: null, kind: 'told', code: null, message: reason });
  }

  /** null: all is loaded. Never rejects for a line or a request. To be called once. */
  async run(source: AsyncIterable<Uint8Array>): Promise<LoadStop | null> {
    await this.#readAll(source);
    await this.#settled();
    if (this.#stop === null && this.#line < this.#options.skipLines) {
      this.#stopFor({ line: null, kind: 'input', code: 'RING_LINE_INVALID', message: `there are only ${this.#line} lines, and ${this.#options.skipLines} were to be skipped` });
    }
    return this.#stop;
  }

  async #readAll(source: AsyncIterable<Uint8Array>): Promise<void> {
    const splitter = new LineSplitter(LINE_BYTES_MAX);
    try {
      for await (const chunk of source) {
        this.#bytesRead += chunk.length;
        for (const line of splitter.push(chunk)) {
          const wait = this.#takeLine(line);
          if (wait !== null) await wait;
          if (this.#stop !== null) return;
        }
        if (this.#stop !== null) return;
      }
      const last = splitter.end();
      if (last !== null) await this.#takeLine(last);
    } catch (error) {
      this.#stopFor({ line: null, kind: 'input', code: codeOf(error), message: `the input can't be read: ${messageOf(error)}` });
    }
  }

  /** A promise when the line has to wait for room. */
  #takeLine(line: Line): Promise<void> | null {
    this.#line += 1;
    if (this.#line <= this.#options.skipLines) return null;
    const parsed = line === TOO_LONG ? TOO_LONG : parseLine(line);
    if (parsed === TOO_LONG) return this.#bad('RING_LINE_INVALID', `the line has more than ${LINE_BYTES_MAX} bytes`);
    if (parsed.kind === 'bad') return this.#bad(parsed.code, parsed.problem);
    if (parsed.kind === 'blank') {
      this.#window.passBlank(this.#line);
      return null;
    }
    if (!this.#window.hasRoomFor(parsed)) return this.#takeWhenRoom(this.#line, parsed);
    this.#take(this.#line, parsed);
    return null;
  }

  async #takeWhenRoom(line: number, change: Change): Promise<void> {
    while (this.#stop === null && !this.#window.hasRoomFor(change)) await this.#change();
    if (this.#stop === null) this.#take(line, change);
  }

  #take(line: number, change: Change): void {
    const taken = this.#window.take(line, change);
    if (taken !== null) this.#send(taken);
  }

  #bad(code: string, message: string): null {
    this.#stopFor({ line: this.#line, kind: 'bad-line', code, message });
    return null;
  }

  /** Sends the change and, as each is acknowledged, those of its key that wait behind it. */
  #send(taken: Taken): void {
    this.#inFlight += 1;
    this.#request(taken).then(
      () => this.#acknowledged(taken),
      (error: unknown) => void this.#sendAgain(taken, error),
    );
  }

  #request({ change }: Taken): Promise<unknown> {
    return change.kind === 'put' ? this.#target.put(change.key, change.value) : this.#target.delete(change.key);
  }

  #acknowledged(taken: Taken): void {
    this.#inFlight -= 1;
    if (taken.change.kind === 'put') this.#puts += 1;
    else this.#deletes += 1;
    const next = this.#window.acknowledge(taken);
    if (next !== null && this.#maySend()) this.#send(next);
    this.#changed();
  }

  /** Until it is acknowledged, given up, or the load is stopped. Never rejects. */
  async #sendAgain(taken: Taken, firstError: unknown): Promise<void> {
    const firstAtMs = performance.now();
    for (let count = 1, error = firstError; ; count++) {
      const pauseMs = retryPauseMs(error, { count, firstAtMs }, performance.now(), this.#options.retryForMs, Math.random());
      if (pauseMs === null) this.#giveUp(taken, error, count);
      if (pauseMs === null || !this.#maySend()) break;
      this.#waitingCodes.set(taken, codeOf(error) ?? '');
      await sleep(pauseMs, undefined, { signal: this.#pauses.signal }).catch(() => undefined);
      this.#waitingCodes.delete(taken);
      if (!this.#maySend()) break;
      this.#retries += 1;
      try {
        await this.#request(taken);
        this.#acknowledged(taken);
        return;
      } catch (failure) {
        error = failure;
      }
    }
    this.#inFlight -= 1;
    this.#changed();
  }

  #giveUp({ line }: Taken, error: unknown, attempts: number): void {
    const tried = attempts > 1 ? ` (sent ${attempts} times)` : '';
    this.#stopFor({ line, kind: 'failed', code: codeOf(error), message: `${messageOf(error)}${tried}` });
  }

  /** After a bad line, what stands before it is sent. */
  #maySend(): boolean {
    return this.#stop === null || this.#stop.kind === 'bad-line';
  }

  #stopFor(stop: LoadStop): void {
    if (this.#stop !== null && this.#stop.kind !== 'bad-line') return;
    this.#stop = stop;
    if (!this.#maySend()) this.#pauses.abort();
    this.#changed();
  }

  /** All that was taken is acknowledged; or, when nothing more is sent, answered, or a moment has passed. */
  async #settled(): Promise<void> {
    while (this.#window.open > 0 && this.#maySend()) await this.#change();
    using moment = new Moment(this.#options.stopWaitMs, () => this.#changed());
    while (this.#inFlight > 0 && this.#window.open > 0 && !moment.isOver) await this.#change();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = resolve;
    });
  }
}

class Moment implements Disposable {
  isOver = false;
  readonly #timer: NodeJS.Timeout;

  constructor(milliseconds: number, over: () => void) {
    this.#timer = setTimeout(() => {
      this.isOver = true;
      over();
    }, milliseconds);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
