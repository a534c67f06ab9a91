/** The parts of `growth`: one measurement each, for one size. */
import { withCluster, type BenchCluster } from '../bench-cluster.ts';
import type { WorkloadName } from '../load/plan.ts';
import { measureAll, type PlannedLoad } from '../measure.ts';
import { median } from '../median.ts';
import { progress } from '../progress.ts';
import type { LoadMeasurement } from '../result.ts';
import type { Settings } from '../settings.ts';
import { describeShape, planOf, type Shape } from '../suites/shape.ts';
import { measureHandOff, measureRefill, measureSweep } from './repair.ts';
import type { Fill, NodesRow, Rate, RecordsRow, SweepRow, ValuesRow } from './result.ts';
import { directoryBytes, residentBytes, residentGreatest, writtenBytes, writtenBytesSettled } from './usage.ts';

export const WORKLOADS = ['put', 'get'] as const;
const SHAPE: Shape = { clients: 1, inFlight: 64 };
const NODES_SHAPES: readonly Shape[] = [1, 4].flatMap((clients) => [64, 1024].map((inFlight) => ({ clients, inFlight })));
const NODES_RECORDS = 100_000;
const HINTS_MAX = 200_000;
const DIFFERENCES = [0, 10, 1_000, 100_000];
/** What is written while a node is away is healed by the sweep. */
const NO_HINTS = ['--set', 'hints.maxBytes=0'];
/** Of values on their way, at most. */
const OUTSTANDING_BYTES = 8 * 1_048_576;
/** Of values that are there, in one size. */
const VALUES_BYTES = 256 * 1_048_576;
const VALUES_RECORDS_MAX = 100_000;

/** A store of so many records, as a user has it. */
export async function measureRecords(asked: Settings, records: number): Promise<RecordsRow> {
  const settings = { ...asked, records };
  return withCluster(settings, async (cluster) => {
    const fill = await measureFill(cluster, settings, records);
    const residentAtRestBytes = await residentBytes(cluster);
    const [put, get] = await measureRates(cluster, settings, SHAPE);
    const residentGreatestBytes = residentGreatest(cluster);
    const diskBytesPerNode = await directoryBytes(cluster.directory(0));
    const startAfterStopMs = await startAfter(cluster, settings, async (node) => cluster.stopNode(node));
    const startAfterKillMs = await startAfter(cluster, settings, async (node) => cluster.kill(node));
    await cluster.waitConverged();
    progress(`growth: ${records} records: start after SIGTERM ${startAfterStopMs.toFixed(0)} ms, after SIGKILL ${startAfterKillMs.toFixed(0)} ms`);
    const handOff = await measureHandOff(cluster, settings, Math.min(HINTS_MAX, records));
    const refill = await measureRefill(cluster, settings, records);
    progress(`growth: ${records} records: hints ${handOff.seconds.toFixed(1)} s, refilled in ${refill.seconds.toFixed(1)} s`);
    return { records, fill, put, get, diskBytesPerNode, residentAtRestBytes, residentGreatestBytes, startAfterStopMs, startAfterKillMs, handOff, refill };
  });
}

export async function measureSweeps(asked: Settings, records: number): Promise<readonly SweepRow[]> {
  const settings = { ...asked, records };
  return withCluster(
    settings,
    async (cluster) => {
      await cluster.fill(records, settings);
      const rows: SweepRow[] = [];
      for (const differences of DIFFERENCES.filter((count) => count <= records)) {
        const row = await measureSweep(cluster, settings, records, differences);
        progress(`growth: sweep of ${records} records, ${differences} differ: ${row.bytes} bytes in ${row.exchanges} exchanges, ${row.seconds.toFixed(1)} s`);
        rows.push(row);
      }
      return rows;
    },
    NO_HINTS,
  );
}

/** Three replicas on so many nodes. */
export async function measureNodes(asked: Settings, nodes: number): Promise<readonly NodesRow[]> {
  const settings = { ...asked, nodes, replicationFactor: Math.min(3, nodes), records: asked.records ?? NODES_RECORDS };
  return withCluster(settings, async (cluster) => {
    await cluster.fill(settings.records, settings);
    const loads = WORKLOADS.flatMap((workload) => NODES_SHAPES.map((shape) => loadOf(cluster, settings, workload, shape, `${nodes} nodes`)));
    return (await measureAll(loads, settings.runs)).map((measurement) => {
      const { workload, clients, inFlight } = measurement.plan;
      return { nodes, workload: kindOf(workload), clients, inFlight, rate: rateOf(measurement) };
    });
  });
}

export async function measureValues(asked: Settings, valueBytes: number): Promise<readonly ValuesRow[]> {
  const records = Math.max(1, Math.min(asked.records ?? VALUES_RECORDS_MAX, Math.floor(VALUES_BYTES / valueBytes)));
  const settings = { ...asked, valueBytes, records };
  const shape = { clients: 1, inFlight: inFlightFor(valueBytes) };
  return withCluster(settings, async (cluster) => {
    await cluster.fill(records, settings);
    const rates = await measureRates(cluster, settings, shape);
    return WORKLOADS.map((workload, index): ValuesRow => {
      const rate = rates[index === 0 ? 0 : 1];
      return { valueBytes, workload, inFlight: shape.inFlight, rate, bytesPerSecond: rate.perSecond * valueBytes };
    });
  });
}

/** As many as keep OUTSTANDING_BYTES on their way, but no more than for small values. */
export function inFlightFor(valueBytes: number): number {
  return Math.max(1, Math.min(SHAPE.inFlight, Math.floor(OUTSTANDING_BYTES / valueBytes)));
}

async function measureFill(cluster: BenchCluster, settings: Settings, records: number): Promise<Fill> {
  const before = await writtenBytes(cluster);
  const started = performance.now();
  await cluster.fill(records, settings);
  const seconds = (performance.now() - started) / 1000;
  await cluster.waitConverged();
  const { keyBytes, valueBytes, replicationFactor } = settings;
  progress(`growth: ${records} records written in ${seconds.toFixed(1)} s`);
  return { perSecond: records / seconds, putBytes: records * (keyBytes + valueBytes) * replicationFactor, writtenBytes: (await writtenBytesSettled(cluster)) - before };
}

async function measureRates(cluster: BenchCluster, settings: Settings, shape: Shape): Promise<readonly [Rate, Rate]> {
  const [put, get] = await measureAll(WORKLOADS.map((workload) => loadOf(cluster, settings, workload, shape, `values of ${settings.valueBytes} bytes`)), settings.runs);
  if (put === undefined || get === undefined) throw new Error('not measured');
  return [rateOf(put), rateOf(get)];
}

function loadOf(cluster: BenchCluster, settings: Settings, workload: WorkloadName, shape: Shape, what: string): PlannedLoad {
  return { suite: 'growth', name: `${what}, ${workload}, ${describeShape(shape)}`, store: cluster, plan: planOf(settings, cluster.target, workload, shape) };
}

function rateOf({ median: { load } }: LoadMeasurement): Rate {
  return { perSecond: load.perSecond, latency: load.overall, errors: load.errors };
}

function kindOf(workload: WorkloadName): 'put' | 'get' {
  return workload === 'put' ? 'put' : 'get';
}

/** The median of several starts of the last node, each after `end`. */
async function startAfter(cluster: BenchCluster, { runs }: Settings, end: (node: number) => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    await end(cluster.urls.length - 1);
    times.push(await cluster.startAgain(cluster.urls.length - 1));
    await cluster.waitAllAlive();
  }
  return median(times);
}
