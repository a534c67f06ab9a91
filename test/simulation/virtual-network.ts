/**
 * The network of the simulation: WebSockets between named nodes, over links that fail. It knows who listens where, who
 * is without power and which sockets a process holds; it dials, and sets the faults. What a connection is made of is
 * beside it: an end is a socket, each direction of it is a pipe, and a pipe takes its faults from its link.
 *
 *   virtual-socket.ts ─► virtual-pipe.ts ─► virtual-link.ts        each knows only what is right of it
 *
 * Invariants: N1 is kept by the pipe, N2 and N3 by the socket, and here
 *  N4  An end that vanished without a word (power cut, lost reset) is noticed by the other end only when it sends, and
 *      only while the machine that vanished is up again and reachable.
 */
import type { MessageSocket } from '../../node/ports.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { NetworkCounts } from './network-counts.ts';
import { USUAL_LINK, VirtualLink, type Blocked, type LinkSettings } from './virtual-link.ts';
import { VirtualPipe } from './virtual-pipe.ts';
import { VirtualSocket } from './virtual-socket.ts';
import type { VirtualProcess, VirtualWorld } from './virtual-time.ts';

/** As the daemon sets ws's handshakeTimeout. */
const HANDSHAKE_TIMEOUT_MS = 2_000;
const RETRANSMIT_MS = 1_000;
const RESET_SPREAD_MS = 50;

export type OnConnection = (socket: MessageSocket, path: string) => void;

export interface NetworkOptions {
  readonly usual?: Partial<LinkSettings>;
  readonly trace?: (line: () => string) => void;
}

interface Listener {
  readonly process: VirtualProcess;
  readonly onConnection: OnConnection;
}

export class VirtualNetwork {
  readonly world: VirtualWorld;
  readonly random: SeededRandom;
  readonly counts = new NetworkCounts();
  readonly trace: (line: () => string) => void;
  readonly #usual: LinkSettings;
  readonly #listeners = new Map<string, Listener>();
  readonly #links = new Map<string, VirtualLink>();
  readonly #socketsByProcess = new Map<VirtualProcess, Set<VirtualSocket>>();
  /** Machines without power. */
  readonly #dark = new Set<string>();

  constructor(world: VirtualWorld, random: SeededRandom, options: NetworkOptions = {}) {
    this.world = world;
    this.random = random;
    this.trace = options.trace ?? (() => undefined);
    this.#usual = { ...USUAL_LINK, ...options.usual };
  }

  /** Takes connections to `ws://<node>/…` until closed or the process ends. `address`: a node's name or such a URL. */
  listen(address: string, process: VirtualProcess, onConnection: OnConnection): { close(): void } {
    const node = hostOf(address);
    const listener = { process, onConnection };
    this.#listeners.set(node, listener);
    this.#dark.delete(node);
    process.onEnd((how) => {
      if (how === 'silent' && !this.#isServedByAnother(node, process)) this.#dark.add(node);
    });
    return {
      close: () => {
        if (this.#listeners.get(node) === listener) this.#listeners.delete(node);
      },
    };
  }

  /** A socket that is connecting; it opens, or fails, later. */
  dial(process: VirtualProcess, from: string, url: string): MessageSocket {
    const to = hostOf(url);
    this.counts.dials++;
    this.#dark.delete(from);
    const socket = new VirtualSocket(this, process, this.link(from, to), 0);
    this.#hold(socket);
    socket.pipe.carry('greeting', null, 'binary', () => this.#greeted(socket, pathOf(url)));
    socket.giveUpAfter(HANDSHAKE_TIMEOUT_MS, () => {
      this.counts.dialsTimedOut++;
      socket.fail('Opening handshake has timed out');
    });
    return socket;
  }

  setLink(from: string, to: string, settings: Partial<LinkSettings>): void {
    this.link(from, to).set(settings);
  }

  /** Cuts each of `from` off from each of `to`, in that direction only. */
  cutOneWay(from: readonly string[], to: readonly string[], how: Exclude<Blocked, 'no'> = 'stalled'): void {
    for (const a of from) for (const b of to) if (a !== b) this.setLink(a, b, { blocked: how });
    this.trace(() => `network: ${from.join(' ')} cannot reach ${to.join(' ')} (${how})`);
  }

  /** No group reaches another. Who is in none reaches all: with two groups, that is a bridge. */
  partition(groups: readonly (readonly string[])[], how: Exclude<Blocked, 'no'> = 'stalled'): void {
    for (const [i, group] of groups.entries()) for (const other of groups.filter((_, j) => j !== i)) this.cutOneWay(group, other, how);
  }

  /** Two halves that only `bridge` still reaches, and that reach only it. */
  bridge(left: readonly string[], bridge: string, right: readonly string[], how: Exclude<Blocked, 'no'> = 'stalled'): void {
    const without = (half: readonly string[]): string[] => half.filter((node) => node !== bridge);
    this.partition([without(left), without(right)], how);
  }

  /** Nothing gets through for a while, and nothing is lost. */
  clog(from: string, to: string, forMs: number): void {
    const link = this.link(from, to);
    if (link.settings.blocked !== 'no') return;
    const mark = link.set({ blocked: 'stalled' });
    this.world.after(forMs, () => {
      if (link.mark === mark) link.set({ blocked: 'no' });
    });
  }

  slow(from: string, to: string, bytesPerMs: number, latencyMs: number): void {
    this.setLink(from, to, { bytesPerMs, latencyMs });
  }

  /** Ends every partition and clog; what waited goes on its way. */
  heal(): void {
    for (const link of this.#links.values()) link.set({ blocked: 'no' });
    this.trace(() => 'network: healed');
  }

  /** As `heal`, and every link is as it was at the start. */
  calm(): void {
    for (const link of this.#links.values()) link.set(this.#usual);
    this.trace(() => 'network: calm');
  }

  /** Breaks every connection between two nodes: what was in flight is lost, each end learns of it in its own time. How many ends. */
  reset(a: string, b: string): number {
    let broken = 0;
    for (const sockets of this.#socketsByProcess.values()) {
      for (const socket of sockets) {
        if (socket.isEnded || !((socket.from === a && socket.to === b) || (socket.from === b && socket.to === a))) continue;
        socket.sever(this.random.next() * RESET_SPREAD_MS);
        broken++;
      }
    }
    this.counts.resets += broken > 0 ? 1 : 0;
    this.trace(() => `network: reset ${a} ${b}, ${broken} ends`);
    return broken;
  }

  /** How things are from one node to another. */
  link(from: string, to: string): VirtualLink {
    const name = `${from} ${to}`;
    const present = this.#links.get(name);
    if (present !== undefined) return present;
    const link = new VirtualLink(from, to, this.#usual);
    this.#links.set(name, link);
    return link;
  }

  /** For sockets: one that ended. */
  forget(socket: VirtualSocket): void {
    const sockets = this.#socketsByProcess.get(socket.process);
    sockets?.delete(socket);
  }

  /** For sockets, N4: this one sent to an end that is gone. Someone may say so; else TCP tries again. */
  sentToNobody(socket: VirtualSocket): void {
    if (socket.isUnanswered) return;
    socket.isUnanswered = true;
    const there = this.link(socket.from, socket.to);
    const back = this.link(socket.to, socket.from);
    const isAnswered = !this.#dark.has(socket.to) && there.settings.blocked === 'no' && back.settings.blocked === 'no';
    const delayMs = isAnswered ? there.drawLatencyMs(this.random) + back.drawLatencyMs(this.random) : RETRANSMIT_MS;
    socket.process.run(delayMs, () => {
      socket.isUnanswered = false;
      if (socket.isEnded) return;
      if (isAnswered) socket.end('reset');
      else this.sentToNobody(socket);
    });
  }

  /** The greeting has reached the machine of `client.to`. */
  #greeted(client: VirtualSocket, path: string): void {
    const listener = this.#listeners.get(client.to);
    if (this.#dark.has(client.to)) return;
    const back = new VirtualPipe(this, this.link(client.to, client.from));
    if (listener === undefined || !listener.process.isAlive) {
      this.counts.dialsRefused++;
      back.carry('refused', client, 'binary', () => client.fail(`connect ECONNREFUSED ${client.to}`));
      return;
    }
    listener.process.run(0, () => {
      const server = new VirtualSocket(this, listener.process, this.link(client.to, client.from), 1);
      this.#hold(server);
      server.join(client);
      server.pipe.carry('accepted', client, 'binary', () => client.opened());
      this.counts.connections++;
      listener.onConnection(server, path);
    });
  }

  #isServedByAnother(node: string, process: VirtualProcess): boolean {
    const listener = this.#listeners.get(node);
    return listener !== undefined && listener.process !== process && listener.process.isAlive;
  }

  #hold(socket: VirtualSocket): void {
    const { process } = socket;
    const present = this.#socketsByProcess.get(process);
    if (present !== undefined) {
      present.add(socket);
      return;
    }
    const sockets = new Set([socket]);
    this.#socketsByProcess.set(process, sockets);
    process.onEnd((how) => {
      this.#socketsByProcess.delete(process);
      if (how === 'silent' && !this.#isServedByAnother(socket.from, process)) this.#dark.add(socket.from);
      for (const held of sockets) held.orphan(how);
    });
  }
}

function hostOf(address: string): string {
  return /^(?:wss?:\/\/)?([^/]+)/.exec(address)?.[1] ?? address;
}

function pathOf(url: string): string {
  return /^wss?:\/\/[^/]+(\/.*)$/.exec(url)?.[1] ?? '/';
}
