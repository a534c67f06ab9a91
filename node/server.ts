/**
 * One port for everything: `/` clients, `/peer` peers (WebSocket), `/health` and `/metrics` (HTTP).
 *
 * Until there is authentication the port is on loopback, and a browser page may connect only when its origin is on
 * loopback too or was allowed in the configuration: otherwise any page that a user opens could reach the daemon.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type ServerOptions as SocketServerOptions, type WebSocket } from 'ws';
import { CLOSE_CODES, FRAME_BYTES_MAX } from '../wire/index.ts';
import { NodeError, messageOf } from './errors.ts';

export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  readonly connectionsMax: number;
  readonly allowedOrigins: readonly string[];
}

export interface ServerHandlers {
  client(socket: WebSocket): void;
  peer(socket: WebSocket): void;
  health(): { readonly ok: boolean; readonly body: unknown };
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>;
}

const CLOSE_TIMEOUT_MS = 1_000;
const HEADERS_TIMEOUT_MS = 5_000;
const FRAGMENTS_MAX = 1_024;
const BUFFERED_CHUNKS_MAX = 4_096;

export class NodeServer {
  readonly #options: ServerOptions;
  readonly #handlers: ServerHandlers;
  readonly #http: Server;
  readonly #sockets: WebSocketServer;
  #clients = 0;
  #paused = false;
  /** Clients that came before the node was ready for them; null: it is. */
  #early: (() => void)[] | null = [];

  constructor(options: ServerOptions, handlers: ServerHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#http = createServer({ headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: 1_000 }, (request, response) => this.#respond(request, response));
    const socketOptions: SocketServerOptions & { closeTimeout: number; maxFragments: number; maxBufferedChunks: number } = {
      noServer: true,
      perMessageDeflate: false,
      maxPayload: FRAME_BYTES_MAX,
      maxFragments: FRAGMENTS_MAX,
      maxBufferedChunks: BUFFERED_CHUNKS_MAX,
      closeTimeout: CLOSE_TIMEOUT_MS,
      clientTracking: true,
      skipUTF8Validation: false,
    };
    this.#sockets = new WebSocketServer(socketOptions);
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#http.on('clientError', (_error, socket) => socket.destroy());
  }

  get clients(): number {
    return this.#clients;
  }

  /** Resolves to the port. Throws `RING_LISTEN_FAILED`. */
  async listen(): Promise<number> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#http.once('error', (error) => {
        reject(new NodeError('RING_LISTEN_FAILED', `cannot listen on ${host}:${port}: ${messageOf(error)}; choose another port or stop what uses this one`, error));
      });
      this.#http.listen(port, host, () => resolve((this.#http.address() as AddressInfo).port));
    });
  }

  /** Until then clients wait in their handshake; peers do not. */
  admitClients(): void {
    const early = this.#early ?? [];
    this.#early = null;
    for (const admit of early) admit();
  }

  /** Tells every connection that the node is going away; resolves when all are closed. */
  async close(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.close(CLOSE_CODES.goingAway, 'the node is stopping');
    const closed = new Promise<void>((resolve) => {
      this.#http.close(() => resolve());
    });
    const timer = setTimeout(() => this.destroy(), CLOSE_TIMEOUT_MS);
    this.#http.closeIdleConnections();
    await closed;
    clearTimeout(timer);
  }

  /** Breaks every connection, as a crash would. */
  destroy(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#http.closeAllConnections();
    this.#http.close();
  }

  /** For the test control that stops a node in its tracks. */
  pause(): void {
    this.#paused = true;
    for (const socket of this.#sockets.clients) if (socket.readyState === socket.OPEN) socket.pause();
  }

  resume(): void {
    this.#paused = false;
    for (const socket of this.#sockets.clients) if (socket.isPaused) socket.resume();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const path = (request.url ?? '/').split('?')[0];
    const isPeer = path === '/peer';
    const { origin } = request.headers;
    if (!isPeer && path !== '/') refuse(socket, 404, 'clients connect to /');
    else if (origin !== undefined && (isPeer || !this.#isAllowed(origin))) refuse(socket, 403, 'this origin is not allowed; see allowedOrigins');
    else if (!isPeer && this.#clients >= this.#options.connectionsMax) refuse(socket, 503, 'too many connections');
    else if (isPeer || this.#early === null) this.#handshake(request, socket, head, isPeer ? 'peer' : 'client');
    else if (this.#early.length >= this.#options.connectionsMax) refuse(socket, 503, 'too many connections');
    else this.#early.push(() => this.#handshake(request, socket, head, 'client'));
  }

  #handshake(request: IncomingMessage, socket: Duplex, head: Buffer, kind: 'peer' | 'client'): void {
    if (!socket.destroyed) this.#sockets.handleUpgrade(request, socket, head, (webSocket) => this.#accept(webSocket, kind));
  }

  #accept(socket: WebSocket, kind: 'peer' | 'client'): void {
    socket.binaryType = 'nodebuffer';
    if (kind === 'peer') {
      this.#handlers.peer(socket);
    } else {
      this.#clients++;
      socket.once('close', () => {
        this.#clients--;
      });
      this.#handlers.client(socket);
    }
    if (this.#paused) socket.pause();
  }

  #isAllowed(origin: string): boolean {
    if (this.#options.allowedOrigins.includes(origin)) return true;
    try {
      const { hostname } = new URL(origin);
      return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
    } catch {
      return false;
    }
  }

  #respond(request: IncomingMessage, response: ServerResponse): void {
    switch (request.method === 'GET' ? request.url : '') {
      case '/health': {
        const { ok, body } = this.#handlers.health();
        response.writeHead(ok ? 200 : 503, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
        return;
      }
      case '/metrics':
        this.#handlers
          .metrics()
          .then(({ contentType, body }) => response.writeHead(200, { 'content-type': contentType }).end(body))
          .catch(() => response.writeHead(500).end());
        return;
      default:
        response.writeHead(404, { 'content-type': 'text/plain' }).end('ring-level: WebSocket at /, GET /health, GET /metrics\n');
    }
  }
}

function refuse(socket: Duplex, status: number, reason: string): void {
  const body = `${reason}\n`;
  socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
}
