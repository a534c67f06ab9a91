/**
 * One end of a connection, as `ws` shows it to a node or a client. Why it exists: the product is given the WebSocket it
 * knows, with its states, its pauses and its listeners, and cannot tell that there is no kernel below.
 *
 *   pipe ─► process of this end ─► take: ended? paused? ─► 'message'
 *
 * Invariants
 *  N2  No listener is called inside a call of a socket, and none but through the process it belongs to.
 *  N3  Each socket that was dialled gets 'open', or 'error' and 'close' within HANDSHAKE_TIMEOUT_MS (of the network, which
 *      dials). After 'close' nothing comes.
 *
 * Modelled: `bufferedAmount` is what the receiver has not consumed beyond WINDOW_BYTES, as a full TCP window.
 */
import type { MessageSocket } from '../../node/ports.ts';
import type { VirtualLink } from './virtual-link.ts';
import { VirtualPipe, type Frame, type PipePorts } from './virtual-pipe.ts';
import type { EndKind, VirtualProcess } from './virtual-time.ts';

const WINDOW_BYTES = 128 * 1024;
/** ws's own closeTimeout. */
const CLOSE_TIMEOUT_MS = 30_000;

/** What a socket needs of its network. */
export interface SocketPorts extends PipePorts {
  /** This one ended. */
  forget(socket: VirtualSocket): void;
  /** N4: this one sent to an end that is gone. */
  sentToNobody(socket: VirtualSocket): void;
}

export class VirtualSocket implements MessageSocket {
  readonly OPEN = 1;
  readonly process: VirtualProcess;
  readonly from: string;
  readonly to: string;
  readonly pipe: VirtualPipe;
  readonly #network: SocketPorts;
  readonly #openListeners: (() => void)[] = [];
  readonly #messageListeners: ((data: unknown, isBinary: boolean) => void)[] = [];
  readonly #errorListeners: ((error: Error) => void)[] = [];
  readonly #closeListeners: (() => void)[] = [];
  #readyState: 0 | 1 | 2 | 3;
  #other: VirtualSocket | null = null;
  #isPaused = false;
  #isTerminated = false;
  #inbox: Frame[] = [];
  #patience: { cancel(): void } | null = null;
  isUnanswered = false;

  constructor(network: SocketPorts, process: VirtualProcess, link: VirtualLink, readyState: 0 | 1) {
    this.#network = network;
    this.process = process;
    this.from = link.from;
    this.to = link.to;
    this.#readyState = readyState;
    this.pipe = new VirtualPipe(network, link);
  }

  get readyState(): number {
    return this.#readyState;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get bufferedAmount(): number {
    return Math.max(0, this.pipe.unconsumedBytes - WINDOW_BYTES);
  }

  on(event: 'open', listener: () => void): this;
  on(event: 'message', listener: (data: unknown, isBinary: boolean) => void): this;
  on(event: 'error', listener: (error: Error) => void): this;
  on(event: 'close', listener: () => void): this;
  on(event: 'open' | 'message' | 'error' | 'close', listener: (...given: never[]) => void): this {
    const listeners: ((...given: never[]) => void)[] = {
      open: this.#openListeners,
      message: this.#messageListeners,
      error: this.#errorListeners,
      close: this.#closeListeners,
    }[event];
    listeners.push(listener);
    return this;
  }

  send(data: Uint8Array | string): void {
    if (this.#readyState === 0) throw new Error('WebSocket is not open: readyState 0 (CONNECTING)');
    if (this.#readyState !== 1 || !this.process.isAlive) return;
    const other = this.#other;
    if (other === null || other.isEnded) {
      this.#network.counts.framesToNobody++;
      this.#network.sentToNobody(this);
      return;
    }
    this.pipe.message(other, typeof data === 'string' ? Buffer.from(data) : Buffer.from(data), typeof data === 'string' ? 'text' : 'binary');
  }

  close(code: number, reason: string): void {
    if (!(code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) && !(code >= 3000 && code <= 4999)) throw new TypeError(`invalid close code ${code}`);
    if (Buffer.byteLength(reason) > 123) throw new RangeError('The message must not be greater than 123 bytes');
    if (this.#readyState === 0) this.terminate();
    if (this.#readyState !== 1 || !this.process.isAlive) return;
    this.#readyState = 2;
    this.giveUpAfter(CLOSE_TIMEOUT_MS, () => this.terminate());
    this.#sayClose();
  }

  terminate(): void {
    if (this.#readyState === 3 || this.#isTerminated || !this.process.isAlive) return;
    this.#isTerminated = true;
    if (this.#readyState === 0) {
      this.#readyState = 2;
      this.process.run(0, () => this.fail('WebSocket was closed before the connection was established'));
      return;
    }
    this.#readyState = 2;
    this.#sayReset();
    this.process.run(0, () => this.end('closed'));
  }

  pause(): void {
    if (this.#readyState === 1 || this.#readyState === 2) this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.process.run(0, () => this.#drain());
  }

  /** Nothing more comes here, and nobody takes what is sent here. */
  get isEnded(): boolean {
    return this.#readyState === 3;
  }

  /** The server's end finds the client's. */
  join(client: VirtualSocket): void {
    this.#other = client;
    client.#other = this;
  }

  opened(): void {
    if (this.#readyState !== 0) {
      // The dialler gave up meanwhile.
      this.#sayReset();
      return;
    }
    this.#patience?.cancel();
    this.#readyState = 1;
    this.#network.trace(() => `network: ${this.from} reached ${this.to}`);
    for (const listener of this.#openListeners) listener();
  }

  /** A handshake that comes to nothing. */
  fail(message: string): void {
    if (this.#readyState === 3 || this.#readyState === 1) return;
    this.#emitError(message);
    this.end('closed');
  }

  giveUpAfter(milliseconds: number, work: () => void): void {
    this.#patience = this.process.run(milliseconds, work);
  }

  /** A frame has come in; the process takes it now, or when the socket is not paused any more. */
  take(frame: Frame): void {
    // A client that gave up still answers the server that accepts it.
    if (this.isEnded && frame.kind !== 'accepted') this.#consumed(frame);
    else if (this.#isPaused || this.#inbox.length > 0) this.#inbox.push(frame);
    else this.#handle(frame);
  }

  end(how: 'closed' | 'reset'): void {
    if (this.#readyState === 3) return;
    if (how === 'reset' && (this.#readyState === 0 || this.#network.random.isBelow(0.5))) this.#emitError('read ECONNRESET');
    this.#readyState = 3;
    this.#patience?.cancel();
    for (const frame of this.#inbox.splice(0)) this.#consumed(frame);
    this.#network.forget(this);
    this.#network.trace(() => `network: ${this.from} lost ${this.to} (${how})`);
    for (const listener of this.#closeListeners) listener();
  }

  /** Broken from outside. */
  sever(delayMs: number): void {
    this.pipe.sever();
    this.process.run(delayMs, () => this.end('reset'));
  }

  /** Its process ended. After a crash the kernel says so to the other end. */
  orphan(how: EndKind): void {
    if (this.#readyState === 0 || how === 'silent') this.pipe.cut();
    else if (this.#readyState !== 3) this.#sayReset();
    this.#readyState = 3;
  }

  #sayClose(): void {
    const other = this.#other;
    if (other === null || other.isEnded) this.#network.sentToNobody(this);
    else this.pipe.carry('close', other, 'binary', () => other.#closed());
  }

  #sayReset(): void {
    const other = this.#other;
    if (other === null) return;
    this.pipe.cut();
    this.pipe.carry('reset', other, 'binary', () => other.end('reset'));
  }

  #closed(): void {
    if (this.#readyState === 1) this.#sayClose();
    this.end('closed');
  }

  #drain(): void {
    if (this.#isPaused) return;
    const frame = this.#inbox.shift();
    if (frame === undefined) return;
    this.#handle(frame);
    if (this.#inbox.length > 0) this.process.run(0, () => this.#drain());
  }

  #handle(frame: Frame): void {
    this.#consumed(frame);
    if (frame.bytes === null) {
      frame.arrived?.();
      return;
    }
    if (this.#isTerminated || this.#readyState === 0 || this.#readyState === 3) return;
    this.#network.counts.framesDelivered++;
    for (const listener of this.#messageListeners) listener(frame.bytes, frame.encoding === 'binary');
  }

  #consumed(frame: Frame): void {
    const other = this.#other;
    if (other !== null) other.pipe.unconsumedBytes -= frame.bytes?.length ?? 0;
  }

  /** As an EventEmitter: an error that nobody listens for is thrown. */
  #emitError(message: string): void {
    const error = new Error(message);
    if (this.#errorListeners.length === 0) throw error;
    for (const listener of this.#errorListeners) listener(error);
  }
}
