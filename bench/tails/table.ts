/** What `tails` found, as lines for people. Pure. */
import { alignColumns } from '../../cli/columns.ts';
import { median } from '../median.ts';
import { sumOf } from './memory-bound.ts';
import { tailRatios, type Percentiles } from './ratios.ts';
import type { DisturbanceResult, Evidence, PressureResult, TailRound, TailsResult } from './result.ts';

const HEADER = ['disturbance', 'clients of', '', 'per s', 'quiet p50', 'p99', 'p99.9 ms', 'disturbed p50', 'p99', 'p99.9 ms', 'p99 ×', 'send lag p99', 'errors', 'what happened in the last round'];
const MEMORY_HEADER = ['pressure', 'node', 'at rest MiB', 'greatest MiB', 'bound MiB', 'afterwards MiB'];
const MEBIBYTE = 2 ** 20;

export function tailsTable({ disturbances, pressures }: TailsResult): readonly string[] {
  const measured = disturbances.filter(({ rounds }) => rounds.length > 0);
  return [
    ...(measured.length === 0 ? [] : alignColumns([HEADER, ...measured.flatMap(ratioRows)])),
    ...disturbances.filter(({ skipped }) => skipped !== null).map(({ name, skipped }) => `${name}  not measured: ${skipped}`),
    ...(pressures.length === 0 ? [] : alignColumns([MEMORY_HEADER, ...pressures.flatMap(memoryRows)])),
    ...pressures.map(answersLine),
    ...pressures.slice(0, 1).flatMap(({ bound }) => ['the bound:', ...alignColumns(bound.map(({ what, bytes }) => [`  ${what}`, mebibytes(bytes)]))]),
  ];
}

function ratioRows({ name, side, ratePerSecond, rounds }: DisturbanceResult): readonly (readonly string[])[] {
  return tailRatios(rounds).map(({ kind, quiet, disturbed, p99Ratio }) => [
    name,
    side,
    kind,
    String(ratePerSecond),
    ...milliseconds(quiet),
    ...milliseconds(disturbed),
    p99Ratio === null ? '–' : p99Ratio.toFixed(2),
    median(rounds.map(({ disturbed }) => disturbed.sendLagP99Ms)).toFixed(2),
    errorsOf(rounds),
    evidenceOf(rounds.at(-1)?.evidence ?? { activeSeconds: 0 }),
  ]);
}

function milliseconds({ p50Ms, p99Ms, p999Ms }: Percentiles): readonly string[] {
  return [p50Ms, p99Ms, p999Ms].map((value) => value.toFixed(2));
}

function errorsOf(rounds: readonly TailRound[]): string {
  const sums = new Map<string, number>();
  for (const { disturbed } of rounds) for (const [code, count] of Object.entries(disturbed.errors)) sums.set(code, (sums.get(code) ?? 0) + count);
  return countsOf(Object.fromEntries(sums));
}

function evidenceOf({ activeSeconds, ...counts }: Evidence): string {
  return [`${activeSeconds.toFixed(1)} s`, ...Object.entries(counts).map(([name, count]) => `${name} ${count}`)].join(', ');
}

function memoryRows({ name, bound, nodes }: PressureResult): readonly (readonly string[])[] {
  return nodes.map(({ node, isConnected, atRestBytes, greatestBytes, afterwardsBytes }) => [
    name,
    isConnected ? `${node}, connected` : String(node),
    mebibytes(atRestBytes),
    mebibytes(greatestBytes),
    mebibytes(sumOf(bound)),
    mebibytes(afterwardsBytes),
  ]);
}

function answersLine({ name, acknowledged, errors, seconds, afterwards }: PressureResult): string {
  const answers = acknowledged === null ? '' : `${acknowledged} acknowledged in ${seconds.toFixed(1)} s, `;
  return `${name}: ${answers}errors: ${countsOf(errors)}; right afterwards ${afterwards.requests} requests, ${afterwards.errors} errors, the slowest ${afterwards.slowestMs.toFixed(0)} ms`;
}

function countsOf(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(', ') || '0';
}

function mebibytes(bytes: number): string {
  return Number.isNaN(bytes) ? '–' : (bytes / MEBIBYTE).toFixed(0);
}
