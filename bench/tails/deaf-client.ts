/** A client that asks and never reads: a bare WebSocket whose socket is paused before the first request. */
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { TYPE, encodeFrame, type ClientRequest } from '../../wire/index.ts';

export interface Flood {
  readonly gets: number;
  /** Asked for in turn. */
  readonly keys: readonly Uint8Array[];
  /** How long the answers are left unread after the last request was handed to the socket. */
  readonly holdSeconds: number;
}

export interface FloodOutcome {
  /** Bytes of requests that the node's side did not take. */
  readonly unsentBytes: number;
  /** Whether the node has closed the connection. */
  readonly isClosed: boolean;
}

const GETS_PER_FRAME = 1000;
const TIMEOUT_MS = 60_000;
/** A socket that reads again learns within it that it was closed. */
const CLOSE_LOOK_MS = 500;

export async function floodUnread(url: string, { gets, keys, holdSeconds }: Flood): Promise<FloodOutcome> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  socket.on('error', () => {
    // A connection that the node breaks is one of the outcomes.
  });
  await opened(socket);
  socket.pause();
  for (let id = 0; id < gets; id += GETS_PER_FRAME) {
    socket.send(encodeFrame(Array.from({ length: Math.min(GETS_PER_FRAME, gets - id) }, (_, index) => getOf(id + index + 1, keys))));
  }
  await delay(holdSeconds * 1000);
  const unsentBytes = socket.bufferedAmount;
  const isClosed = await Promise.race([closed(socket), delay(CLOSE_LOOK_MS, false)]);
  socket.terminate();
  return { unsentBytes, isClosed };
}

/** Reads again: what the kernel has of the answers comes first. */
function closed(socket: WebSocket): Promise<boolean> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve(true));
    socket.resume();
  });
}

function getOf(id: number, keys: readonly Uint8Array[]): ClientRequest {
  return [TYPE.get, id, keys[id % keys.length] ?? new Uint8Array(1), 0, TIMEOUT_MS];
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve());
    socket.once('close', (code) => reject(new Error(`the connection was closed with ${code}`)));
  });
}
