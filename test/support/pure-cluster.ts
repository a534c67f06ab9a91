/**
 * A cluster inside one test: real coordinators, replicas and stores, a network that is a bag of messages, and a time
 * that only the test moves. The same seed and the same calls give the same run.
 *
 *   put/get/delete ─► coordinator ─► bag ─► replica ─► store ─► bag ─► coordinator ─► answer
 *
 * The bag is emptied in an order that the seed decides, on one link too: no part may rely on the order of messages.
 * Every node knows at once which others it can reach, as a socket's close tells it; a slow node is one whose messages
 * the test leaves in the bag. Clocks of frames are not merged, so that only replies can tell a clock that it is behind.
 */
import { Coordinator, type DistrustReason, type Placement, type ReplicaRequest } from '../../coordinator/index.ts';
import { MemoryKv, equalBytes, nodeId, readVersion, valueOf, versionOf, versionToBytes, type NodeId, type OrderedKv, type Version } from '../../data/index.ts';
import { ERROR_CODES, TYPE, type ClientReply, type ErrorCode, type LevelNumber, type PeerReply, type PeerRequest, type RangeMessage } from '../../wire/index.ts';
import { SeededRandom } from './seeded-random.ts';
import { WALL_MS, openStoreNode, placementOf, runExchange, runHandOff, settle, type StoreNode } from './store-node.ts';

export interface PureClusterOptions {
  readonly nodes: number;
  readonly replicationFactor: number;
  readonly seed?: number;
  /** Milliseconds by which the wall clock of a node is ahead. */
  readonly skewsMs?: readonly number[];
  /** What lies under the store of a node; MemoryKv unless it says so. */
  readonly kvs?: Readonly<Record<number, OrderedKv>>;
  /** False: the ceiling is raised by the first write. */
  readonly reservesAtStart?: boolean;
  readonly requestsInFlightMax?: number;
  readonly requestBytesInFlightMax?: number;
  readonly hintBytesMax?: number;
  /** 0: every version is looked up. */
  readonly recentBytesMax?: number;
}

export const HEDGE_AFTER_MS = 50;
export const REPLICA_TIMEOUT_MS = 1_000;
export const REQUEST_TIMEOUT_MS = 2_000;
/** By then nothing can be in flight. */
export const ALL_OVER_MS = 20_000;

export const [AVAILABLE, ONE, QUORUM, ALL] = [0, 1, 2, 3] as const satisfies readonly LevelNumber[];

/** What is asked for of a range; without bounds all of it. */
export interface ScanSpan {
  readonly from?: Uint8Array | null;
  readonly to?: Uint8Array | null;
  readonly limit?: number;
  readonly flags?: number;
}

export type Envelope =
  | { readonly kind: 'request'; readonly from: NodeId; readonly to: NodeId; readonly message: PeerRequest }
  | { readonly kind: 'reply'; readonly from: NodeId; readonly to: NodeId; readonly message: PeerReply };
export type Which = (envelope: Envelope) => boolean;

/** One request of a client, and what it was told. */
export class Asked {
  readonly answers: ClientReply[] = [];
  /** The versions that it was told before its answer, in their order. */
  readonly told: Version[] = [];

  answer(reply: ClientReply): void {
    if (reply[0] === TYPE.issued) this.told.push(readVersion(reply[2], 0));
    else this.answers.push(reply);
  }

  get isAnswered(): boolean {
    return this.answers.length > 0;
  }

  /** The one answer. */
  get only(): ClientReply {
    const [first, ...more] = this.answers;
    if (first === undefined || more.length > 0) throw new Error(`answered ${this.answers.length} times`);
    return first;
  }

  get written(): { readonly version: Version; readonly durableOn: readonly number[]; readonly hints: readonly number[] } {
    const reply = this.only;
    if (reply[0] !== TYPE.written) throw new Error(`not acknowledged: ${JSON.stringify(reply)}`);
    return { version: readVersion(reply[2], 0), durableOn: reply[3], hints: reply[4] };
  }

  /** Text, or null for no value. */
  get value(): string | null {
    const reply = this.only;
    if (reply[0] !== TYPE.value) throw new Error(`not a value: ${JSON.stringify(reply)}`);
    return reply[2] === null ? null : Buffer.from(reply[2]).toString();
  }

  get readVersion(): Version | null {
    const reply = this.only;
    if (reply[0] !== TYPE.value) throw new Error(`not a value: ${JSON.stringify(reply)}`);
    return reply[3] === null ? null : readVersion(reply[3], 0);
  }

  /** Pairs of texts, a value that was not asked for as null. */
  get entries(): { readonly pairs: readonly (readonly [string, string | null])[]; readonly resume: Uint8Array | null } {
    const reply = this.only;
    if (reply[0] !== TYPE.entries) throw new Error(`no entries: ${JSON.stringify(reply)}`);
    const texts = reply[2].map((bytes) => (bytes === null ? null : Buffer.from(bytes).toString()));
    const pairs = texts.flatMap((key, index) => (index % 2 === 0 && key !== null ? [[key, texts[index + 1] ?? null] as const] : []));
    return { pairs, resume: reply[3] === null ? null : Uint8Array.from(reply[3]) };
  }

  get failure(): { readonly code: ErrorCode; readonly version: Version | null; readonly received: number } {
    const reply = this.only;
    if (reply[0] !== TYPE.failed) throw new Error(`not a failure: ${JSON.stringify(reply)}`);
    return { code: ERROR_CODES[reply[2]], version: reply[6] === null ? null : readVersion(reply[6], 0), received: reply[5] };
  }

  get isWritten(): boolean {
    return this.answers[0]?.[0] === TYPE.written;
  }
}

interface RunningNode extends StoreNode {
  readonly coordinator: Coordinator;
}

interface Seat {
  kv: OrderedKv;
  /** Of its directory, from 1. */
  incarnation: number;
  distrusted: DistrustReason | null;
  running: RunningNode | null;
}

export class PureCluster {
  readonly placement: Placement;
  readonly random: SeededRandom;
  readonly skewsMs: number[];
  /** Every peer request that was sent, in order. */
  readonly sent: Envelope[] = [];
  nowMs = 0;
  /** Counts of coordinators that have failed since. */
  readonly #pastCounts = new Map<string, number>();
  readonly #options: PureClusterOptions;
  readonly #seats: Seat[];
  readonly #cut = new Set<string>();
  #bag: Envelope[] = [];
  /** What was thrown where nobody waits for it. */
  #broken: unknown = null;
  #lastId = 0;

  private constructor(options: PureClusterOptions) {
    this.#options = options;
    this.placement = placementOf(options.nodes, options.replicationFactor);
    this.random = new SeededRandom(options.seed ?? 1);
    this.skewsMs = Array.from({ length: options.nodes }, (_, index) => options.skewsMs?.[index] ?? 0);
    this.#seats = this.skewsMs.map((_, index) => ({ kv: options.kvs?.[index] ?? new MemoryKv(), incarnation: 1, distrusted: null, running: null }));
  }

  static async start(options: PureClusterOptions): Promise<PureCluster> {
    const cluster = new PureCluster(options);
    for (const index of cluster.#seats.keys()) await cluster.#run(nodeId(index));
    return cluster;
  }

  get ids(): readonly NodeId[] {
    return this.placement.topology.members.map((member) => member.id);
  }

  get runningIds(): readonly NodeId[] {
    return this.ids.filter((id) => this.#seat(id).running !== null);
  }

  get messagesWaiting(): number {
    return this.#bag.length;
  }

  node(id: number): RunningNode {
    const { running } = this.#seat(id);
    if (running === null) throw new Error(`node ${id} has failed`);
    return running;
  }

  /** A key whose home node is `home`; `number` tells keys of one home apart. */
  keyAt(home: number, number = 0): Uint8Array {
    let left = number;
    for (let i = 0; ; i++) {
      const key = textBytes(`key-${i}`);
      if (this.placement.ofKey(key).replicas[0] === home && left-- === 0) return key;
    }
  }

  // --- clients -------------------------------------------------------------------------------------------------

  /** `flags`: WRITE_FLAGS. */
  put(via: number, key: Uint8Array, value: string, level: LevelNumber = AVAILABLE, timeoutMs = 0, flags = 0): Asked {
    const asked = new Asked();
    this.node(via).coordinator.put(asked, [TYPE.put, ++this.#lastId, key, textBytes(value), level, timeoutMs, flags], this.nowMs);
    return asked;
  }

  /** `flags`: WRITE_FLAGS. */
  delete(via: number, key: Uint8Array, level: LevelNumber = AVAILABLE, flags = 0): Asked {
    const asked = new Asked();
    this.node(via).coordinator.delete(asked, [TYPE.delete, ++this.#lastId, key, level, 0, flags], this.nowMs);
    return asked;
  }

  /** `value` null deletes; `flags`: WRITE_FLAGS. */
  writeAgain(via: number, key: Uint8Array, value: string | null, version: Version, level: LevelNumber = AVAILABLE, flags = 0): Asked {
    const asked = new Asked();
    const message = [TYPE.writeAgain, ++this.#lastId, key, value === null ? null : textBytes(value), versionToBytes(version), level, 0, flags] as const;
    this.node(via).coordinator.writeAgain(asked, message, this.nowMs);
    return asked;
  }

  /** `flags`: READ_FLAGS. */
  get(via: number, key: Uint8Array, level: LevelNumber = AVAILABLE, flags = 0): Asked {
    const asked = new Asked();
    this.node(via).coordinator.get(asked, [TYPE.get, ++this.#lastId, key, level, 0, flags], this.nowMs);
    return asked;
  }

  /** One slice. */
  scan(via: number, span: ScanSpan = {}, level: LevelNumber = AVAILABLE): Asked {
    const asked = new Asked();
    const { from = null, to = null, limit = 1_000, flags = 0 } = span;
    this.node(via).coordinator.scan(asked, [TYPE.scan, ++this.#lastId, from, to, limit, flags, level, 0], this.nowMs);
    return asked;
  }

  // --- messages and time ---------------------------------------------------------------------------------------

  /** Delivers one of the messages; false when there is none. */
  async deliverOne(which: Which = () => true): Promise<boolean> {
    let able = this.#bag.filter(which);
    // Half the time the stores are given a chance to commit, so that groups of one and of many happen.
    if (able.length === 0 || this.random.isBelow(0.5)) {
      await settle();
      able = this.#bag.filter(which);
    }
    if (this.#broken !== null) throw this.#broken;
    if (able.length === 0) return false;
    const envelope = this.random.pick(able);
    this.#bag.splice(this.#bag.indexOf(envelope), 1);
    this.#deliver(envelope);
    return true;
  }

  /** Delivers what is in the bag, and what comes of it, until nothing (of that kind) is left. */
  async deliver(which: Which = () => true): Promise<void> {
    for (let count = 0; await this.deliverOne(which); count++) {
      if (count > 100_000) throw new Error('the cluster does not come to rest');
    }
  }

  /** Throws away messages, as no real link does; for replies that come too late or never. */
  drop(which: Which): number {
    const before = this.#bag.length;
    this.#bag = this.#bag.filter((envelope) => !which(envelope));
    return before - this.#bag.length;
  }

  tick(milliseconds: number): void {
    this.nowMs += milliseconds;
    for (const id of this.runningIds) this.node(id).coordinator.tick(this.nowMs);
  }

  /** Lets everything in flight come to its end. */
  async finish(): Promise<void> {
    await this.deliver();
    for (let passed = 0; passed < ALL_OVER_MS; passed += 500) {
      this.tick(500);
      await this.deliver();
    }
  }

  // --- failures ------------------------------------------------------------------------------------------------

  /** The process ends: what it had in flight is gone, what is on its disk stays. */
  async fail(id: number): Promise<void> {
    const seat = this.#seat(id);
    const node = this.node(id);
    seat.running = null;
    for (const [event, count] of Object.entries(node.coordinator.counters)) this.#pastCounts.set(event, (this.#pastCounts.get(event) ?? 0) + count);
    await node.store.close();
    this.drop(({ from, to }) => from === node.id && to === node.id);
    if (seat.kv instanceof MemoryKv) seat.kv = seat.kv.restarted();
    for (const other of this.runningIds) this.#loseLink(other, node.id);
  }

  async recover(id: number): Promise<void> {
    await this.#run(nodeId(id));
  }

  /** Ends the process if it runs, and starts it on an empty disk: untrusted until it was compared with the others. */
  async wipe(id: number): Promise<void> {
    const seat = this.#seat(id);
    if (seat.running !== null) await this.fail(id);
    seat.kv = new MemoryKv();
    seat.incarnation++;
    seat.distrusted = { kind: 'new' };
    await this.#run(nodeId(id));
    for (const other of this.runningIds) if (other !== id) this.node(other).coordinator.onNodeForgot(nodeId(id));
  }

  cut(a: number, b: number): void {
    this.#cut.add(linkName(a, b));
    this.#loseLink(nodeId(a), nodeId(b));
    this.#loseLink(nodeId(b), nodeId(a));
  }

  heal(): void {
    this.#cut.clear();
  }

  isReachable(from: number, to: number): boolean {
    return this.#seat(to).running !== null && this.#seat(from).running !== null && !this.#cut.has(linkName(from, to));
  }

  // --- background work -----------------------------------------------------------------------------------------

  async deliverHints(): Promise<number> {
    let delivered = 0;
    for (const holder of this.runningIds) {
      for (const target of this.node(holder).store.ledger.targets()) {
        if (this.isReachable(holder, target)) delivered += (await runHandOff(this.node(holder), this.node(target))).result;
      }
    }
    return delivered;
  }

  /** The exchanges that an untrusted store waits for, with those that it can reach; true when it is trusted by then. */
  async compareAll(id: number): Promise<boolean> {
    for (const other of this.runningIds) if (other !== id) await this.exchange(id, other);
    return this.node(id).trust.reason === null;
  }

  async exchange(a: number, b: number): Promise<number> {
    if (!this.isReachable(a, b)) return 0;
    const { trust } = this.node(a);
    const { generation } = trust;
    const standing = this.node(b).trust.reason === null ? 'trusted' : 'untrusted';
    const { result } = await runExchange(this.node(a), this.node(b));
    if (result.outcome !== 'interrupted' && trust.exchanged(nodeId(b), generation, standing)) this.#seat(a).distrusted = null;
    return result.received + result.sent;
  }

  /** Hints and exchanges until no node has anything for another; returns how many records moved. */
  async converge(): Promise<number> {
    let moved = 0;
    for (let round = 0; round < 10; round++) {
      let now = await this.deliverHints();
      for (const a of this.runningIds) for (const b of this.runningIds) if (a < b) now += await this.exchange(a, b);
      moved += now;
      if (now === 0) return moved;
    }
    throw new Error('the replicas do not become equal');
  }

  // --- looking inside ------------------------------------------------------------------------------------------

  stored(id: number, key: Uint8Array): { readonly version: Version; readonly value: string | null } | 'damaged' | null {
    const record = this.node(id).store.read(key);
    if (record === null || record === 'damaged') return record;
    const value = valueOf(record);
    return { version: versionOf(record), value: value === null ? null : Buffer.from(value).toString() };
  }

  versionAt(id: number, key: Uint8Array): Version | null {
    const stored = this.stored(id, key);
    return stored === null || stored === 'damaged' ? null : stored.version;
  }

  hintAt(holder: number, target: number, key: Uint8Array): Version | null {
    return this.node(holder).store.hintVersionFor(key, nodeId(target));
  }

  /** Over all coordinators that ever ran. */
  counted(event: keyof Coordinator['counters']): number {
    return (this.#pastCounts.get(event) ?? 0) + this.runningIds.reduce((sum, id) => sum + this.node(id).coordinator.counters[event], 0);
  }

  get inFlight(): number {
    return this.runningIds.reduce((sum, id) => sum + this.node(id).coordinator.inFlight, 0);
  }

  get heldBytes(): number {
    return this.runningIds.reduce((sum, id) => sum + this.node(id).coordinator.heldBytes, 0);
  }

  /** The versions that one value was written with: two when the write was written again. */
  versionsSentOf(key: Uint8Array, value: string): ReadonlySet<number> {
    const versions = new Set<number>();
    for (const { message } of this.sent) {
      if (message[0] !== TYPE.write || !equalBytes(message[2], key)) continue;
      const held = valueOf(message[3]);
      if (held !== null && equalBytes(held, textBytes(value))) versions.add(versionOf(message[3]).timestamp);
    }
    return versions;
  }

  // -------------------------------------------------------------------------------------------------------------

  async #run(id: NodeId): Promise<void> {
    const seat = this.#seat(id);
    if (seat.running !== null) throw new Error(`node ${id} runs already`);
    const wallMs = (): number => WALL_MS + this.nowMs + (this.skewsMs[id] ?? 0);
    const { hintBytesMax, recentBytesMax, reservesAtStart = true, requestsInFlightMax = 10_000, requestBytesInFlightMax = 1 << 30 } = this.#options;
    const node = await openStoreNode(id, this.placement, {
      kv: seat.kv,
      wallMs,
      incarnation: seat.incarnation,
      ...(seat.distrusted === null ? {} : { distrusted: seat.distrusted }),
      ...(hintBytesMax === undefined ? {} : { hintBytesMax }),
      ...(recentBytesMax === undefined ? {} : { recentBytesMax }),
    });
    if (reservesAtStart) await node.store.reserveCeiling(0);
    const coordinator = new Coordinator(
      this.placement,
      {
        clock: node.clock,
        wallMs,
        send: (to, request) => this.#send(id, to, request),
        isAlive: (other) => this.isReachable(id, other),
        reserveCeiling: (floor, done) => {
          node.store.reserveCeiling(floor).then(done, done);
        },
      },
      {
        self: id,
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
        requestsInFlightMax,
        requestBytesInFlightMax,
        times: { hedgeAfterMs: HEDGE_AFTER_MS, replicaTimeoutMs: REPLICA_TIMEOUT_MS },
        fsync: 0,
      },
    );
    seat.running = { ...node, coordinator };
  }

  #send(from: NodeId, to: NodeId, message: PeerRequest): boolean {
    if (!this.isReachable(from, to)) return false;
    const envelope: Envelope = { kind: 'request', from, to, message };
    this.sent.push(envelope);
    this.#bag.push(envelope);
    return true;
  }

  #deliver(envelope: Envelope): void {
    const { from, to } = envelope;
    const node = this.node(to);
    if (envelope.kind === 'reply') {
      node.coordinator.onReply(from, envelope.message);
      return;
    }
    const reply = (replies: readonly PeerReply[]): void => {
      // The link, and either end, may be another one by the time the write is durable.
      if (this.#seat(to).running !== node || !this.isReachable(to, from)) return;
      for (const message of replies) this.#bag.push({ kind: 'reply', from: to, to: from, message });
    };
    if (envelope.message[0] === TYPE.range) this.#serveRange(node, envelope.message, reply);
    else node.replica.serve([envelope.message as ReplicaRequest], reply);
  }

  #serveRange(node: RunningNode, message: RangeMessage, reply: (replies: readonly PeerReply[]) => void): void {
    node.ranges
      .serve(message, async () => Promise.resolve())
      .then((records) => reply([records]))
      .catch((error: unknown) => {
        this.#broken = error;
      });
  }

  #loseLink(node: NodeId, lost: NodeId): void {
    this.drop(({ from, to }) => (from === node && to === lost) || (from === lost && to === node));
    this.#seat(node).running?.coordinator.onNodeLost(lost);
  }

  #seat(id: number): Seat {
    const seat = this.#seats[id];
    if (seat === undefined) throw new RangeError(`there is no node ${id}`);
    return seat;
  }
}

export function textBytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}

function linkName(a: number, b: number): string {
  return a < b ? `${a}-${b}` : `${b}-${a}`;
}
