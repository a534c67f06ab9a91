/**
 * The iterators of a replicated level: abstract-level's three kinds over one reader of a range.
 *
 * They are of no snapshot: each slice is as fresh as a read at its level when it was taken, and what is written during
 * the walk may be in it or not. A slice that fails rejects the read that needed it and loses no entry: the next read goes
 * on with the same one.
 */
import { AbstractIterator, AbstractKeyIterator, AbstractValueIterator, type AbstractIteratorOptions } from 'abstract-level';
import { compareBytes } from '../data/portable.ts';
import { AbortError } from './abort-error.ts';
import { fromBytes, type Encoded, type Format } from './encoded.ts';
import type { KeyBounds, KeyRange, Keyspace } from './keyspace.ts';
import type { RequestOptions } from './options.ts';
import { RangeCursor, type Direction } from './range-cursor.ts';
import type { AskSlice } from './scan.ts';

/** What abstract-level hands to a database: bounds encoded, the formats of keys and values, the rest as the caller gave it. */
export interface WalkOptions extends KeyRange, Omit<RequestOptions, 'signal'> {
  readonly keyEncoding?: Format;
  readonly valueEncoding?: Format;
  readonly reverse?: boolean;
  readonly values?: boolean;
  readonly signal?: AbortSignal | null;
}

type Entry = [key: Encoded, value: Encoded | undefined];

/** Entries of one keyspace, stored keys turned into the caller's. */
export class RangeReader {
  readonly #keyspace: Keyspace;
  readonly #bounds: KeyBounds;
  readonly #direction: Direction;
  readonly #signal: AbortSignal | null;
  readonly #keyFormat: Format;
  readonly #valueFormat: Format;
  readonly #cursor: RangeCursor;

  constructor(ask: AskSlice, keyspace: Keyspace, options: WalkOptions, parts: 'keys' | 'entries') {
    this.#keyspace = keyspace;
    this.#bounds = keyspace.boundsOf(options);
    this.#direction = options.reverse === true ? 'reverse' : 'forwards';
    this.#signal = options.signal ?? null;
    this.#keyFormat = options.keyEncoding;
    this.#valueFormat = options.valueEncoding;
    this.#cursor = new RangeCursor(ask, this.#bounds, { direction: this.#direction, parts });
  }

  /** The next entry; undefined at the end. `left`: the caller takes no more than so many. */
  async next(left: number): Promise<Entry | undefined> {
    if (this.#cursor.buffered === 0) await this.#fill(1, left);
    const entry = this.#cursor.shift();
    return entry === undefined ? undefined : this.#toEntry(entry);
  }

  /** The next `count` entries, fewer only at the end. */
  async nextMany(count: number, left: number): Promise<Entry[]> {
    if (this.#cursor.buffered < count) await this.#fill(count, left);
    return this.#cursor.take(count).map((entry) => this.#toEntry(entry));
  }

  /** Goes on at `target`, or before it in reverse; outside the range that is the end. */
  seek(target: Encoded): void {
    const { from, to } = this.#bounds;
    const start = this.#keyspace.startAt(target);
    const isBelow = from !== null && compareBytes(start, from) < 0;
    const isAbove = to !== null && compareBytes(start, to) >= 0;
    if (isBelow || isAbove) this.#cursor.restart({ from: start, to: start });
    else if (this.#direction === 'reverse') this.#cursor.restart({ from, to: this.#keyspace.startAfter(target) });
    else this.#cursor.restart({ from: start, to });
  }

  async #fill(wanted: number, left: number): Promise<void> {
    try {
      await this.#cursor.fill(wanted, left);
    } catch (error) {
      if (this.#signal?.aborted === true) throw new AbortError(this.#signal.reason);
      throw error;
    }
    // Ahead of need asked for and come in time, but nobody wants it any more.
    if (this.#signal?.aborted === true) throw new AbortError(this.#signal.reason);
  }

  #toEntry({ key, value }: { readonly key: Uint8Array; readonly value?: Uint8Array }): Entry {
    return [fromBytes(this.#keyspace.fromStored(key), this.#keyFormat), value && fromBytes(value, this.#valueFormat)];
  }
}

export class LevelIterator<Database, K, V> extends AbstractIterator<Database, K, V> {
  readonly #reader: RangeReader;

  constructor(database: Database, options: AbstractIteratorOptions<K, V>, reader: RangeReader) {
    super(database, options);
    this.#reader = reader;
  }

  protected _next(): Promise<Entry | undefined> {
    return this.#reader.next(this.limit - this.count);
  }

  protected _nextv(size: number): Promise<Entry[]> {
    return this.#reader.nextMany(size, this.limit - this.count);
  }

  protected _seek(target: Encoded): void {
    this.#reader.seek(target);
  }
}

export class LevelKeyIterator<Database, K> extends AbstractKeyIterator<Database, K> {
  readonly #reader: RangeReader;

  constructor(database: Database, options: AbstractIteratorOptions<K, unknown>, reader: RangeReader) {
    super(database, options);
    this.#reader = reader;
  }

  protected async _next(): Promise<Encoded | undefined> {
    return (await this.#reader.next(this.limit - this.count))?.[0];
  }

  protected async _nextv(size: number): Promise<Encoded[]> {
    return (await this.#reader.nextMany(size, this.limit - this.count)).map(([key]) => key);
  }

  protected _seek(target: Encoded): void {
    this.#reader.seek(target);
  }
}

export class LevelValueIterator<Database, K, V> extends AbstractValueIterator<Database, K, V> {
  readonly #reader: RangeReader;

  constructor(database: Database, options: AbstractIteratorOptions<K, V>, reader: RangeReader) {
    super(database, options);
    this.#reader = reader;
  }

  protected async _next(): Promise<Encoded | undefined> {
    return (await this.#reader.next(this.limit - this.count))?.[1];
  }

  protected async _nextv(size: number): Promise<(Encoded | undefined)[]> {
    return (await this.#reader.nextMany(size, this.limit - this.count)).map(([, value]) => value);
  }

  protected _seek(target: Encoded): void {
    this.#reader.seek(target);
  }
}
