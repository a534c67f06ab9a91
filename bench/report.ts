/** A whole run of the benchmark as one document: JSON for programs, table.ts has it for people. */
import { writeFile } from 'node:fs/promises';
import { commitOf, machineOf, type Machine } from './machine.ts';
import type { BenchResult } from './result.ts';
import type { Settings } from './settings.ts';

export interface Report {
  readonly machine: Machine;
  readonly commit: string | null;
  readonly settings: Settings;
  /** ISO 8601, UTC, of the start. */
  readonly date: string;
  readonly results: readonly BenchResult[];
}

/** Everything but the results: to be asked before anything is measured. */
export async function reportHead(settings: Settings): Promise<Omit<Report, 'results'>> {
  const date = new Date().toISOString();
  const [machine, commit] = await Promise.all([machineOf(settings.directory), commitOf()]);
  return { machine, commit, settings, date };
}

export function reportJson(report: Report): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}

export async function writeReport(path: string, report: Report): Promise<void> {
  await writeFile(path, reportJson(report));
}
