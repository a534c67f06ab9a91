/**
 * Writers with keys of their own that await each write, and what each key may hold after that.
 *
 * Every value names its key and a number that no other write has, so a value that is read says which write it is of:
 * acknowledged, of unknown outcome, refused, or never made.
 */
import { RingClient, RingError, type RequestOptions } from '../../client/index.ts';
import { compareVersions, type Version } from '../../data/index.ts';
import type { SeededRandom } from '../support/seeded-random.ts';

export type Level = NonNullable<RequestOptions['consistency']>;

/** A write: the number of its value, and whether it was a delete. */
interface Write {
  readonly number: number;
  readonly kind: 'put' | 'delete';
}

export type Verdict = 'right' | 'late' | 'lost' | 'wrong';

export interface LoadOptions {
  readonly urls: readonly string[];
  readonly writers: number;
  readonly keysPerWriter: number;
  readonly level: Level;
  /** An acknowledgement that names fewer nodes does not count as one. */
  readonly durableNodes: number;
  /** `check`: a quorum read must find what was acknowledged. `values only`: whatever it finds must have been written. */
  readonly reads: 'check' | 'values only';
}

export interface LoadCounts {
  acknowledged: number;
  unknown: number;
  refused: number;
  reads: number;
  readErrors: number;
}

const DELETE_SHARE = 0.1;
const READ_SHARE = 0.05;
const LARGE_SHARE = 0.01;
const WRITE_TIMEOUT_MS = 4_000;
const FAILED_PAUSE_MS = 5;
/** These say for certain that nothing was written. README, "Errors". */
const REFUSED = new Set(['RING_UNAVAILABLE', 'RING_OVERLOADED', 'RING_TIMEOUT']);

/** What may be at one key. One writer at a time changes it. */
export class KeyHistory {
  readonly key: string;
  #acknowledged: Write | null = null;
  /** Unknown writes after the acknowledged one, and those before it, which may come late. */
  #possible: Write[] = [];
  readonly #late: Write[] = [];
  readonly #refused = new Set<number>();
  /** Node → the newest version that it was said to have on disk. */
  readonly versionByNode = new Map<number, Version>();

  constructor(key: string) {
    this.key = key;
  }

  acknowledged(write: Write): void {
    this.#acknowledged = write;
    this.#late.push(...this.#possible);
    this.#possible = [];
  }

  /** Unknown, or acknowledged by too few to be sure of it. */
  possible(write: Write): void {
    this.#possible.push(write);
  }

  refused(write: Write): void {
    this.#refused.add(write.number);
  }

  durable(nodes: readonly number[], version: Version): void {
    for (const node of nodes) {
      const known = this.versionByNode.get(node);
      if (known === undefined || compareVersions(version, known) > 0) this.versionByNode.set(node, version);
    }
  }

  /** For a value that was read while nobody wrote this key. */
  judge(value: string | null): Verdict {
    if (value === null) {
      if (this.#acknowledged === null || this.#acknowledged.kind === 'delete' || this.#possible.some(({ kind }) => kind === 'delete')) return 'right';
      return this.#late.some(({ kind }) => kind === 'delete') ? 'late' : 'lost';
    }
    const number = numberOf(this.key, value);
    if (number === null || this.#refused.has(number)) return 'wrong';
    const isThat = (write: Write): boolean => write.kind === 'put' && write.number === number;
    if (this.#acknowledged !== null && isThat(this.#acknowledged)) return 'right';
    if (this.#possible.some(isThat)) return 'right';
    // Older than the acknowledged one: a write that was lost, or a deleted value that came back.
    if (this.#late.some(isThat)) return 'late';
    return this.#acknowledged !== null && number < this.#acknowledged.number ? 'lost' : 'wrong';
  }

  describe(): string {
    return JSON.stringify({ key: this.key, acknowledged: this.#acknowledged, possible: this.#possible.slice(-5), late: this.#late.slice(-5) });
  }
}

export class Load {
  readonly counts: LoadCounts = { acknowledged: 0, unknown: 0, refused: 0, reads: 0, readErrors: 0 };
  readonly histories = new Map<string, KeyHistory>();
  /** What was read and should not have been, in words. */
  readonly findings: string[] = [];
  readonly wrong = { count: 0, lost: 0 };
  readonly #options: LoadOptions;
  readonly #random: SeededRandom;
  readonly #clients: readonly RingClient[];
  #running: Promise<void> = Promise.resolve();
  #state: 'running' | 'paused' = 'paused';
  #number = 0;

  constructor(options: LoadOptions, random: SeededRandom) {
    this.#options = options;
    this.#random = random;
    // Few sockets, many requests on each: what a tick collects is one frame.
    this.#clients = options.urls.map((_, index) => new RingClient([...options.urls.slice(index), ...options.urls.slice(0, index)], { timeoutMs: WRITE_TIMEOUT_MS }));
  }

  go(): void {
    if (this.#state === 'running') return;
    this.#state = 'running';
    const writers = Array.from({ length: this.#options.writers }, async (_, writer) => this.#write(writer));
    this.#running = Promise.all(writers).then(() => undefined);
  }

  /** Resolves when nothing is in flight. */
  async pause(): Promise<void> {
    this.#state = 'paused';
    await this.#running;
  }

  async close(): Promise<void> {
    await this.pause();
    await Promise.all(this.#clients.map(async (client) => client.close()));
  }

  async #write(writer: number): Promise<void> {
    const client = this.#clients[writer % this.#clients.length];
    if (client === undefined) throw new Error('no client');
    while (this.#state === 'running') {
      const history = this.#historyOf(`w${writer}-k${this.#random.below(this.#options.keysPerWriter)}`);
      if (this.#random.isBelow(READ_SHARE)) await this.#read(client, history);
      else await this.#writeOne(client, history);
    }
  }

  async #writeOne(client: RingClient, history: KeyHistory): Promise<void> {
    const write: Write = { number: ++this.#number, kind: this.#random.isBelow(DELETE_SHARE) ? 'delete' : 'put' };
    const options = { consistency: this.#options.level };
    try {
      const { durableOn, version } = await (write.kind === 'delete' ? client.delete(history.key, options) : client.put(history.key, valueOf(history.key, write.number, this.#random), options));
      this.counts.acknowledged++;
      history.durable(durableOn, version);
      if (durableOn.length >= this.#options.durableNodes) history.acknowledged(write);
      else history.possible(write);
    } catch (error) {
      if (!(error instanceof RingError)) throw error;
      if (REFUSED.has(error.code)) {
        this.counts.refused++;
        history.refused(write);
      } else {
        this.counts.unknown++;
        history.possible(write);
        if (!error.isOutcomeUnknown) this.#find(`a write failed with ${error.code}: ${error.message}`);
      }
      await new Promise((resolve) => {
        setTimeout(resolve, FAILED_PAUSE_MS);
      });
    }
  }

  async #read(client: RingClient, history: KeyHistory): Promise<void> {
    let text: string | null;
    try {
      text = textOf(await client.get(history.key, { consistency: 'quorum' }));
    } catch (error) {
      if (!(error instanceof RingError)) throw error;
      this.counts.readErrors++;
      return;
    }
    this.counts.reads++;
    const verdict = history.judge(text);
    if (verdict === 'wrong' || (verdict === 'lost' && this.#options.reads === 'check')) {
      this.wrong[verdict === 'wrong' ? 'count' : 'lost']++;
      this.#find(`a quorum read under load was ${verdict}: ${shorten(text)}, ${history.describe()}`);
    }
  }

  #find(what: string): void {
    if (this.findings.length < 20) this.findings.push(what);
  }

  #historyOf(key: string): KeyHistory {
    const known = this.histories.get(key);
    if (known !== undefined) return known;
    const history = new KeyHistory(key);
    this.histories.set(key, history);
    return history;
  }
}

export function textOf(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('latin1');
}

export function shorten(text: string | null): string {
  return text === null ? 'nothing' : JSON.stringify(text.slice(0, 60));
}

/** Some are larger than a block of LevelDB's log, so that a record of the log has several parts. */
function valueOf(key: string, number: number, random: SeededRandom): string {
  const length = random.isBelow(LARGE_SHARE) ? random.below(60_000) : random.below(300);
  return `${key}#${number}#${length}#${paddingOf(number, length)}`;
}

/** The number of a value that some write of this key may have made; null when no write made it. */
function numberOf(key: string, value: string): number | null {
  const match = /^([^#]+)#(\d+)#(\d+)#/.exec(value);
  if (match === null || match[1] !== key) return null;
  const [number, length] = [Number(match[2]), Number(match[3])];
  return value.slice(match[0].length) === paddingOf(number, length) ? number : null;
}

/** Text that does not compress well, from the number alone. */
function paddingOf(number: number, length: number): string {
  let state = (number * 2_654_435_761) >>> 0;
  const bytes = Buffer.allocUnsafe(length);
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = 97 + (state >>> 24) % 26;
  }
  return bytes.toString('latin1');
}
