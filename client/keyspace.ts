/**
 * Where the keys of one database lie among all keys of a cluster.
 *
 *   no name   the plain keys, as `RingClient`, JSON scripts and the commands see them, but for those that begin with 0xff
 *   a name    0xff · name · 0x00 · key
 *
 * Invariants
 *  S1  No two keyspaces share a stored key: plain keys do not begin with 0xff, and a name holds no 0x00, so no prefix
 *      begins with another.
 *  S2  Order within a keyspace is the order of its keys, as all of them have the same prefix.
 *  S3  Every range of a keyspace lies between its own two ends, whatever bounds it was given.
 */
import { compareBytes } from '../data/portable.ts';
import { KEY_BYTES_MAX, utf8Bytes } from '../wire/index.ts';
import { keyToBytes, type Encoded } from './encoded.ts';
import { RingError } from './errors.ts';

/** UTF-8 has no such byte, so no key in text begins with it. */
const MARK = 0xff;
const NAME_END = 0;
const NAME_BYTES_MAX = 64;
const NO_BYTES = new Uint8Array(0);

/** Of keys without the prefix; `gte` counts before `gt`, `lte` before `lt`. */
export interface KeyRange {
  readonly gt?: Encoded;
  readonly gte?: Encoded;
  readonly lt?: Encoded;
  readonly lte?: Encoded;
}

/** Stored keys from `from` on to before `to`; null: no bound. */
export interface KeyBounds {
  readonly from: Uint8Array | null;
  readonly to: Uint8Array | null;
}

export class Keyspace {
  /** null: the plain keys. */
  readonly name: string | null;
  /** What stands before each key; empty for the plain keys. */
  readonly prefix: Uint8Array;
  readonly #first: Uint8Array | null;
  readonly #end: Uint8Array;

  /** Throws `RangeError` unless the name has 1 to 64 bytes of UTF-8 and no NUL. */
  constructor(name: string | null = null) {
    this.name = name;
    if (name === null) {
      this.prefix = NO_BYTES;
      this.#first = null;
      this.#end = Uint8Array.of(MARK);
      return;
    }
    const bytes = typeof name === 'string' ? utf8Bytes(name) : null;
    if (bytes === null || bytes.length < 1 || bytes.length > NAME_BYTES_MAX || bytes.includes(NAME_END)) {
      throw new RangeError(`the name of a keyspace is text of 1 to ${NAME_BYTES_MAX} bytes in UTF-8 without NUL, not ${JSON.stringify(name)}`);
    }
    this.prefix = Uint8Array.of(MARK, ...bytes, NAME_END);
    this.#first = this.prefix;
    this.#end = Uint8Array.of(MARK, ...bytes, NAME_END + 1);
  }

  /** The key as it is stored. Throws `RingError` (`RING_KEY_INVALID`). */
  toStored(encoded: Encoded): Uint8Array {
    const key = keyToBytes(encoded);
    if (this.name === null) {
      if (key[0] === MARK) throw new RingError('RING_KEY_INVALID', 'a key without a keyspace does not begin with the byte 0xff');
      if (key.length === 0 || key.length > KEY_BYTES_MAX) throw new RingError('RING_KEY_INVALID', `a key has 1 to ${KEY_BYTES_MAX} bytes, this one has ${key.length}`);
      return key;
    }
    const keyBytesMax = KEY_BYTES_MAX - this.prefix.length;
    if (key.length > keyBytesMax) {
      throw new RingError('RING_KEY_INVALID', `a key of keyspace ${JSON.stringify(this.name)} has at most ${keyBytesMax} bytes, this one has ${key.length}`);
    }
    return this.#prefixed(key);
  }

  /** The key without the prefix: a view into the stored one. */
  fromStored(stored: Uint8Array): Uint8Array {
    return this.prefix.length === 0 ? stored : stored.subarray(this.prefix.length);
  }

  /** What this range spans. A bound may be longer than a key can be. Throws `RingError` (`RING_KEY_INVALID`). */
  boundsOf({ gt, gte, lt, lte }: KeyRange): KeyBounds {
    let from = this.#first;
    if (gte !== undefined) from = this.startAt(gte);
    else if (gt !== undefined) from = this.startAfter(gt);
    let to = this.#end;
    if (lte !== undefined) to = this.startAfter(lte);
    else if (lt !== undefined) to = this.startAt(lt);
    return { from, to: compareBytes(to, this.#end) < 0 ? to : this.#end };
  }

  /** The smallest bound that is not before `key`, where no key between the two exists. */
  startAt(key: Encoded): Uint8Array {
    const bound = this.#prefixed(keyToBytes(key));
    // No key is that long: those from here on are those behind the longest that it begins with.
    return bound.length > KEY_BYTES_MAX ? successor(bound.subarray(0, KEY_BYTES_MAX)) : bound;
  }

  /** The smallest bound behind `key`. */
  startAfter(key: Encoded): Uint8Array {
    return successor(this.#prefixed(keyToBytes(key)).subarray(0, KEY_BYTES_MAX));
  }

  #prefixed(key: Uint8Array): Uint8Array {
    const { prefix } = this;
    if (prefix.length === 0) return key;
    const stored = new Uint8Array(prefix.length + key.length);
    stored.set(prefix);
    stored.set(key, prefix.length);
    return stored;
  }
}

function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
