/**
 * A TCP proxy for one directed link, from one node to the address of another, that can be cut, made one-way or slow,
 * or broken in the middle of a frame.
 */
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

export type LinkMode =
  | { readonly mode: 'open' }
  /** Connections are reset, new ones too. */
  | { readonly mode: 'cut' }
  /** Bytes vanish: of requests (to the callee), of replies, or both. */
  | { readonly mode: 'silent'; readonly lost: 'requests' | 'replies' | 'both' }
  | { readonly mode: 'slow'; readonly milliseconds: number }
  /** The next chunk is cut off after so large a part of it, and the connection is reset. */
  | { readonly mode: 'tear'; readonly share: number };

/** The links between all nodes of a cluster, in both directions. */
export class Links {
  readonly #proxies: ReadonlyMap<string, LinkProxy>;

  static async between(urls: readonly string[]): Promise<Links> {
    const proxies = new Map<string, LinkProxy>();
    for (const from of urls.keys()) {
      for (const [to, url] of urls.entries()) {
        if (to === from) continue;
        const { hostname, port } = new URL(url);
        proxies.set(`${from}-${to}`, await LinkProxy.listen({ host: hostname, port: Number(port) }));
      }
    }
    return new Links(proxies);
  }

  private constructor(proxies: ReadonlyMap<string, LinkProxy>) {
    this.#proxies = proxies;
  }

  get disturbed(): number {
    let sum = 0;
    for (const proxy of this.#proxies.values()) sum += proxy.disturbed;
    return sum;
  }

  /** At which node `from` reaches node `to`. */
  address(from: number, to: number): string {
    return `ws://127.0.0.1:${this.of(from, to).port}`;
  }

  of(from: number, to: number): LinkProxy {
    const proxy = this.#proxies.get(`${from}-${to}`);
    if (proxy === undefined) throw new RangeError(`no link from ${from} to ${to}`);
    return proxy;
  }

  heal(): void {
    for (const proxy of this.#proxies.values()) proxy.set({ mode: 'open' });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#proxies.values()].map(async (proxy) => proxy.close()));
  }
}

interface Target {
  readonly host: string;
  readonly port: number;
}

interface Pair {
  readonly caller: Socket;
  readonly callee: Socket;
}

export class LinkProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #mode: LinkMode = { mode: 'open' };
  readonly #target: Target;
  /** Chunks that met something other than an open link. */
  disturbed = 0;

  static async listen(target: Target): Promise<LinkProxy> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: '127.0.0.1', port: 0 }, resolve);
    });
    return new LinkProxy(server, target);
  }

  private constructor(server: Server, target: Target) {
    this.#server = server;
    this.#target = target;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (socket) => this.#accept(socket));
  }

  set(mode: LinkMode): void {
    const before = this.#mode;
    this.#mode = mode;
    // What a silent link swallowed in the middle of a frame can't be made up for.
    if (mode.mode === 'cut' || before.mode === 'silent') this.#reset();
  }

  async close(): Promise<void> {
    this.#reset();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  #accept(caller: Socket): void {
    if (this.#mode.mode === 'cut') {
      this.disturbed++;
      caller.on('error', () => undefined).destroy();
      return;
    }
    const callee = connect(this.#target);
    const pair: Pair = { caller, callee };
    this.#pairs.add(pair);
    this.#forward(pair, caller, callee, 'requests');
    this.#forward(pair, callee, caller, 'replies');
  }

  #forward(pair: Pair, from: Socket, to: Socket, direction: 'requests' | 'replies'): void {
    const late = new LateWriter(to);
    from.setNoDelay(true);
    from.on('error', () => undefined);
    from.on('close', () => this.#end(pair));
    from.on('data', (chunk: Buffer) => {
      const mode = this.#mode;
      if (mode.mode !== 'open') this.disturbed++;
      switch (mode.mode) {
        case 'open':
          late.write(chunk, 0);
          return;
        case 'cut':
          this.#end(pair);
          return;
        case 'silent':
          if (mode.lost !== 'both' && mode.lost !== direction) late.write(chunk, 0);
          return;
        case 'slow':
          late.write(chunk, mode.milliseconds);
          return;
        case 'tear':
          this.#mode = { mode: 'open' };
          to.write(chunk.subarray(0, Math.floor(chunk.length * mode.share)), () => this.#end(pair));
      }
    });
  }

  #reset(): void {
    for (const pair of this.#pairs) this.#end(pair);
  }

  #end(pair: Pair): void {
    this.#pairs.delete(pair);
    pair.caller.destroy();
    pair.callee.destroy();
  }
}

/** Writes some bytes later than others, and all of them in their order. */
class LateWriter {
  readonly #to: Socket;
  readonly #waiting: Buffer[] = [];
  #dueMs = 0;

  constructor(to: Socket) {
    this.#to = to;
  }

  write(chunk: Buffer, milliseconds: number): void {
    const now = performance.now();
    this.#dueMs = Math.max(this.#dueMs, now + milliseconds);
    if (milliseconds === 0 && this.#waiting.length === 0) {
      this.#to.write(chunk);
      return;
    }
    this.#waiting.push(chunk);
    setTimeout(() => {
      const next = this.#waiting.shift();
      if (next !== undefined) this.#to.write(next);
    }, this.#dueMs - now);
  }
}
