/** The charts of loads: throughput against what is in flight, and ring-level beside other stores. */
import type { StoreFacts } from '../peers/store-servers.ts';
import type { BenchResult, LoadMeasurement } from '../result.ts';
import { barChart, lineChart, type Bar, type Chart, type Point } from './chart.ts';

/** `stores`: those that were compared, if any were. */
export function loadCharts(results: readonly BenchResult[], stores: readonly StoreFacts[], subtitle: readonly string[]): readonly Chart[] {
  const loads = results.filter((result) => result.kind === 'load');
  const alone = loads.filter(({ suite, plan }) => suite === 'throughput' && plan.clients === 1);
  const beside = loads.filter(({ suite }) => suite === 'peers');
  return [...(alone.length > 0 ? inFlightCharts(alone, subtitle) : []), ...(beside.length > 0 ? storeCharts(beside, stores, subtitle) : [])];
}

function inFlightCharts(loads: readonly LoadMeasurement[], subtitle: readonly string[]): readonly Chart[] {
  const x = { title: 'requests in flight, one client', scale: 'log' } as const;
  const points = (series: string, y: (load: LoadMeasurement) => number): readonly Point[] =>
    loads.map((load) => ({ x: load.plan.inFlight, y: y(load), series: `${load.plan.workload}${series}` })).toSorted((a, b) => a.x - b.x);
  return [
    lineChart('throughput-by-in-flight', { title: 'Puts and gets a second against the requests in flight', subtitle }, x, { title: 'operations a second', scale: 'linear' }, points('', ({ median }) => median.load.perSecond)),
    lineChart('latency-by-in-flight', { title: 'Latency against the requests in flight', subtitle }, x, { title: 'milliseconds', scale: 'log' }, [
      ...points(' p50', ({ median }) => median.load.overall.p50Ms),
      ...points(' p99', ({ median }) => median.load.overall.p99Ms),
    ]),
  ];
}

/** What an acknowledgement means is not the same everywhere, so it stands below the title. */
function storeCharts(loads: readonly LoadMeasurement[], stores: readonly StoreFacts[], subtitle: readonly string[]): readonly Chart[] {
  const lines = [...subtitle, ...stores.map(({ name, version, acknowledgement }) => `${name} ${version}: acknowledged: ${acknowledgement}`)];
  const bars = (value: (load: LoadMeasurement) => number): readonly Bar[] => loads.map((load) => ({ group: load.name, series: load.plan.target.store, value: value(load) }));
  return [
    barChart('stores-throughput', { title: 'Operations a second, the same load on each store', subtitle: lines }, { title: 'operations a second', scale: 'log' }, bars(({ median }) => median.load.perSecond)),
    barChart('stores-p99', { title: 'p99, the same load on each store', subtitle: lines }, { title: 'milliseconds', scale: 'log' }, bars(({ median }) => median.load.overall.p99Ms)),
  ];
}
