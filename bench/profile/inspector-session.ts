/** A conversation with the inspector of a Node process: methods of the Chrome DevTools protocol, as JSON over WebSocket. */
import { WebSocket } from 'ws';
import { withDeadline } from '../../cli/signals.ts';

interface Call {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

const CALL_TIMEOUT_MS = 60_000;
/** A profile of an hour has some hundred megabytes. */
const MESSAGE_BYTES_MAX = 2 ** 30;

export class InspectorSession {
  readonly #socket: WebSocket;
  readonly #calls = new Map<number, Call>();
  #lastId = 0;

  static async connect(url: string): Promise<InspectorSession> {
    const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: MESSAGE_BYTES_MAX });
    const session = new InspectorSession(socket);
    try {
      await withDeadline(opened(socket), CALL_TIMEOUT_MS, `connecting to ${url}`);
      return session;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('error', () => {
      // `close` follows.
    });
    socket.on('message', (data) => this.#receive(Buffer.isBuffer(data) ? data.toString() : ''));
    socket.on('close', () => this.#failAll());
  }

  /** Rejects when the inspector refuses it, or is gone. */
  async call(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#lastId;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params }), (error) => {
        if (error) reject(error);
      });
    });
    try {
      return await withDeadline(answer, CALL_TIMEOUT_MS, method);
    } finally {
      this.#calls.delete(id);
    }
  }

  /** A process that is told to stop waits until nobody is connected to its inspector. */
  close(): void {
    this.#socket.terminate();
  }

  #receive(text: string): void {
    const message: unknown = JSON.parse(text);
    if (typeof message !== 'object' || message === null || !('id' in message)) return;
    const call = this.#calls.get(Number(message.id));
    if ('error' in message) call?.reject(new Error(`the inspector refused: ${JSON.stringify(message.error)}`));
    else call?.resolve('result' in message ? message.result : null);
  }

  #failAll(): void {
    for (const { reject } of this.#calls.values()) reject(new Error('the inspector has closed the connection'));
  }
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve());
    socket.once('error', reject);
  });
}
