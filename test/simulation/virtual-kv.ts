/**
 * The database as one process has it open. Why it exists: the store is given the OrderedKv it knows; a handle dies with
 * its process, while the disk goes on.
 *
 * Invariant
 *  D7  It does not refuse writes after a failure: a store that forgets to reopen shall be caught.
 */
import { DataError, type Durability, type KeyRange, type KvBatch, type KvEntry, type OrderedKv, type ScanDirection, type ScanLimits } from '../../data/index.ts';
import type { DiskChance } from './disk-chance.ts';
import type { SortedContent } from './sorted-content.ts';
import type { VirtualProcess } from './virtual-time.ts';

/** What a handle needs of its disk. */
export interface KvDisk {
  readonly name: string;
  readonly chance: DiskChance;
  /** What `get` and `scan` see. */
  readonly content: SortedContent;
  /** When what was begun is over. */
  readonly busyUntilMs: number;
  startWrite(process: VirtualProcess, batch: KvBatch, durability: Durability, resolve: () => void, reject: (error: DataError) => void): void;
  /** Closes and opens again. */
  reopened(): 'open' | 'full';
  /** The logs are read into tables. What a check of them found. */
  recovered(): readonly string[];
  /** Closed in order. */
  closed(kv: VirtualKv): void;
}

export class VirtualKv implements OrderedKv {
  readonly #disk: KvDisk;
  readonly #process: VirtualProcess;
  #state: 'open' | 'reopening' | 'reopen failed' | 'closed' | 'dead' = 'open';
  /** What a check of the logs before the last open or reopen saw. */
  damageFound: readonly string[] = [];

  constructor(disk: KvDisk, process: VirtualProcess) {
    this.#disk = disk;
    this.#process = process;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#checkOpen();
    const value = this.#disk.content.get(key);
    return value === undefined ? undefined : Uint8Array.from(value);
  }

  async write(batch: KvBatch, durability: Durability): Promise<void> {
    this.#checkOpen();
    await new Promise<void>((resolve, reject) => {
      this.#disk.startWrite(this.#process, batch, durability, resolve, reject);
    });
  }

  async scan(range: KeyRange, limits: ScanLimits, direction: ScanDirection = 'forward'): Promise<readonly KvEntry[]> {
    this.#checkOpen();
    const found = this.#disk.content.scan(range, limits, direction);
    await this.#pass(this.#process.world.nowMs + this.#disk.chance.scanMs());
    this.#checkOpen();
    return found;
  }

  async reopen(): Promise<void> {
    if (this.#state === 'closed' || this.#state === 'dead') throw closedError();
    this.#state = 'reopening';
    await this.#pass(this.#disk.busyUntilMs + this.#disk.chance.openMs());
    if (!this.#isReopening()) throw closedError();
    if (this.#disk.reopened() === 'full') {
      this.#state = 'reopen failed';
      throw ioError('open', `${this.#disk.name}/MANIFEST`, 'No space left on device');
    }
    this.damageFound = this.#disk.recovered();
    this.#state = 'open';
  }

  async close(): Promise<void> {
    if (this.#state === 'closed' || this.#state === 'dead') return;
    this.#state = 'closed';
    await this.#pass(this.#disk.busyUntilMs + this.#disk.chance.osWriteMs());
    this.#disk.closed(this);
  }

  /** For the disk: its process crashed, or another took the database. */
  die(): void {
    this.#state = 'dead';
  }

  async #pass(untilMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#process.runAt(untilMs, resolve);
    });
  }

  /** A call, so that the compiler does not think it settled across an `await`. */
  #isReopening(): boolean {
    return this.#state === 'reopening';
  }

  #checkOpen(): void {
    if (this.#state !== 'open') throw closedError();
  }
}

/** An error as LevelKv throws it. */
export function ioError(what: string, path: string, reason: string): DataError {
  const cause = new Error(`IO error: ${path}: ${reason}`);
  return new DataError('RING_STORE_UNAVAILABLE', `${what} failed: ${cause.message}`, { retryable: true, cause });
}

function closedError(): DataError {
  return new DataError('RING_STORE_UNAVAILABLE', 'the store is closed', { retryable: true });
}
