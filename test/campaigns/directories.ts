/** Whole directories that are not what they were: an old copy put back, two nodes' directories exchanged. */
import { cpSync, renameSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { addErrors, type Campaign } from './campaign.ts';
import { NODES, StartFailed, until, type CampaignCluster } from './campaign-cluster.ts';
import { readWhileDamaged } from './check.ts';

const BEFORE_MS = 400;
const WRITES_AFTER_COPY = 300;
const WRITES_MS = 30_000;
const HEAL_MS = 60_000;
const KEYS_READ = 200;

export const oldCopy: Campaign = {
  name: 'old-copy',
  promise: "an old copy of one node's directory put back: what two nodes had on disk survives, quorum reads do not go back, it heals by itself",
  cycles: 30,
  level: 'quorum',
  durableNodes: 2,
  reads: 'values only',
  async cycle({ cluster, load, random, findings, tally }) {
    const node = random.pick(NODES);
    const copy = cluster.scratch('old-copy');
    await delay(random.next() * BEFORE_MS);
    await (random.isBelow(0.5) ? cluster.kill([node]) : cluster.stop([node]));
    rmSync(copy, { recursive: true, force: true });
    cpSync(cluster.directoryOf(node), copy, { recursive: true });
    await cluster.startNode(node);
    const goal = load.counts.acknowledged + WRITES_AFTER_COPY;
    await until('writes after the copy', WRITES_MS, async () => load.counts.acknowledged >= goal);
    await delay(random.next() * BEFORE_MS);
    await cluster.kill([node]);
    rmSync(cluster.directoryOf(node), { recursive: true });
    renameSync(copy, cluster.directoryOf(node));
    await cluster.startNodePatiently(node);
    tally.faults++;
    await load.pause();
    addErrors(tally, await readWhileDamaged(cluster, [...load.histories.values()].slice(0, KEYS_READ), findings));
    await cluster.converged(HEAL_MS);
  },
};

export const swapped: Campaign = {
  name: 'swapped-directories',
  promise: "two nodes' directories exchanged: both refuse to start with RING_DIRECTORY_FOREIGN, and start once they are back",
  cycles: 20,
  level: 'quorum',
  async cycle({ cluster, random, tally }) {
    const kept = random.pick(NODES);
    const [left = 0, right = 0] = NODES.filter((node) => node !== kept);
    await delay(random.next() * BEFORE_MS);
    await cluster.kill([left, right]);
    exchange(cluster, left, right);
    const outcomes = await Promise.allSettled([cluster.startNodePatiently(left), cluster.startNodePatiently(right)]);
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') throw new Error('a node started on the directory of another');
      if (!(outcome.reason instanceof StartFailed) || !outcome.reason.message.includes('RING_DIRECTORY_FOREIGN')) throw outcome.reason;
    }
    tally.faults++;
    exchange(cluster, left, right);
    await Promise.all([cluster.startNodePatiently(left), cluster.startNodePatiently(right)]);
  },
};

function exchange(cluster: CampaignCluster, left: number, right: number): void {
  const aside = cluster.scratch('aside');
  renameSync(cluster.directoryOf(left), aside);
  renameSync(cluster.directoryOf(right), cluster.directoryOf(left));
  renameSync(aside, cluster.directoryOf(right));
}
