/**
 * The socket in a browser: its own WebSocket, as any page has it.
 *
 * What it cannot do. It sends no ping frames; the client's heartbeats are messages. A page is not told why an attempt to
 * connect failed, nor when what it sent is on its way: `bufferedAmount` is looked at every LOOK_MS while too much waits.
 * It has no way to break a connection off: `terminate` closes it and listens no more.
 */
import { FRAME_BYTES_MAX, SEND_BUFFER_HIGH_BYTES, SEND_BUFFER_LOW_BYTES } from '../wire/index.ts';
import type { ClientSocket, ClientSocketEvents, Dial } from './client-socket.ts';

/** What is used of a browser's WebSocket; that of the package ws has it too. */
export interface StandardWebSocket {
  binaryType: string;
  readonly bufferedAmount: number;
  addEventListener(type: 'open' | 'error', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { readonly code: number; readonly reason: string }) => void): void;
  send(data: Uint8Array): void;
  close(code?: number): void;
}

const LOOK_MS = 10;

/** `connect` makes the WebSocket and may throw, as a browser's constructor does for a page that may not connect there. */
export function dialWith(connect: (address: string) => StandardWebSocket): Dial {
  return (address, connectTimeoutMs, events) => new WebClientSocket(() => connect(address), connectTimeoutMs, events);
}

class WebClientSocket implements ClientSocket {
  readonly #events: ClientSocketEvents;
  /** null: it could not even be made. */
  readonly #webSocket: StandardWebSocket | null;
  #state: 'connecting' | 'open' | 'ended' = 'connecting';
  #connectTimer: ReturnType<typeof setTimeout> | null = null;
  #drainTimer: ReturnType<typeof setInterval> | null = null;

  constructor(connect: () => StandardWebSocket, connectTimeoutMs: number, events: ClientSocketEvents) {
    this.#events = events;
    try {
      this.#webSocket = connect();
    } catch (error) {
      this.#webSocket = null;
      queueMicrotask(() => this.#ended(error instanceof Error ? error.message : String(error)));
      return;
    }
    this.#connectTimer = setTimeout(() => this.#ended(`no connection within ${connectTimeoutMs} ms`), connectTimeoutMs);
    this.#webSocket.binaryType = 'arraybuffer';
    this.#webSocket.addEventListener('open', () => this.#opened());
    this.#webSocket.addEventListener('message', ({ data }) => this.#received(data));
    // A `close` follows, which says more; but an `error` without a listener ends a process.
    this.#webSocket.addEventListener('error', () => undefined);
    this.#webSocket.addEventListener('close', ({ code, reason }) => {
      const what = this.#state === 'connecting' ? 'could not connect; closed' : 'closed';
      this.#ended(`${what} with ${code}${reason === '' ? '' : ` (${reason})`}`);
    });
  }

  get bufferedAmount(): number {
    return this.#webSocket?.bufferedAmount ?? 0;
  }

  send(frame: Uint8Array): void {
    this.#webSocket?.send(frame);
    if (this.bufferedAmount >= SEND_BUFFER_HIGH_BYTES) this.#drainTimer ??= setInterval(() => this.#look(), LOOK_MS);
  }

  close(): void {
    this.#webSocket?.close(1000);
  }

  terminate(): void {
    this.#state = 'ended';
    if (this.#connectTimer !== null) clearTimeout(this.#connectTimer);
    this.#stopLooking();
    this.#webSocket?.close();
  }

  keepAlive(): void {
    // There is no process.
  }

  #opened(): void {
    if (this.#state !== 'connecting') return;
    this.#state = 'open';
    if (this.#connectTimer !== null) clearTimeout(this.#connectTimer);
    this.#events.opened();
  }

  #received(data: unknown): void {
    if (this.#state !== 'open') return;
    if (data instanceof ArrayBuffer && data.byteLength > FRAME_BYTES_MAX) {
      this.#ended(`a frame of ${data.byteLength} bytes; the limit is ${FRAME_BYTES_MAX}`);
      return;
    }
    this.#events.received(data instanceof ArrayBuffer ? new Uint8Array(data) : null);
  }

  #look(): void {
    if (this.bufferedAmount > SEND_BUFFER_LOW_BYTES) return;
    this.#stopLooking();
    this.#events.drained();
  }

  #stopLooking(): void {
    if (this.#drainTimer !== null) clearInterval(this.#drainTimer);
    this.#drainTimer = null;
  }

  #ended(reason: string): void {
    if (this.#state === 'ended') return;
    this.terminate();
    this.#events.closed(reason);
  }
}
