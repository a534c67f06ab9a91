/**
 * Every message, once: what stands on the wire, which node and client both import.
 *
 * A binary frame is a msgpack array of messages; a message is a positional array whose first element is its type and
 * whose second is its id. A reply carries the id of its request. Numbers of types, statuses and levels are fixed.
 * Between peers the first message of every frame is `[FRAME_HEADER, epoch, clock, sequence]`.
 */
import type { Epoch, Incarnation, NodeId, Partition, RecordBytes } from '../data/portable.ts';
import type { ErrorNumber } from './errors.ts';

export const TYPE = {
  frameHeader: 0,
  // client → node
  put: 1,
  get: 2,
  delete: 3,
  status: 4,
  converged: 5,
  control: 6,
  locate: 7,
  ping: 8,
  topology: 9,
  scan: 10,
  explain: 11,
  writeAgain: 12,
  // node → client
  written: 17,
  value: 18,
  json: 19,
  pong: 20,
  entries: 21,
  issued: 23,
  failed: 31,
  // peer requests
  hello: 32,
  write: 33,
  hint: 34,
  read: 35,
  handOff: 36,
  sweepRoots: 37,
  sweepLeaves: 38,
  sweepVersions: 39,
  sweepRecords: 40,
  roots: 41,
  nodeStatus: 42,
  heartbeat: 43,
  range: 44,
  inspect: 45,
  // peer replies
  welcome: 64,
  refused: 65,
  stored: 66,
  found: 67,
  handedOff: 68,
  differing: 69,
  leaves: 70,
  newer: 71,
  rootList: 72,
  nodeStatusReply: 73,
  heartbeatReply: 74,
  foundVersion: 75,
  rangeRecords: 76,
  inspected: 77,
} as const;

/** Consistency levels by their number on the wire. */
export const LEVELS = ['available', 'one', 'quorum', 'all'] as const;
/** How many replicas a request waits for; README, section "Consistency levels". */
export type Consistency = (typeof LEVELS)[number];
export type LevelNumber = 0 | 1 | 2 | 3;

/** `sequence`: the number of the last group of writes that the sender has committed. */
export type FrameHeader = readonly [type: 0, epoch: Epoch, clock: number, sequence: number];
/** What a node remembers of the one that it greets: nothing, or its incarnation, run, last sequence of that run, last sequence of any run before. */
export type Memory = readonly number[];

// --- clients -----------------------------------------------------------------------------------------------------

/**
 * Bits, for writes. `detail`: the answer tells what each replica said. `tellVersion`: the version is told before the
 * outcome is known, and the node does not write anew by itself what it finds superseded. `above`: of `writeAgain` only.
 */
export const WRITE_FLAGS = { detail: 1, tellVersion: 2, above: 4 } as const;
/** Bits, for gets. */
export const READ_FLAGS = { detail: 1 } as const;

/** `timeoutMs` 0: the node's default. `flags` left out: 0. */
export type PutMessage = readonly [type: 1, id: number, key: Uint8Array, value: Uint8Array, level: LevelNumber, timeoutMs: number, flags?: number];
export type GetMessage = readonly [type: 2, id: number, key: Uint8Array, level: LevelNumber, timeoutMs: number, flags?: number];
export type DeleteMessage = readonly [type: 3, id: number, key: Uint8Array, level: LevelNumber, timeoutMs: number, flags?: number];
/**
 * The same write once more, under the version that a node gave it before (`issued`, `failed`); `value` null deletes. With
 * the flag `above`: under a new version above this one, which superseded it (`failed` with RING_SUPERSEDED). Only for a
 * write that has no other attempt under way.
 */
export type WriteAgainMessage = readonly [
  type: 12,
  id: number,
  key: Uint8Array,
  value: Uint8Array | null,
  version: Uint8Array,
  level: LevelNumber,
  timeoutMs: number,
  flags: number,
];
export type StatusMessage = readonly [type: 4, id: number];
export type ConvergedMessage = readonly [type: 5, id: number];
/** A test control (`partition`, `skew`, `pause` …) as JSON text; refused unless the daemon was started with it. */
export type ControlMessage = readonly [type: 6, id: number, command: string];
/** Where a key lives: answered as JSON. */
export type LocateMessage = readonly [type: 7, id: number, key: Uint8Array];
export type PingMessage = readonly [type: 8, id: number];
/** Who answers, and which nodes keep which partition: answered as JSON. */
export type TopologyMessage = readonly [type: 9, id: number];
/**
 * One slice of the keys from `from` to before `to`, in byte order; null: from the first key on, or to the last. At most
 * `limit` entries. `flags`: RANGE_FLAGS.
 */
export type ScanMessage = readonly [
  type: 10,
  id: number,
  from: Uint8Array | null,
  to: Uint8Array | null,
  limit: number,
  flags: number,
  level: LevelNumber,
  timeoutMs: number,
];
/** Why a key has its value: what every node has of it, who wins, what happens next. Answered as JSON. */
export type ExplainMessage = readonly [type: 11, id: number, key: Uint8Array];
export type ClientRequest =
  | PutMessage
  | GetMessage
  | DeleteMessage
  | StatusMessage
  | ConvergedMessage
  | ControlMessage
  | LocateMessage
  | PingMessage
  | TopologyMessage
  | ScanMessage
  | ExplainMessage
  | WriteAgainMessage;

/**
 * `durableOn`: node ids that have the record on disk as replicas. `hints`: target, holder, target, holder … of the
 * stand-ins that have a durable hint. `fsync` 1: "on disk" means after an fsync; 0: in the operating system's cache.
 */
export type WrittenMessage = readonly [
  type: 17,
  id: number,
  version: Uint8Array,
  durableOn: readonly number[],
  hints: readonly number[],
  fsync: 0 | 1,
  /** When it was asked for: node, WRITE_SAID, for each replica in the order of the preference list. */
  said?: readonly number[],
];
/** `value` null: absent (`version` null too) or deleted. `replied`: node ids whose answer was counted. */
export type ValueMessage = readonly [
  type: 18,
  id: number,
  value: Uint8Array | null,
  version: Uint8Array | null,
  replied: readonly number[],
  /** When it was asked for: node, 0 replica or 1 stand-in, READ_SAID, version or null, for each replica and then each stand-in that was asked. */
  said?: readonly (number | Uint8Array | null)[],
];
/** The version that this write was given; its outcome follows. */
export type IssuedMessage = readonly [type: 23, id: number, version: Uint8Array];
/** The answer to status, converged, control, locate, topology and explain: JSON text. */
export type JsonMessage = readonly [type: 19, id: number, json: string];
export type PongMessage = readonly [type: 20, id: number];
/**
 * key, value, key, value … in the order that was asked for; a value is null when only keys were. `resume`: where the next
 * slice begins (its `from`, in reverse its `to`); null at the end. There may be no entry and yet a `resume`.
 */
export type EntriesMessage = readonly [type: 21, id: number, pairs: readonly (Uint8Array | null)[], resume: Uint8Array | null];
/** `id` null when the request could not be read. `version`: that of a write whose outcome is unknown. */
export type FailedMessage = readonly [
  type: 31,
  id: number | null,
  code: ErrorNumber,
  message: string,
  required: number,
  received: number,
  version: Uint8Array | null,
];
export type ClientReply = WrittenMessage | ValueMessage | JsonMessage | PongMessage | EntriesMessage | IssuedMessage | FailedMessage;

// --- peers -------------------------------------------------------------------------------------------------------

/** The first message of a peer link; nothing else is read before `welcome`. */
export type HelloMessage = readonly [
  type: 32,
  id: number,
  protocolVersion: number,
  clusterId: string,
  topologyDigest: string,
  from: NodeId,
  to: NodeId,
  incarnation: Incarnation,
  run: number,
  remembered: Memory,
];
/** Keep this record; `hintFor`: also keep a hint for these replicas, which missed it. */
export type WriteMessage = readonly [type: 33, id: number, key: Uint8Array, record: RecordBytes, hintFor: readonly NodeId[]];
/** Keep this record for `target`, which missed it. */
export type HintMessage = readonly [type: 34, id: number, target: NodeId, key: Uint8Array, record: RecordBytes];
/** What do you have of this key, as its replica or as a stand-in for one? Answered by `found`, or by `foundVersion`. */
export type ReadMessage = readonly [type: 35, id: number, key: Uint8Array, wants: Wanted];
/** Hints delivered: key, record, key, record … Answered when all are durable. */
export type HandOffMessage = readonly [type: 36, id: number, records: readonly Uint8Array[]];
/** partition (2) · root (8), repeated: the partitions that both keep and whose trees are built. */
export type SweepRootsMessage = readonly [type: 37, id: number, roots: Uint8Array];
/** The 256 leaves (8 bytes each) of a partition. */
export type SweepLeavesMessage = readonly [type: 38, id: number, partition: Partition, leaves: Uint8Array];
/** All that the sender has in one stretch of a leaf: key, version, key, version … `from`, `to`: database keys, empty for the leaf's own ends. */
export type SweepVersionsMessage = readonly [
  type: 39,
  id: number,
  partition: Partition,
  leaf: number,
  from: Uint8Array,
  to: Uint8Array,
  versions: readonly Uint8Array[],
];
/** Records that the receiver lacks: key, record, key, record … Answered when all are durable. */
export type SweepRecordsMessage = readonly [type: 40, id: number, records: readonly Uint8Array[]];
/** The roots of all your partitions, for `converged`. */
export type RootsMessage = readonly [type: 41, id: number];
export type NodeStatusMessage = readonly [type: 42, id: number];
export type HeartbeatMessage = readonly [type: 43, id: number];
/** What does your store have of the keys from `from` to before `to`? Tombstones included. `flags`: RANGE_FLAGS. */
export type RangeMessage = readonly [
  type: 44,
  id: number,
  from: Uint8Array | null,
  to: Uint8Array | null,
  entriesMax: number,
  bytesMax: number,
  flags: number,
];
/** What does your database have under this key, as a replica and as hints for others? Answered by `inspected`. */
export type InspectMessage = readonly [type: 45, id: number, key: Uint8Array];
export type PeerRequest =
  | HelloMessage
  | WriteMessage
  | HintMessage
  | ReadMessage
  | HandOffMessage
  | SweepRootsMessage
  | SweepLeavesMessage
  | SweepVersionsMessage
  | SweepRecordsMessage
  | RootsMessage
  | NodeStatusMessage
  | HeartbeatMessage
  | RangeMessage
  | InspectMessage;

/** What became of one write on one node. The last two are said by an untrusted store: on disk, but nobody knows what it held before. */
export const STORED = { applied: 0, present: 1, superseded: 2, refused: 3, unknown: 4, hintsFull: 5, appliedUntrusted: 6, supersededUntrusted: 7 } as const;
export type StoredStatus = (typeof STORED)[keyof typeof STORED];
/** What one node knows of a key. `untrusted`: a record or nothing, from a store that may have lost a newer one; not to be counted. */
export const FOUND = { record: 0, absent: 1, damaged: 2, failed: 3, untrusted: 4 } as const;
export type FoundStatus = (typeof FOUND)[keyof typeof FOUND];

/** Of the replicas that a read asks, one gives the record and the others confirm its version. */
export const WANTS = { record: 0, version: 1 } as const;
export type Wanted = (typeof WANTS)[keyof typeof WANTS];

/** Bits. `reverse`: from the end of the range downwards. `keysOnly`: no values; of a record its header, without the value. */
export const RANGE_FLAGS = { reverse: 1, keysOnly: 2 } as const;
/** What a node could say of a range. `untrusted`: it gives what it has, but may have lost something; not to be counted. */
export const RANGE_STATUS = { ok: 0, failed: 1, untrusted: 2 } as const;
export type RangeStatus = (typeof RANGE_STATUS)[keyof typeof RANGE_STATUS];

export type WelcomeMessage = readonly [type: 64, id: number, from: NodeId, incarnation: Incarnation, run: number, remembered: Memory];
/** After this the link is closed. */
export type RefusedMessage = readonly [type: 65, id: number, code: ErrorNumber, message: string];
/** `version`: the newer one, when the status is `superseded`. `fsync`: see `WrittenMessage`. */
export type StoredMessage = readonly [type: 66, id: number, status: StoredStatus, version: Uint8Array | null];
export type FoundMessage = readonly [type: 67, id: number, status: FoundStatus, record: RecordBytes | null];
/** The version of what `found` would give, which the receiver may ask for next. */
export type FoundVersionMessage = readonly [type: 75, id: number, status: FoundStatus, version: Uint8Array | null];
/** `ok` 1: all are durable; 0: none may be counted on. */
export type HandedOffMessage = readonly [type: 68, id: number, ok: 0 | 1];
/** The partitions (2 bytes each) whose roots differ. `complete` 0: the trees are being built, nothing can be said. */
export type DifferingMessage = readonly [type: 69, id: number, complete: 0 | 1, partitions: Uint8Array];
/** The receiver's own leaves; empty when its tree is not built. */
export type LeavesMessage = readonly [type: 70, id: number, leaves: Uint8Array];
/** `records`: key, record … that the asker lacks. `wanted`: keys of which the asker has the newer. `more` 1: ask again from the last. */
export type NewerMessage = readonly [type: 71, id: number, records: readonly Uint8Array[], wanted: readonly Uint8Array[], resumeFrom: Uint8Array | null];
/** partition (2) · root (8), repeated; `complete` 0 while trees are being built. `hints`: how many this node still has to deliver. `trusted` 0: its store is not. */
export type RootListMessage = readonly [type: 72, id: number, complete: 0 | 1, roots: Uint8Array, hints: number, trusted: 0 | 1];
export type NodeStatusReplyMessage = readonly [type: 73, id: number, json: string];
/** `wallMs`: the sender's wall clock, to report drift. */
export type HeartbeatReplyMessage = readonly [type: 74, id: number, wallMs: number];
/**
 * key, record, key, record … in the order that was asked for, a damaged record as null. All that the store has up to
 * `resume` (the next `from`, in reverse the next `to`); null: up to the end of the range.
 */
export type RangeRecordsMessage = readonly [type: 76, id: number, status: RangeStatus, pairs: readonly (Uint8Array | null)[], resume: Uint8Array | null];
/** `json`: a `KeyInspection` (wire/explanation.ts). */
export type InspectedMessage = readonly [type: 77, id: number, json: string];
export type PeerReply =
  | WelcomeMessage
  | RefusedMessage
  | StoredMessage
  | FoundMessage
  | FoundVersionMessage
  | HandedOffMessage
  | DifferingMessage
  | LeavesMessage
  | NewerMessage
  | RootListMessage
  | NodeStatusReplyMessage
  | HeartbeatReplyMessage
  | RangeRecordsMessage
  | InspectedMessage;
