/**
 * A client of the simulation: binary frames over virtual sockets, one request at a time, everything recorded. It sends
 * only over an open connection, so that what it records as invoked was really sent.
 */
import { ERROR_CODES, LEVELS, TYPE, decodeClientReplies, encodeFrame, type ClientReply, type ClientRequest, type Consistency } from '../../wire/index.ts';
import { readVersion } from '../../data/index.ts';
import type { MessageSocket, Timer } from '../../node/ports.ts';
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
  /** The run of the node that answered. */
  process: VirtualProcess | null;
}

interface InFlight {
  readonly operation: number;
  readonly kind: OperationKind;
  readonly node: number;
  readonly done: (outcome: Outcome) => void;
  readonly giveUp: Timer;
}

/** What a client waits beyond its deadline before it calls an answer missing. */
const PATIENCE_MS = 5_000;

export class SimClient {
  readonly id: number;
  readonly name: string;
  readonly #process: VirtualProcess;
  readonly #network: VirtualNetwork;
  readonly #history: History;
  readonly #connections = new Map<number, Connection>();
  readonly #inFlight = new Map<number, InFlight>();
  #lastId = 0;

  constructor(id: number, process: VirtualProcess, network: VirtualNetwork, history: History) {
    this.id = id;
    this.name = `client-${id}`;
    this.#process = process;
    this.#network = network;
    this.#history = history;
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
    const { socket } = connection;
    const giveUp = this.#process.after(timeoutMs + PATIENCE_MS, () => {
      // A machine that lost its power breaks no connection.
      if (node.process !== connection.process) this.#history.excuse(operation, 'coordinator-down');
      this.#complete(id, lost(kind));
      socket.terminate();
    });
    this.#inFlight.set(id, { operation, kind, node: node.id, done, giveUp });
    socket.send(encodeFrame([request(id, wanted)]));
  }

  /** The node was stopped: what it has in hand may be late. */
  excusePaused(node: number): void {
    for (const waiting of this.#inFlight.values()) if (waiting.node === node) this.#history.excuse(waiting.operation, 'coordinator-paused');
  }

  get isIdle(): boolean {
    return this.#inFlight.size === 0;
  }

  #connect(peer: SimNode): void {
    const { id: node, name } = peer;
    const socket = this.#network.dial(this.#process, this.name, `ws://${name}/`);
    const connection: Connection = { socket, process: null };
    this.#connections.set(node, connection);
    socket.on('open', () => (connection.process = peer.process));
    socket.on('message', (data) => this.#receive(data));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.#connections.get(node)?.socket === socket) this.#connections.delete(node);
      for (const [id, waiting] of this.#inFlight) {
        if (waiting.node !== node) continue;
        this.#history.excuse(waiting.operation, 'connection-lost');
        this.#complete(id, lost(waiting.kind));
      }
    });
  }

  #receive(data: unknown): void {
    if (!(data instanceof Uint8Array)) return;
    for (const reply of decodeClientReplies(data)) {
      const id = reply[1];
      if (reply[0] === TYPE.failed) this.#network.trace(() => `${this.name}: ${id} ${ERROR_CODES[reply[2]]} ${reply[3]}`);
      const waiting = id === null ? undefined : this.#inFlight.get(id);
      if (id !== null && waiting !== undefined) this.#complete(id, outcomeOf(reply, waiting.kind));
    }
  }

  #complete(id: number, outcome: Outcome): void {
    const waiting = this.#inFlight.get(id);
    if (waiting === undefined) return;
    this.#inFlight.delete(id);
    waiting.giveUp.cancel();
    this.#history.complete(waiting.operation, this.#process.world.nowMs, outcome);
    waiting.done(outcome);
  }
}

function request(id: number, { kind, key, value, level, timeoutMs }: Wanted): ClientRequest {
  const bytes = Buffer.from(key);
  const number = LEVELS.indexOf(level) as 0 | 1 | 2 | 3;
  switch (kind) {
    case 'put':
      return [TYPE.put, id, bytes, Buffer.from(value ?? ''), number, timeoutMs];
    case 'delete':
      return [TYPE.delete, id, bytes, number, timeoutMs];
    case 'get':
      return [TYPE.get, id, bytes, number, timeoutMs];
  }
}

function lost(kind: OperationKind): Outcome {
  return kind === 'get' ? { kind: 'failed-read', code: 'no answer' } : { kind: 'unknown', version: null };
}

function outcomeOf(reply: ClientReply, kind: OperationKind): Outcome {
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
      return code === 'RING_UNKNOWN' ? { kind: 'unknown', version: reply[6] === null ? null : readVersion(reply[6], 0) } : { kind: 'refused', code };
    }
    default:
      throw new Error(`an answer of type ${reply[0]} to a ${kind}`);
  }
}
