/** The socket in Node: the package ws. The only file of client/ that a browser does not get. */
import type { Duplex } from 'node:stream';
import { WebSocket, type RawData } from 'ws';
import { FRAME_BYTES_MAX, SEND_BUFFER_LOW_BYTES } from '../wire/index.ts';
import type { ClientSocket, ClientSocketEvents, Dial } from './client-socket.ts';

/** Says more of a failure than a browser does: the reason stands in `closed`. */
export const dialWs: Dial = (address, connectTimeoutMs, events) => new WsSocket(address, connectTimeoutMs, events);

class WsSocket implements ClientSocket {
  readonly #events: ClientSocketEvents;
  readonly #webSocket: WebSocket;
  #socket: Duplex | null = null;
  #state: 'live' | 'ended' = 'live';

  constructor(address: string, connectTimeoutMs: number, events: ClientSocketEvents) {
    this.#events = events;
    this.#webSocket = new WebSocket(address, {
      perMessageDeflate: false,
      maxPayload: FRAME_BYTES_MAX,
      handshakeTimeout: connectTimeoutMs,
      followRedirects: false,
      skipUTF8Validation: false,
    });
    this.#webSocket.binaryType = 'nodebuffer';
    this.#webSocket.on('error', (error) => this.#ended(describe(error)));
    this.#webSocket.on('upgrade', (response) => (this.#socket = response.socket));
    this.#webSocket.on('open', () => this.#opened());
    this.#webSocket.on('message', (data, isBinary) => this.#received(data, isBinary ? 'binary' : 'text'));
    this.#webSocket.on('close', (code, reason) => this.#ended(`closed with ${code}${reason.length > 0 ? ` (${reason.toString('utf8')})` : ''}`));
  }

  get bufferedAmount(): number {
    return this.#webSocket.bufferedAmount;
  }

  send(frame: Uint8Array): void {
    this.#webSocket.send(frame, { binary: true }, (error) => {
      // An error is followed by `close`, which tells it.
      if (error === undefined || error === null) this.#sent();
    });
  }

  close(): void {
    this.#webSocket.close(1000);
  }

  terminate(): void {
    this.#state = 'ended';
    this.#webSocket.terminate();
  }

  keepAlive(wish: 'while-open' | 'no'): void {
    const socket = this.#socket;
    if (socket === null || !('ref' in socket && 'unref' in socket)) return;
    const toggle = wish === 'while-open' ? socket.ref : socket.unref;
    if (typeof toggle === 'function') toggle.call(socket);
  }

  #opened(): void {
    if (this.#state === 'live') this.#events.opened();
  }

  #received(data: RawData, kind: 'binary' | 'text'): void {
    if (this.#state === 'live') this.#events.received(kind === 'binary' && data instanceof Uint8Array ? data : null);
  }

  #sent(): void {
    if (this.#state === 'live' && this.#webSocket.bufferedAmount <= SEND_BUFFER_LOW_BYTES) this.#events.drained();
  }

  /** After an error ws may wait for the node to agree; nobody here does. */
  #ended(reason: string): void {
    if (this.#state === 'ended') return;
    this.terminate();
    this.#events.closed(reason);
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Several addresses of one name: the single reasons stand in `errors`, the message is empty.
  if (error instanceof AggregateError && error.message === '') return error.errors.map(describe).join('; ');
  return error.message;
}
