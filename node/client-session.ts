/**
 * A client's connection: binary frames and JSON text frames, told apart frame by frame; each request is answered in
 * the kind of its own frame.
 *
 * Invariants
 *  L1  A client that does not read its answers is no longer read from; one that has too much waiting is closed (1013).
 *  L2  A frame that cannot be read closes this connection with 4000 and no other.
 *  L3  The values in the answer to an array of text requests fit into one frame: reads beyond it are answered RING_OVERLOADED.
 */
import type { AnswerSink, Coordinator } from '../coordinator/index.ts';
import {
  CLOSE_CODES,
  FRAME_BYTES_MAX,
  FrameError,
  SEND_BUFFER_BYTES_MAX,
  SEND_BUFFER_HIGH_BYTES,
  SEND_BUFFER_LOW_BYTES,
  TYPE,
  decodeClientRequests,
  decodeTextFrame,
  encodeFrames,
  encodeTextReply,
  errorNumber,
  isInvalid,
  messageBytesMax,
  type ClientReply,
  type ClientRequest,
  type ErrorCode,
  type InvalidRequest,
} from '../wire/index.ts';
import { Outbox, countFrame, type TickScheduler } from './outbox.ts';
import { codeOf, messageOf } from './errors.ts';
import type { MessageSocket, Time, Timer } from './ports.ts';

/** The requests that the coordinator does not carry out, but for ping. Answered as JSON; throws an error with a code. */
export type ClientService = (request: Exclude<ClientRequest, { readonly 0: 1 | 2 | 3 | 8 | 10 | 12 }>) => Promise<unknown>;

export interface ClientSessionOptions {
  readonly coordinator: Coordinator;
  readonly scheduler: TickScheduler;
  readonly service: ClientService;
  readonly time: Pick<Time, 'monotonicMs' | 'every'>;
}

/** Until then a client that does not read may hold what was answered to it. */
const DRAIN_CHECK_MS = 20;

export class ClientSession {
  readonly #socket: MessageSocket;
  readonly #options: ClientSessionOptions;
  readonly #binary: Outbox<ClientReply>;
  readonly #binarySink: AnswerSink;
  readonly #textSink: AnswerSink;
  #waitingBytes = 0;
  #drainTimer: Timer | null = null;

  constructor(socket: MessageSocket, options: ClientSessionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#binary = new Outbox(options.scheduler, (replies) => this.#flush(replies));
    this.#binarySink = {
      answer: (reply) => {
        if (this.#hold(messageBytesMax(reply))) this.#binary.push(reply);
      },
    };
    this.#textSink = { answer: (reply) => this.#sendText(encodeTextReply(reply)) };
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('error', () => {
      // 'close' follows.
    });
    socket.on('close', () => this.#closed());
  }

  #receive(data: unknown, isBinary: boolean): void {
    if (!(data instanceof Uint8Array)) return;
    try {
      if (isBinary) this.#start(decodeClientRequests(data), this.#binarySink);
      else this.#receiveText(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString());
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#refuseFrame(error, isBinary);
      return;
    }
    if (this.#socket.bufferedAmount > SEND_BUFFER_HIGH_BYTES) this.#waitForDrain();
  }

  #receiveText(text: string): void {
    const { isArray, requests } = decodeTextFrame(text);
    this.#start(requests, isArray ? this.#collect(requests.length) : this.#textSink);
  }

  /** L3. An array of requests is answered by one array, when all of them are. */
  #collect(count: number): AnswerSink {
    const texts: string[] = [];
    let units = 0;
    if (count === 0) this.#sendText('[]');
    return {
      answer: (reply) => {
        let text = encodeTextReply(reply);
        // A read can be asked again; of a write it would be a lie.
        if ((reply[0] === TYPE.value || reply[0] === TYPE.entries) && units + text.length > FRAME_BYTES_MAX) {
          text = encodeTextReply(failed(reply[1], 'RING_OVERLOADED', 'the answers to this array are more than one frame holds; ask for less at once'));
        }
        texts.push(text);
        units += text.length;
        if (texts.length === count) this.#sendText(`[${texts.join(',')}]`);
      },
    };
  }

  #start(requests: readonly (ClientRequest | InvalidRequest)[], sink: AnswerSink): void {
    const { coordinator } = this.#options;
    const nowMs = this.#options.time.monotonicMs();
    for (const request of requests) {
      if (isInvalid(request)) {
        sink.answer(failed(request.id, request.code, request.message));
        continue;
      }
      switch (request[0]) {
        case TYPE.put:
          coordinator.put(sink, request, nowMs);
          break;
        case TYPE.get:
          coordinator.get(sink, request, nowMs);
          break;
        case TYPE.delete:
          coordinator.delete(sink, request, nowMs);
          break;
        case TYPE.writeAgain:
          coordinator.writeAgain(sink, request, nowMs);
          break;
        case TYPE.scan:
          coordinator.scan(sink, request, nowMs);
          break;
        case TYPE.ping:
          sink.answer([TYPE.pong, request[1]]);
          break;
        default:
          this.#serve(request, sink);
      }
    }
  }

  #serve(request: Parameters<ClientService>[0], sink: AnswerSink): void {
    this.#options
      .service(request)
      .then((result) => sink.answer([TYPE.json, request[1], JSON.stringify(result)]))
      .catch((error: unknown) => sink.answer(failed(request[1], serviceCode(error), messageOf(error))));
  }

  /** L1. False when the connection was closed instead. */
  #hold(bytes: number): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN) return false;
    if (this.#socket.bufferedAmount + this.#waitingBytes + bytes > SEND_BUFFER_BYTES_MAX) {
      this.#socket.close(CLOSE_CODES.overloaded, 'answers are not read');
      this.#socket.terminate();
      return false;
    }
    this.#waitingBytes += bytes;
    return true;
  }

  #flush(replies: readonly ClientReply[]): void {
    const bytesMax = this.#waitingBytes;
    this.#waitingBytes = 0;
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    for (const frame of encodeFrames(replies, null, bytesMax)) {
      countFrame(this.#options.scheduler.sent, frame);
      this.#socket.send(frame);
    }
  }

  #sendText(text: string): void {
    if (!this.#hold(text.length)) return;
    this.#waitingBytes -= text.length;
    this.#socket.send(text);
  }

  #refuseFrame(error: FrameError, isBinary: boolean): void {
    const reply = failed(null, 'RING_BAD_FRAME', error.message);
    if (isBinary) for (const frame of encodeFrames([reply])) this.#socket.send(frame);
    else this.#socket.send(encodeTextReply(reply));
    this.#socket.close(CLOSE_CODES.badFrame, 'RING_BAD_FRAME');
  }

  #waitForDrain(): void {
    if (this.#drainTimer !== null) return;
    this.#socket.pause();
    this.#drainTimer = this.#options.time.every(DRAIN_CHECK_MS, () => {
      if (this.#socket.bufferedAmount > SEND_BUFFER_LOW_BYTES) return;
      this.#closed();
      this.#socket.resume();
    });
  }

  #closed(): void {
    this.#drainTimer?.cancel();
    this.#drainTimer = null;
  }
}

/** What a service refuses by a code of its own, it refuses by that. */
function serviceCode(error: unknown): ErrorCode {
  const code = codeOf(error);
  return code === 'RING_NOT_ALLOWED' || code === 'RING_OVERLOADED' ? code : 'RING_BAD_REQUEST';
}

function failed(id: number | null, code: ErrorCode, message: string): ClientReply {
  return [TYPE.failed, id, errorNumber(code), message, 0, 0, null];
}
