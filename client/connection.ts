/**
 * One socket to one node, from the attempt to connect until it is gone. It reports exactly one `closed`, whatever
 * happened, and nothing after it; it never throws.
 */
import { SEND_BUFFER_HIGH_BYTES, decodeClientReplies, type ClientReply } from '../wire/index.ts';
import type { ClientSocket, Dial } from './client-socket.ts';
import { CLOSE_TIMEOUT_MS } from './options.ts';

export interface ConnectionEvents {
  readonly opened: () => void;
  /** Values are views into the frame: copy what outlives the call. */
  readonly replies: (replies: readonly ClientReply[]) => void;
  /** The socket has taken enough of what was sent that more may follow. */
  readonly drained: () => void;
  readonly closed: (reason: string) => void;
}

export class Connection {
  readonly address: string;
  readonly #events: ConnectionEvents;
  readonly #socket: ClientSocket;
  #state: 'connecting' | 'open' | 'closed' = 'connecting';
  #gone: () => void = () => undefined;

  constructor(dial: Dial, address: string, connectTimeoutMs: number, events: ConnectionEvents) {
    this.address = address;
    this.#events = events;
    this.#socket = dial(address, connectTimeoutMs, {
      opened: () => this.#opened(),
      received: (frame) => this.#received(frame),
      drained: () => this.#drained(),
      closed: (reason) => {
        this.#failed(reason);
        this.#gone();
      },
    });
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** False while so much waits in the socket that no more should be sent. */
  get isWritable(): boolean {
    return this.#state === 'open' && this.#socket.bufferedAmount < SEND_BUFFER_HIGH_BYTES;
  }

  send(frame: Uint8Array): void {
    if (this.#state === 'open') this.#socket.send(frame);
  }

  /** Whether the open socket keeps the process alive. */
  keepAlive(wish: 'while-open' | 'no'): void {
    this.#socket.keepAlive(wish);
  }

  /** Breaks the connection off; `closed` follows at once, with this reason. */
  drop(reason: string): void {
    this.#failed(reason);
  }

  /** An orderly close, without `closed`; resolves when the socket is gone, at the latest after CLOSE_TIMEOUT_MS. */
  async close(): Promise<void> {
    const wasOpen = this.#state === 'open';
    this.#state = 'closed';
    if (wasOpen) {
      const gone = new Promise<void>((resolve) => (this.#gone = resolve));
      const timer = setTimeout(() => this.#gone(), CLOSE_TIMEOUT_MS);
      this.#socket.close();
      await gone;
      clearTimeout(timer);
    }
    this.#socket.terminate();
  }

  #opened(): void {
    if (this.#state !== 'connecting') return;
    this.#state = 'open';
    this.#events.opened();
  }

  #received(frame: Uint8Array | null): void {
    if (this.#state !== 'open') return;
    if (frame === null) {
      this.#failed('the node answered with a text frame');
      return;
    }
    let replies: readonly ClientReply[];
    try {
      replies = decodeClientReplies(frame);
    } catch (error) {
      this.#failed(error instanceof Error ? error.message : String(error));
      return;
    }
    this.#events.replies(replies);
  }

  #drained(): void {
    if (this.#state === 'open') this.#events.drained();
  }

  #failed(reason: string): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#socket.terminate();
    this.#events.closed(`${this.address}: ${reason}`);
  }
}
