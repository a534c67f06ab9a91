/** What reads and writes come to, as programs see them, and the numbers by which replicas' words stand on the wire. */
import type { Version } from '../data/portable.ts';

/** An acknowledged write. */
export interface WriteAnswer {
  /** That it was given. */
  readonly version: Version;
  /** Replicas that have the record on disk. */
  readonly durableOn: readonly number[];
  /** Stand-ins that have a durable hint, and for whom. */
  readonly hints: readonly { readonly target: number; readonly holder: number }[];
  /** Whether "on disk" means after an fsync. */
  readonly fsync: boolean;
}

/** What a read found. */
export interface ReadAnswer {
  /** null: absent or deleted. */
  readonly value: Uint8Array | null;
  /** null: no node that answered has ever heard of the key. */
  readonly version: Version | null;
  /** The nodes whose answer was counted. */
  readonly replied: readonly number[];
}

/**
 * What a replica had said of a write when it was answered; its place is its number on the wire, the first ones are those
 * of STORED.
 *
 * | word | |
 * |---|---|
 * | `applied` | on disk |
 * | `present` | it had this very record already |
 * | `superseded` | it holds something newer |
 * | `refused` | certainly not kept |
 * | `unknown` | its disk failed; it may have it |
 * | `hints-full` | not kept: no room for the hint that went with it |
 * | `applied-untrusted`, `superseded-untrusted` | as above, by a store that may have lost what it held before |
 * | `no-answer` | nothing yet |
 * | `unreachable` | it was not asked |
 */
export const WRITE_SAID = ['applied', 'present', 'superseded', 'refused', 'unknown', 'hints-full', 'applied-untrusted', 'superseded-untrusted', 'no-answer', 'unreachable'] as const;
/** What a replica had said of a write when it was answered. */
export type WriteSaid = (typeof WRITE_SAID)[number];

/**
 * What a node had said to a read when it was answered; its place is its number on the wire, the first ones are those of
 * FOUND. `record`: a value or a tombstone of its `version`. `untrusted`: a record or nothing, from a store that may have
 * lost a newer one. `failed`: it could not look.
 */
export const READ_SAID = ['record', 'absent', 'damaged', 'failed', 'untrusted', 'no-answer', 'unreachable'] as const;
/** What a node had said to a read when it was answered. */
export type ReadSaid = (typeof READ_SAID)[number];

/** A write at one replica. */
export interface ReplicaWrite {
  readonly node: number;
  readonly said: WriteSaid;
  /** Who keeps a durable hint for it; null: nobody, as far as was known then. */
  readonly hintedOn: number | null;
}

/** A read at one node. */
export interface NodeRead {
  readonly node: number;
  /** A stand-in was asked for hints only. */
  readonly role: 'replica' | 'stand-in';
  readonly said: ReadSaid;
  /** Of the record that it has; null: none, or it did not say. */
  readonly version: Version | null;
}

/** A write, with what was known of each replica when it was acknowledged. */
export interface DetailedWriteAnswer extends WriteAnswer {
  /** In the order of the preference list, home node first. */
  readonly replicas: readonly ReplicaWrite[];
}

/** A read, with what each node had said when it was answered. */
export interface DetailedReadAnswer extends ReadAnswer {
  /** The replicas in the order of the preference list, home node first; then the stand-ins that were asked. */
  readonly nodes: readonly NodeRead[];
}
