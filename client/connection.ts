/**
 * One WebSocket to one node, from the attempt to connect until it is gone. It reports exactly one `closed`, whatever
 * happened, and nothing after it; it never throws and never leaves an `error` event without a listener.
 */
import type { Duplex } from 'node:stream';
import { WebSocket, type RawData } from 'ws';
import { FRAME_BYTES_MAX, SEND_BUFFER_HIGH_BYTES, SEND_BUFFER_LOW_BYTES, decodeClientReplies, type ClientReply } from '../wire/index.ts';
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
  readonly #webSocket: WebSocket;
  #socket: Duplex | null = null;
  #state: 'connecting' | 'open' | 'closed' = 'connecting';
  #gone: () => void = () => undefined;

  constructor(address: string, connectTimeoutMs: number, events: ConnectionEvents) {
    this.address = address;
    this.#events = events;
    this.#webSocket = new WebSocket(address, {
      perMessageDeflate: false,
      maxPayload: FRAME_BYTES_MAX,
      handshakeTimeout: connectTimeoutMs,
      followRedirects: false,
      skipUTF8Validation: false,
    });
    this.#webSocket.binaryType = 'nodebuffer';
    this.#webSocket.on('error', (error) => this.#failed(describe(error)));
    this.#webSocket.on('upgrade', (response) => (this.#socket = response.socket));
    this.#webSocket.on('open', () => this.#opened());
    this.#webSocket.on('message', (data, isBinary) => this.#received(data, isBinary ? 'binary' : 'text'));
    this.#webSocket.on('close', (code, reason) => {
      this.#failed(`closed with ${code}${reason.length > 0 ? ` (${reason.toString('utf8')})` : ''}`);
      this.#gone();
    });
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** False while so much waits in the socket that no more should be sent. */
  get isWritable(): boolean {
    return this.#state === 'open' && this.#webSocket.bufferedAmount < SEND_BUFFER_HIGH_BYTES;
  }

  send(frame: Uint8Array): void {
    if (this.#state !== 'open') return;
    this.#webSocket.send(frame, { binary: true }, (error) => {
      // An error is followed by `close`, which tells it.
      if (error === undefined || error === null) this.#sent();
    });
  }

  /** Whether the open socket keeps the process alive. */
  keepAlive(wish: 'while-open' | 'no'): void {
    const socket = this.#socket;
    if (socket === null || !('ref' in socket && 'unref' in socket)) return;
    const toggle = wish === 'while-open' ? socket.ref : socket.unref;
    if (typeof toggle === 'function') toggle.call(socket);
  }

  /** Breaks the connection off; `closed` follows at once, with this reason. */
  drop(reason: string): void {
    this.#failed(reason);
  }

  /** An orderly close, without `closed`; resolves when the socket is gone, at the latest after CLOSE_TIMEOUT_MS. */
  async close(): Promise<void> {
    if (this.#state === 'open') {
      this.#state = 'closed';
      if (this.#webSocket.readyState !== WebSocket.CLOSED) {
        const gone = new Promise<void>((resolve) => (this.#gone = resolve));
        const timer = setTimeout(() => this.#webSocket.terminate(), CLOSE_TIMEOUT_MS);
        this.#webSocket.close(1000);
        await gone;
        clearTimeout(timer);
      }
      return;
    }
    this.#state = 'closed';
    this.#webSocket.terminate();
  }

  #opened(): void {
    if (this.#state !== 'connecting') return;
    this.#state = 'open';
    this.#events.opened();
  }

  #received(data: RawData, kind: 'binary' | 'text'): void {
    if (this.#state !== 'open') return;
    if (kind === 'text' || !(data instanceof Uint8Array)) {
      this.#failed('the node answered with a text frame');
      return;
    }
    let replies: readonly ClientReply[];
    try {
      replies = decodeClientReplies(data);
    } catch (error) {
      this.#failed(describe(error));
      return;
    }
    this.#events.replies(replies);
  }

  #sent(): void {
    if (this.#state === 'open' && this.#webSocket.bufferedAmount <= SEND_BUFFER_LOW_BYTES) this.#events.drained();
  }

  #failed(reason: string): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#webSocket.terminate();
    this.#events.closed(`${this.address}: ${reason}`);
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Several addresses of one name: the single reasons stand in `errors`, the message is empty.
  if (error instanceof AggregateError && error.message === '') return error.errors.map(describe).join('; ');
  return error.message;
}
