/**
 * More than the cluster can take: what memory that costs, against the bound that the limits make; how it is answered;
 * and whether all is well right afterwards. A fresh cluster for each, as the kernel keeps the greatest memory for ever.
 */
import { RingClient } from '../../client/index.ts';
import { defaultNodeConfig } from '../../config/index.ts';
import { withCluster, type BenchCluster } from '../bench-cluster.ts';
import { fillRecords } from '../load/load-process.ts';
import { keyOf } from '../load/records.ts';
import { progress } from '../progress.ts';
import { sampleProcess } from '../resources.ts';
import type { Settings } from '../settings.ts';
import { burst } from './burst.ts';
import { floodUnread } from './deaf-client.ts';
import { memoryBound } from './memory-bound.ts';
import { greatestResidentBytes } from '../process-memory.ts';
import type { Afterwards, NodeMemory, PressureResult } from './result.ts';

export interface Pressure {
  readonly name: string;
  /** Before memory is looked at for the first time. */
  prepare(cluster: BenchCluster, settings: Settings): Promise<void>;
  apply(cluster: BenchCluster, settings: Settings): Promise<Pick<PressureResult, 'acknowledged' | 'errors'>>;
}

const SMALL = { inFlight: 50_000, valueBytes: 100 } as const;
const LARGE = { inFlight: 5_000, valueBytes: 64 * 1024 } as const;
const UNREAD = { gets: 200_000, valueBytes: 10 * 1024, records: 2_000 } as const;
/** The one that presses, and the benchmark's own. */
const CLIENTS = 2;
/** Each node is asked for so many afterwards, half puts, half gets. */
const AFTERWARDS = 200;
const AFTERWARDS_TIMEOUT_MS = 5_000;

export const PRESSURES: readonly Pressure[] = [
  { name: `${SMALL.inFlight} puts of ${SMALL.valueBytes} bytes in flight`, prepare: noPreparation, apply: async (cluster, { seconds }) => burst(cluster.urls, { ...SMALL, seconds }) },
  { name: `${LARGE.inFlight} puts of ${LARGE.valueBytes / 1024} KiB in flight`, prepare: noPreparation, apply: async (cluster, { seconds }) => burst(cluster.urls, { ...LARGE, seconds }) },
  {
    name: `${UNREAD.gets} gets of ${UNREAD.valueBytes / 1024} KiB that are never read`,
    prepare: async (cluster, { keyBytes }) => fillRecords(cluster.target, UNREAD.records, keyBytes, UNREAD.valueBytes),
    apply: async (cluster, settings) => flood(cluster, settings),
  },
];

export async function measurePressure(settings: Settings, pressure: Pressure): Promise<PressureResult> {
  progress(`tails: ${pressure.name}`);
  return withCluster(settings, async (cluster) => pressOn(cluster, settings, pressure));
}

async function pressOn(cluster: BenchCluster, settings: Settings, { name, prepare, apply }: Pressure): Promise<PressureResult> {
  await prepare(cluster, settings);
  const processes = cluster.processes();
  const before = await residents(cluster);
  const started = performance.now();
  const { acknowledged, errors } = await apply(cluster, settings);
  const seconds = (performance.now() - started) / 1000;
  const greatest = processes.map(({ pid }) => greatestResidentBytes(pid) ?? Number.NaN);
  const afterwards = await lookAfterwards(cluster, settings);
  const after = await residents(cluster);
  const nodes = processes.map((_, node): NodeMemory => ({
    node,
    isConnected: node === 0,
    atRestBytes: before[node] ?? Number.NaN,
    greatestBytes: greatest[node] ?? Number.NaN,
    afterwardsBytes: after[node] ?? Number.NaN,
  }));
  const bound = memoryBound(defaultNodeConfig(), { clients: CLIENTS, peers: processes.length - 1 }, Math.max(...before));
  return { name, acknowledged, errors, seconds, bound, nodes, afterwards };
}

async function noPreparation(): Promise<void> {
  // An empty store will do.
}

async function flood({ urls }: BenchCluster, { keyBytes, seconds }: Settings): Promise<Pick<PressureResult, 'acknowledged' | 'errors'>> {
  const [url = ''] = urls;
  const keys = Array.from({ length: UNREAD.records }, (_, index) => keyOf(index, keyBytes));
  const { isClosed } = await floodUnread(url, { gets: UNREAD.gets, keys, holdSeconds: seconds });
  return { acknowledged: null, errors: isClosed ? { 'connection closed': 1 } : {} };
}

async function residents(cluster: BenchCluster): Promise<readonly number[]> {
  return Promise.all(cluster.processes().map(async ({ pid }) => (await sampleProcess(pid)).residentBytes ?? Number.NaN));
}

/** Through every node, at once. */
async function lookAfterwards({ urls }: BenchCluster, { keyBytes }: Settings): Promise<Afterwards> {
  let errors = 0;
  let slowestMs = 0;
  const ask = async (request: () => Promise<unknown>): Promise<void> => {
    const started = performance.now();
    await request().catch(() => errors++);
    slowestMs = Math.max(slowestMs, performance.now() - started);
  };
  for (const url of urls) {
    const client = new RingClient(url, { timeoutMs: AFTERWARDS_TIMEOUT_MS });
    for (let index = 0; index < AFTERWARDS / 2; index++) {
      const key = keyOf(index, keyBytes);
      await ask(async () => client.put(key, 'afterwards'));
      await ask(async () => client.get(key));
    }
    await client.close();
  }
  return { requests: AFTERWARDS * urls.length, errors, slowestMs };
}
