/** The charts of the `tails` benchmark. */
import { sumOf } from '../tails/memory-bound.ts';
import { tailRatios, type Percentiles } from '../tails/ratios.ts';
import type { DisturbanceResult, PressureResult, TailsResult } from '../tails/result.ts';
import { barChart, type Axis, type Chart } from './chart.ts';

const MILLISECONDS: Axis = { title: 'milliseconds', scale: 'log' };
const MIB = 2 ** 20;

export function tailsCharts({ disturbances, pressures }: TailsResult, subtitle: readonly string[]): readonly Chart[] {
  const measured = disturbances.filter(({ rounds }) => rounds.length > 0);
  const ofTheRest = measured.filter(({ side }) => side === 'the rest');
  const ofTheNode = measured.filter(({ side }) => side === 'the disturbed node');
  return [
    ...tailChart('tails-p99', 'p99 of clients of the other nodes, quiet and disturbed', ofTheRest, ({ p99Ms }) => p99Ms, subtitle),
    ...tailChart('tails-p999', 'p99.9 of clients of the other nodes, quiet and disturbed', ofTheRest, ({ p999Ms }) => p999Ms, subtitle),
    ...tailChart('tails-p99-connected', 'p99 of a client of the disturbed node itself', ofTheNode, ({ p99Ms }) => p99Ms, subtitle),
    ...(pressures.length > 0 ? [memoryChart(pressures, subtitle)] : []),
  ];
}

function tailChart(name: string, title: string, rows: readonly DisturbanceResult[], pick: (of: Percentiles) => number, subtitle: readonly string[]): readonly Chart[] {
  if (rows.length === 0) return [];
  const bars = rows.flatMap((row) =>
    tailRatios(row.rounds).flatMap(({ kind, quiet, disturbed }) => [
      { group: `${row.name}: ${kind}`, series: 'quiet', value: pick(quiet) },
      { group: `${row.name}: ${kind}`, series: 'disturbed', value: pick(disturbed) },
    ]),
  );
  return [barChart(name, { title, subtitle }, MILLISECONDS, bars)];
}

/** The node that took most of each. */
function memoryChart(rows: readonly PressureResult[], subtitle: readonly string[]): Chart {
  const bars = rows.flatMap(({ name, bound, nodes }) => [
    { group: name, series: 'before', value: Math.max(...nodes.map(({ atRestBytes }) => atRestBytes)) / MIB },
    { group: name, series: 'greatest', value: Math.max(...nodes.map(({ greatestBytes }) => greatestBytes)) / MIB },
    { group: name, series: 'bound by the limits', value: sumOf(bound) / MIB },
  ]);
  return barChart('memory-under-pressure', { title: 'Resident memory of the node that takes most, under pressure', subtitle }, { title: 'MiB', scale: 'linear' }, bars);
}
