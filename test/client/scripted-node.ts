/** A real WebSocket server that speaks the client protocol with the real codec and answers as the test tells it. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import { versionToBytes } from '../../data/index.ts';
import { TYPE, WRITE_FLAGS, decodeClientRequests, encodeFrame, errorNumber, isInvalid, type ClientReply, type ClientRequest } from '../../wire/index.ts';

export interface Arrival {
  readonly request: ClientRequest;
  readonly reply: (...replies: readonly ClientReply[]) => void;
  readonly socket: WebSocket;
}

export const VERSION = { timestamp: 1_764_000_000_000 * 1024, writer: 7 };
const VERSION_BYTES = versionToBytes(VERSION);
const WAIT_MS = 10_000;

export class ScriptedNode {
  readonly url: string;
  readonly port: number;
  /** Everything that has arrived, in order. */
  readonly arrivals: Arrival[] = [];
  /** How many requests each frame held. */
  readonly frameSizes: number[] = [];
  connections = 0;
  readonly #server: WebSocketServer;
  readonly #script: (arrival: Arrival) => void;

  private constructor(server: WebSocketServer, script: (arrival: Arrival) => void) {
    this.#server = server;
    this.#script = script;
    this.port = (server.address() as AddressInfo).port;
    this.url = `ws://127.0.0.1:${this.port}`;
    server.on('connection', (socket) => this.#accept(socket));
  }

  /** `port` 0: any that is free. */
  static async start(script: (arrival: Arrival) => void = answer, port = 0): Promise<ScriptedNode> {
    const server = new WebSocketServer({ host: '127.0.0.1', port, perMessageDeflate: false });
    await once(server, 'listening');
    return new ScriptedNode(server, script);
  }

  get openConnections(): number {
    return this.#server.clients.size;
  }

  /** Breaks every connection off. */
  disconnect(): void {
    for (const socket of this.#server.clients) socket.terminate();
  }

  /** Breaks every connection off and frees the port. */
  async stop(): Promise<void> {
    this.disconnect();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  #accept(socket: WebSocket): void {
    this.connections += 1;
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => {
      const requests = decodeClientRequests(data);
      this.frameSizes.push(requests.length);
      for (const request of requests) {
        if (isInvalid(request)) throw new Error(request.message);
        const arrival: Arrival = { request, socket, reply: (...replies) => socket.send(encodeFrame(replies)) };
        this.arrivals.push(arrival);
        this.#script(arrival);
      }
    });
  }
}

/** The usual script: answers everything; a get finds its own key as the value. */
export function answer({ request, reply }: Arrival): void {
  reply(answerTo(request));
}

export function answerTo(request: ClientRequest): ClientReply {
  const id = request[1];
  switch (request[0]) {
    case TYPE.put:
      return written(id, request[6]);
    case TYPE.delete:
      return written(id, request[5]);
    case TYPE.writeAgain:
      return [TYPE.written, id, request[4], [0, 1], [], 1];
    case TYPE.get:
      return request[5] === undefined ? [TYPE.value, id, request[2], VERSION_BYTES, [0, 1]] : [TYPE.value, id, request[2], VERSION_BYTES, [0, 1], [0, 0, 0, VERSION_BYTES, 1, 0, 0, VERSION_BYTES, 2, 0, 6, null]];
    case TYPE.status:
      return [TYPE.json, id, '{"clusterId":"c","epoch":1,"nodes":[],"converged":{"converged":true,"reasons":[]}}'];
    case TYPE.converged:
      return [TYPE.json, id, '{"converged":true,"reasons":[]}'];
    case TYPE.control:
      return [TYPE.json, id, request[2]];
    case TYPE.locate:
      return [TYPE.json, id, '{"hash":1,"partition":1,"homeNode":1,"replicas":[1],"fallbacks":[0],"epoch":1}'];
    case TYPE.explain:
      return [TYPE.json, id, '{"replicas":[1],"fallbacks":[0],"nodes":[],"hints":[],"winner":null,"rule":{"code":"no-record","text":""},"doubts":[],"next":[]}'];
    case TYPE.scan:
      return [TYPE.entries, id, [], null];
    case TYPE.ping:
      return [TYPE.pong, id];
    case TYPE.topology:
      return unknownOperation(id);
  }
}

function written(id: number, flags = 0): ClientReply {
  if ((flags & WRITE_FLAGS.detail) === 0) return [TYPE.written, id, VERSION_BYTES, [0, 1], [2, 0], 1];
  return [TYPE.written, id, VERSION_BYTES, [0, 1], [2, 0], 1, [0, 0, 1, 0, 2, 9]];
}

/** What a node of a version without the request says. */
export function unknownOperation(id: number): ClientReply {
  return [TYPE.failed, id, errorNumber('RING_UNKNOWN_OPERATION'), 'no request has this type', 0, 0, null];
}

/** Resolves when the condition holds; rejects when it does not within ten seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS;
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error(`waited in vain for ${condition.toString()}`);
    // One look after the other is what polling is.
    // oxlint-disable-next-line no-await-in-loop
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A port on which nothing listens. */
export async function freePort(): Promise<number> {
  const node = await ScriptedNode.start();
  await node.stop();
  return node.port;
}
