/** The charts of the `growth` benchmark. */
import { writeAmplification, type GrowthResult, type NodesRow, type RecordsRow, type SweepRow, type ValuesRow } from '../growth/result.ts';
import { lineChart, type Axis, type Chart, type Point } from './chart.ts';

const PER_SECOND: Axis = { title: 'operations a second', scale: 'linear' };
const RECORDS: Axis = { title: 'records per node', scale: 'log' };

/** `subtitle`: what stands below every title. Parts that were not run have no chart. */
export function growthCharts({ records, sweeps, nodes, values }: GrowthResult, subtitle: readonly string[]): readonly Chart[] {
  return [
    ...(records.length > 0 ? recordsCharts(records, subtitle) : []),
    ...(sweeps.length > 0 ? [sweepChart(sweeps, subtitle)] : []),
    ...(nodes.length > 0 ? nodesCharts(nodes, subtitle) : []),
    ...(values.length > 0 ? valuesCharts(values, subtitle) : []),
  ];
}

function recordsCharts(rows: readonly RecordsRow[], subtitle: readonly string[]): readonly Chart[] {
  const line = (series: string, y: (row: RecordsRow) => number): readonly Point[] => rows.map((row) => ({ x: row.records, y: y(row), series }));
  const chart = (name: string, title: string, y: Axis, points: readonly Point[]): Chart => lineChart(name, { title, subtitle }, RECORDS, y, points);
  return [
    chart('throughput-by-records', 'Puts and gets a second, 64 in flight, against the records per node', PER_SECOND, [...line('put', ({ put }) => put.perSecond), ...line('get', ({ get }) => get.perSecond)]),
    chart('latency-by-records', 'Latency at 64 in flight against the records per node', { title: 'milliseconds', scale: 'log' }, [
      ...line('put p50', ({ put }) => put.latency.p50Ms),
      ...line('put p99', ({ put }) => put.latency.p99Ms),
      ...line('get p50', ({ get }) => get.latency.p50Ms),
      ...line('get p99', ({ get }) => get.latency.p99Ms),
    ]),
    chart('start-by-records', 'Start of a node, to its ready line, against its records', { title: 'milliseconds', scale: 'log' }, [
      ...line('after SIGTERM', ({ startAfterStopMs }) => startAfterStopMs),
      ...line('after SIGKILL', ({ startAfterKillMs }) => startAfterKillMs),
    ]),
    chart('write-amplification-by-records', 'Bytes written to disk for each byte put, against the records per node', { title: 'bytes written / (bytes put × replicas)', scale: 'linear' }, line('fill', ({ fill }) => writeAmplification(fill))),
    chart('memory-by-records', 'Resident memory of a node against its records', { title: 'MiB', scale: 'linear' }, [
      ...line('at rest', ({ residentAtRestBytes }) => residentAtRestBytes / 2 ** 20),
      ...line('greatest under load', ({ residentGreatestBytes }) => residentGreatestBytes / 2 ** 20),
    ]),
    chart('repair-by-records', 'Bringing one node up to the others, against the records per node', { title: 'MB of keys and values a second', scale: 'linear' }, [
      ...line('hints delivered', ({ handOff }) => handOff.bytes / 1e6 / handOff.seconds),
      ...line('wiped node filled again', ({ refill }) => refill.bytes / 1e6 / refill.seconds),
    ]),
  ];
}

/** A logarithm has no place for 0 differences: what equal replicas cost is said in words. */
function sweepChart(rows: readonly SweepRow[], subtitle: readonly string[]): Chart {
  const equal = rows.filter(({ differences }) => differences === 0).map(({ records, bytes, exchanges }) => `${records} equal records: ${Math.round(bytes / Math.max(1, exchanges))} bytes an exchange`);
  return lineChart(
    'sweep-by-differences',
    { title: 'Bytes of a sweep against the records that differ', subtitle: [...subtitle, ...equal] },
    { title: 'records that differ on one node', scale: 'log' },
    { title: 'bytes of requests and replies', scale: 'log' },
    rows.map(({ records, differences, bytes }) => ({ x: differences, y: bytes, series: `${records} records` })),
  );
}

function nodesCharts(rows: readonly NodesRow[], subtitle: readonly string[]): readonly Chart[] {
  return (['put', 'get'] as const).map((kind) =>
    lineChart(
      `${kind}s-by-nodes`,
      { title: `${kind === 'put' ? 'Puts' : 'Gets'} a second against the nodes, all on one machine, 3 replicas`, subtitle },
      { title: 'nodes', scale: 'linear' },
      PER_SECOND,
      rows
        .filter(({ workload }) => workload === kind)
        .map(({ nodes, clients, inFlight, rate }) => ({ x: nodes, y: rate.perSecond, series: `${clients} ${clients === 1 ? 'client' : 'clients'} × ${inFlight}` })),
    ),
  );
}

function valuesCharts(rows: readonly ValuesRow[], subtitle: readonly string[]): readonly Chart[] {
  const x: Axis = { title: 'bytes of a value', scale: 'log' };
  const points = (y: (row: ValuesRow) => number): readonly Point[] => rows.map((row) => ({ x: row.valueBytes, y: y(row), series: row.workload }));
  return [
    lineChart('throughput-by-value-size', { title: 'Puts and gets a second against the size of a value', subtitle }, x, { ...PER_SECOND, scale: 'log' }, points(({ rate }) => rate.perSecond)),
    lineChart('bytes-by-value-size', { title: 'Bytes of values a second against the size of a value', subtitle }, x, { title: 'MB a second', scale: 'linear' }, points(({ bytesPerSecond }) => bytesPerSecond / 1e6)),
  ];
}
