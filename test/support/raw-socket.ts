/** A WebSocket that sends whatever it is told to, however wrong, and keeps what comes back. */
import { once } from 'node:events';
import { WebSocket, type ClientOptions } from 'ws';

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

const WAIT_MS = 15_000;

export class RawSocket implements AsyncDisposable {
  readonly socket: WebSocket;
  readonly closed: Promise<Closed>;
  readonly #frames: Buffer[] = [];
  #wake: () => void = () => undefined;

  static async open(url: string, options: ClientOptions = {}): Promise<RawSocket> {
    const raw = new RawSocket(new WebSocket(url, { perMessageDeflate: false, maxPayload: 64 * 1_048_576, ...options }));
    await once(raw.socket, 'open');
    return raw;
  }

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.binaryType = 'nodebuffer';
    socket.on('message', (data) => {
      if (data instanceof Buffer) this.#frames.push(data);
      this.#wake();
    });
    socket.on('error', () => {
      // 'close' follows.
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
        this.#wake();
      });
    });
  }

  binary(bytes: Uint8Array): void {
    this.socket.send(bytes, { binary: true });
  }

  text(text: string | Uint8Array): void {
    this.socket.send(text, { binary: false });
  }

  /** The next frame; null when the connection was closed instead. */
  async next(): Promise<Buffer | null> {
    const deadline = performance.now() + WAIT_MS;
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      if (this.socket.readyState === WebSocket.CLOSED) return null;
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error('neither an answer nor a close')), Math.max(0, deadline - performance.now()));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async json(text: string | Uint8Array): Promise<Record<string, unknown>> {
    this.text(text);
    const frame = await this.next();
    if (frame === null) throw new Error('closed without an answer');
    return JSON.parse(frame.toString()) as Record<string, unknown>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.terminate();
    await this.closed;
  }
}
