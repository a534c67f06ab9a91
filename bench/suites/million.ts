/** `million`: disk and memory with many records, what sweeps cost, and the time after which a wiped node is whole again. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { withCluster, type BenchCluster } from '../bench-cluster.ts';
import { figureOf } from '../figure.ts';
import { fillRecords } from '../load/load-process.ts';
import { sampleProcess } from '../resources.ts';
import type { Figure } from '../result.ts';
import type { Settings } from '../settings.ts';
import type { Suite } from '../suite.ts';

const SUITE = 'million';
const RECORDS = 1_000_000;
const MEBIBYTE = 2 ** 20;
/** So few hints that what is written while a node is down is healed by the sweep; nothing else differs from the defaults. */
const NODE_FLAGS = ['--set', 'hints.maxBytes=1024', '--set', 'hints.batchBytes=1024'];
/** A hint for a key as long as this fills `hints.maxBytes`. */
const FILLING_KEY_BYTES = 1_000;
const DIFFERENCES = [0, 10];
/** So many sweeps are let pass before one is counted: exchanges that began during the writes still count what they met. */
const SWEEPS = 6;

export const millionSuite: Suite = {
  name: SUITE,
  summary: 'disk and memory, the cost of sweeps, the healing of a wiped node',
  async run(settings) {
    if (settings.replicationFactor < 2) return [{ kind: 'not-run', suite: SUITE, name: SUITE, reason: 'a node is wiped, and nobody else has its records' }];
    return withCluster(
      settings,
      async (cluster) => [...(await sizes(cluster, settings)), ...(await sweepCosts(cluster, settings)), ...(await wipedNode(cluster, settings.nodes - 1))],
      NODE_FLAGS,
    );
  },
};

async function sizes(cluster: BenchCluster, settings: Settings): Promise<readonly Figure[]> {
  const records = settings.records ?? RECORDS;
  const started = performance.now();
  await cluster.fill(records, settings);
  const fillSeconds = secondsSince(started);
  await cluster.waitConverged();
  const resident = await Promise.all(cluster.processes().map(async ({ pid }) => (await sampleProcess(pid)).residentBytes ?? Number.NaN));
  return [
    figure(`${records} records, written in`, 's', fillSeconds),
    figure('on disk, node 0', 'MiB', (await directoryBytes(cluster.directory(0))) / MEBIBYTE),
    ...resident.map((bytes, node) => figure(`resident, node ${node}`, 'MiB', bytes / MEBIBYTE)),
  ];
}

async function sweepCosts(cluster: BenchCluster, settings: Settings): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const differences of DIFFERENCES) figures.push(...(await sweepCost(cluster, settings, differences)));
  return figures;
}

/** Makes `differences` records differ on one node (written while it is down, the hints lost), then counts what sweeps send. */
async function sweepCost(cluster: BenchCluster, settings: Settings, differences: number): Promise<readonly Figure[]> {
  await cluster.waitForSweeps((await cluster.counter('sweeps')) + SWEEPS);
  if (differences > 0) await writeWithoutNode(cluster, settings.nodes - 1, differences, settings);
  const before = { bytes: await cluster.counter('sweepBytes'), sweeps: await cluster.counter('sweeps') };
  const started = performance.now();
  if (differences > 0) await cluster.waitConverged();
  else await cluster.waitForSweeps(before.sweeps + SWEEPS);
  const seconds = secondsSince(started);
  return [
    figure(`sweep with ${differences} differing records, requests and replies`, 'B', (await cluster.counter('sweepBytes')) - before.bytes),
    figure(`sweep with ${differences} differing records, exchanges`, '', (await cluster.counter('sweeps')) - before.sweeps),
    figure(`sweep with ${differences} differing records, time`, 's', seconds),
  ];
}

/** Writes `count` records while `node` is down, after one whose hint leaves no room for others. */
async function writeWithoutNode(cluster: BenchCluster, node: number, count: number, { keyBytes, valueBytes }: Settings): Promise<void> {
  await cluster.kill(node);
  await cluster.waitUntilGone(node);
  const others = { store: 'ring-level', urls: cluster.urls.filter((_, index) => index !== node), consistency: 'available' } as const;
  await fillRecords(others, 1, FILLING_KEY_BYTES, valueBytes);
  await fillRecords(others, count, keyBytes, valueBytes);
  await cluster.startAgain(node);
}

async function wipedNode(cluster: BenchCluster, node: number): Promise<readonly Figure[]> {
  const wiped = performance.now();
  const before = await cluster.counter('sweepBytes');
  await cluster.wipe(node);
  const readySeconds = secondsSince(wiped);
  await cluster.waitConverged();
  return [
    figure('a wiped node, ready after', 's', readySeconds),
    figure('a wiped node, converged after', 's', secondsSince(wiped)),
    figure('a wiped node, requests and replies of the exchanges', 'MiB', ((await cluster.counter('sweepBytes')) - before) / MEBIBYTE),
  ];
}

function figure(name: string, unit: string, value: number): Figure {
  return figureOf(SUITE, name, unit, [value]);
}

function secondsSince(startedMs: number): number {
  return (performance.now() - startedMs) / 1000;
}

async function directoryBytes(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    // A compaction may remove a file between the two looks.
    if (entry.isFile()) bytes += await stat(join(entry.parentPath, entry.name)).then(
      ({ size }) => size,
      () => 0,
    );
  }
  return bytes;
}
