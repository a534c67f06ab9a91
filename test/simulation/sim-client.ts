/**
 * A client of the simulation: binary frames over virtual sockets, one request at a time, everything recorded. It sends
 * only over an open connection, so that what it records as invoked was really sent.
 *
 * One that repeats asks for the version of its writes, and sends a write again under it over another node: when the
 * connection is lost, and sometimes while the first node is only slow. Superseded at its only attempt, it writes above
 * that. One operation of the history spans all attempts of a write, and the first answer that counts ends it.
 */
import { ERROR_CODES, LEVELS, TYPE, WRITE_FLAGS, decodeClientReplies, encodeFrame, type ClientReply, type ClientRequest, type Consistency, type LevelNumber } from '../../wire/index.ts';
import { readVersion } from '../../data/index.ts';
import type { MessageSocket, Timer } from '../../node/ports.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { Coverage } from './coverage.ts';
import type { History, OperationKind, Outcome } from './history.ts';
import type { SimNode } from './sim-node.ts';
import type { VirtualNetwork } from './virtual-network.ts';
import type { VirtualProcess } from './virtual-time.ts';

export interface Wanted {
  readonly kind: OperationKind;
  readonly key: string;
  readonly value: string | null;
  readonly level: Consistency;
  readonly timeoutMs: number;
}

interface Connection {
  readonly socket: MessageSocket;
  readonly peer: SimNode;
  /** The run of the node that answered. */
  process: VirtualProcess | null;
}

interface InFlight {
  readonly id: number;
  readonly operation: number;
  readonly wanted: Wanted;
  readonly deadlineMs: number;
  /** Where attempts are that have no answer. */
  nodes: number[];
  attempts: number;
  /** The version that this write was given; null: not known. */
  version: Uint8Array | null;
  readonly done: (outcome: Outcome) => void;
  readonly timers: Timer[];
}

export interface SimClientOptions {
  readonly writes: 'once' | 'repeated';
  readonly random: SeededRandom;
  readonly coverage: Coverage;
}

/** What a client waits beyond its deadline before it calls an answer missing. */
const PATIENCE_MS = 5_000;
/** After so long without an answer a node may be slow. */
const SLOW_MS_MAX = 400;
const ATTEMPTS_MAX = 4;

export class SimClient {
  readonly id: number;
  readonly name: string;
  readonly #process: VirtualProcess;
  readonly #network: VirtualNetwork;
  readonly #history: History;
  readonly #options: SimClientOptions;
  readonly #connections = new Map<number, Connection>();
  readonly #inFlight = new Map<number, InFlight>();
  #lastId = 0;

  constructor(id: number, process: VirtualProcess, network: VirtualNetwork, history: History, options: SimClientOptions) {
    this.id = id;
    this.name = `client-${id}`;
    this.#process = process;
    this.#network = network;
    this.#history = history;
    this.#options = options;
  }

  /** Whether a request to this node could be sent now; if not, a connection is being made. */
  isConnected(node: SimNode): boolean {
    const connection = this.#connections.get(node.id);
    if (connection === undefined) this.#connect(node);
    if (connection === undefined || connection.socket.readyState !== connection.socket.OPEN) return false;
    // Until then the daemon keeps it in the handshake.
    return connection.process !== node.process || node.isAdmitting;
  }

  /** `done` is called once; with null when no answer came at all. The node must be connected. */
  ask(node: SimNode, wanted: Wanted, done: (outcome: Outcome) => void): void {
    const connection = this.#connections.get(node.id);
    if (connection === undefined) throw new Error(`${this.name} is not connected with node ${node.id}`);
    const { kind, key, value, level, timeoutMs } = wanted;
    const invokedMs = this.#process.world.nowMs;
    const operation = this.#history.invoke({ client: this.id, key, kind, level, value, invokedMs, deadlineMs: invokedMs + timeoutMs });
    if (node.isPaused) this.#history.excuse(operation, 'coordinator-paused');
    const id = ++this.#lastId;
    const waiting: InFlight = { id, operation, wanted, deadlineMs: invokedMs + timeoutMs, nodes: [node.id], attempts: 1, version: null, done, timers: [] };
    waiting.timers.push(this.#process.after(timeoutMs + PATIENCE_MS, () => this.#giveUp(waiting)));
    this.#inFlight.set(id, waiting);
    const isRepeated = this.#isRepeated(kind);
    connection.socket.send(encodeFrame([request(id, wanted, isRepeated ? WRITE_FLAGS.tellVersion : 0)]));
    if (isRepeated && this.#options.random.isBelow(0.5)) this.#repeatWhenSlow(waiting);
  }

  /** The node was stopped: what it has in hand may be late. */
  excusePaused(node: number): void {
    for (const waiting of this.#inFlight.values()) if (waiting.nodes.includes(node)) this.#history.excuse(waiting.operation, 'coordinator-paused');
  }

  get isIdle(): boolean {
    return this.#inFlight.size === 0;
  }

  #connect(peer: SimNode): void {
    const { id: node, name } = peer;
    const socket = this.#network.dial(this.#process, this.name, `ws://${name}/`);
    const connection: Connection = { socket, peer, process: null };
    this.#connections.set(node, connection);
    socket.on('open', () => (connection.process = peer.process));
    socket.on('message', (data) => this.#receive(node, socket, data));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.#connections.get(node)?.socket === socket) this.#connections.delete(node);
      for (const waiting of [...this.#inFlight.values()]) if (waiting.nodes.includes(node)) this.#lostAt(waiting, node);
    });
  }

  #giveUp(waiting: InFlight): void {
    const connections = waiting.nodes.flatMap((node) => this.#connections.get(node) ?? []);
    // A machine that lost its power breaks no connection. Of several nodes one that runs is enough.
    if (connections.every(({ peer, process }) => peer.process !== process)) this.#history.excuse(waiting.operation, 'coordinator-down');
    this.#complete(waiting, lost(waiting));
    for (const { socket } of connections) socket.terminate();
  }

  #lostAt(waiting: InFlight, node: number): void {
    this.#history.excuse(waiting.operation, 'connection-lost');
    waiting.nodes = waiting.nodes.filter((other) => other !== node);
    if (waiting.nodes.length === 0 && !this.#sendAgain(waiting)) this.#complete(waiting, lost(waiting));
  }

  #isRepeated(kind: OperationKind): boolean {
    return kind !== 'get' && this.#options.writes === 'repeated';
  }

  #repeatWhenSlow(waiting: InFlight): void {
    const slow = this.#process.after(SLOW_MS_MAX * this.#options.random.next() ** 3, () => {
      if (!this.#inFlight.has(waiting.id) || waiting.version === null) return;
      if (this.#sendAgain(waiting)) this.#options.coverage.add('writesOverlapped');
    });
    waiting.timers.push(slow);
  }

  /** Under its version, over a node that has no attempt; false when that cannot be. */
  #sendAgain(waiting: InFlight): boolean {
    const { version, attempts, nodes } = waiting;
    if (version === null || attempts >= ATTEMPTS_MAX) return false;
    const open = [...this.#connections].filter(([node, { socket }]) => !nodes.includes(node) && socket.readyState === socket.OPEN);
    if (open.length === 0) return false;
    const [node, { socket }] = this.#options.random.pick(open);
    this.#options.coverage.add('writesAgain');
    this.#sendUnder(waiting, version, 0, node, socket);
    return true;
  }

  #sendUnder(waiting: InFlight, version: Uint8Array, flags: number, node: number, socket: MessageSocket): void {
    const { id, wanted, deadlineMs } = waiting;
    waiting.attempts += 1;
    waiting.nodes.push(node);
    if (this.#connections.get(node)?.peer.isPaused === true) this.#history.excuse(waiting.operation, 'coordinator-paused');
    const value = wanted.kind === 'delete' ? null : Buffer.from(wanted.value ?? '');
    const timeoutMs = Math.max(1, Math.ceil(deadlineMs - this.#process.world.nowMs));
    socket.send(encodeFrame([[TYPE.writeAgain, id, Buffer.from(wanted.key), value, version, levelOf(wanted), timeoutMs, flags]]));
  }

  #receive(node: number, socket: MessageSocket, data: unknown): void {
    if (!(data instanceof Uint8Array)) return;
    for (const reply of decodeClientReplies(data)) {
      const id = reply[1];
      if (reply[0] === TYPE.failed) this.#network.trace(() => `${this.name}: ${id} ${ERROR_CODES[reply[2]]} ${reply[3]}`);
      const waiting = id === null ? undefined : this.#inFlight.get(id);
      if (waiting === undefined) continue;
      if (reply[0] === TYPE.issued) waiting.version = new Uint8Array(reply[2]);
      else if (!this.#writesAbove(waiting, reply, node, socket) && !this.#asksAgain(waiting, reply, node)) this.#complete(waiting, outcomeOf(reply, waiting));
    }
  }

  /** Round 2 of a write whose only attempt was superseded; false for any other reply. */
  #writesAbove(waiting: InFlight, reply: ClientReply, node: number, socket: MessageSocket): boolean {
    if (reply[0] !== TYPE.failed || ERROR_CODES[reply[2]] !== 'RING_SUPERSEDED' || waiting.attempts > 1) return false;
    const newer = reply[6];
    if (newer === null || socket.readyState !== socket.OPEN) return false;
    this.#options.coverage.add('writesAbove');
    [waiting.version, waiting.nodes] = [null, []];
    this.#sendUnder(waiting, newer, WRITE_FLAGS.above + WRITE_FLAGS.tellVersion, node, socket);
    return true;
  }

  /** A node that does not know the outcome: another attempt may know, or a new one; false for any other reply. */
  #asksAgain(waiting: InFlight, reply: ClientReply, node: number): boolean {
    if (reply[0] !== TYPE.failed || ERROR_CODES[reply[2]] !== 'RING_UNKNOWN' || !this.#isRepeated(waiting.wanted.kind)) return false;
    if (reply[6] !== null) waiting.version = new Uint8Array(reply[6]);
    waiting.nodes = waiting.nodes.filter((other) => other !== node);
    return waiting.nodes.length > 0 || (this.#process.world.nowMs < waiting.deadlineMs && this.#sendAgain(waiting));
  }

  #complete(waiting: InFlight, outcome: Outcome): void {
    if (!this.#inFlight.delete(waiting.id)) return;
    for (const timer of waiting.timers) timer.cancel();
    this.#history.complete(waiting.operation, this.#process.world.nowMs, outcome);
    waiting.done(outcome);
  }
}

function levelOf({ level }: Wanted): LevelNumber {
  return LEVELS.indexOf(level) as LevelNumber;
}

function request(id: number, wanted: Wanted, flags: number): ClientRequest {
  const { kind, key, value, timeoutMs } = wanted;
  const bytes = Buffer.from(key);
  const number = levelOf(wanted);
  switch (kind) {
    case 'put':
      return [TYPE.put, id, bytes, Buffer.from(value ?? ''), number, timeoutMs, flags];
    case 'delete':
      return [TYPE.delete, id, bytes, number, timeoutMs, flags];
    case 'get':
      return [TYPE.get, id, bytes, number, timeoutMs];
  }
}

function lost({ wanted, version }: InFlight): Outcome {
  return wanted.kind === 'get' ? { kind: 'failed-read', code: 'no answer' } : { kind: 'unknown', version: version === null ? null : readVersion(version, 0) };
}

function outcomeOf(reply: ClientReply, waiting: InFlight): Outcome {
  const { kind } = waiting.wanted;
  switch (reply[0]) {
    case TYPE.written: {
      const [, , version, durableOn, pairs] = reply;
      const hints = Array.from({ length: pairs.length / 2 }, (_, index) => ({ target: pairs[index * 2] ?? -1, holder: pairs[index * 2 + 1] ?? -1 }));
      return { kind: 'acknowledged', version: readVersion(version, 0), durableOn, hints };
    }
    case TYPE.value:
      return {
        kind: 'read',
        version: reply[3] === null ? null : readVersion(reply[3], 0),
        value: reply[2] === null ? null : Buffer.from(reply[2]).toString(),
        replied: reply[4],
      };
    case TYPE.failed: {
      const code = ERROR_CODES[reply[2]];
      if (kind === 'get') return { kind: 'failed-read', code };
      if (code === 'RING_UNKNOWN') return { kind: 'unknown', version: reply[6] === null ? null : readVersion(reply[6], 0) };
      // After another attempt a refusal of this one proves nothing; with RING_SUPERSEDED comes another write's version.
      return code === 'RING_SUPERSEDED' || waiting.attempts > 1 ? lost(waiting) : { kind: 'refused', code };
    }
    default:
      throw new Error(`an answer of type ${reply[0]} to a ${kind}`);
  }
}
