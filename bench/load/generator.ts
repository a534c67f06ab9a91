/**
 * Generates a load, in one of two ways.
 *
 * Closed loop: each client keeps a fixed number of operations in flight; the next begins when one ends. It finds the
 * throughput, but a store that stalls is asked less while it does, and so its latencies look better than they are.
 *
 * Open loop: operations are due at a fixed rate, whatever is answered, and the latency of each counts from the moment
 * when it was due (Tene, "How NOT to Measure Latency": coordinated omission). That includes the lateness of the
 * generator itself, about a millisecond, as timers have that resolution; it is reported as `sendLag`.
 *
 * The generator shares the processors with the daemons. So keys and values are made once, the clock is read once an
 * operation, and an operation of a closed loop costs the client's promise and what `then` makes of it.
 */
import type { LoadClock } from './clock.ts';
import type { LoadPlan, LoadResult, OperationKind } from './plan.ts';
import { ABSENT, NOT_SENT, Recorder } from './recorder.ts';
import { KeyTable, ValueTable } from './records.ts';
import type { StoreClient } from './store-client.ts';
import { OperationSource, needsScan, type Operation } from './workload.ts';

/** Of an open loop; what is due beyond it counts as an error. */
export const OUTSTANDING_MAX = 100_000;
/** An open loop that is behind sends so many before it looks at answers again. */
const BURST_MAX = 1_000;
/** After an error, so that a store that refuses at once is not asked again in the same tick. */
const ERROR_PAUSE_MS = 1;
const DRAIN_LOOK_MS = 1;

export class Generator {
  readonly #plan: LoadPlan;
  readonly #clients: readonly StoreClient[];
  readonly #clock: LoadClock;
  readonly #source: OperationSource;
  readonly #keys: KeyTable;
  readonly #values: ValueTable;
  #outstanding = 0;

  /** Throws when the workload needs what the store does not have. */
  constructor(plan: LoadPlan, clients: readonly StoreClient[], clock: LoadClock) {
    if (needsScan(plan.workload) && clients.some((client) => client.scan === undefined)) {
      throw new Error(`${plan.workload} reads ranges, and the client of ${plan.target.store} has no range reads yet`);
    }
    this.#plan = plan;
    this.#clients = clients;
    this.#clock = clock;
    this.#source = new OperationSource(plan);
    this.#keys = new KeyTable(plan.records, plan.keyBytes);
    this.#values = new ValueTable(plan.valueBytes);
  }

  /** Nothing is in flight when it resolves, nor when `beforeMeasurement` is called. */
  async run(beforeMeasurement: () => Promise<void>): Promise<LoadResult> {
    const { warmUpSeconds, seconds } = this.#plan;
    if (warmUpSeconds > 0) await this.#load(warmUpSeconds);
    await beforeMeasurement();
    const cpu = process.cpuUsage();
    const recorder = await this.#load(seconds);
    const { user, system } = process.cpuUsage(cpu);
    return {
      ...recorder.result(seconds),
      loadCpuSeconds: (user + system) / 1_000_000,
      loadResidentBytes: process.memoryUsage.rss(),
      recordsAfter: this.#source.records,
    };
  }

  async #load(seconds: number): Promise<Recorder> {
    const { ratePerSecond } = this.#plan;
    const startMs = this.#clock.nowMs();
    const recorder = new Recorder(startMs + seconds * 1000);
    if (ratePerSecond === null) await this.#closedLoop(recorder, startMs + seconds * 1000);
    else await this.#openLoop(recorder, startMs, ratePerSecond, Math.round(ratePerSecond * seconds));
    return recorder;
  }

  async #closedLoop(recorder: Recorder, untilMs: number): Promise<void> {
    const { inFlight } = this.#plan;
    await Promise.all(this.#clients.flatMap((client) => Array.from({ length: inFlight }, async () => this.#worker(client, recorder, untilMs))));
  }

  /** One operation after the other. Callbacks and no `await`: each of those is a promise more. */
  async #worker(client: StoreClient, recorder: Recorder, untilMs: number): Promise<void> {
    return new Promise((resolve) => {
      let fromMs = this.#clock.nowMs();
      let kind: OperationKind = 'read';
      let keyNumber = 0;
      const next = (nowMs: number): void => {
        fromMs = nowMs;
        if (nowMs >= untilMs) {
          resolve();
          return;
        }
        const operation = this.#source.next();
        ({ kind, keyNumber } = operation);
        this.#begin(client, operation).then(ended, failed);
      };
      const ended = (answer: unknown): void => {
        if (answer === null) {
          failed(ABSENT);
          return;
        }
        if (kind === 'insert') this.#source.inserted(keyNumber);
        const nowMs = this.#clock.nowMs();
        recorder.succeeded(kind, fromMs, nowMs);
        next(nowMs);
      };
      const failed = (error: unknown): void => {
        recorder.failed(error);
        if (kind === 'insert') this.#source.inserted(keyNumber);
        void this.#afterError(next);
      };
      next(fromMs);
    });
  }

  async #afterError(next: (nowMs: number) => void): Promise<void> {
    await this.#clock.sleep(ERROR_PAUSE_MS);
    next(this.#clock.nowMs());
  }

  async #openLoop(recorder: Recorder, startMs: number, ratePerSecond: number, total: number): Promise<void> {
    const gapMs = 1000 / ratePerSecond;
    for (let sent = 0; sent < total; ) {
      const now = this.#clock.nowMs();
      const due = Math.min(total, Math.floor((now - startMs) / gapMs) + 1);
      const end = Math.min(due, sent + BURST_MAX);
      for (; sent < end; sent++) this.#launch(sent, recorder, startMs + sent * gapMs, now);
      await this.#clock.sleep(sent < due ? 0 : Math.max(0.5, startMs + sent * gapMs - this.#clock.nowMs()));
    }
    while (this.#outstanding > 0) await this.#clock.sleep(DRAIN_LOOK_MS);
  }

  #launch(number: number, recorder: Recorder, dueMs: number, nowMs: number): void {
    const client = this.#clients[number % this.#clients.length];
    if (client === undefined || this.#outstanding >= OUTSTANDING_MAX) {
      recorder.failed(NOT_SENT);
      return;
    }
    recorder.sent(nowMs - dueMs);
    this.#outstanding++;
    void this.#operate(client, recorder, dueMs).then(() => this.#outstanding--);
  }

  /** The next operation, counted from `fromMs`; the moment when it had ended. Never rejects. */
  async #operate(client: StoreClient, recorder: Recorder, fromMs: number): Promise<number> {
    const operation = this.#source.next();
    const { kind, keyNumber } = operation;
    let isDone = false;
    try {
      const answer = await this.#begin(client, operation);
      if (answer === null) recorder.failed(ABSENT);
      isDone = answer !== null;
    } catch (error) {
      recorder.failed(error);
    }
    if (kind === 'insert') this.#source.inserted(keyNumber);
    if (!isDone) await this.#clock.sleep(ERROR_PAUSE_MS);
    const now = this.#clock.nowMs();
    if (isDone) recorder.succeeded(kind, fromMs, now);
    return now;
  }

  /** null: there was nothing. */
  #begin(client: StoreClient, { kind, keyNumber, scanLength }: Operation): Promise<unknown> {
    const key = this.#keys.key(keyNumber);
    switch (kind) {
      case 'read':
        return client.read(key);
      case 'update':
      case 'insert':
        return client.write(key, this.#values.next());
      case 'scan':
        return client.scan?.(key, scanLength) ?? Promise.resolve(null);
      case 'read-modify-write':
        return this.#readModifyWrite(client, key);
    }
  }

  async #readModifyWrite(client: StoreClient, key: Uint8Array): Promise<unknown> {
    const value = await client.read(key);
    if (value === null) return null;
    return client.write(key, this.#values.next());
  }
}
