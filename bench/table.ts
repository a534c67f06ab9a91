/** A report as lines for people. Pure. */
import { alignColumns } from '../cli/columns.ts';
import { errorCount } from './measure.ts';
import type { Report } from './report.ts';
import type { BenchResult, Figure, LoadMeasurement, NotRun } from './result.ts';
import type { ProcessCost } from './resources.ts';

const LOAD_HEADER = ['', 'per s', 'p50 ms', 'p99 ms', 'p99.9 ms', 'max ms', 'errors', 'cpu µs/op', 'load µs/op', 'fsyncs/op', 'frames/op', 'net B/op', 'disk B/op', 'resident MiB'];
const MEBIBYTE = 2 ** 20;
const UNKNOWN = '–';

/** What was measured on, and how. */
export function headLines({ machine, commit, settings, date }: Omit<Report, 'results'>): readonly string[] {
  const { nodes, replicationFactor, durability, consistency, keyBytes, valueBytes, runs, seconds, warmUpSeconds } = settings;
  return [
    `${machine.cpuCount} × ${machine.cpuModel}, ${Math.round(machine.memoryBytes / 2 ** 30)} GiB, Node ${machine.node}, ${machine.kernel}, ${machine.filesystem ?? 'unknown file system'}`,
    `commit ${commit ?? 'unknown'}, ${date}`,
    `${nodes} nodes, replication factor ${replicationFactor}, durability ${durability}, consistency ${consistency}, keys of ${keyBytes} bytes, values of ${valueBytes} bytes`,
    `medians of ${runs} × ${seconds} s, each after ${warmUpSeconds} s of warm-up; cpu, disk and memory of node 0 / node 1 / …`,
  ];
}

/** The results of one suite. */
export function suiteLines(results: readonly BenchResult[]): readonly string[] {
  const loads = results.filter((result) => result.kind === 'load');
  const figures = results.filter((result) => result.kind === 'figure');
  const missing = results.filter((result) => result.kind === 'not-run');
  return [
    ...(loads.length === 0 ? [] : alignColumns([LOAD_HEADER, ...loads.map(loadRow)])),
    ...alignColumns(figures.map(figureRow)),
    ...missing.map(notRunLine),
    ...loads.flatMap(errorLines),
  ];
}

function loadRow({ name, median }: LoadMeasurement): readonly string[] {
  const { load, resources } = median;
  const { p50Ms, p99Ms, p999Ms, maxMs } = load.overall;
  const each = (digits: number, value: (process: ProcessCost) => number | null): string => resources.processes.map((process) => number(value(process), digits)).join(' / ');
  return [
    name,
    number(load.perSecond, 0),
    ...[p50Ms, p99Ms, p999Ms, maxMs].map((milliseconds) => number(milliseconds, 2)),
    String(errorCount(median)),
    each(0, ({ cpuMicrosPerOperation }) => cpuMicrosPerOperation),
    number(resources.load.cpuMicrosPerOperation, 0),
    number(resources.fsyncsPerOperation, 3),
    number(resources.framesPerOperation, 2),
    number(resources.loopbackBytesPerOperation, 0),
    each(0, ({ diskBytesPerOperation }) => diskBytesPerOperation),
    each(0, ({ residentBytes }) => (residentBytes === null ? null : residentBytes / MEBIBYTE)),
  ];
}

function figureRow({ name, median, unit, runs }: Figure): readonly string[] {
  return [name, number(median, median < 100 ? 1 : 0), unit, runs.length === 1 ? '' : `(${runs.map((run) => number(run, run < 100 ? 1 : 0)).join(', ')})`];
}

function notRunLine({ name, reason }: NotRun): string {
  return `${name}  not run: ${reason}`;
}

/** Which errors there were, for a load that had some. */
function errorLines({ name, median }: LoadMeasurement): readonly string[] {
  const errors = Object.entries(median.load.errors);
  return errors.length === 0 ? [] : [`errors of ${name}: ${errors.map(([code, count]) => `${code} ${count}`).join(', ')}`];
}

function number(value: number | null, digits: number): string {
  return value === null ? UNKNOWN : value.toFixed(digits);
}
