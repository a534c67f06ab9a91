/** What `growth` found, as lines for people. Pure. */
import { alignColumns } from '../../cli/columns.ts';
import { writeAmplification, type GrowthResult, type NodesRow, type Rate, type RecordsRow, type Repair, type SweepRow, type ValuesRow } from './result.ts';

const RECORDS_HEADER = ['records', 'written per s', 'put per s', 'p50', 'p99 ms', 'get per s', 'p50', 'p99 ms', 'disk MiB/node', 'written / put', 'at rest MiB', 'greatest MiB', 'SIGTERM, start ms', 'SIGKILL, start ms'];
const REPAIR_HEADER = ['records', 'repair', 'moved', 's', 'per s', 'MB/s', 'by hints', 'by sweeps'];
const SWEEP_HEADER = ['records', 'differ', 'sweep bytes', 'exchanges', 's', 'bytes per difference'];
const NODES_HEADER = ['nodes', '', 'clients', 'in flight each', 'per s', 'p50', 'p99 ms', 'errors'];
const VALUES_HEADER = ['value bytes', '', 'in flight', 'per s', 'MB/s', 'p50', 'p99 ms', 'errors'];
const MEBIBYTE = 2 ** 20;
const MEGABYTE = 1_000_000;

export function growthTable({ records, sweeps, nodes, values }: GrowthResult): readonly string[] {
  const repairs = records.flatMap((row) => [repairRow(row, 'hints', row.handOff), repairRow(row, 'wiped node', row.refill)]);
  return [
    ...tableOf(RECORDS_HEADER, records.map(recordsRow)),
    ...tableOf(REPAIR_HEADER, repairs),
    ...tableOf(SWEEP_HEADER, sweeps.map(sweepRow)),
    ...tableOf(NODES_HEADER, nodes.map(nodesRow)),
    ...tableOf(VALUES_HEADER, values.map(valuesRow)),
  ];
}

function tableOf(header: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  return rows.length === 0 ? [] : alignColumns([header, ...rows]);
}

function recordsRow(row: RecordsRow): readonly string[] {
  return [
    String(row.records),
    row.fill.perSecond.toFixed(0),
    ...rateCells(row.put),
    ...rateCells(row.get),
    (row.diskBytesPerNode / MEBIBYTE).toFixed(1),
    writeAmplification(row.fill).toFixed(2),
    (row.residentAtRestBytes / MEBIBYTE).toFixed(0),
    (row.residentGreatestBytes / MEBIBYTE).toFixed(0),
    row.startAfterStopMs.toFixed(0),
    row.startAfterKillMs.toFixed(0),
  ];
}

function repairRow({ records }: RecordsRow, name: string, { records: moved, bytes, seconds, hintsDelivered, sweepRecords }: Repair): readonly string[] {
  return [String(records), name, String(moved), seconds.toFixed(2), (moved / seconds).toFixed(0), (bytes / seconds / MEGABYTE).toFixed(1), String(hintsDelivered), String(sweepRecords)];
}

function sweepRow({ records, differences, bytes, exchanges, seconds }: SweepRow): readonly string[] {
  return [String(records), String(differences), String(bytes), String(exchanges), seconds.toFixed(1), differences === 0 ? '–' : (bytes / differences).toFixed(0)];
}

function nodesRow({ nodes, workload, clients, inFlight, rate }: NodesRow): readonly string[] {
  return [String(nodes), workload, String(clients), String(inFlight), ...rateCells(rate), errorsOf(rate)];
}

function valuesRow({ valueBytes, workload, inFlight, rate, bytesPerSecond }: ValuesRow): readonly string[] {
  const [perSecond = '', ...latencies] = rateCells(rate);
  return [String(valueBytes), workload, String(inFlight), perSecond, (bytesPerSecond / MEGABYTE).toFixed(1), ...latencies, errorsOf(rate)];
}

function rateCells({ perSecond, latency }: Rate): readonly string[] {
  return [perSecond.toFixed(0), latency.p50Ms.toFixed(2), latency.p99Ms.toFixed(2)];
}

function errorsOf({ errors }: Rate): string {
  return Object.entries(errors).map(([code, count]) => `${code} ${count}`).join(', ') || '0';
}
