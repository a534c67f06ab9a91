/**
 * How far a load or a dump is: a rate, a part of the whole, the time that is left. `Meter` is pure; `ProgressLine` shows
 * it on standard error, on a terminal as one line that is rewritten, elsewhere as a line now and then.
 */

export interface Reading {
  readonly atMs: number;
  readonly records: number;
  /** Bytes of the file that were read; null where its size is not known. */
  readonly part: { readonly bytes: number; readonly ofBytes: number } | null;
  /** More to tell: what is tried again. */
  readonly note?: string;
}

/** The rate is that of about so much time. */
const RATE_WINDOW_MS = 5_000;
const READINGS_MAX = 64;

export class Meter {
  readonly #startMs: number;
  #readings: Reading[] = [];

  constructor(startMs: number) {
    this.#startMs = startMs;
    this.#readings.push({ atMs: startMs, records: 0, part: null });
  }

  /** `412000 records, 23810 per second, 41 %, 25 s left` */
  show(reading: Reading): string {
    const since = this.#readings.findLast(({ atMs }) => reading.atMs - atMs >= RATE_WINDOW_MS) ?? this.#readings[0] ?? reading;
    this.#readings = [...this.#readings.filter(({ atMs }) => atMs >= since.atMs), reading].slice(-READINGS_MAX);
    const pieces = [`${reading.records} records`, `${perSecond(reading.records - since.records, reading.atMs - since.atMs)} per second`];
    const { part } = reading;
    if (part !== null && part.ofBytes > 0) {
      const done = Math.min(1, part.bytes / part.ofBytes);
      pieces.push(`${Math.floor(done * 100)} %`);
      if (done > 0) pieces.push(`${duration(((reading.atMs - this.#startMs) * (1 - done)) / done)} left`);
    }
    if (reading.note !== undefined) pieces.push(reading.note);
    return pieces.join(', ');
  }
}

export function perSecond(records: number, milliseconds: number): number {
  return milliseconds <= 0 ? 0 : Math.round((records * 1_000) / milliseconds);
}

/** `7 s`, `2 min 5 s`, `3 h 12 min` */
export function duration(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
}

export type ProgressMode = 'rewritten' | { readonly everyMs: number } | 'none';

/** What is needed of a terminal. */
export interface ProgressStream {
  write(text: string): unknown;
  readonly columns?: number;
}

const REWRITE_EVERY_MS = 200;
const COLUMNS_DEFAULT = 80;

/** Shows what `read` says from time to time, until it is disposed of; the line is gone then. */
export class ProgressLine implements Disposable {
  readonly #stream: ProgressStream;
  readonly #timer: NodeJS.Timeout | null;
  readonly #mode: ProgressMode;

  constructor(stream: ProgressStream, mode: ProgressMode, read: () => Omit<Reading, 'atMs'>) {
    this.#stream = stream;
    this.#mode = mode;
    const meter = new Meter(performance.now());
    const show = (): void => this.#show(meter.show({ ...read(), atMs: performance.now() }));
    this.#timer = mode === 'none' ? null : setInterval(show, mode === 'rewritten' ? REWRITE_EVERY_MS : mode.everyMs);
  }

  [Symbol.dispose](): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    if (this.#mode === 'rewritten') this.#stream.write('\r\x1b[K');
  }

  #show(text: string): void {
    // A line that is wider than the terminal could not be rewritten.
    const columns = this.#stream.columns ?? COLUMNS_DEFAULT;
    this.#stream.write(this.#mode === 'rewritten' ? `\r${text.slice(0, columns - 1)}\x1b[K` : `${text}\n`);
  }
}
