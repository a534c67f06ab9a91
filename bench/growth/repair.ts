/** How fast one node, the last, is brought up to the others: by hints, by a sweep, from nothing. */
import { NOTHING_COUNTED, changeOf, countsByNode, type Counts } from '../background-counts.ts';
import type { BenchCluster } from '../bench-cluster.ts';
import { fillRecords } from '../load/load-process.ts';
import type { Settings } from '../settings.ts';
import type { Repair, SweepRow } from './result.ts';

/** So many exchanges of equal replicas are counted, and as many let pass before: some began during writes. */
const EXCHANGES = 6;
/** Millions of records, and a machine that does all of it. */
const REPAIR_MS_MAX = 3_600_000;

/** It stands still while `records` records are written, and goes on. */
export async function measureHandOff(cluster: BenchCluster, settings: Settings, records: number): Promise<Repair> {
  const before = await leaveBehind(cluster, settings, records);
  return measureRepair(cluster, settings, records, before, async () => cluster.resume(last(cluster)));
}

/** It loses all that it had. */
export async function measureRefill(cluster: BenchCluster, settings: Settings, records: number): Promise<Repair> {
  const before = countsByNode(await cluster.status()).with(last(cluster), NOTHING_COUNTED);
  return measureRepair(cluster, settings, records, before, async () => cluster.wipe(last(cluster)));
}

/** The cluster must have been started without room for hints. */
export async function measureSweep(cluster: BenchCluster, settings: Settings, records: number, differences: number): Promise<SweepRow> {
  await cluster.waitConverged();
  await cluster.waitForSweeps((await cluster.counter('sweeps')) + EXCHANGES);
  const before = differences === 0 ? countsByNode(await cluster.status()) : await leaveBehind(cluster, settings, differences);
  const started = performance.now();
  if (differences === 0) {
    await cluster.waitForSweeps((await cluster.counter('sweeps')) + EXCHANGES);
  } else {
    cluster.resume(last(cluster));
    await cluster.waitConverged(REPAIR_MS_MAX);
  }
  const seconds = secondsSince(started);
  const { sweepBytes, sweeps } = changeOf(before, countsByNode(await cluster.status()));
  return { records, differences, bytes: sweepBytes, exchanges: sweeps, seconds };
}

/** Writes records that the last node misses, as it stands still; what the nodes have counted until then. */
async function leaveBehind(cluster: BenchCluster, { keyBytes, valueBytes, consistency }: Settings, records: number): Promise<readonly Counts[]> {
  const ofAll = countsByNode(await cluster.status());
  cluster.pause(last(cluster));
  await cluster.waitUntilUnheard(last(cluster));
  await fillRecords({ store: 'ring-level', urls: cluster.urls.slice(0, -1), consistency }, records, keyBytes, valueBytes);
  return countsByNode(await cluster.status()).with(last(cluster), ofAll[last(cluster)] ?? NOTHING_COUNTED);
}

async function measureRepair(cluster: BenchCluster, { keyBytes, valueBytes, nodes, replicationFactor }: Settings, records: number, before: readonly Counts[], begin: () => Promise<void>): Promise<Repair> {
  const started = performance.now();
  await begin();
  await cluster.waitConverged(REPAIR_MS_MAX);
  const seconds = secondsSince(started);
  const { hintsDelivered, sweepRecords } = changeOf(before, countsByNode(await cluster.status()));
  const moved = Math.round((records * replicationFactor) / nodes);
  return { records: moved, bytes: moved * (keyBytes + valueBytes), seconds, hintsDelivered, sweepRecords };
}

function last(cluster: BenchCluster): number {
  return cluster.urls.length - 1;
}

function secondsSince(startedMs: number): number {
  return (performance.now() - startedMs) / 1000;
}
