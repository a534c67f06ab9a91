/**
 * A store that is known to be right, for testing the checker: one copy of each key, in which every write takes effect at
 * one moment between its invocation and its answer; an unknown one at any later moment, or never. Operations of several
 * clients overlap. Weak reads return any state that ever was, and the first versions of writes that were written again.
 * With a `flaw` it does one thing wrong.
 */
import { encodeRecord, hashKey, incarnation, nodeId, partitionOfHash, recordDatabaseKey, writerOf, type KvEntry, type Version } from '../../data/index.ts';
import { orderedKey } from '../../data/layout.ts';
import { LEVELS, type Consistency } from '../../wire/index.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import type { DumpedCluster } from './check-dumps.ts';
import { History, type Invocation, type Outcome } from './history.ts';

export const FLAWS = ['stale reads', 'falling versions', 'forgotten deletes', 'lost writes', 'applied refusals', 'rewritten values', 'repeated versions', 'short quorums'] as const;
export type Flaw = (typeof FLAWS)[number];

export const FIVE_NODES: DumpedCluster = {
  replicasOf: (key) => [0, 1, 2].map((step) => (key.length + (key.codePointAt(1) ?? 0) + step) % 5),
  majority: 2,
  replicationFactor: 3,
  partitionCount: 320,
  hashSeed: 0,
};

export interface RunOptions {
  readonly seed: number;
  readonly operations: number;
  readonly keys: number;
  readonly clients: number;
  readonly flaw: Flaw | null;
}

export interface Run {
  readonly history: History;
  readonly dumps: ReadonlyMap<number, readonly KvEntry[]>;
}

export function runRegister(options: RunOptions): Run {
  const register = new Register(options);
  return register.run();
}

interface State {
  readonly version: Version;
  readonly value: string | null;
}

interface Running {
  readonly id: number;
  readonly asked: Invocation;
  /** null: it has not taken effect. */
  outcome: Outcome | null;
}

class Register {
  readonly #options: RunOptions;
  readonly #random: SeededRandom;
  readonly #history = new History();
  /** Every state of a key, the present one last. */
  readonly #statesByKey = new Map<string, State[]>();
  /** What only weak reads may see. */
  readonly #weakByKey = new Map<string, State[]>();
  readonly #runningByClient: (Running | null)[];
  /** Unknown writes that may still take effect. */
  readonly #adrift: Invocation[] = [];
  #nowMs = 0;
  #timestamp = 1_000_000;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    this.#runningByClient = Array.from({ length: options.clients }, () => null);
  }

  run(): Run {
    while (this.#history.operations.length < this.#options.operations) this.#step();
    for (const [client, running] of this.#runningByClient.entries()) {
      if (running === null) continue;
      if (running.outcome === null) this.#advance(client, running);
      this.#advance(client, running);
    }
    return { history: this.#history, dumps: this.#dumps() };
  }

  #step(): void {
    this.#nowMs += this.#random.below(3);
    const adrift = this.#adrift[0];
    if (adrift !== undefined && this.#random.isBelow(0.02)) {
      this.#adrift.shift();
      this.#write(adrift);
      return;
    }
    const client = this.#random.below(this.#options.clients);
    const running = this.#runningByClient[client] ?? null;
    if (running === null) this.#runningByClient[client] = this.#invoke(client);
    else this.#advance(client, running);
  }

  #invoke(client: number): Running {
    const kind = this.#random.pick(['put', 'put', 'get', 'get', 'delete'] as const);
    const key = `k${this.#random.below(this.#options.keys)}`;
    const value = kind === 'put' ? `v${this.#history.operations.length}` : null;
    const asked = { client, key, kind, level: this.#random.pick(LEVELS), value, invokedMs: this.#nowMs, deadlineMs: this.#nowMs + 100_000 };
    return { id: this.#history.invoke(asked), asked, outcome: null };
  }

  #advance(client: number, running: Running): void {
    if (running.outcome === null) {
      running.outcome = running.asked.kind === 'get' ? this.#read(running.asked) : this.#tryWrite(running.asked);
      return;
    }
    this.#history.complete(running.id, this.#nowMs, running.outcome);
    this.#runningByClient[client] = null;
  }

  #tryWrite(asked: Invocation): Outcome {
    const luck = this.#random.next();
    if (luck < 0.05) {
      if (this.#options.flaw === 'applied refusals') this.#write(asked);
      return { kind: 'refused', code: 'RING_UNAVAILABLE' };
    }
    if (luck < 0.1) {
      this.#adrift.push(asked);
      return { kind: 'unknown', version: null };
    }
    const version = this.#write(asked);
    if (luck < 0.15) return { kind: 'unknown', version };
    const replicas = FIVE_NODES.replicasOf(asked.key);
    const needed = asked.level === 'all' ? 3 : asked.level === 'quorum' ? 2 : 1;
    const isShort = this.#options.flaw === 'short quorums' && this.#random.isBelow(0.1);
    const durableOn = replicas.slice(0, isShort ? needed - 1 : needed + this.#random.below(4 - needed));
    return { kind: 'acknowledged', version, durableOn, hints: [] };
  }

  #write({ key, value }: Invocation): Version {
    const { flaw } = this.#options;
    const states = listOf(this.#statesByKey, key);
    const isFlawed = flaw !== null && this.#random.isBelow(0.1);
    if (this.#random.isBelow(0.1)) listOf(this.#weakByKey, key).push({ version: this.#issue(), value });
    const version = isFlawed && flaw === 'repeated versions' ? (states.at(-1)?.version ?? this.#issue()) : this.#issue();
    const told = isFlawed && flaw === 'falling versions' ? { ...version, timestamp: version.timestamp - 900_000 } : version;
    if (!(isFlawed && flaw === 'lost writes')) states.push({ version: told, value });
    return told;
  }

  #read({ key, level }: Invocation): Outcome {
    const states = listOf(this.#statesByKey, key);
    const replied = FIVE_NODES.replicasOf(key).slice(0, level === 'all' ? 3 : 2);
    const state = this.#stateFor(key, level, states);
    if (state === null) return { kind: 'read', version: null, value: null, replied };
    const isRewritten = this.#options.flaw === 'rewritten values' && this.#random.isBelow(0.1);
    return { kind: 'read', version: state.version, value: isRewritten ? (states[0]?.value ?? null) : state.value, replied };
  }

  #stateFor(key: string, level: Consistency, states: readonly State[]): State | null {
    const { flaw } = this.#options;
    if (level === 'available' || level === 'one') {
      const seen = [null, ...states, ...listOf(this.#weakByKey, key)];
      return this.#random.pick(seen.map((state) => ({ state }))).state;
    }
    if (flaw === 'stale reads' && this.#random.isBelow(0.1)) return states.at(-2) ?? null;
    if (flaw === 'forgotten deletes') return states.findLast((state) => state.value !== null) ?? null;
    return states.at(-1) ?? null;
  }

  #issue(): Version {
    this.#timestamp += 1 + this.#random.below(2);
    return { timestamp: this.#timestamp, writer: writerOf(nodeId(this.#random.below(5)), incarnation(1)) };
  }

  #dumps(): ReadonlyMap<number, readonly KvEntry[]> {
    const dumps = new Map<number, KvEntry[]>();
    for (const [key, states] of this.#statesByKey) {
      const state = states.at(-1);
      if (state === undefined) continue;
      for (const node of FIVE_NODES.replicasOf(key)) listOf(dumps, node).push(...entriesOf(key, state));
    }
    return dumps;
  }
}

function entriesOf(key: string, { version, value }: State): readonly KvEntry[] {
  const bytes = Buffer.from(key);
  const hash = hashKey(bytes, FIVE_NODES.hashSeed);
  const databaseKey = recordDatabaseKey(partitionOfHash(hash, FIVE_NODES.partitionCount), hash, bytes);
  return [
    { key: databaseKey, value: encodeRecord(bytes, version, value === null ? null : Buffer.from(value)) },
    { key: orderedKey(bytes), value: Uint8Array.of(1) },
  ];
}

function listOf<Key, Item>(lists: Map<Key, Item[]>, key: Key): Item[] {
  const known = lists.get(key);
  if (known !== undefined) return known;
  const list: Item[] = [];
  lists.set(key, list);
  return list;
}
