/**
 * The network of the simulation: WebSockets between named nodes, over pipes that fail. Each direction of a connection
 * is a pipe; a pipe takes its faults from the link, the directed pair of nodes it runs over.
 *
 *   socket.send ─► pipe: lost? stalled? ─► latency, in order ─► process of the other end ─► paused? ─► 'message'
 *
 * Invariants
 *  N1  What one end sends arrives at the other in order, once, whole, as its own bytes, unless a fault of the link says
 *      otherwise; each fault that took effect is in `counts`.
 *  N2  No listener is called inside a call of a socket, and none but through the process it belongs to.
 *  N3  Each socket that was dialled gets 'open', or 'error' and 'close' within HANDSHAKE_TIMEOUT_MS. After 'close'
 *      nothing comes.
 *  N4  An end that vanished without a word (power cut, lost reset) is noticed by the other end only when it sends, and
 *      only while the machine that vanished is up again and reachable.
 *
 * Modelled: `bufferedAmount` is what the receiver has not consumed beyond WINDOW_BYTES, as a full TCP window. A reset
 * cuts what was in flight at any frame; frames themselves arrive whole or not at all, as ws hands them on.
 */
import type { MessageSocket } from '../../node/ports.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { EndKind, VirtualProcess, VirtualWorld } from './virtual-time.ts';

const WINDOW_BYTES = 128 * 1024;
/** As the daemon sets ws's handshakeTimeout; and ws's own closeTimeout. */
const HANDSHAKE_TIMEOUT_MS = 2_000;
const CLOSE_TIMEOUT_MS = 30_000;
const RETRANSMIT_MS = 1_000;
const RESET_SPREAD_MS = 50;
const CONTROL_BYTES = 64;

/** `stalled`: bytes wait until it is healed, as TCP retransmits. `dropped`: frames vanish. */
export type Blocked = 'no' | 'stalled' | 'dropped';

export interface LinkSettings {
  readonly latencyMs: number;
  /** Up to so much more. */
  readonly jitterMs: number;
  /** How many frames are late by up to `tailMs`. */
  readonly tailProbability: number;
  readonly tailMs: number;
  readonly bytesPerMs: number;
  readonly lossProbability: number;
  readonly duplicateProbability: number;
  readonly reorderProbability: number;
  readonly blocked: Blocked;
}

export const USUAL_LINK: LinkSettings = {
  latencyMs: 0.2,
  jitterMs: 0.6,
  tailProbability: 0.005,
  tailMs: 60,
  bytesPerMs: Infinity,
  lossProbability: 0,
  duplicateProbability: 0,
  reorderProbability: 0,
  blocked: 'no',
};

export type NetworkCounts = ReturnType<typeof noCounts>;
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
  readonly counts = noCounts();
  readonly trace: (line: () => string) => void;
  readonly #usual: LinkSettings;
  readonly #listeners = new Map<string, Listener>();
  readonly #links = new Map<string, Link>();
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
    const socket = new VirtualSocket(this, process, from, to, 0);
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

  /** For sockets. */
  link(from: string, to: string): Link {
    const name = `${from} ${to}`;
    const present = this.#links.get(name);
    if (present !== undefined) return present;
    const link = new Link(name, this.#usual);
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
    const delayMs = isAnswered ? this.latencyMs(there.settings) + this.latencyMs(back.settings) : RETRANSMIT_MS;
    socket.process.run(delayMs, () => {
      socket.isUnanswered = false;
      if (socket.isEnded) return;
      if (isAnswered) socket.end('reset');
      else this.sentToNobody(socket);
    });
  }

  latencyMs(settings: LinkSettings): number {
    const usual = settings.latencyMs + settings.jitterMs * this.random.next();
    return this.random.next() < settings.tailProbability ? usual + settings.tailMs * this.random.next() : usual;
  }

  /** The greeting has reached the machine of `client.to`. */
  #greeted(client: VirtualSocket, path: string): void {
    const listener = this.#listeners.get(client.to);
    if (this.#dark.has(client.to)) return;
    const back = new Pipe(this, client.to, client.from);
    if (listener === undefined || !listener.process.isAlive) {
      this.counts.dialsRefused++;
      back.carry('refused', client, 'binary', () => client.fail(`connect ECONNREFUSED ${client.to}`));
      return;
    }
    listener.process.run(0, () => {
      const server = new VirtualSocket(this, listener.process, client.to, client.from, 1);
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

/** The directed way from one node to another, which the pipes of all their connections share. */
class Link {
  readonly name: string;
  settings: LinkSettings;
  /** Changes whenever it is blocked or freed. */
  mark = 0;
  readonly stalled = new Set<Pipe>();

  constructor(name: string, settings: LinkSettings) {
    this.name = name;
    this.settings = settings;
  }

  set(settings: Partial<LinkSettings>): number {
    this.settings = { ...this.settings, ...settings };
    if (settings.blocked !== undefined) this.mark++;
    if (this.settings.blocked === 'stalled') return this.mark;
    const freed = [...this.stalled];
    this.stalled.clear();
    for (const pipe of freed) pipe.goOn();
    return this.mark;
  }
}

type Encoding = 'binary' | 'text';
type Kind = 'greeting' | 'refused' | 'accepted' | 'message' | 'close' | 'reset';

interface Frame {
  readonly kind: Kind;
  /** Null for what is no message. */
  readonly bytes: Buffer | null;
  readonly encoding: Encoding;
  readonly number: number;
  /** The end that takes it; null when the network does. */
  readonly to: VirtualSocket | null;
  readonly arrived: (() => void) | null;
  isCopy: boolean;
}

/** One direction of one connection. */
class Pipe {
  readonly #network: VirtualNetwork;
  readonly #link: Link;
  #waiting: Frame[] = [];
  #lastArrivalMs = 0;
  #freeAtMs = 0;
  #sent = 0;
  #delivered = 0;
  /** Frames with these numbers are lost: first, and first no more. */
  #cutFrom = 0;
  #cutTo = 0;
  /** Bytes of messages that were sent and neither consumed nor lost. */
  unconsumedBytes = 0;

  constructor(network: VirtualNetwork, from: string, to: string) {
    this.#network = network;
    this.#link = network.link(from, to);
  }

  message(to: VirtualSocket, bytes: Buffer, encoding: Encoding): void {
    const { counts, trace } = this.#network;
    counts.framesSent++;
    const name = this.#link.name;
    trace(() => `network: ${name} ${bytes.length} bytes`);
    this.#carry({ kind: 'message', bytes, encoding, number: this.#sent++, to, arrived: null, isCopy: false });
  }

  carry(kind: Kind, to: VirtualSocket | null, encoding: Encoding, arrived: () => void): void {
    this.#carry({ kind, bytes: null, encoding, number: this.#sent++, to, arrived, isCopy: false });
  }

  /** What is under way is lost from some frame on; what is sent later is not. */
  cut(): void {
    if (this.#cutTo === Infinity) return;
    const first = this.#delivered + this.#network.random.below(this.#sent - this.#delivered + 1);
    // What an earlier cut took and is still under way stays taken.
    this.#cutFrom = this.#cutTo > this.#delivered ? Math.min(this.#cutFrom, first) : first;
    this.#cutTo = this.#sent;
  }

  /** As `cut`, and nothing gets through ever after. */
  sever(): void {
    this.cut();
    this.#cutTo = Infinity;
  }

  /** The link is not stalled any more. */
  goOn(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const frame of waiting) {
      if (this.#link.settings.blocked === 'dropped') this.#lose(frame, 'framesBlocked');
      else this.#depart(frame);
    }
  }

  #carry(frame: Frame): void {
    const { settings } = this.#link;
    this.unconsumedBytes += frame.bytes?.length ?? 0;
    if (settings.blocked === 'dropped') this.#lose(frame, 'framesBlocked');
    else if (settings.lossProbability > 0 && this.#network.random.isBelow(settings.lossProbability)) this.#lose(frame, 'framesLost');
    else if (settings.blocked === 'stalled') {
      this.#network.counts.stalls++;
      this.#waiting.push(frame);
      this.#link.stalled.add(this);
    } else this.#depart(frame);
  }

  #depart(frame: Frame): void {
    const { random, world } = this.#network;
    const { settings } = this.#link;
    const bytes = frame.bytes?.length ?? CONTROL_BYTES;
    if (settings.bytesPerMs !== Infinity) this.#freeAtMs = Math.max(this.#freeAtMs, world.nowMs) + bytes / settings.bytesPerMs;
    const onTimeMs = Math.max(this.#freeAtMs, world.nowMs) + this.#network.latencyMs(settings);
    const inOrderMs = Math.max(onTimeMs, this.#lastArrivalMs);
    const isFaulty = frame.kind === 'message';
    if (isFaulty && settings.reorderProbability > 0 && random.isBelow(settings.reorderProbability)) {
      // Others may overtake it. Whether one did is seen when it arrives.
      this.#schedule(frame, inOrderMs + (settings.latencyMs + settings.jitterMs + 1) * 4 * random.next());
    } else {
      this.#lastArrivalMs = inOrderMs;
      this.#schedule(frame, inOrderMs);
    }
    if (isFaulty && settings.duplicateProbability > 0 && random.isBelow(settings.duplicateProbability)) {
      this.unconsumedBytes += bytes;
      const copy = { ...frame, bytes: Buffer.from(frame.bytes ?? []), isCopy: true };
      this.#schedule(copy, inOrderMs + (settings.latencyMs + settings.jitterMs + 1) * 4 * random.next());
    }
  }

  #schedule(frame: Frame, atMs: number): void {
    const arrive = (): void => this.#arrive(frame);
    if (frame.to === null) this.#network.world.after(atMs - this.#network.world.nowMs, arrive);
    else frame.to.process.runAt(atMs, arrive);
  }

  #arrive(frame: Frame): void {
    const { counts } = this.#network;
    if (frame.number >= this.#cutFrom && frame.number < this.#cutTo) {
      this.#lose(frame, 'framesCut');
      return;
    }
    if (frame.kind === 'message') {
      if (frame.isCopy) counts.framesDuplicated++;
      else if (frame.number < this.#delivered - 1) counts.framesReordered++;
    }
    this.#delivered = Math.max(this.#delivered, frame.number + 1);
    if (frame.to === null) frame.arrived?.();
    else frame.to.take(frame);
  }

  #lose(frame: Frame, how: 'framesBlocked' | 'framesLost' | 'framesCut'): void {
    this.unconsumedBytes -= frame.bytes?.length ?? 0;
    this.#network.counts[how]++;
    this.#network.trace(() => `network: ${frame.kind} ${this.#link.name} is lost (${how})`);
  }
}

class VirtualSocket implements MessageSocket {
  readonly OPEN = 1;
  readonly process: VirtualProcess;
  readonly from: string;
  readonly to: string;
  readonly pipe: Pipe;
  readonly #network: VirtualNetwork;
  readonly #openListeners: (() => void)[] = [];
  readonly #messageListeners: ((data: unknown, isBinary: boolean) => void)[] = [];
  readonly #errorListeners: ((error: Error) => void)[] = [];
  readonly #closeListeners: (() => void)[] = [];
  #readyState: 0 | 1 | 2 | 3;
  #other: VirtualSocket | null = null;
  #isPaused = false;
  #isTerminated = false;
  #inbox: Frame[] = [];
  #patience: { cancel(): void } | null = null;
  isUnanswered = false;

  constructor(network: VirtualNetwork, process: VirtualProcess, from: string, to: string, readyState: 0 | 1) {
    this.#network = network;
    this.process = process;
    this.from = from;
    this.to = to;
    this.#readyState = readyState;
    this.pipe = new Pipe(network, from, to);
  }

  get readyState(): number {
    return this.#readyState;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get bufferedAmount(): number {
    return Math.max(0, this.pipe.unconsumedBytes - WINDOW_BYTES);
  }

  on(event: 'open', listener: () => void): this;
  on(event: 'message', listener: (data: unknown, isBinary: boolean) => void): this;
  on(event: 'error', listener: (error: Error) => void): this;
  on(event: 'close', listener: () => void): this;
  on(event: 'open' | 'message' | 'error' | 'close', listener: (...given: never[]) => void): this {
    const listeners: ((...given: never[]) => void)[] = {
      open: this.#openListeners,
      message: this.#messageListeners,
      error: this.#errorListeners,
      close: this.#closeListeners,
    }[event];
    listeners.push(listener);
    return this;
  }

  send(data: Uint8Array | string): void {
    if (this.#readyState === 0) throw new Error('WebSocket is not open: readyState 0 (CONNECTING)');
    if (this.#readyState !== 1 || !this.process.isAlive) return;
    const other = this.#other;
    if (other === null || other.isEnded) {
      this.#network.counts.framesToNobody++;
      this.#network.sentToNobody(this);
      return;
    }
    this.pipe.message(other, typeof data === 'string' ? Buffer.from(data) : Buffer.from(data), typeof data === 'string' ? 'text' : 'binary');
  }

  close(code: number, reason: string): void {
    if (!(code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) && !(code >= 3000 && code <= 4999)) throw new TypeError(`invalid close code ${code}`);
    if (Buffer.byteLength(reason) > 123) throw new RangeError('The message must not be greater than 123 bytes');
    if (this.#readyState === 0) this.terminate();
    if (this.#readyState !== 1 || !this.process.isAlive) return;
    this.#readyState = 2;
    this.giveUpAfter(CLOSE_TIMEOUT_MS, () => this.terminate());
    this.#sayClose();
  }

  terminate(): void {
    if (this.#readyState === 3 || this.#isTerminated || !this.process.isAlive) return;
    this.#isTerminated = true;
    if (this.#readyState === 0) {
      this.#readyState = 2;
      this.process.run(0, () => this.fail('WebSocket was closed before the connection was established'));
      return;
    }
    this.#readyState = 2;
    this.#sayReset();
    this.process.run(0, () => this.end('closed'));
  }

  pause(): void {
    if (this.#readyState === 1 || this.#readyState === 2) this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.process.run(0, () => this.#drain());
  }

  /** Nothing more comes here, and nobody takes what is sent here. */
  get isEnded(): boolean {
    return this.#readyState === 3;
  }

  /** The server's end finds the client's. */
  join(client: VirtualSocket): void {
    this.#other = client;
    client.#other = this;
  }

  opened(): void {
    if (this.#readyState !== 0) {
      // The dialler gave up meanwhile.
      this.#sayReset();
      return;
    }
    this.#patience?.cancel();
    this.#readyState = 1;
    this.#network.trace(() => `network: ${this.from} reached ${this.to}`);
    for (const listener of this.#openListeners) listener();
  }

  /** A handshake that comes to nothing. */
  fail(message: string): void {
    if (this.#readyState === 3 || this.#readyState === 1) return;
    this.#emitError(message);
    this.end('closed');
  }

  giveUpAfter(milliseconds: number, work: () => void): void {
    this.#patience = this.process.run(milliseconds, work);
  }

  /** A frame has come in; the process takes it now, or when the socket is not paused any more. */
  take(frame: Frame): void {
    // A client that gave up still answers the server that accepts it.
    if (this.isEnded && frame.kind !== 'accepted') this.#consumed(frame);
    else if (this.#isPaused || this.#inbox.length > 0) this.#inbox.push(frame);
    else this.#handle(frame);
  }

  end(how: 'closed' | 'reset'): void {
    if (this.#readyState === 3) return;
    if (how === 'reset' && (this.#readyState === 0 || this.#network.random.isBelow(0.5))) this.#emitError('read ECONNRESET');
    this.#readyState = 3;
    this.#patience?.cancel();
    for (const frame of this.#inbox.splice(0)) this.#consumed(frame);
    this.#network.forget(this);
    this.#network.trace(() => `network: ${this.from} lost ${this.to} (${how})`);
    for (const listener of this.#closeListeners) listener();
  }

  /** Broken from outside. */
  sever(delayMs: number): void {
    this.pipe.sever();
    this.process.run(delayMs, () => this.end('reset'));
  }

  /** Its process ended. After a crash the kernel says so to the other end. */
  orphan(how: EndKind): void {
    if (this.#readyState === 0 || how === 'silent') this.pipe.cut();
    else if (this.#readyState !== 3) this.#sayReset();
    this.#readyState = 3;
  }

  #sayClose(): void {
    const other = this.#other;
    if (other === null || other.isEnded) this.#network.sentToNobody(this);
    else this.pipe.carry('close', other, 'binary', () => other.#closed());
  }

  #sayReset(): void {
    const other = this.#other;
    if (other === null) return;
    this.pipe.cut();
    this.pipe.carry('reset', other, 'binary', () => other.end('reset'));
  }

  #closed(): void {
    if (this.#readyState === 1) this.#sayClose();
    this.end('closed');
  }

  #drain(): void {
    if (this.#isPaused) return;
    const frame = this.#inbox.shift();
    if (frame === undefined) return;
    this.#handle(frame);
    if (this.#inbox.length > 0) this.process.run(0, () => this.#drain());
  }

  #handle(frame: Frame): void {
    this.#consumed(frame);
    if (frame.bytes === null) {
      frame.arrived?.();
      return;
    }
    if (this.#isTerminated || this.#readyState === 0 || this.#readyState === 3) return;
    this.#network.counts.framesDelivered++;
    for (const listener of this.#messageListeners) listener(frame.bytes, frame.encoding === 'binary');
  }

  #consumed(frame: Frame): void {
    const other = this.#other;
    if (other !== null) other.pipe.unconsumedBytes -= frame.bytes?.length ?? 0;
  }

  /** As an EventEmitter: an error that nobody listens for is thrown. */
  #emitError(message: string): void {
    const error = new Error(message);
    if (this.#errorListeners.length === 0) throw error;
    for (const listener of this.#errorListeners) listener(error);
  }
}

function noCounts() {
  return {
    dials: 0,
    dialsRefused: 0,
    dialsTimedOut: 0,
    connections: 0,
    framesSent: 0,
    framesDelivered: 0,
    /** By chance; handshakes and closes are counted too. */
    framesLost: 0,
    /** By a partition that drops. */
    framesBlocked: 0,
    /** In flight when a connection broke. */
    framesCut: 0,
    framesToNobody: 0,
    framesDuplicated: 0,
    framesReordered: 0,
    /** Frames that waited for a link to be healed. */
    stalls: 0,
    resets: 0,
  };
}

function hostOf(address: string): string {
  return /^(?:wss?:\/\/)?([^/]+)/.exec(address)?.[1] ?? address;
}

function pathOf(url: string): string {
  return /^wss?:\/\/[^/]+(\/.*)$/.exec(url)?.[1] ?? '/';
}
