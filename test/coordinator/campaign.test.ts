/** Seeded campaigns: requests, failures and partitions in any order; then all replicas are equal and no acknowledged write is lost. */
import { describe, expect, it } from 'vitest';
import { compareVersions, type Version } from '../../data/index.ts';
import { ALL, AVAILABLE, HEDGE_AFTER_MS, ONE, PureCluster, QUORUM, REPLICA_TIMEOUT_MS, type Asked } from '../support/pure-cluster.ts';

const SEEDS = 30;
const STEPS = 300;
const HOUR_MS = 3_600_000;
const FIRST_SEED = Number(process.env['PROPERTY_SEED']);

interface Write {
  readonly key: Uint8Array;
  readonly asked: Asked;
}

async function step(cluster: PureCluster, keys: readonly Uint8Array[], writes: Write[], number: number): Promise<void> {
  const { random } = cluster;
  const dice = random.below(100);
  const via = random.pick(cluster.runningIds);
  const key = random.pick(keys);
  const level = random.pick([AVAILABLE, AVAILABLE, ONE, QUORUM, ALL]);
  if (dice < 25) writes.push({ key, asked: cluster.put(via, key, `v${number}`, level) });
  else if (dice < 32) writes.push({ key, asked: cluster.delete(via, key, level) });
  else if (dice < 45) cluster.get(via, key, level);
  else if (dice < 80) for (let i = random.below(12); i >= 0; i--) await cluster.deliverOne();
  else if (dice < 88) cluster.tick(random.pick([1, 10, HEDGE_AFTER_MS, REPLICA_TIMEOUT_MS]));
  else if (dice < 90) await disturb(cluster);
  else if (dice < 93) await mend(cluster);
  else if (dice < 95) cluster.drop(({ from, to }) => from !== to && random.isBelow(0.1));
  else if (dice < 97) await cluster.deliverHints();
  else if (dice < 98) await cluster.exchange(via, random.pick(cluster.ids));
  else cluster.skewsMs[via] = random.below(2 * HOUR_MS) - HOUR_MS;
}

async function disturb(cluster: PureCluster): Promise<void> {
  const { random } = cluster;
  const [a, b] = [random.pick(cluster.ids), random.pick(cluster.ids)];
  if (a !== b && random.isBelow(0.5)) cluster.cut(a, b);
  else if (cluster.runningIds.length > 1) await cluster.fail(random.pick(cluster.runningIds));
}

async function mend(cluster: PureCluster): Promise<void> {
  const failed = cluster.ids.filter((id) => !cluster.runningIds.includes(id));
  if (failed.length > 0) await cluster.recover(cluster.random.pick(failed));
  else cluster.heal();
}

describe('a campaign of failures', () => {
  it('loses no acknowledged write and ends with equal replicas, for every seed', async () => {
    const counts = { acknowledged: 0, hints: 0, repairs: 0, rewrites: 0, moved: 0 };
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      const shape = [
        { nodes: 3, replicationFactor: 3 },
        { nodes: 3, replicationFactor: 2 },
        { nodes: 5, replicationFactor: 3 },
      ][seed % 3] ?? { nodes: 4, replicationFactor: 2 };
      const cluster = await PureCluster.start({ ...shape, seed });
      const keys = Array.from({ length: 8 }, (_, index) => cluster.keyAt(index % shape.nodes, index));
      const writes: Write[] = [];
      for (let number = 0; number < STEPS; number++) await step(cluster, keys, writes, number);

      cluster.heal();
      for (const id of cluster.ids) if (!cluster.runningIds.includes(id)) await cluster.recover(id);
      await cluster.finish();
      counts.moved += await cluster.converge();

      expect([cluster.inFlight, cluster.heldBytes], `seed ${seed}`).toStrictEqual([0, 0]);
      for (const key of keys) {
        const held = cluster.placement.ofKey(key).replicas.map((id) => cluster.stored(id, key));
        for (const other of held) expect(other, `seed ${seed}`).toStrictEqual(held[0]);
        const acknowledged = writes.filter((write) => write.key === key && write.asked.isWritten).map(({ asked }) => asked.written.version);
        const newest = acknowledged.reduce<Version | null>((a, b) => (a === null || compareVersions(b, a) > 0 ? b : a), null);
        const version = cluster.versionAt(cluster.placement.ofKey(key).replicas[0] ?? 0, key);
        if (newest !== null) expect(version !== null && compareVersions(version, newest) >= 0, `seed ${seed}: an acknowledged write is gone`).toBe(true);
        counts.acknowledged += acknowledged.length;
      }
      for (const id of cluster.ids) {
        expect(cluster.node(id).store.ledger.countAll(), `seed ${seed}`).toBe(0);
        expect(cluster.node(id).store.counters.versionConflicts, `seed ${seed}`).toBe(0);
      }
      counts.hints += cluster.counted('hintsSent');
      counts.repairs += cluster.counted('readRepairs');
      counts.rewrites += cluster.counted('rewrites');
    }
    for (const [what, count] of Object.entries(counts)) expect({ what, happened: count > 0 }).toStrictEqual({ what, happened: true });
  });
});
