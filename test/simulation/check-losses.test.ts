/**
 * The excuses against a store that really loses disks: five nodes, one key on three of them, hints on the others, wipes,
 * hand-off and healing in any order. Whatever it loses must be excused; and a part of what it keeps must not be, or the
 * excuses would excuse everything.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeRecord, hashKey, partitionOfHash, recordDatabaseKey, type KvEntry } from '../../data/index.ts';
import { orderedKey } from '../../data/layout.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { checkDumps, type DumpedCluster } from './check-dumps.ts';
import type { HintPlace } from './history.ts';
import { KEY, Script, THREE_REPLICAS, acknowledged, version } from './scripted-history.ts';
import type { Violation } from './violation.ts';

const CLUSTER: DumpedCluster = { ...THREE_REPLICAS, partitionCount: 320, hashSeed: 0 };
const REPLICAS = [0, 1, 2];

/** What each node has: the greatest timestamp that it keeps as a replica, and those of its hints by target. */
class LossyStore {
  readonly script = new Script();
  readonly #random: SeededRandom;
  readonly #kept = [0, 0, 0, 0, 0];
  readonly #hints = this.#kept.map(() => new Map<number, number>());
  #timestamp = 0;
  #newestAcknowledged = 0;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  step(): void {
    const [luck, node] = [this.#random.next(), this.#random.below(5)];
    if (luck < 0.3) this.#write();
    else if (luck < 0.5) this.#deliver(node);
    else if (luck < 0.58) this.#heal(node);
    else if (luck < 0.6) this.#converge();
    else if (luck < 0.9) this.#destroy(node);
    else this.script.nowMs += this.#random.below(2);
  }

  /** The newest timestamp that is anywhere. */
  get newest(): number {
    return Math.max(...this.#kept, ...this.#hints.flatMap((hints) => [...hints.values()]));
  }

  get newestAcknowledged(): number {
    return this.#newestAcknowledged;
  }

  #write(): void {
    const timestamp = ++this.#timestamp;
    const durableOn = REPLICAS.filter(() => this.#random.isBelow(0.5));
    const missed = REPLICAS.filter((node) => !durableOn.includes(node));
    const hints: readonly HintPlace[] = missed.filter(() => this.#random.isBelow(0.5)).map((target) => ({ target, holder: 3 + this.#random.below(2) }));
    const id = this.script.begin('put', `v${timestamp}`, 'available');
    for (const node of durableOn) this.#kept[node] = timestamp;
    for (const { target, holder } of hints) this.#hints[holder]?.set(target, timestamp);
    if (durableOn.length + hints.length === 0) {
      this.script.end(id, { kind: 'refused', code: 'RING_UNAVAILABLE' });
      return;
    }
    this.#newestAcknowledged = timestamp;
    this.script.end(id, acknowledged(timestamp, durableOn, hints));
  }

  #deliver(holder: number): void {
    for (const [target, timestamp] of this.#hints[holder] ?? []) this.#kept[target] = Math.max(timestamp, this.#kept[target] ?? 0);
    this.#hints[holder]?.clear();
  }

  #destroy(node: number): void {
    this.script.destroy(node);
    this.#kept[node] = 0;
    this.#hints[node]?.clear();
  }

  #heal(node: number): void {
    if (REPLICAS.includes(node)) this.#kept[node] = this.newest;
    this.script.heal(node);
  }

  #converge(): void {
    for (const node of REPLICAS) this.#kept[node] = this.newest;
    for (const hints of this.#hints) hints.clear();
    this.script.history.mark('converged', this.script.nowMs);
  }
}

function dumpsOf(timestamp: number): ReadonlyMap<number, readonly KvEntry[]> {
  const bytes = Buffer.from(KEY);
  const hash = hashKey(bytes, CLUSTER.hashSeed);
  const record = encodeRecord(bytes, version(timestamp), Buffer.from(`v${timestamp}`));
  const entries = [
    { key: recordDatabaseKey(partitionOfHash(hash, CLUSTER.partitionCount), hash, bytes), value: record },
    { key: orderedKey(bytes), value: Uint8Array.of(1) },
  ];
  return new Map(timestamp === 0 ? [] : REPLICAS.map((node) => [node, entries]));
}

function run(seed: number): LossyStore {
  const store = new LossyStore(seed);
  for (let i = 0; i < 30; i++) store.step();
  return store;
}

function check(store: LossyStore, newest: number): readonly Violation[] {
  return checkDumps(store.script.history, dumpsOf(newest), CLUSTER);
}

describe('excuses', () => {
  it('excuse whatever destroyed disks can really lose', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const store = run(seed);
        expect(check(store, store.newest)).toStrictEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('do not excuse most of what was kept', () => {
    const counts = { lost: 0, kept: 0, accused: 0 };
    for (let seed = 0; seed < 500; seed++) {
      const store = run(seed);
      if (store.newest < store.newestAcknowledged) counts.lost++;
      if (store.newest === 0) continue;
      counts.kept++;
      if (check(store, 0).length > 0) counts.accused++;
    }
    expect(counts.lost).toBeGreaterThan(20);
    expect(counts.accused).toBeGreaterThan(counts.kept / 2);
  });
});
