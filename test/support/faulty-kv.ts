/** An OrderedKv that fails when it is told to, as a full or broken disk does; everything else goes to the real one. */
import { DataError, type Durability, type KvBatch, type KvEntry, type OrderedKv, type ScanDirection, type ScanLimits } from '../../data/index.ts';

type ScanRange = Parameters<OrderedKv['scan']>[0];

/** What becomes of the batch whose write fails. */
export type Fate = 'lost' | 'kept';

export class FaultyKv implements OrderedKv {
  readonly #kv: OrderedKv;
  readonly #fateByWrite: ReadonlyMap<number, Fate>;
  #reopenFailures: number;
  #mustReopen = false;
  #gate: Promise<void> | null = null;
  #reopenGate: Promise<void> | null = null;
  /** What happened, in order. */
  readonly trace: string[] = [];
  writes = 0;
  faults = 0;

  /** `fateByWrite`: number of the write, from 1 → it fails, and this is what became of it. */
  constructor(kv: OrderedKv, fateByWrite: Iterable<readonly [number, Fate]> = [], reopenFailures = 0) {
    this.#kv = kv;
    this.#fateByWrite = new Map(fateByWrite);
    this.#reopenFailures = reopenFailures;
  }

  /** Holds every write back until the returned function is called. */
  hold(): () => void {
    const { promise, release } = gate();
    this.#gate = promise;
    return () => {
      this.#gate = null;
      release();
    };
  }

  holdReopen(): () => void {
    const { promise, release } = gate();
    this.#reopenGate = promise;
    return () => {
      this.#reopenGate = null;
      release();
    };
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#kv.get(key);
  }

  async write(batch: KvBatch, durability: Durability): Promise<void> {
    this.writes++;
    if (this.#mustReopen) throw new Error('written before the database was reopened: LevelDB would lose this');
    const fate = this.#fateByWrite.get(this.writes);
    if (this.#gate !== null) await this.#gate;
    if (fate !== 'lost') await this.#kv.write(batch, durability);
    if (fate === undefined) {
      this.trace.push('written');
      return;
    }
    this.faults++;
    this.#mustReopen = true;
    this.trace.push('write failed');
    throw new DataError('RING_STORE_UNAVAILABLE', 'the disk is full', { retryable: true });
  }

  async scan(range: ScanRange, limits: ScanLimits, direction: ScanDirection = 'forward'): Promise<readonly KvEntry[]> {
    return this.#kv.scan(range, limits, direction);
  }

  async reopen(): Promise<void> {
    if (this.#reopenGate !== null) await this.#reopenGate;
    if (this.#reopenFailures > 0) {
      this.#reopenFailures--;
      this.trace.push('reopen failed');
      throw new DataError('RING_STORE_UNAVAILABLE', 'still full', { retryable: true });
    }
    await this.#kv.reopen();
    this.#mustReopen = false;
    this.trace.push('reopened');
  }

  async close(): Promise<void> {
    this.trace.push('closed');
    await this.#kv.close();
  }
}

function gate(): { promise: Promise<void>; release: () => void } {
  let release: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { promise, release };
}
