/**
 * `bench compare --with COMMIT | --baseline FILE`: which load became slower, and by how much beyond the noise.
 *
 * With a commit, daemons of both builds are measured in turn by this tree's load generator: only the daemons differ.
 * With a file, this build is measured once more as the file says, and the spread of both counts.
 */
import { extname } from 'node:path';
import { integerFlag } from '../../cli/arguments.ts';
import { EXIT } from '../../cli/command.ts';
import { UsageError } from '../../cli/errors.ts';
import { WORKLOAD_NAMES, type WorkloadName } from '../load/plan.ts';
import { namesFlag, takeFlags } from '../own-flags.ts';
import { reportHead, type Report } from '../report.ts';
import { readSettings, type Settings } from '../settings.ts';
import { assertWritable, writeJson } from '../write-json.ts';
import { withDirectory } from '../with-directory.ts';
import { compareTable, errorLines } from './compare-table.ts';
import { compareLoads, type ComparedFigure, type ComparedLoad } from './figures.ts';
import { measureAgainstBaseline } from './with-baseline.ts';
import { measureAgainstCommit } from './with-commit.ts';

export interface CompareReport extends Omit<Report, 'results'> {
  /** The commit, or the file, that this is compared with. */
  readonly against: string;
  readonly figures: readonly ComparedFigure[];
  readonly loads: readonly ComparedLoad[];
}

export interface CompareOptions {
  readonly settings: Settings;
  /** null: those of the baseline, or the usual ones. */
  readonly workloads: readonly WorkloadName[] | null;
  readonly rounds: number;
  /** Whether the other build is measured by the generator that it brings. */
  readonly client: 'this' | 'own';
}

const ROUNDS = 5;
const ROUNDS_MAX = 1_000;
const METHOD = '95 % sure of all figures together; bootstrap of the ratio of medians';

/** The exit status: 1 when something became slower beyond the noise, or had errors. */
export async function runCompare(args: readonly string[]): Promise<number> {
  const own = takeFlags(args, { with: 'text', baseline: 'text', workloads: 'text', rounds: 'text', 'own-client': 'switch' });
  const [commit, file] = [own.text('with'), own.text('baseline')];
  const { settings, parentDirectory, jsonFile } = readSettings(own.others, [], 'compare');
  const workloads = own.text('workloads') === null ? null : namesFlag('workloads', own.text('workloads'), WORKLOAD_NAMES, []);
  const rounds = integerFlag('bench', 'rounds', own.text('rounds') ?? String(ROUNDS), 1, ROUNDS_MAX);
  if (extname(import.meta.url) === '.ts') throw new UsageError('bench: compare measures what is built: npm run bench -- compare …');
  if (jsonFile !== null) await assertWritable(jsonFile);
  const report = await withDirectory(parentDirectory, async (directory) => {
    const options: CompareOptions = { settings: { ...settings, directory }, workloads, rounds, client: own.isOn('own-client') ? 'own' : 'this' };
    const head = await reportHead(options.settings);
    const { against, loads } = await measureAgainst(commit, file, options);
    return { ...head, against, figures: compareLoads(loads, settings.seed), loads };
  });
  for (const line of reportLines(report)) process.stdout.write(`${line}\n`);
  if (jsonFile !== null) await writeJson(jsonFile, report);
  return hasFailed(report) ? EXIT.failed : EXIT.ok;
}

async function measureAgainst(commit: string | null, file: string | null, options: CompareOptions): Promise<Pick<CompareReport, 'against' | 'loads'>> {
  if (commit !== null && file === null) return measureAgainstCommit(commit, options);
  if (file !== null && commit === null) return measureAgainstBaseline(file, options);
  throw new UsageError('bench: compare needs --with COMMIT or --baseline FILE, one of the two');
}

function reportLines({ against, commit, figures, loads }: CompareReport): readonly string[] {
  return [`before: ${against}`, `after: ${commit ?? 'this build'}`, METHOD, '', ...compareTable(figures), ...errorLines(loads)];
}

export function hasFailed({ figures, loads }: Pick<CompareReport, 'figures' | 'loads'>): boolean {
  return figures.some(({ comparison }) => comparison.verdict === 'slower') || errorLines(loads).length > 0;
}
