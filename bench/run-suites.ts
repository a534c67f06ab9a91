/** Runs suites, one after the other, and reports what they found. */
import { EXIT } from '../cli/command.ts';
import { reportHead, writeReport } from './report.ts';
import type { BenchResult } from './result.ts';
import { readSettings, type BenchArguments } from './settings.ts';
import { SUITES } from './suites.ts';
import { headLines, suiteLines } from './table.ts';
import { withDirectory } from './with-directory.ts';
import { assertWritable } from './write-json.ts';

const DEFAULT_SUITE = 'throughput';

/** The exit status. */
export async function runSuites(args: readonly string[]): Promise<number> {
  const asked = readSettings(args, SUITES.map(({ name }) => name), DEFAULT_SUITE);
  if (asked.jsonFile !== null) await assertWritable(asked.jsonFile);
  await withDirectory(asked.parentDirectory, async (directory) => runIn(directory, asked));
  return EXIT.ok;
}

/** The report is written after each suite, so that a later one that fails takes nothing away. */
async function runIn(directory: string, { suites, settings: asked, jsonFile }: BenchArguments): Promise<void> {
  const settings = { ...asked, directory };
  const head = await reportHead(settings);
  for (const text of headLines(head)) line(text);
  const results: BenchResult[] = [];
  for (const { name, summary, run } of suites.flatMap((name) => SUITES.filter((suite) => suite.name === name))) {
    const found = await run(settings);
    results.push(...found);
    for (const text of ['', `${name}: ${summary}`, ...suiteLines(found)]) line(text);
    if (jsonFile !== null) await writeReport(jsonFile, { ...head, results });
  }
}

function line(text: string): void {
  process.stdout.write(`${text}\n`);
}
