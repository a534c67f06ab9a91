/**
 * The one that breaks things: draws faults from the seed and counts each that took effect.
 *
 * Destruction (wipes, old copies, damaged logs, flipped bits) strikes one node at a time, and the next only when the
 * cluster has healed the last: with more at once there is nothing left that a store could promise. Everything else comes
 * whenever it likes.
 */
import { KEYSPACE } from '../../data/layout.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { Coverage } from './coverage.ts';
import type { DestructionKind, History } from './history.ts';
import type { SimClient } from './sim-client.ts';
import type { SimNode } from './sim-node.ts';
import type { DiskSnapshot } from './virtual-disk.ts';
import type { VirtualNetwork } from './virtual-network.ts';
import type { VirtualWorld } from './virtual-time.ts';

export const FAULTS = [
  'crash',
  'power',
  'crash-all',
  'power-all',
  'pause',
  'clock',
  'partition',
  'one-way',
  'bridge',
  'reset',
  'clog',
  'slow-link',
  'bad-link',
  'write-failure',
  'full-disk',
  'slow-disk',
  'flip',
  'log-damage',
  'torn-log',
  'wipe',
  'restore',
] as const;
export type Fault = (typeof FAULTS)[number];
/** What a disk is left without. */
export const DESTRUCTIVE: ReadonlySet<Fault> = new Set(['flip', 'log-damage', 'torn-log', 'wipe', 'restore']);

export interface NemesisOptions {
  /** What this seed is about. */
  readonly faults: readonly Fault[];
  readonly meanPauseMs: number;
  readonly durability: 'fsync' | 'os';
  readonly replicationFactor: number;
}

export interface NemesisPorts {
  readonly world: VirtualWorld;
  readonly network: VirtualNetwork;
  readonly random: SeededRandom;
  readonly history: History;
  readonly coverage: Coverage;
  readonly nodes: readonly SimNode[];
  readonly clients: readonly SimClient[];
  readonly trace: (line: () => string) => void;
  /** Whether every replica has everything that any node has, and trusts it. */
  isWhole(): boolean;
}

const HOUR_MS = 3_600_000;
const WHOLE_LOOK_MS = 250;
const REMEMBERED_AFTER_MS = 1_500;
const PARTITION_BEFORE_RESTORE_MS = 900;
/** Long enough that the wiped node is back before, and is asked. */
const AWAY_AFTER_WIPE_MS = 2_000;

export class Nemesis {
  readonly #ports: NemesisPorts;
  readonly #options: NemesisOptions;
  readonly #snapshots = new Map<number, DiskSnapshot>();
  #isOver = false;
  #destroyed: number | null = null;
  /** The last loss can be known only from what peers remember: until it is healed none of them may forget. */
  #isFragile = false;

  constructor(ports: NemesisPorts, options: NemesisOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  start(): void {
    this.#next();
  }

  /** No more faults, and the end of those that last. Clocks stay as they are. */
  stop(): void {
    this.#isOver = true;
    const { network, nodes } = this.#ports;
    network.calm();
    for (const node of nodes) {
      node.disk.setFull('free');
      node.disk.setSlowFsync('usual');
      node.resume();
      node.start();
    }
  }

  #next(): void {
    const { world, random } = this.#ports;
    world.after(this.#options.meanPauseMs * (0.2 + 1.6 * random.next()), () => {
      if (this.#isOver) return;
      const fault = random.pick(this.#options.faults);
      this.#keepOldCopy();
      this.#ports.trace(() => `nemesis: ${fault}`);
      if (DESTRUCTIVE.has(fault)) this.#destroy(fault);
      else this.#strike(fault);
      this.#next();
    });
  }

  #later(milliseconds: number, work: () => void): void {
    this.#ports.world.after(milliseconds, () => {
      if (!this.#isOver) work();
    });
  }

  /** How long something lasts: mostly short. */
  #span(longestMs: number): number {
    return longestMs * this.#ports.random.next() ** 3 + 5;
  }

  #strike(fault: Fault): void {
    const { random, nodes, network, coverage } = this.#ports;
    const node = random.pick(nodes);
    const [a, b] = this.#pair();
    switch (fault) {
      case 'crash':
      case 'power':
        this.#end([node], fault);
        return;
      case 'crash-all':
      case 'power-all':
        coverage.add('allCrashed');
        this.#end(nodes, fault === 'crash-all' ? 'crash' : 'power');
        return;
      case 'pause':
        this.#pause(node);
        return;
      case 'clock':
        coverage.add('clockJumps');
        node.setWallOffset(random.isBelow(0.3) ? 0 : (random.next() - 0.5) * 2 * HOUR_MS * random.next() ** 4);
        return;
      case 'partition':
      case 'bridge':
      case 'one-way':
        this.#cut(fault);
        return;
      case 'reset':
        network.reset(a.name, b.name);
        return;
      case 'clog':
        network.clog(a.name, b.name, this.#span(4_000));
        return;
      case 'slow-link':
        coverage.add('slowLinks');
        network.slow(a.name, b.name, 0.5 + random.next() * 20, 1 + random.next() * 100);
        this.#later(this.#span(6_000), () => network.setLink(a.name, b.name, { bytesPerMs: Infinity, latencyMs: 0.2 }));
        return;
      case 'bad-link':
        network.setLink(a.name, b.name, { lossProbability: random.next() * 0.1, duplicateProbability: random.next() * 0.1, reorderProbability: random.next() * 0.2 });
        this.#later(this.#span(6_000), () => network.setLink(a.name, b.name, { lossProbability: 0, duplicateProbability: 0, reorderProbability: 0 }));
        return;
      case 'write-failure':
        // It may end the process.
        if (this.#isFragile) return;
        node.disk.failNextWrite(random.pick(['io-error', 'full', 'short-write'] as const));
        return;
      case 'full-disk':
        coverage.add('fullDisks');
        node.disk.setFull('full');
        this.#later(this.#span(4_000), () => node.disk.setFull('free'));
        return;
      case 'slow-disk':
        node.disk.setSlowFsync('slow');
        this.#later(this.#span(3_000), () => node.disk.setSlowFsync('usual'));
        return;
      default:
        throw new Error(`${fault} is not struck here`);
    }
  }

  #pair(): readonly [SimNode, SimNode] {
    const { random, nodes } = this.#ports;
    const a = random.pick(nodes);
    const b = random.pick(nodes.filter((node) => node !== a));
    return [a, b];
  }

  #end(victims: readonly SimNode[], how: 'crash' | 'power'): void {
    const { random, coverage } = this.#ports;
    // Without fsync a power cut destroys, and must come alone.
    const isLoss = how === 'power' && this.#options.durability === 'os';
    if (isLoss && (victims.length > 1 || !this.#mayDestroy())) return;
    for (const node of victims) {
      if (!node.isUp || (this.#isFragile && node.id !== this.#destroyed)) continue;
      coverage.add(how === 'crash' ? 'processCrashes' : 'powerCuts');
      if (isLoss) this.#record(node, 'silent-log-loss');
      node.end(how === 'crash' ? 'crash' : 'silent');
      this.#later(this.#span(5_000), () => node.start());
    }
    if (random.isBelow(0.2)) for (const node of victims) node.setWallOffset(node.wallOffsetMs + (random.next() - 0.5) * 60_000);
  }

  #pause(node: SimNode): void {
    if (!node.isUp || node.isPaused) return;
    this.#ports.coverage.add('pauses');
    const { process } = node;
    node.pause();
    for (const client of this.#ports.clients) client.excusePaused(node.id);
    this.#later(this.#span(8_000), () => {
      if (node.process === process) node.resume();
    });
  }

  #cut(fault: 'partition' | 'bridge' | 'one-way'): void {
    const { random, nodes, network, coverage } = this.#ports;
    const how = random.isBelow(0.7) ? 'stalled' : 'dropped';
    const names = nodes.map((node) => node.name).toSorted(() => random.next() - 0.5);
    const at = 1 + random.below(names.length - 1);
    const [left, right] = [names.slice(0, at), names.slice(at)];
    switch (fault) {
      case 'partition':
        coverage.add('partitions');
        network.partition([left, right], how);
        break;
      case 'bridge':
        coverage.add('bridgePartitions');
        network.bridge(left, names[at] ?? '', right, how);
        break;
      case 'one-way':
        coverage.add('oneWayPartitions');
        network.cutOneWay(left, right, how);
        break;
    }
    this.#later(this.#span(6_000), () => network.heal());
  }

  // --- destruction ---------------------------------------------------------------------------------------------

  #mayDestroy(): boolean {
    return this.#destroyed === null && this.#options.replicationFactor > 1;
  }

  #record(node: SimNode, kind: DestructionKind): void {
    this.#destroyed = node.id;
    this.#ports.history.destroyed(node.id, this.#ports.world.nowMs, kind);
    this.#awaitWhole();
  }

  #awaitWhole(): void {
    const { world, history } = this.#ports;
    world.after(WHOLE_LOOK_MS, () => {
      if (this.#destroyed === null) return;
      if (this.#ports.isWhole()) {
        history.healed(this.#destroyed, world.nowMs);
        this.#destroyed = null;
        this.#isFragile = false;
        this.#ports.coverage.add('destructionsHealed');
      } else {
        this.#awaitWhole();
      }
    });
  }

  #destroy(fault: Fault): void {
    const { random, coverage } = this.#ports;
    const node = this.#victim();
    if (!this.#mayDestroy()) return;
    switch (fault) {
      case 'flip':
        this.#flip(node);
        return;
      case 'log-damage':
      case 'torn-log': {
        if (node.disk.identity === null || (fault === 'torn-log' && !this.#isRemembered(node))) return;
        this.#record(node, fault === 'log-damage' ? 'log-damage' : 'silent-log-loss');
        this.#takeAway(node, fault === 'log-damage' ? 'crash' : 'pause');
        const found = node.disk.loseLogSuffix(random, fault === 'log-damage' ? 'evident' : 'torn tail');
        if (found !== null) coverage.add(fault === 'log-damage' ? 'logDamages' : 'silentLogLosses');
        this.#restart(node);
        return;
      }
      case 'wipe':
        if (random.isBelow(0.5)) this.#wipeAfterPartition(node);
        else this.#wipe(node, () => this.#takeAway(node, 'crash'));
        return;
      case 'restore':
        if (random.isBelow(0.6)) this.#putBackAfterPartition(node);
        else this.#putBack(node);
        return;
      default:
        throw new Error(`${fault} does not destroy`);
    }
  }

  #wipe(node: SimNode, alsoBefore: () => void): void {
    this.#record(node, 'wipe');
    alsoBefore();
    node.end('crash');
    node.disk.wipe();
    this.#ports.coverage.add('wipes');
    this.#restart(node);
  }

  /** Another replica misses some writes first, and one that has them is away: who then asks only the first knows too little. */
  #wipeAfterPartition(victim: SimNode): void {
    const { random, nodes, network, coverage } = this.#ports;
    const [apart, away] = nodes.filter((node) => node !== victim).toSorted(() => random.next() - 0.5);
    if (apart === undefined || away === undefined) return;
    network.partition([[apart.name], nodes.filter((node) => node !== apart).map((node) => node.name)]);
    this.#later(PARTITION_BEFORE_RESTORE_MS, () => {
      network.heal();
      if (!this.#mayDestroy()) return;
      this.#wipe(victim, () => {
        if (!away.isUp) return;
        coverage.add('processCrashes');
        away.end('crash');
        this.#later(AWAY_AFTER_WIPE_MS + this.#span(3_000), () => away.start());
      });
    });
  }

  /** Where it hurts: mostly one that has what another replica missed, which a hint of its own shows. */
  #victim(): SimNode {
    const { random, nodes } = this.#ports;
    const holders = nodes.filter(({ disk }) => disk.dump().some(({ key }) => key[0] === KEYSPACE.hint));
    return holders.length > 0 && random.isBelow(0.7) ? random.pick(holders) : random.pick(nodes);
  }

  /** And when another one is away that has it too. */
  #takeAway(victim: SimNode, how: 'crash' | 'pause'): void {
    const { random, nodes } = this.#ports;
    if (!random.isBelow(0.6)) return;
    const other = random.pick(nodes.filter((node) => node !== victim));
    if (how === 'crash') this.#end([other], 'crash');
    else this.#pause(other);
  }

  /**
   * A loss that leaves no trace on the disk is found by the peers, who write down what they remember once a second
   * (node/peer-memory.ts, M3). So all of them must have been up for longer than that, and stay up until it is healed.
   */
  #isRemembered(victim: SimNode): boolean {
    const isKept = this.#ports.nodes.every((node) => node === victim || node.upForMs >= REMEMBERED_AFTER_MS);
    this.#isFragile = isKept;
    return isKept;
  }

  /** Another replica misses some writes first: then the one that goes back in time was needed to know of them. */
  #putBackAfterPartition(victim: SimNode): void {
    const { random, nodes, network } = this.#ports;
    const apart = random.pick(nodes.filter((node) => node !== victim));
    network.partition([[apart.name], nodes.filter((node) => node !== apart).map((node) => node.name)]);
    this.#later(PARTITION_BEFORE_RESTORE_MS, () => {
      network.heal();
      this.#putBack(victim);
    });
  }

  /** Of a trusted directory, now and then: to be put back later. */
  #keepOldCopy(): void {
    const { random, nodes } = this.#ports;
    const node = random.pick(nodes);
    if (!random.isBelow(0.3) || node.disk.identity === null || node.disk.marker !== null) return;
    this.#snapshots.set(node.id, node.disk.snapshot());
  }

  #putBack(node: SimNode): void {
    const snapshot = this.#snapshots.get(node.id);
    if (snapshot === undefined || !this.#mayDestroy() || !this.#isRemembered(node)) return;
    this.#record(node, 'restore');
    this.#takeAway(node, 'pause');
    node.end('crash');
    node.disk.restore(snapshot);
    this.#ports.coverage.add('restores');
    node.start();
  }

  #flip(node: SimNode): void {
    const { random, coverage } = this.#ports;
    const count = 1 + random.below(4);
    // Where it hurts: a key that some replica has missed, on one that has it.
    const missed = this.#missedKeys();
    const isMissed = (databaseKey: Uint8Array): boolean => missed.has(Buffer.from(databaseKey.subarray(7)).toString('latin1'));
    this.#record(node, 'bit-flip');
    for (let i = 0; i < count; i++) {
      const target = random.pick(['value', 'value', 'key', 'hint', 'meta'] as const);
      const isRecord = target === 'value' || target === 'key';
      if (node.disk.flipBit(random, target, isRecord && missed.size > 0 ? isMissed : 'any') !== null) coverage.add('bitFlips');
    }
    if (random.isBelow(0.3)) this.#restart(node);
  }

  /** Keys for which a hint waits somewhere. */
  #missedKeys(): ReadonlySet<string> {
    const hints = this.#ports.nodes.flatMap(({ disk }) => disk.dump().filter(({ key }) => key[0] === KEYSPACE.hint));
    return new Set(hints.map(({ key }) => Buffer.from(key.subarray(5)).toString('latin1')));
  }

  #restart(node: SimNode): void {
    if (node.isUp) node.end('crash');
    this.#later(this.#span(3_000), () => node.start());
  }
}
