/**
 * OrderedKv: the port behind the store. Two implementations, `LevelKv` (classic-level) and `MemoryKv` (its twin for
 * embedding and simulation); test/data/ordered-kv.contract.ts holds both to one contract.
 *
 * Contract
 *  K1  `write` is atomic and, with `fsync`, durable when it resolves. One `write` at a time (the store sees to it).
 *  K2  When `write` rejects its outcome is unknown, and nothing may be written before `reopen` resolved (ARCHITECTURE F1).
 *  K3  `get` sees all that was written before, `scan` sees the state at its call. Both copy: what they return is the
 *      caller's; what they are given may be changed after the call returned (`get`, `scan`) or resolved (`write`).
 *  K4  Keys sort as unsigned bytes.
 *  K5  After `close`, every call rejects or throws `RING_STORE_UNAVAILABLE`.
 */
import type { KeyRange } from './layout.ts';

/** `fsync`: on disk when acknowledged. `os`: in the operating system's cache; survives a crash of the process only. */
export type Durability = 'fsync' | 'os';

/** Puts and deletes to be applied in order, as one. Columns and not rows: no object per put. */
export class KvBatch {
  readonly keys: Uint8Array[] = [];
  /** null deletes. */
  readonly values: (Uint8Array | null)[] = [];

  put(key: Uint8Array, value: Uint8Array): void {
    this.keys.push(key);
    this.values.push(value);
  }

  delete(key: Uint8Array): void {
    this.keys.push(key);
    this.values.push(null);
  }

  get size(): number {
    return this.keys.length;
  }
}

export interface KvEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface ScanLimits {
  /** At most so many entries; at least 1. */
  readonly entriesMax: number;
  /** Stops after the entry that reaches this sum of key and value bytes, so that one entry always comes. */
  readonly bytesMax: number;
}

/** `reverse`: from the end of the range downwards. */
export type ScanDirection = 'forward' | 'reverse';

export interface OrderedKv {
  get(key: Uint8Array): Uint8Array | undefined;
  write(batch: KvBatch, durability: Durability): Promise<void>;
  /** The entries of the range in key order, from its start, up to the limits; `reverse`: in the opposite order, from its end. */
  scan(range: KeyRange, limits: ScanLimits, direction?: ScanDirection): Promise<readonly KvEntry[]>;
  /** Closes and opens again; resolves when writes may be acknowledged again. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}
