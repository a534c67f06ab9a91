/** A comparison of stores as lines for people. Pure. */
import { alignColumns } from '../../cli/columns.ts';
import { errorCount } from '../measure.ts';
import type { LoadMeasurement } from '../result.ts';
import { headLines } from '../table.ts';
import type { PeersReport } from './peers.ts';

const HEADER = ['', 'store', 'per s', '× Redis', 'p50 ms', 'p99 ms', 'errors', 'servers µs/op', 'load µs/op'];
/** What the others are divided by. */
const REFERENCE = 'redis';
const UNKNOWN = '–';
const NOTES = [
  '1,024 in flight on one connection: to Redis as pipelined batches, SET … SET and one WAIT, which acknowledges them all',
  'µs/op: processor time, user and system, of all servers together and of the load generator; etcd\'s client is @grpc/grpc-js, which costs the generator more than the others\' do',
];

export function peersTable(report: PeersReport): readonly string[] {
  const loads = report.results.filter((result) => result.kind === 'load');
  const missing = report.results.filter((result) => result.kind === 'not-run');
  return [
    ...headLines(report),
    '',
    ...alignColumns([HEADER, ...loads.map((load) => row(load, loads))]),
    '',
    ...report.stores.map(({ name, version, configuration, acknowledgement }) => `${name} ${version}: acknowledged: ${acknowledgement}; ${configuration}`),
    ...missing.map(({ name, reason }) => `${name}: left out: ${reason}`),
    ...NOTES,
  ];
}

function row({ name, plan, median }: LoadMeasurement, all: readonly LoadMeasurement[]): readonly string[] {
  const alike = all.filter((one) => one.name === name);
  const reference = alike.find((one) => one.plan.target.store === REFERENCE);
  const { load, resources } = median;
  return [
    alike[0]?.plan === plan ? name : '',
    plan.target.store,
    load.perSecond.toFixed(0),
    reference === undefined ? UNKNOWN : (load.perSecond / reference.median.load.perSecond).toFixed(2),
    load.overall.p50Ms.toFixed(2),
    load.overall.p99Ms.toFixed(2),
    String(errorCount(median)),
    sum(resources.processes.map(({ cpuMicrosPerOperation }) => cpuMicrosPerOperation)),
    resources.load.cpuMicrosPerOperation?.toFixed(1) ?? UNKNOWN,
  ];
}

function sum(numbers: readonly (number | null)[]): string {
  return numbers.some((one) => one === null) ? UNKNOWN : numbers.reduce<number>((total, one) => total + (one ?? 0), 0).toFixed(1);
}
