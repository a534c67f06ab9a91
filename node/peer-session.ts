/**
 * A peer's connection to this node: its requests come in, replies go out. The first message must be a hello from a
 * member of the same cluster with the same topology; anything else is refused with a reason, and closed.
 */
import type { HybridClock, NodeId } from '../data/index.ts';
import type { RangeReplica, Replica, ReplicaRequest } from '../coordinator/index.ts';
import {
  CLOSE_CODES,
  FrameError,
  PROTOCOL_VERSION,
  SEND_BUFFER_BYTES_MAX,
  SEND_BUFFER_HIGH_BYTES,
  TYPE,
  decodePeerRequests,
  encodeFrame,
  encodeFrames,
  errorNumber,
  type ErrorCode,
  type FrameHeader,
  type HelloMessage,
  type PeerReply,
  type PeerRequest,
  type ReadMessage,
} from '../wire/index.ts';
import { Outbox, countFrame, type TickScheduler } from './outbox.ts';
import type { MessageSocket, Time } from './ports.ts';
import { parseMemory, type PeerMemory, type Remembered } from './peer-memory.ts';
import type { PeerService } from './peer-service.ts';
import { RangeQueue } from './range-queue.ts';
import { ReadQueue } from './read-queue.ts';

export interface PeerSessionOptions {
  readonly self: NodeId;
  readonly clusterId: string;
  readonly topologyDigest: string;
  readonly incarnation: number;
  readonly run: number;
  readonly members: ReadonlySet<number>;
  readonly clock: HybridClock;
  readonly memory: PeerMemory;
  readonly scheduler: TickScheduler;
  readonly time: Pick<Time, 'soon'>;
  readonly replica: Replica;
  readonly ranges: RangeReplica;
  readonly service: PeerService;
  header(): FrameHeader;
  isCut(node: NodeId): boolean;
  /** A peer has shown itself: dial it, if its link is down. */
  greeted(node: NodeId): void;
  /** What the peer remembers of this node. */
  remembered(node: NodeId, remembered: Remembered): void;
  refused(from: number, reason: string): void;
}

export class PeerSession {
  readonly #socket: MessageSocket;
  readonly #options: PeerSessionOptions;
  readonly #outbox: Outbox<PeerReply>;
  readonly #reads: ReadQueue;
  readonly #ranges: RangeQueue;
  #peer: NodeId | null = null;
  #peerIncarnation = 0;
  #peerRun = 0;

  constructor(socket: MessageSocket, options: PeerSessionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#outbox = new Outbox(options.scheduler, (replies) => this.#flush(replies));
    // A peer that does not take its replies gets no records to hold here.
    const isFull = (): boolean => socket.readyState !== socket.OPEN || socket.bufferedAmount > SEND_BUFFER_HIGH_BYTES;
    this.#ranges = new RangeQueue({
      ranges: options.ranges,
      time: options.time,
      isFull,
      reply: (reply) => this.#outbox.push(reply),
      report: (error) => options.service.failed(error),
    });
    this.#reads = new ReadQueue({
      replica: options.replica,
      time: options.time,
      isFull,
      reply: (replies) => {
        for (const reply of replies) this.#outbox.push(reply);
      },
    });
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('error', () => {
      // 'close' follows.
    });
  }

  #receive(data: unknown, isBinary: boolean): void {
    if (this.#peer !== null && this.#options.isCut(this.#peer)) return;
    try {
      if (!isBinary || !(data instanceof Uint8Array)) throw new FrameError('a peer sends binary frames');
      const { header, messages } = decodePeerRequests(data);
      const [first] = messages;
      if (this.#peer !== null) {
        if (header[1] !== this.#options.header()[1]) {
          this.#socket.close(CLOSE_CODES.wrongPeer, `RING_WRONG_TOPOLOGY: epoch ${header[1]}`);
          return;
        }
        this.#options.clock.merge(header[2]);
        this.#options.memory.heard(this.#peer, this.#peerIncarnation, this.#peerRun, header[3]);
        this.#serve(messages);
      } else if (first?.[0] === TYPE.hello) {
        this.#greet(header, first);
      } else {
        throw new FrameError('a peer says hello first');
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#socket.close(CLOSE_CODES.badFrame, error.message.slice(0, 120));
    }
  }

  #greet(header: FrameHeader, [, id, protocol, clusterId, digest, from, to, peerIncarnation, peerRun, told]: HelloMessage): void {
    const refusal = this.#refusal(protocol, clusterId, digest, from, to);
    if (refusal !== null) {
      const [code, message] = refusal;
      this.#options.refused(from, message);
      this.#socket.send(encodeFrame([this.#options.header(), [TYPE.refused, id, errorNumber(code), message]]));
      this.#socket.close(CLOSE_CODES.wrongPeer, code);
      return;
    }
    this.#peer = from;
    if (this.#options.isCut(from)) {
      this.#socket.terminate();
      return;
    }
    const { self, incarnation, run, memory } = this.#options;
    this.#peerIncarnation = peerIncarnation;
    this.#peerRun = peerRun;
    this.#options.clock.merge(header[2]);
    // Before anything that the peer asks for is served: what it remembers may say that this store lost something.
    const remembered = parseMemory(told);
    if (remembered !== null) this.#options.remembered(from, remembered);
    const ours = memory.tell(from);
    memory.heard(from, peerIncarnation, peerRun, header[3]);
    this.#options.greeted(from);
    this.#outbox.push([TYPE.welcome, id, self, incarnation as HelloMessage[7], run, ours]);
  }

  #refusal(protocol: number, clusterId: string, digest: string, from: number, to: number): readonly [ErrorCode, string] | null {
    const { self, members, clusterId: ours, topologyDigest } = this.#options;
    if (protocol !== PROTOCOL_VERSION) return ['RING_WRONG_PROTOCOL', `node ${self} speaks protocol ${PROTOCOL_VERSION}, node ${from} speaks ${protocol}`];
    if (clusterId !== ours) return ['RING_WRONG_CLUSTER', `node ${self} is of cluster ${ours}, node ${from} of ${clusterId}; give all nodes the same members, replication factor and cluster id`];
    if (digest !== topologyDigest) return ['RING_WRONG_TOPOLOGY', `node ${self} has topology ${topologyDigest}, node ${from} has ${digest}; give all nodes the same members and replication factor`];
    if (to !== self) return ['RING_WRONG_NODE', `this is node ${self}, not node ${to}; check the addresses of the members`];
    if (from === self || !members.has(from)) return ['RING_WRONG_NODE', `node ${from} is no peer of node ${self}`];
    return null;
  }

  /** What stores records goes to the replica as one array, what reads them in slices; the rest is rare. */
  #serve(messages: readonly PeerRequest[]): void {
    const requests: ReplicaRequest[] = [];
    const reads: ReadMessage[] = [];
    for (const message of messages) {
      switch (message[0]) {
        case TYPE.read:
          reads.push(message);
          break;
        case TYPE.range:
          this.#ranges.push(message);
          break;
        case TYPE.write:
        case TYPE.hint:
        case TYPE.handOff:
        case TYPE.sweepRecords:
          requests.push(message);
          break;
        case TYPE.hello:
          throw new FrameError('hello is said once');
        default:
          this.#background(message);
      }
    }
    if (reads.length > 0) this.#reads.push(reads);
    if (requests.length === 0) return;
    this.#options.replica.serve(requests, (replies) => {
      for (const reply of replies) this.#outbox.push(reply);
    });
  }

  #background(message: Parameters<PeerService['serve']>[1]): void {
    const peer = this.#peer;
    if (peer === null) return;
    this.#options.service
      .serve(peer, message)
      .then((reply) => {
        if (reply !== null) this.#outbox.push(reply);
      })
      .catch((error: unknown) => this.#options.service.failed(error));
  }

  #flush(replies: readonly PeerReply[]): void {
    if (this.#socket.readyState !== this.#socket.OPEN || (this.#peer !== null && this.#options.isCut(this.#peer))) return;
    if (this.#socket.bufferedAmount > SEND_BUFFER_BYTES_MAX) {
      this.#socket.terminate();
      return;
    }
    for (const frame of encodeFrames(replies, this.#options.header())) {
      countFrame(this.#options.scheduler.sent, frame);
      this.#socket.send(frame);
    }
  }
}
