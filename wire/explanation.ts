/**
 * What `explain` answers, as JSON, and what each node says for it (the peer reply `inspected`). Versions stand as text
 * (`1764000000000.3-n1.0c0de`), so that programs need no codec to compare what they print.
 */

/** What a node has under the key, as it lies in its database; nothing of this comes from the memory of recent records. */
export interface InspectedCopy {
  /** `failed`: its store could not be asked (it is being reopened, or a lookup failed). */
  readonly state: 'record' | 'tombstone' | 'absent' | 'damaged' | 'failed';
  /** How a damaged copy is damaged: its checksum fails, or the key index names a record that is not in its place. */
  readonly damage: 'checksum' | 'vanished' | null;
  /** Of a record or a tombstone; otherwise null. So are the next two. */
  readonly version: string | null;
  /** Length of the value in bytes; 0 for a tombstone. */
  readonly valueBytes: number | null;
  /** The record's crc32. Two intact copies of one version with different ones are different records. */
  readonly checksum: number | null;
  /** It replaced a damaged one and was not compared with the other replicas yet: no quorum counts it. */
  readonly doubtful: boolean;
  /** The version that the node's memory of recent records has; null: none, or it is not asked while damage is known there. */
  readonly remembered: string | null;
}

/** A hint as it lies with its holder. */
export interface InspectedHint {
  /** The replica that it is kept for. */
  readonly target: number;
  /** `dangling`: a reference to a record that its holder does not have, or can't read. */
  readonly state: 'record' | 'tombstone' | 'damaged' | 'dangling';
  /** It names the holder's own record, and delivers what is there. */
  readonly reference: boolean;
  /** That of the hinted record, or the one that a reference names; null when the hint is damaged. */
  readonly version: string | null;
  /** Length in bytes of the value that would be delivered; null when nothing would. */
  readonly valueBytes: number | null;
}

/** What one node says of one key. */
export interface KeyInspection {
  readonly node: number;
  /** The node's wall clock when it looked, Unix milliseconds. */
  readonly wallMs: number;
  readonly store: 'open' | 'reopening' | 'closed';
  /** Whether it has counted all its records since its start, without which it does not sweep. */
  readonly scanned: boolean;
  /** Why its store is not trusted in the key's partition; null: it is trusted. */
  readonly untrusted: string | null;
  /** Other replicas of the key that an untrusted store has not been compared with yet. */
  readonly awaits: readonly number[];
  /** null: the node is no replica of the key. */
  readonly copy: InspectedCopy | null;
  /** Hints for replicas of the key. */
  readonly hints: readonly InspectedHint[];
  /** Replicas for which it gave hints of this partition up, and owes a sweep instead. */
  readonly dirtyFor: readonly number[];
}

/** A copy, with its age. */
export interface ExplainedCopy extends InspectedCopy {
  /**
   * The answering node's wall clock minus the version's timestamp, milliseconds; null without a version. A version's
   * timestamp is an order and not a time of day: the age is off by whatever the writer's clock was, and negative when
   * that was ahead (up to 10 s after a restart). It is not clamped.
   */
  readonly ageMs: number | null;
}

/** A hint, with its holder and its age. */
export interface ExplainedHint extends InspectedHint {
  /** The node that keeps it. */
  readonly holder: number;
  /** Since it was written, as far as its version tells; reckoned as that of a copy. */
  readonly ageMs: number | null;
}

/** One member of the cluster; the fields of its inspection are null when it did not answer. */
export interface ExplainedNode {
  readonly node: number;
  /** Its place in the preference list. */
  readonly role: 'home' | 'replica' | 'fallback';
  /** What the answering node believes of it. */
  readonly liveness: 'alive' | 'suspect' | 'dead';
  /** Whether it answered. */
  readonly reachable: boolean;
  /** Its own wall clock when it looked, Unix milliseconds. */
  readonly wallMs: number | null;
  /** The state of its store. */
  readonly store: 'open' | 'reopening' | 'closed' | null;
  /** Whether it has counted all its records since its start, without which it does not sweep. */
  readonly scanned: boolean | null;
  /** Why its store is not trusted in the key's partition; null: it is trusted. */
  readonly untrusted: string | null;
  /** Other replicas of the key that an untrusted store has not been compared with yet. */
  readonly awaits: readonly number[];
  /** Also null for a fallback node. */
  readonly copy: ExplainedCopy | null;
  /** Replicas for which it gave hints of this partition up, and owes a sweep instead. */
  readonly dirtyFor: readonly number[];
}

/** The newest version that was found, in a copy or a hint. A read that hears of it answers with it. */
export interface ExplainedWinner {
  readonly version: string;
  /** It is a tombstone: the key is deleted. */
  readonly deleted: boolean;
  /** Length of the value in bytes. */
  readonly valueBytes: number;
  /** Milliseconds, as that of a copy. */
  readonly ageMs: number;
  /** Replicas with an intact copy of it. */
  readonly replicas: readonly number[];
  /** Nodes that keep it as a hint of its own. Where `replicas` is empty, it lies only there. */
  readonly hintHolders: readonly number[];
}

/**
 * By what the winner won over the next older version that was found.
 * `no-record`: nobody who answered has a record. `only-version`: there is no other.
 */
export type ExplainRule = 'no-record' | 'only-version' | 'greater-timestamp' | 'lower-node-id' | 'greater-incarnation';

/** Why something newer than the winner may exist. */
export type ExplainDoubt =
  /** A node did not answer. */
  | 'unreachable'
  /** A node's store could not be asked. */
  | 'failed'
  /** A copy is damaged and was not counted. */
  | 'damaged'
  /** A store may have lost what it had. */
  | 'untrusted'
  /** A record replaced a damaged one. */
  | 'doubtful'
  /** A node's memory, or a hint's reference, names a newer version than any that was found. */
  | 'named-only'
  /** Fewer than a majority of the replicas gave an answer that counts. */
  | 'minority';

/** What was found, and what the nodes will do about it. */
export type ExplainFindingCode =
  /** All replicas have the same record. */
  | 'equal'
  /** No replica has a record. */
  | 'absent'
  /** A replica has an older version. */
  | 'stale'
  /** A replica has no record. */
  | 'missing'
  /** A replica's copy is damaged. */
  | 'damaged'
  /** A replica's record replaced a damaged one. */
  | 'doubtful'
  /** A replica's memory of recent records is ahead of its disk. */
  | 'memory-ahead'
  /** Two replicas have different records of one version: a bug. */
  | 'conflict'
  /** A replica's store is not trusted. */
  | 'untrusted'
  /** A node reads its records after a start, and does not sweep before it has. */
  | 'scanning'
  /** A node's store could not be asked. */
  | 'failed'
  /** A node did not answer. */
  | 'unreachable'
  /** A node keeps a hint for a replica. */
  | 'hinted'
  /** A hint can't be read, or refers to a record that can't be. */
  | 'hint-damaged'
  /** A node gave hints up and owes a sweep. */
  | 'dirty';

/** One statement, as a code for programs and a sentence for people. */
export interface Explained<Code extends string> {
  readonly code: Code;
  /** The node that it is about; null: all of them. */
  readonly node: number | null;
  /** The other node that has a part in it: the holder of a hint, who repairs a stale one, who marked the partition. */
  readonly peer: number | null;
  /** A sentence for people; it may change between versions. */
  readonly text: string;
}

/** Why a key has the value that it has. */
export interface ExplainAnswer {
  /** Text when the key is UTF-8, else its bytes in base64. */
  readonly key: string | { readonly base64: string };
  /** XXH32 of the key. */
  readonly hash: number;
  /** As `locate` tells it. */
  readonly partition: number;
  readonly homeNode: number;
  /** The preference list: the replicas, home node first, then the fallback nodes. */
  readonly replicas: readonly number[];
  readonly fallbacks: readonly number[];
  /** Of the topology. */
  readonly epoch: number;
  /** The node that answers: it asked the others, and ages are by its clock. */
  readonly askedNode: number;
  /** That node's wall clock, Unix milliseconds. */
  readonly wallMs: number;
  /** `sweep.intervalMs` of that node, milliseconds; 0: no sweeps. */
  readonly sweepIntervalMs: number;
  /** In the order of the preference list. */
  readonly nodes: readonly ExplainedNode[];
  /** Those that are kept for replicas of the key. */
  readonly hints: readonly ExplainedHint[];
  /** null: no record was found. */
  readonly winner: ExplainedWinner | null;
  /** By what the winner won. */
  readonly rule: { readonly code: ExplainRule; readonly text: string };
  /** Why something newer may exist. Empty: nothing that was acknowledged can be newer. */
  readonly doubts: readonly Explained<ExplainDoubt>[];
  /** What was found, and what the nodes will do about it. Never empty. */
  readonly next: readonly Explained<ExplainFindingCode>[];
}
