/**
 * The link to one peer: this node's requests go out over it, the peer's replies come back. Each node dials each other.
 *
 *   idle ─dial─► connecting ─open, hello─► greeting ─welcome─► up ─close─► idle (again after a pause)
 *                                              └─refused─► idle (again after a longer pause)
 */
import type { HybridClock, NodeId } from '../data/index.ts';
import {
  ERROR_CODES,
  FrameError,
  SEND_BUFFER_BYTES_MAX,
  TYPE,
  decodePeerReplies,
  encodeFrame,
  messageBytesMax,
  type FrameHeader,
  type HelloMessage,
  type PeerReply,
  type PeerRequest,
} from '../wire/index.ts';
import { Outbox, countFrame, type TickScheduler } from './outbox.ts';
import type { PeerFrames } from './peer-frames.ts';
import { parseMemory, type PeerMemory, type Remembered } from './peer-memory.ts';
import type { Dial, MessageSocket, Random, Time, Timer } from './ports.ts';

const REDIAL_MIN_MS = 50;
const REDIAL_MAX_MS = 500;
/** After a refusal nothing changes by itself soon. */
const REDIAL_REFUSED_MS = 3_000;
export const HANDSHAKE_TIMEOUT_MS = 2_000;

export interface PeerLinkEvents {
  up(node: NodeId): void;
  down(node: NodeId): void;
  heard(node: NodeId): void;
  /** What the peer remembers of this node; told before `up`. */
  remembered(node: NodeId, remembered: Remembered): void;
  replies(node: NodeId, replies: readonly PeerReply[]): void;
  refused(node: NodeId, reason: string): void;
  /** A test control may cut this node off from a peer: what comes and goes is dropped. */
  isCut(node: NodeId): boolean;
  /** The peer sent what cannot be read; the link is made anew. */
  garbled(node: NodeId, reason: string): void;
}

export interface PeerLinkOptions {
  readonly node: NodeId;
  readonly address: string;
  readonly clock: HybridClock;
  readonly memory: PeerMemory;
  readonly scheduler: TickScheduler;
  readonly time: Pick<Time, 'after'>;
  readonly random: Random;
  readonly dial: Dial;
  readonly frames: PeerFrames;
  hello(): Greeting;
  header(): FrameHeader;
}

/** A hello without type and id. */
export type Greeting = HelloMessage extends readonly [unknown, unknown, ...infer Rest] ? readonly [...Rest] : never;

type LinkState = 'idle' | 'connecting' | 'greeting' | 'up' | 'closed';

export class PeerLink {
  readonly #options: PeerLinkOptions;
  readonly #events: PeerLinkEvents;
  readonly #outbox: Outbox<PeerRequest>;
  #state: LinkState = 'idle';
  #socket: MessageSocket | null = null;
  #redialTimer: Timer | null = null;
  #greetingTimer: Timer | null = null;
  #redialMs = REDIAL_MIN_MS;
  #waitingBytes = 0;
  #refusal: string | null = null;
  #peerIncarnation = 0;
  #peerRun = 0;

  /** Resolves when the first attempt has come to an end, whichever. */
  readonly tried: Promise<void>;
  #firstAttemptEnded: () => void = () => undefined;

  constructor(options: PeerLinkOptions, events: PeerLinkEvents) {
    this.tried = new Promise((resolve) => {
      this.#firstAttemptEnded = resolve;
    });
    this.#options = options;
    this.#events = events;
    this.#outbox = new Outbox(options.scheduler, (messages) => this.#flush(messages));
  }

  get isUp(): boolean {
    return this.#state === 'up';
  }

  /** Why the peer refuses this node; null when it does not. */
  get refusal(): string | null {
    return this.#refusal;
  }

  dial(): void {
    if (this.#state !== 'idle') return;
    this.#clearTimers();
    this.#state = 'connecting';
    const socket = this.#options.dial(`${this.#options.address}/peer`);
    this.#socket = socket;
    socket.on('open', () => this.#greet(socket));
    socket.on('message', (data, isBinary) => this.#receive(socket, data, isBinary));
    socket.on('error', () => {
      // 'close' follows.
    });
    socket.on('close', () => this.#lost(socket));
  }

  /** The peer has shown signs of life by itself: do not wait for the next attempt. */
  dialNow(): void {
    if (this.#state === 'idle') this.dial();
  }

  /** False when it was certainly not sent: the link is down, or too much waits on it. */
  send(request: PeerRequest): boolean {
    const socket = this.#socket;
    if (this.#state !== 'up' || socket === null) return false;
    const bytes = messageBytesMax(request);
    if (socket.bufferedAmount + this.#waitingBytes + bytes > SEND_BUFFER_BYTES_MAX) return false;
    this.#waitingBytes += bytes;
    this.#outbox.push(request);
    return true;
  }

  /** Drops the connection, to dial anew. */
  reset(): void {
    this.#socket?.terminate();
  }

  close(): void {
    this.#state = 'closed';
    this.#clearTimers();
    this.#socket?.terminate();
    this.#socket = null;
  }

  pause(): void {
    if (this.#socket?.readyState === this.#socket?.OPEN) this.#socket?.pause();
  }

  resume(): void {
    if (this.#socket?.isPaused === true) this.#socket.resume();
  }

  #greet(socket: MessageSocket): void {
    if (socket !== this.#socket) return;
    this.#state = 'greeting';
    this.#greetingTimer = this.#options.time.after(HANDSHAKE_TIMEOUT_MS, () => socket.terminate());
    socket.send(encodeFrame([this.#options.header(), [TYPE.hello, 0, ...this.#options.hello()]]));
  }

  #receive(socket: MessageSocket, data: unknown, isBinary: boolean): void {
    if (socket !== this.#socket || this.#events.isCut(this.#options.node)) return;
    const { node } = this.#options;
    try {
      if (!isBinary || !(data instanceof Uint8Array)) throw new FrameError('a peer sends binary frames');
      const { header, messages } = decodePeerReplies(data);
      if (this.#state === 'up' && header[1] !== this.#options.header()[1]) throw new FrameError(`a frame of epoch ${header[1]}`);
      if (this.#state === 'up' || messages[0]?.[0] === TYPE.welcome) this.#options.clock.merge(header[2]);
      if (this.#state === 'greeting') {
        this.#greeted(header, messages);
        return;
      }
      this.#options.memory.heard(node, this.#peerIncarnation, this.#peerRun, header[3]);
      this.#events.heard(node);
      this.#events.replies(node, messages);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#events.garbled(node, error.message);
      socket.terminate();
    }
  }

  #greeted(header: FrameHeader, messages: readonly PeerReply[]): void {
    this.#clearTimers();
    const [first, ...rest] = messages;
    const { node } = this.#options;
    if (first?.[0] === TYPE.welcome && first[2] === node) {
      [, , , this.#peerIncarnation, this.#peerRun] = first;
      this.#options.memory.heard(node, this.#peerIncarnation, this.#peerRun, header[3]);
      const remembered = parseMemory(first[5]);
      if (remembered !== null) this.#events.remembered(node, remembered);
      this.#state = 'up';
      this.#redialMs = REDIAL_MIN_MS;
      this.#refusal = null;
      this.#events.up(node);
      this.#firstAttemptEnded();
      if (rest.length > 0) this.#events.replies(node, rest);
      return;
    }
    this.#refusal = first?.[0] === TYPE.refused ? `${ERROR_CODES[first[2]]}: ${first[3]}` : `RING_WRONG_NODE: ${this.#options.address} is not node ${node}`;
    this.#redialMs = REDIAL_REFUSED_MS;
    this.#events.refused(node, this.#refusal);
    this.#socket?.terminate();
  }

  #flush(messages: readonly PeerRequest[]): void {
    const bytesMax = this.#waitingBytes;
    this.#waitingBytes = 0;
    const socket = this.#socket;
    if (this.#state !== 'up' || socket === null || this.#events.isCut(this.#options.node)) return;
    for (const frame of this.#options.frames.encode(messages, bytesMax)) {
      countFrame(this.#options.scheduler.sent, frame);
      socket.send(frame);
    }
  }

  #lost(socket: MessageSocket): void {
    if (socket !== this.#socket || this.#state === 'closed') return;
    const wasUp = this.#state === 'up';
    this.#socket = null;
    this.#state = 'idle';
    this.#outbox.clear();
    this.#waitingBytes = 0;
    this.#clearTimers();
    this.#redialTimer = this.#options.time.after(this.#redialMs * (0.75 + this.#options.random.next() / 2), () => this.dial());
    this.#redialMs = Math.min(Math.max(this.#redialMs, REDIAL_MIN_MS) * 2, Math.max(REDIAL_MAX_MS, this.#refusal === null ? 0 : REDIAL_REFUSED_MS));
    this.#firstAttemptEnded();
    if (wasUp) this.#events.down(this.#options.node);
  }

  #clearTimers(): void {
    this.#redialTimer?.cancel();
    this.#greetingTimer?.cancel();
    this.#redialTimer = null;
    this.#greetingTimer = null;
  }
}
