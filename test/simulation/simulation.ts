/**
 * One seed: a cluster of real engines in a virtual world, clients that ask, a nemesis that breaks, then peace, and the
 * question whether every promise was kept.
 *
 *   faults ──► stop faults ──► converged? ──► every operation works ──► converged? ──► dumps are checked
 */
import { Placement, firstTopology, type Topology } from '../../coordinator/index.ts';
import { compareBytes, compareVersions, equalBytes, isIntact, nodeId, recordDatabaseKey, versionOf, type KvEntry, type Version } from '../../data/index.ts';
import { KEYSPACE, orderedKey } from '../../data/layout.ts';
import { LEVELS, type Consistency } from '../../wire/index.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { checkDumps, type DumpedCluster } from './check-dumps.ts';
import { checkHistory } from './check-history.ts';
import { Coverage } from './coverage.ts';
import { History, type OperationKind, type Outcome } from './history.ts';
import { Intruder } from './intruder.ts';
import { DESTRUCTIVE, FAULTS, Nemesis, type Fault } from './nemesis.ts';
import { SimClient, type SimClientOptions, type Wanted } from './sim-client.ts';
import { SimNode, nameOfNode, type SimWorld } from './sim-node.ts';
import type { Violation } from './violation.ts';
import { VirtualDisk } from './virtual-disk.ts';
import { VirtualNetwork } from './virtual-network.ts';
import { TraceRing, VirtualWorld } from './virtual-time.ts';

export interface SimulationResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly coverage: Coverage;
  /** The same for two runs of one seed. */
  readonly digest: number;
  readonly events: number;
  readonly virtualMs: number;
  /** The end of the run, in words. */
  readonly trace: readonly string[];
}

/** What a seed decides before anything happens. */
interface Plan {
  readonly nodes: number;
  readonly replicationFactor: number;
  readonly durability: 'fsync' | 'os';
  readonly sweep: 'on' | 'off';
  /** For recent records: none, so that every lookup meets the disk, room for a few, or for all. */
  readonly recentBytesMax: number;
  readonly clients: number;
  readonly keys: number;
  /** `strict`: quorum, mostly. */
  readonly levels: 'mixed' | 'strict';
  /** `short`: many requests run into their deadlines, and leave writes half done. */
  readonly patience: 'long' | 'short';
  readonly faults: readonly Fault[];
  readonly faultsMs: number;
  readonly meanFaultPauseMs: number;
  readonly meanThinkMs: number;
}

/** Until then a healed cluster must be equal; a bound of virtual time. */
const CONVERGE_MS = 60_000;
const START_MS = 20_000;
const KEYS_WHILE_AWAY = 8;
/** What makes hints, and breaks their delivery. */
const AWAY: readonly Fault[] = ['crash', 'pause', 'partition', 'reset', 'clog', 'crash', 'power'];
/** The one that runs when the faults end may be past the damage. */
const SCRUBS_BEFORE_WHOLE = 2;
const TRACE_LINES = 20_000;

export async function simulate(seed: number): Promise<SimulationResult> {
  return new Simulation(seed).run();
}

class Simulation {
  readonly #seed: number;
  readonly #random: SeededRandom;
  readonly #plan: Plan;
  readonly #world = new VirtualWorld();
  readonly #ring = new TraceRing(this.#world, TRACE_LINES);
  readonly #history = new History();
  readonly #coverage = new Coverage();
  readonly #violations: Violation[] = [];
  readonly #topology: Topology;
  readonly #placement: Placement;
  readonly #network: VirtualNetwork;
  readonly #nodes: readonly SimNode[];
  readonly #clients: readonly SimClient[];
  readonly #writtenKeys = new Set<string>();
  #lastValue = 0;
  #isAsking = true;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = new SeededRandom(seed);
    this.#plan = draw(this.#random);
    const { nodes, replicationFactor, clients } = this.#plan;
    const members = Array.from({ length: nodes }, (_, id) => ({ id: nodeId(id), address: `ws://${nameOfNode(id)}` }));
    this.#topology = firstTopology(members, replicationFactor, this.#random.below(1000));
    this.#placement = new Placement(this.#topology);
    const { trace } = this.#ring;
    this.#network = new VirtualNetwork(this.#world, this.#fork(), { trace });
    const sim: SimWorld = { world: this.#world, network: this.#network, random: this.#fork(), coverage: this.#coverage, trace, broken: (what) => this.#violate('broken', '', what) };
    this.#nodes = members.map(({ id }) => this.#makeNode(id, sim));
    this.#clients = Array.from({ length: clients }, (_, id) => new SimClient(id, this.#world.process(`client-${id}`), this.#network, this.#history, this.#clientOptions()));
  }

  async run(): Promise<SimulationResult> {
    for (const node of this.#nodes) node.start();
    await this.#world.run(START_MS, () => this.#isWhole());
    const nemesis = this.#startFaults();
    for (const client of this.#clients) this.#keepAsking(client);
    await this.#world.run(this.#world.nowMs + this.#plan.faultsMs);
    this.#isAsking = false;
    nemesis.stop();
    this.#history.mark('healing-began', this.#world.nowMs);
    if (this.#plan.sweep === 'on') {
      await this.#converge('after the faults');
      await this.#askEverything();
      await this.#converge('at the end');
      this.#check();
    } else {
      await this.#deliverHints();
      this.#checkHintsArrived();
      await this.#writeWhileAway();
    }
    this.#countPaths();
    return {
      seed: this.#seed,
      violations: this.#violations,
      coverage: this.#coverage,
      digest: this.#digest(),
      events: this.#world.eventsRun,
      virtualMs: Math.round(this.#world.nowMs),
      trace: [JSON.stringify(this.#plan), ...this.#ring.lines()],
    };
  }

  // --- the parts -----------------------------------------------------------------------------------------------

  #fork(): SeededRandom {
    return new SeededRandom(this.#random.below(0xffff_ffff));
  }

  #makeNode(id: number, sim: SimWorld): SimNode {
    const { durability, sweep, recentBytesMax } = this.#plan;
    const random = this.#random;
    const isDrifting = random.isBelow(0.3);
    const isCrooked = random.isBelow(0.3);
    if (isDrifting) this.#coverage.add('clockDrifts');
    return new SimNode(
      {
        id,
        topology: this.#topology,
        durability,
        sweep,
        recentBytesMax,
        rate: isDrifting ? 0.95 + random.next() / 10 : 1,
        wallOffsetMs: isCrooked ? (random.next() - 0.5) * 7_200_000 : 0,
      },
      new VirtualDisk(this.#world, `disk-${id}`, this.#fork(), { trace: this.#ring.trace }),
      sim,
    );
  }

  #startFaults(): Nemesis {
    const { faults, meanFaultPauseMs, durability, replicationFactor } = this.#plan;
    const nemesis = new Nemesis(
      {
        world: this.#world,
        network: this.#network,
        random: this.#fork(),
        history: this.#history,
        coverage: this.#coverage,
        nodes: this.#nodes,
        clients: this.#clients,
        trace: this.#ring.trace,
        isWhole: () => this.#isWhole(),
      },
      { faults, meanPauseMs: meanFaultPauseMs, durability, replicationFactor },
    );
    nemesis.start();
    const intruder = new Intruder(this.#world.process('intruder'), this.#network, this.#fork(), this.#coverage);
    intruder.visit(this.#nodes, this.#plan.faultsMs);
    return nemesis;
  }

  // --- clients -------------------------------------------------------------------------------------------------

  #clientOptions(): SimClientOptions {
    return { writes: this.#random.isBelow(0.6) ? 'repeated' : 'once', random: this.#fork(), coverage: this.#coverage };
  }

  /** One request after the other, with pauses. */
  #keepAsking(client: SimClient): void {
    const random = this.#fork();
    const next = (): void => {
      if (!this.#isAsking) return;
      const node = random.pick(this.#nodes);
      if (client.isConnected(node)) this.#ask(client, node, this.#drawRequest(random), think);
      else this.#world.after(20, next);
    };
    const think = (): void => {
      this.#world.after(this.#plan.meanThinkMs * 2 * random.next() ** 2, next);
    };
    think();
  }

  #ask(client: SimClient, node: SimNode, wanted: Wanted, then: () => void): void {
    const damagedBefore = this.#nodesWithDamage(wanted.key);
    client.ask(node, wanted, (outcome) => {
      if (damagedBefore.length > 0 && outcome.kind === 'read') {
        const damaged = this.#nodesWithDamage(wanted.key).filter((id) => damagedBefore.includes(id) && outcome.replied.includes(id) && this.#lostMore(id, wanted.key, outcome.version));
        if (damaged.length > 0) this.#violate('damaged-as-absent', wanted.key, `node ${damaged.join(', ')} was counted in a read of ${wanted.key} that found less than its damaged copy had`);
      }
      then();
    });
  }

  /** The nodes whose disk holds a copy of the key that cannot be read: its bytes changed, or it vanished from its place. */
  #nodesWithDamage(text: string): readonly number[] {
    const key = Buffer.from(text);
    const databaseKey = this.#databaseKey(key);
    return this.#nodes.filter(({ disk }) => {
      const value = disk.content.get(databaseKey);
      return value === undefined ? disk.content.get(orderedKey(key)) !== undefined : !isIntact(key, value);
    }).map(({ id }) => id);
  }

  /** Whether the copy that was damaged was newer than this version. A node may answer with what it remembers of it. */
  #lostMore(node: number, text: string, version: Version | null): boolean {
    const lost = this.#nodes.find(({ id }) => id === node)?.disk.flippedRecord(this.#databaseKey(Buffer.from(text))) ?? null;
    return lost === null || version === null || compareVersions(versionOf(lost), version) > 0;
  }

  #databaseKey(key: Uint8Array): Uint8Array {
    const hash = this.#placement.hash(key);
    return recordDatabaseKey(this.#placement.ofHash(hash).partition, hash, key);
  }

  #drawRequest(random: SeededRandom): Wanted {
    // Without the sweep reads are left out too: they would repair.
    const chance = random.next() * (this.#plan.sweep === 'on' ? 1 : 0.62);
    const kind: OperationKind = chance < 0.5 ? 'put' : chance < 0.62 ? 'delete' : 'get';
    const levelChance = random.next();
    const [available, quorum, one] = this.#plan.levels === 'mixed' ? [0.4, 0.8, 0.9] : [0.05, 0.9, 0.95];
    const level: Consistency = levelChance < available ? 'available' : levelChance < quorum ? 'quorum' : levelChance < one ? 'one' : 'all';
    const timeoutMs = this.#plan.patience === 'long' ? 200 + random.below(3_000) : 5 + random.below(200);
    return this.#request(kind, `key-${random.below(this.#plan.keys)}`, level, timeoutMs);
  }

  #request(kind: OperationKind, key: string, level: Consistency, timeoutMs: number): Wanted {
    if (kind !== 'get') {
      if (this.#writtenKeys.has(key)) this.#coverage.add('overwrites');
      this.#writtenKeys.add(key);
    }
    return { kind, key, value: kind === 'put' ? `value-${++this.#lastValue}` : null, level, timeoutMs };
  }

  // --- peace ---------------------------------------------------------------------------------------------------

  async #converge(when: string): Promise<void> {
    // A flipped bit that nobody has read yet is found by the scrub: one whole round of it belongs to the healing.
    const scrubs = this.#nodes.map((node) => node.count('scrubs') + SCRUBS_BEFORE_WHOLE);
    const areScrubbed = (): boolean => this.#nodes.every((node, index) => node.count('scrubs') >= (scrubs[index] ?? 0));
    const isOver = (): boolean => areScrubbed() && this.#isWhole() && this.#clients.every((client) => client.isIdle);
    const end = await this.#world.run(this.#world.nowMs + CONVERGE_MS, this.#every(100, isOver));
    if (end !== 'done') this.#violate('not-converged', '', `${when}: ${this.#whatIsMissing()}`);
    else this.#history.mark('converged', this.#world.nowMs);
  }

  /** `isDone` costs more than an event: it is asked once in so many milliseconds. */
  #every(milliseconds: number, isDone: () => boolean): () => boolean {
    let nextMs = this.#world.nowMs;
    return () => {
      if (this.#world.nowMs < nextMs) return false;
      nextMs = this.#world.nowMs + milliseconds;
      return isDone();
    };
  }

  /** Without sweeps and reads only hints bring a write to a replica that missed it. */
  async #deliverHints(): Promise<void> {
    const end = await this.#world.run(this.#world.nowMs + CONVERGE_MS, this.#every(100, () => this.#clients.every((client) => client.isIdle) && this.#hintsLeft() === 0));
    if (end !== 'done') this.#violate('hints-left', '', `${this.#hintsLeft()} hints were not delivered within ${CONVERGE_MS} ms after the faults`);
  }

  /** Without faults every write that a node misses because it is down has a hint, and the hint is all that it needs. */
  async #writeWhileAway(): Promise<void> {
    const random = this.#fork();
    const away = random.pick(this.#nodes);
    const others = this.#nodes.filter((node) => node !== away);
    away.end('crash');
    const isSeenByAll = (): boolean => others.every((node) => node.engine?.status.node().peers.some((peer) => peer.node === away.id && peer.liveness !== 'alive') === true);
    if ((await this.#world.run(this.#world.nowMs + CONVERGE_MS, this.#every(100, isSeenByAll))) !== 'done') this.#violate('not-converged', '', `not all see that ${away.name} is down`);
    const keys = Array.from({ length: KEYS_WHILE_AWAY }, (_, index) => `away-${index}`);
    const acknowledged = new Set<string>();
    // A client may hold a connection that is lost already: what it asks for then is unknown, and promises nothing.
    for (const key of keys) if ((await this.#askOne(random, this.#request('put', key, 'available', 3_000), others))?.kind === 'acknowledged') acknowledged.add(key);
    away.start();
    const due = [...acknowledged].filter((key) => this.#placement.ofKey(Buffer.from(key)).replicas.some((id) => id === away.id));
    const missing = (): readonly string[] => due.filter((key) => away.disk.content.get(this.#databaseKey(Buffer.from(key))) === undefined);
    // The last hint may still be on its way to its holder when its write is acknowledged.
    await this.#world.run(this.#world.nowMs + CONVERGE_MS, this.#every(100, () => away.isServing && missing().length === 0));
    for (const key of missing()) this.#violate('lost-write', key, `${away.name} was down during a write of ${key} and never got it`);
    this.#coverage.add('missedWritesChecked', due.length);
  }

  #hintsLeft(): number {
    return this.#nodes.reduce((sum, { disk }) => sum + disk.dump().filter(({ key }) => key[0] === KEYSPACE.hint).length, 0);
  }

  /** Every target that an acknowledgement named a hint for has that version by now, or a newer one. */
  #checkHintsArrived(): void {
    const versions = this.#nodes.map(({ disk }) => new Map(disk.dump().flatMap(({ key, value }) => (key[0] === KEYSPACE.record ? [[Buffer.from(key.subarray(7)).toString(), versionOf(value)] as const] : []))));
    for (const { key, outcome } of this.#history.operations) {
      if (outcome.kind !== 'acknowledged') continue;
      for (const { target } of outcome.hints) {
        this.#coverage.add('hintsChecked');
        const version = versions[target]?.get(key);
        if (version === undefined || compareVersions(version, outcome.version) < 0) this.#violate('lost-write', key, `a hint for node ${target} that was acknowledged did not arrive (key ${key})`);
      }
    }
  }

  #isWhole(): boolean {
    return this.#whatIsMissing() === '';
  }

  /** All nodes serve and trust their stores, no hint waits, all replicas of every key are equal. */
  #whatIsMissing(): string {
    for (const node of this.#nodes) {
      if (!node.isServing || node.engine === null) return `${node.name} does not serve`;
      const status = node.engine.status.node();
      if (status.untrusted !== null) return `${node.name} is untrusted: ${status.untrusted}`;
      if (status.store !== 'open' || !status.scanned) return `${node.name} is ${status.store}, ${status.scanned ? 'scanned' : 'scanning'}`;
      if (status.peers.some((peer) => peer.liveness !== 'alive')) return `${node.name} does not hear all`;
      if (status.damagedRecords > this.#hopeless(node).length) return `${node.name} has ${status.damagedRecords} damaged entries`;
    }
    return this.#differences();
  }

  #differences(): string {
    const recordsByKey = new Map<string, { readonly value: Uint8Array; count: number }>();
    for (const node of this.#nodes) {
      const hopeless = new Set(this.#hopeless(node));
      for (const { key, value } of node.disk.dump()) {
        if (key[0] === KEYSPACE.hint) return `${node.name} has a hint`;
        const name = Buffer.from(key).toString('latin1');
        if (key[0] !== KEYSPACE.record || hopeless.has(name)) continue;
        const first = recordsByKey.get(name);
        if (first === undefined) recordsByKey.set(name, { value, count: 1 });
        else if (equalBytes(first.value, value)) first.count++;
        else return `replicas of ${name} differ`;
      }
    }
    for (const [name, { count }] of recordsByKey) if (count !== this.#topology.replicationFactor) return `${name} has ${count} replicas`;
    return '';
  }

  /** Damaged records that nobody else has anything of: they stay, and are answered as damaged, until they are written again. */
  #hopeless(node: SimNode): readonly string[] {
    return (node.engine?.damagedEntries() ?? [])
      .filter((databaseKey) => databaseKey[0] === KEYSPACE.record && !this.#nodes.some((other) => other !== node && other.disk.dump().some((entry) => compareBytes(entry.key, databaseKey) === 0)))
      .map((databaseKey) => Buffer.from(databaseKey).toString('latin1'));
  }

  /** Without faults everything works: every key is read at every level through some node, and written. */
  async #askEverything(): Promise<void> {
    const random = this.#fork();
    await this.#overwriteHopeless(random);
    for (const key of this.#writtenKeys) for (const level of LEVELS) await this.#askOne(random, this.#request('get', key, level, 3_000));
    for (const level of LEVELS) {
      await this.#askOne(random, this.#request('put', `last-${level}`, level, 3_000));
      await this.#askOne(random, this.#request('get', `last-${level}`, level, 3_000));
    }
  }

  async #overwriteHopeless(random: SeededRandom): Promise<void> {
    const keys = new Set(this.#nodes.flatMap((node) => this.#hopeless(node)).map((name) => Buffer.from(name, 'latin1').subarray(7).toString()));
    for (const key of keys) {
      this.#coverage.add('hopelessOverwritten');
      await this.#askOne(random, this.#request('put', key, 'all', 3_000));
    }
    // What replaced a damaged record is doubtful for a moment.
    if (keys.size > 0) await this.#converge('after what was lost was written anew');
  }

  async #askOne(random: SeededRandom, wanted: Wanted, nodes: readonly SimNode[] = this.#nodes): Promise<Outcome | null> {
    const client = random.pick(this.#clients);
    const node = random.pick(nodes);
    await this.#world.run(this.#world.nowMs + 5_000, () => client.isConnected(node));
    if (!client.isConnected(node)) {
      this.#violate('not-converged', wanted.key, `${client.name} cannot connect with ${node.name}`);
      return null;
    }
    const answers: Outcome[] = [];
    client.ask(node, wanted, (outcome) => answers.push(outcome));
    await this.#world.run(this.#world.nowMs + 10_000, () => answers.length > 0);
    return answers[0] ?? null;
  }

  // --- the verdict ---------------------------------------------------------------------------------------------

  #violate(rule: Violation['rule'], key: string, text: string): void {
    if (this.#violations.length < 20) this.#violations.push({ rule, key, text });
  }

  #check(): void {
    const { replicationFactor, partitionCount, hashSeed } = this.#topology;
    const cluster: DumpedCluster = {
      replicasOf: (key) => this.#placement.ofKey(Buffer.from(key)).replicas,
      majority: this.#placement.majority,
      replicationFactor,
      partitionCount,
      hashSeed,
    };
    const dumps = new Map<number, readonly KvEntry[]>(this.#nodes.map((node) => [node.id, node.disk.dump()]));
    this.#violations.push(...checkHistory(this.#history, cluster), ...checkDumps(this.#history, dumps, cluster));
  }

  #countPaths(): void {
    const coverage = this.#coverage;
    const sum = (name: string): number => this.#nodes.reduce((total, node) => total + node.count(name), 0);
    for (const { kind, outcome } of this.#history.operations) {
      coverage.add('operations');
      if (outcome.kind === 'acknowledged') coverage.add('acknowledgements');
      if (outcome.kind === 'read') coverage.add('reads');
      if (outcome.kind === 'failed-read' && outcome.code === 'RING_RECORD_DAMAGED') coverage.add('damagedAnswered');
      if (outcome.kind === 'unknown' && kind !== 'get') coverage.add('unknowns');
      if (outcome.kind === 'refused') coverage.add('refusals');
    }
    for (const name of ['hintsDelivered', 'readRepairs', 'rewrites', 'reopens', 'hedges', 'damagedHealed', 'damagedDropped', 'recounts', 'scrubs', 'versionConflicts'] as const) coverage.add(name, sum(name));
    coverage.add('sweepHealed', sum('sweepRecordsSent') + sum('sweepRecordsReceived'));
    coverage.add('untrustedHealed', sum('storesHealed'));
    for (const name of ['framesLost', 'framesDuplicated', 'framesReordered', 'resets', 'stalls'] as const) coverage.add(name, this.#network.counts[name]);
    for (const { disk } of this.#nodes) for (const name of ['slowFsyncs', 'failedWrites', 'batchesLostInPowerCut', 'batchesLostAfterFailure', 'batchesLostInLog', 'rotations'] as const) coverage.add(name, disk.counts[name]);
    if (sum('damagedReceived') > 0) this.#violate('damaged-spread', '', `${sum('damagedReceived')} damaged records were sent`);
    if (sum('versionConflicts') > 0) this.#violate('two-values', '', 'two records with one version differed');
  }

  #digest(): number {
    for (const { outcome, completedMs } of this.#history.operations) {
      this.#world.mix(completedMs === null ? -1 : Math.round(completedMs * 1000));
      this.#world.mix(outcome.kind.length);
    }
    for (const { disk } of this.#nodes) for (const { key, value } of disk.dump()) for (const byte of [...key, ...value]) this.#world.mix(byte);
    return this.#world.digest;
  }
}

function draw(random: SeededRandom): Plan {
  const nodes = random.pick([3, 3, 3, 3, 4, 5]);
  const factors = [2, 3, 3, 3, ...(nodes > 3 ? [nodes] : []), ...(random.isBelow(0.2) ? [1] : [])];
  const replicationFactor = random.pick(factors);
  const share = random.pick([0.15, 0.3, 0.6, 1]);
  const sweep = random.isBelow(0.8) ? 'on' : 'off';
  const faults = FAULTS.filter((fault) => random.isBelow(share) && (sweep === 'on' || !DESTRUCTIVE.has(fault)));
  return {
    nodes,
    replicationFactor,
    durability: sweep === 'off' || random.isBelow(0.85) ? 'fsync' : 'os',
    sweep,
    clients: 2 + random.below(4),
    keys: random.pick([1, 2, 3, 8, 20, 60]),
    levels: random.pick(['mixed', 'strict']),
    patience: random.isBelow(0.75) ? 'long' : 'short',
    faults: sweep === 'off' ? [...faults, ...AWAY] : faults.length > 0 ? faults : ['crash'],
    faultsMs: 4_000 + random.below(9_000),
    meanFaultPauseMs: random.pick([150, 400, 1_000, 2_500]),
    meanThinkMs: random.pick([20, 100, 300]),
    recentBytesMax: random.pick([0, 0, 0, 256, 1 << 20]),
  };
}
