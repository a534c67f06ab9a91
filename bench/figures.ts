/**
 * The figures of the README: `npm run bench` (all), `npm run bench -- throughput start` (some of them).
 *
 * Daemons are processes of their own, this one is the load. Every figure is printed as it is measured, with the count
 * of errors; nothing is asserted. Machines differ and are noisy: compare ratios within one run.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BenchCluster } from './bench-cluster.ts';
import { fill, measure, type Load } from './load.ts';

type Figure = (settings: Settings) => Promise<void>;

interface Settings {
  readonly records: number;
  readonly seconds: number;
  readonly runs: number;
}

const FIGURES: Readonly<Record<string, Figure>> = { start: startTime, throughput, restart: restartTimes, million: largeStore };
const KEY_BYTES = 16;
const VALUE_BYTES = 100;
const THROUGHPUT_KEYS = 100_000;
const IN_FLIGHT = [1, 64, 1024] as const;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    records: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '5' },
    runs: { type: 'string', default: '3' },
  },
});
const settings: Settings = { records: Number(values.records), seconds: Number(values.seconds), runs: Number(values.runs) };
say(`machine: ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, ${process.platform}`);
for (const name of positionals.length > 0 ? positionals : Object.keys(FIGURES)) {
  const figure = FIGURES[name];
  if (figure === undefined) throw new Error(`no figure ${name}; there are ${Object.keys(FIGURES).join(', ')}`);
  await figure(settings);
}

/** From the start of the first process to the moment when all nodes hear each other. */
async function startTime({ runs }: Settings): Promise<void> {
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    const started = performance.now();
    await withCluster(async () => {
      times.push(performance.now() - started);
    });
  }
  say(`start: three daemons on empty directories ready after ${median(times).toFixed(0)} ms (median of ${runs})`);
}

async function throughput({ seconds, runs }: Settings): Promise<void> {
  await withCluster(async (cluster) => {
    await fill(cluster.urls, THROUGHPUT_KEYS, KEY_BYTES, VALUE_BYTES);
    say(`throughput: ${THROUGHPUT_KEYS} keys of ${KEY_BYTES} bytes, values of ${VALUE_BYTES} bytes, one client, replication factor 3, fsync, level available`);
    for (const kind of ['put', 'get'] as const) {
      for (const inFlight of IN_FLIGHT) {
        const load: Load = { kind, inFlight, seconds, keys: THROUGHPUT_KEYS, keyBytes: KEY_BYTES, valueBytes: VALUE_BYTES };
        const results = [];
        for (let run = 0; run < runs; run++) results.push(await measure(cluster.urls, load));
        const rate = median(results.map((result) => result.perSecond));
        const p50 = median(results.map((result) => result.p50Ms));
        const p99 = median(results.map((result) => result.p99Ms));
        const errors = results.reduce((sum, result) => sum + result.errors, 0);
        say(`  ${kind} ${String(inFlight).padStart(4)} in flight: ${Math.round(rate)} per s, p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, ${errors} errors (median of ${runs} × ${seconds} s)`);
      }
    }
  });
}

/** SIGKILL of one node, started again at once; from its start to its ready line. */
async function restartTimes({ records, runs }: Settings): Promise<void> {
  for (const count of [0, Math.round(records / 10), records]) {
    await withCluster(async (cluster) => {
      await fill(cluster.urls, count, KEY_BYTES, VALUE_BYTES);
      const times: number[] = [];
      for (let run = 0; run < runs; run++) {
        await cluster.kill(0);
        times.push(await cluster.startAgain(0));
      }
      say(`restart after SIGKILL with ${count} records: ready after ${median(times).toFixed(0)} ms (median of ${runs})`);
    });
  }
}

/** Disk and memory, a wipe, and what sweeps cost, with many records. */
async function largeStore({ records }: Settings): Promise<void> {
  await withCluster(async (cluster) => {
    const filled = performance.now();
    await fill(cluster.urls, records, KEY_BYTES, VALUE_BYTES);
    say(`${records} records written in ${((performance.now() - filled) / 1000).toFixed(1)} s`);
    await cluster.waitConverged();
    const bytes = await directoryBytes(cluster.directory(0));
    const status = await cluster.status();
    const resident = status.nodes.map((node) => Math.round((node?.counters['residentBytes'] ?? 0) / 2 ** 20));
    say(`per node: ${(bytes / 2 ** 20).toFixed(0)} MiB on disk, resident ${resident.join(' / ')} MiB`);
    await sweepCost(cluster, 0);
    await sweepCost(cluster, 10);
    const wiped = performance.now();
    const before = await cluster.counter('sweepBytes');
    await cluster.wipe(2);
    const ready = performance.now();
    await cluster.waitConverged();
    const spent = (await cluster.counter('sweepBytes')) - before;
    say(`a wiped node: ready after ${((ready - wiped) / 1000).toFixed(1)} s, converged after ${((performance.now() - wiped) / 1000).toFixed(1)} s, ${(spent / 2 ** 20).toFixed(0)} MiB of requests and replies in the exchanges`);
  });
}

/** Makes `differences` records differ on one node (written while it is down, the hints lost), then counts a sweep's bytes. */
async function sweepCost(cluster: BenchCluster, differences: number): Promise<void> {
  // Exchanges that began during the writes still count what they met.
  await cluster.waitForSweeps((await cluster.counter('sweeps')) + 6);
  if (differences > 0) await cluster.writeWithoutNode(2, differences, KEY_BYTES, VALUE_BYTES);
  const before = { bytes: await cluster.counter('sweepBytes'), sweeps: await cluster.counter('sweeps') };
  const started = performance.now();
  if (differences > 0) await cluster.waitConverged();
  else await cluster.waitForSweeps(before.sweeps + 6);
  const bytes = (await cluster.counter('sweepBytes')) - before.bytes;
  const sweeps = (await cluster.counter('sweeps')) - before.sweeps;
  say(`sweep with ${differences} differing records: ${bytes} bytes of requests and replies in ${sweeps} exchanges, ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

async function withCluster(work: (cluster: BenchCluster) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'ring-level-bench-'));
  const cluster = await BenchCluster.start(directory, randomBytes(4).toString('hex'));
  try {
    await work(cluster);
  } finally {
    await cluster.stop();
    await rm(directory, { recursive: true, force: true });
  }
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

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
