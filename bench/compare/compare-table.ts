/** A comparison of builds as lines for people. Pure. */
import { alignColumns } from '../../cli/columns.ts';
import type { ComparedFigure, ComparedLoad } from './figures.ts';
import type { Comparison } from './statistics.ts';

const HEADER = ['', 'figure', 'before', 'after', 'ratio', 'interval', 'verdict'];

export function compareTable(figures: readonly ComparedFigure[]): readonly string[] {
  return alignColumns([HEADER, ...figures.map((figure, index) => row(figure, figures[index - 1]?.load ?? null))]);
}

/** One line for each load that had errors. */
export function errorLines(loads: readonly ComparedLoad[]): readonly string[] {
  return loads.flatMap(({ name, before, after }) => {
    const [old, now] = [before, after].map((runs) => runs.reduce((sum, { errors }) => sum + errors, 0));
    return old === 0 && now === 0 ? [] : [`${name}: ${old ?? 0} errors before, ${now ?? 0} after: requests that failed are not compared`];
  });
}

function row({ load, figure, comparison }: ComparedFigure, loadAbove: string | null): readonly string[] {
  const { before, after, ratio, low, high } = comparison;
  return [load === loadAbove ? '' : load, figure, rounded(before), rounded(after), ratio.toFixed(3), `${low.toFixed(3)} to ${high.toFixed(3)}`, verdictText(comparison)];
}

function verdictText({ verdict, ratio, beyondNoise }: Comparison): string {
  if (verdict === 'no difference beyond the noise') return verdict;
  return `${verdict}: ${percent(ratio - 1)}, of that ${percent(beyondNoise * Math.sign(ratio - 1))} beyond the noise`;
}

function percent(share: number): string {
  return `${share < 0 ? '−' : '+'}${Math.abs(share * 100).toFixed(1)} %`;
}

function rounded(value: number): string {
  return value.toFixed(value < 100 ? 1 : 0);
}
