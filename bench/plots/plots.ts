/**
 * `bench plots FILE.json… --out DIR`: draws what benchmarks found, as SVG.
 *
 * Each file is a report that `--json` wrote; what there is in it is drawn. The same files give the same drawings.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT } from '../../cli/command.ts';
import { UsageError, messageOf } from '../../cli/errors.ts';
import type { GrowthReport } from '../growth/growth.ts';
import { takeFlags } from '../own-flags.ts';
import type { PeersReport } from '../peers/peers.ts';
import type { Report } from '../report.ts';
import { headLines } from '../table.ts';
import type { TailsReport } from '../tails/tails.ts';
import type { Chart } from './chart.ts';
import { growthCharts } from './growth-charts.ts';
import { loadCharts } from './load-charts.ts';
import { renderSvg } from './render.ts';
import { tailsCharts } from './tails-charts.ts';
import { makeDirectory } from '../../node/index.ts';

export type AnyReport = Report & Partial<Pick<GrowthReport, 'growth'> & Pick<TailsReport, 'tails'> & Pick<PeersReport, 'stores'>>;

const OUT = 'bench/plots/out';

/** The exit status. */
export async function runPlots(args: readonly string[]): Promise<number> {
  const own = takeFlags(args, { out: 'text' });
  const directory = own.text('out') ?? OUT;
  if (own.others.length === 0) throw new UsageError('bench plots: no file; name what --json of a benchmark wrote');
  const charts = new Map<string, Chart>();
  for (const file of own.others) {
    for (const chart of chartsOf(await readReport(file))) {
      if (charts.has(chart.name)) throw new UsageError(`bench plots: ${file} has what ${chart.name}.svg is already drawn from`);
      charts.set(chart.name, chart);
    }
  }
  await makeDirectory(directory);
  for (const chart of charts.values()) {
    await writeFile(join(directory, `${chart.name}.svg`), await renderSvg(chart));
    process.stdout.write(`${join(directory, `${chart.name}.svg`)}\n`);
  }
  return EXIT.ok;
}

/** All that can be drawn of a report. */
export function chartsOf(report: AnyReport): readonly Chart[] {
  const subtitle = headLines(report).slice(0, 2);
  return [
    ...loadCharts(report.results, report.stores ?? [], subtitle),
    ...(report.growth === undefined ? [] : growthCharts(report.growth, subtitle)),
    ...(report.tails === undefined ? [] : tailsCharts(report.tails, subtitle)),
  ];
}

async function readReport(file: string): Promise<AnyReport> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`bench plots: ${file} can't be read: ${messageOf(error)}`);
  }
  const isReport = typeof value === 'object' && value !== null && 'machine' in value && 'results' in value && Array.isArray(value.results);
  if (!isReport) throw new UsageError(`bench plots: ${file} is not what --json of a benchmark writes`);
  return value as AnyReport;
}
