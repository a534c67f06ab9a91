/**
 * `bench peers`: ring-level, Redis and etcd side by side, with the same load from the same process.
 *
 * Every store is filled once. Then each load runs once on each store, and all again; the median counts. Only the store
 * that is measured runs, the others are stopped in their tracks (SIGSTOP), and each round begins with another store.
 */
import { EXIT } from '../../cli/command.ts';
import { fillRecords } from '../load/load-process.ts';
import { measureAll, measurementOf } from '../measure.ts';
import { namesFlag, takeFlags } from '../own-flags.ts';
import { progress } from '../progress.ts';
import { reportHead, type Report } from '../report.ts';
import type { LoadMeasurement, MeasuredRun } from '../result.ts';
import { readSettings, type Settings } from '../settings.ts';
import { RECORDS, describeShape, planOf, shapeFrom, type Shape } from '../suites/shape.ts';
import { withDirectory } from '../with-directory.ts';
import { assertWritable, writeJson } from '../write-json.ts';
import { peersTable } from './peers-table.ts';
import { chooseStores, startStore } from './start-stores.ts';
import { STORE_NAMES, type StoreFacts, type StoreName, type StoreServers } from './store-servers.ts';

/** `plan.target.store` tells which store a result is of. */
export interface PeersReport extends Report {
  readonly stores: readonly StoreFacts[];
}

interface PeerLoad {
  readonly workload: 'put' | 'get';
  readonly shape: Shape;
}

const SUITE = 'peers';
const SHAPES: readonly Shape[] = [
  { clients: 1, inFlight: 1 },
  { clients: 1, inFlight: 64 },
  { clients: 1, inFlight: 1_024 },
  { clients: 64, inFlight: 1 },
];

/** The exit status. */
export async function runPeers(args: readonly string[]): Promise<number> {
  const own = takeFlags(args, { install: 'switch', stores: 'text' });
  const asked = namesFlag('stores', own.text('stores'), STORE_NAMES, STORE_NAMES);
  const { settings, parentDirectory, jsonFile } = readSettings(own.others, [], SUITE);
  if (jsonFile !== null) await assertWritable(jsonFile);
  const report = await withDirectory(parentDirectory, async (directory) => comparePeers({ ...settings, directory }, asked, { installs: own.isOn('install') }));
  process.stdout.write(`${peersTable(report).join('\n')}\n`);
  if (jsonFile !== null) await writeJson(jsonFile, report);
  return EXIT.ok;
}

async function comparePeers(settings: Settings, asked: readonly StoreName[], wish: { readonly installs: boolean }): Promise<PeersReport> {
  const head = await reportHead(settings);
  const { names, missing } = await chooseStores(asked, wish, settings);
  for (const { name, reason } of missing) progress(`peers: ${name} is left out: ${reason}`);
  const stores: StoreServers[] = [];
  try {
    for (const name of names) stores.push(await startFilled(name, settings));
    const measurements = await measureInTurn(stores, settings);
    return { ...head, stores: stores.map(factsOf), results: [...measurements, ...missing] };
  } finally {
    for (const store of stores) await store.stop();
  }
}

/** Paused. */
async function startFilled(name: StoreName, settings: Settings): Promise<StoreServers> {
  const store = await startStore(name, settings);
  progress(`peers: ${name} ${store.version}: ${store.configuration}`);
  try {
    await fillRecords(store.target, settings.records ?? RECORDS, settings.keyBytes, settings.valueBytes);
  } catch (error) {
    await store.stop();
    throw error;
  }
  store.pause();
  return store;
}

async function measureInTurn(stores: readonly StoreServers[], settings: Settings): Promise<readonly LoadMeasurement[]> {
  const loads = loadsOf(settings);
  const cells = loads.flatMap((load) => stores.map((store) => ({ load, store, runs: new Array<MeasuredRun>() })));
  for (let round = 0; round < settings.runs; round++) {
    for (const load of loads) {
      const row = cells.filter((cell) => cell.load === load);
      for (const [index] of row.entries()) {
        const cell = row[(index + round) % row.length];
        if (cell !== undefined) cell.runs.push(...(await measureOne(cell.store, load, { ...settings, seed: settings.seed + round })));
      }
    }
  }
  return cells.map(({ load, store, runs }) => measurementOf(plannedLoad(store, load, settings), runs));
}

async function measureOne(store: StoreServers, load: PeerLoad, settings: Settings): Promise<readonly MeasuredRun[]> {
  await store.resume();
  try {
    const planned = plannedLoad(store, load, settings);
    return (await measureAll([{ ...planned, name: `${store.name}, ${planned.name}` }], 1)).flatMap(({ runs }) => runs);
  } finally {
    store.pause();
  }
}

/** Of one shape when the settings ask for it. */
function loadsOf(settings: Settings): readonly PeerLoad[] {
  const asked = shapeFrom(settings, { clients: 1, inFlight: 64 });
  return (['put', 'get'] as const).flatMap((workload) => (asked === null ? SHAPES : [asked]).map((shape) => ({ workload, shape })));
}

function plannedLoad(store: StoreServers, { workload, shape }: PeerLoad, settings: Settings) {
  return { suite: SUITE, name: `${workload}, ${describeShape(shape)}`, store, plan: planOf(settings, store.target, workload, shape) };
}

function factsOf({ name, version, configuration, acknowledgement }: StoreFacts): StoreFacts {
  return { name, version, configuration, acknowledgement };
}
