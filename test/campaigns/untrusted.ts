/**
 * The hardest case for a damaged log: of three replicas one has what was acknowledged and is stopped, one missed it, and
 * one had it and lost it. A quorum of the last two must not say that there is nothing: the damaged one knows that it may
 * have lost something (DESIGN section 4, "untrusted"), so a read is right or fails.
 *
 * A log that merely ends early is left out here: nobody can tell it from one that was cut by a power cut.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { addErrors, type Campaign } from './campaign.ts';
import { NODES, until, type CampaignCluster } from './campaign-cluster.ts';
import { readWhileDamaged } from './check.ts';
import { damageFile, flipBit } from './damage.ts';
import { sizesOf } from './shim.ts';
import type { SeededRandom } from '../support/seeded-random.ts';

const WRITES = 300;
const WRITES_MS = 30_000;
const HEAL_MS = 60_000;
const LOG_BYTES_MIN = 4_096;
const FLIPS = 20;
/** Several keys are enough: one wrong answer is one too many. */
const KEYS_READ = 60;

export const untrusted: Campaign = {
  name: 'untrusted',
  promise: 'a damaged log on one node, another one behind, the third stopped: quorum reads are right or fail, and all heals when the third is back',
  cycles: 20,
  level: 'quorum',
  durableNodes: 2,
  reads: 'values only',
  faultsPerCycle: 0.3,
  async cycle({ cluster, load, random, findings, tally }, number) {
    const damaged = random.pick(NODES);
    const [behind = 0, stopped = 0] = random.isBelow(0.5) ? NODES.filter((node) => node !== damaged) : NODES.filter((node) => node !== damaged).toReversed();
    await until('writes are acknowledged', WRITES_MS, async () => load.counts.acknowledged > 0);
    await cluster.kill([behind]);
    const goal = load.counts.acknowledged + WRITES;
    await until('writes that one node misses', WRITES_MS, async () => load.counts.acknowledged >= goal);
    await load.pause();
    await cluster.kill([damaged]);
    const damage = number % 2 === 0 ? 'flipped' : 'deleted';
    const logs = [...sizesOf(cluster.directoryOf(damaged))].filter(([path]) => path.endsWith('.log'));
    const isDamaged = spoilLog(cluster, damaged, damage, random);
    if (isDamaged) tally.faults++;
    const before = findings.stale;
    cluster.pause(stopped);
    try {
      await Promise.all([cluster.startNodePatiently(damaged), cluster.startNodePatiently(behind)]);
      if (isDamaged) addErrors(tally, await readWhileDamaged(cluster, [...load.histories.values()].slice(-KEYS_READ), findings, [damaged, behind]));
    } finally {
      cluster.resume(stopped);
    }
    if (findings.stale > before) tally.notes.push(`cycle ${number}: log ${damage} on node ${damaged}, which had ${JSON.stringify(logs)}: ${findings.stale - before} stale reads`);
    await cluster.converged(HEAL_MS);
  },
};

/** Damage that can't be a power cut's: intact records follow it, or the whole file is gone. False when the log is too small. */
function spoilLog(cluster: CampaignCluster, node: number, damage: 'flipped' | 'deleted', random: SeededRandom): boolean {
  const directory = cluster.directoryOf(node);
  const newest = [...sizesOf(directory).keys()].filter((path) => path.endsWith('.log')).toSorted().at(-1);
  if (newest === undefined) return false;
  const { size } = statSync(join(directory, newest));
  if (size < LOG_BYTES_MIN) return false;
  if (damage === 'deleted') damageFile(join(directory, newest), 'deleted', random);
  else for (let count = 0; count < FLIPS; count++) flipBit(directory, [newest, Math.floor(size / 2)], random);
  return true;
}
