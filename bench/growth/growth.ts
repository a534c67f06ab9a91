/**
 * `bench growth`: the same measurements for few and for many records, nodes and bytes.
 *
 *   --parts records,sweeps,nodes,values   which of them (all)
 *   --sizes 10000,1000000,5000000         records per node, of the first two
 */
import { EXIT } from '../../cli/command.ts';
import { integerFlag } from '../../cli/arguments.ts';
import { namesFlag, takeFlags } from '../own-flags.ts';
import { reportHead, type Report } from '../report.ts';
import { readSettings, type Settings } from '../settings.ts';
import { headLines } from '../table.ts';
import { withDirectory } from '../with-directory.ts';
import { assertWritable, writeJson } from '../write-json.ts';
import { measureNodes, measureRecords, measureSweeps, measureValues } from './parts.ts';
import type { GrowthResult, NodesRow, RecordsRow, SweepRow, ValuesRow } from './result.ts';
import { growthTable } from './table.ts';

export interface GrowthReport extends Report {
  readonly growth: GrowthResult;
}

const PARTS = ['records', 'sweeps', 'nodes', 'values'] as const;
type Part = (typeof PARTS)[number];

interface Asked {
  readonly parts: readonly Part[];
  readonly sizes: readonly number[];
}

const SIZES = [10_000, 1_000_000, 5_000_000];
const SIZE_MAX = 100_000_000;
const NODES = [3, 5, 9];
const VALUE_BYTES = [100, 1024, 10 * 1024, 100 * 1024, 1024 * 1024];

/** The exit status. */
export async function runGrowth(args: readonly string[]): Promise<number> {
  const own = takeFlags(args, { parts: 'text', sizes: 'text' });
  const asked: Asked = { parts: namesFlag('parts', own.text('parts'), PARTS, PARTS), sizes: sizesFlag(own.text('sizes')) };
  const { settings, parentDirectory, jsonFile } = readSettings(own.others, [], 'growth');
  if (jsonFile !== null) await assertWritable(jsonFile);
  const lines = await withDirectory(parentDirectory, async (directory) => {
    const head = await reportHead({ ...settings, directory });
    const growth = await measureGrowth({ ...settings, directory }, asked, async (soFar) => {
      const report: GrowthReport = { ...head, results: [], growth: soFar };
      if (jsonFile !== null) await writeJson(jsonFile, report);
    });
    return [...headLines(head), '', ...growthTable(growth)];
  });
  process.stdout.write(`${lines.join('\n')}\n`);
  return EXIT.ok;
}

/** `keep` is told after each measurement what there is so far: all of it takes hours. */
async function measureGrowth(settings: Settings, { parts, sizes }: Asked, keep: (soFar: GrowthResult) => Promise<void>): Promise<GrowthResult> {
  const records: RecordsRow[] = [];
  const sweeps: SweepRow[] = [];
  const nodes: NodesRow[] = [];
  const values: ValuesRow[] = [];
  const result: GrowthResult = { records, sweeps, nodes, values };
  const measureEach = async <Row>(part: Part, of: readonly number[], rows: Row[], measure: (one: number) => Promise<readonly Row[]>): Promise<void> => {
    if (!parts.includes(part)) return;
    for (const one of of) {
      rows.push(...(await measure(one)));
      await keep(result);
    }
  };
  await measureEach('records', sizes, records, async (size) => [await measureRecords(settings, size)]);
  await measureEach('sweeps', sizes, sweeps, async (size) => measureSweeps(settings, size));
  await measureEach('nodes', NODES, nodes, async (count) => measureNodes(settings, count));
  await measureEach('values', VALUE_BYTES, values, async (bytes) => measureValues(settings, bytes));
  return result;
}

function sizesFlag(text: string | null): readonly number[] {
  return text === null ? SIZES : text.split(',').map((size) => integerFlag('bench', 'sizes', size, 1, SIZE_MAX));
}
