/** The rows of a run as a table that can stand in a README. */
import type { Row } from './campaign.ts';

const COLUMNS: readonly (readonly [title: string, cell: (row: Row) => string | number])[] = [
  ['campaign', ({ campaign }) => campaign],
  ['cycles', ({ cycles }) => cycles],
  ['acknowledged', ({ acknowledged }) => acknowledged],
  ['unknown', ({ unknown }) => unknown],
  ['refused', ({ refused }) => refused],
  ['faults', ({ faults }) => faults],
  ['lost', ({ lost }) => lost],
  ['wrong', ({ wrong }) => wrong],
  ['stale', ({ stale }) => stale],
  ['by hand', ({ operator }) => operator],
  ['replicas equal', ({ replicasEqual }) => replicasEqual],
  ['seconds', ({ seconds }) => seconds],
  ['', ({ failures }) => (failures.length === 0 ? 'passed' : 'FAILED')],
];

export function tableOf(rows: readonly Row[]): string {
  const cells = [COLUMNS.map(([title]) => title), ...rows.map((row) => COLUMNS.map(([, cell]) => String(cell(row))))];
  const widths = COLUMNS.map((_, column) => Math.max(3, ...cells.map((line) => line[column]?.length ?? 0)));
  const lines = cells.map((line) => `| ${line.map((text, column) => text.padEnd(widths[column] ?? 0)).join(' | ')} |\n`);
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |\n`;
  return [lines[0] ?? '', rule, ...lines.slice(1)].join('');
}
