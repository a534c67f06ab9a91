/**
 * `bench profile`: where the time of the daemons goes while a load is measured.
 *
 *   --workload put|get   (put)
 *   --out DIR            node-0.svg, a flame graph, and node-0.cpuprofile, for Chrome's DevTools; … (var/profile)
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EXIT } from '../../cli/command.ts';
import { UsageError, messageOf } from '../../cli/errors.ts';
import { takeFlags } from '../own-flags.ts';
import { reportHead, type Report } from '../report.ts';
import { readSettings, type Settings } from '../settings.ts';
import { headLines, suiteLines } from '../table.ts';
import { withDirectory } from '../with-directory.ts';
import { assertWritable, writeJson } from '../write-json.ts';
import { treeOf } from './cpu-profile.ts';
import { flameGraph } from './flame-graph.ts';
import { WORKLOADS, profileLoad, type ProfiledWorkload } from './measure.ts';
import { partShares } from './parts.ts';
import { SAMPLING_INTERVAL_MICROS } from './profiler.ts';
import type { DaemonProfile, ProfileResult } from './result.ts';
import { profileTable } from './table.ts';
import { makeDirectory } from '../../node/index.ts';

export interface ProfileReport extends Report {
  readonly profile: ProfileResult;
}

const OUT = 'var/profile';
/** A profile is of one run. */
const RUNS = 1;

/** The exit status. */
export async function runProfile(args: readonly string[]): Promise<number> {
  const own = takeFlags(args, { workload: 'text', out: 'text' });
  const workload = workloadFlag(own.text('workload'));
  const out = own.text('out') ?? OUT;
  const { settings, parentDirectory, jsonFile } = readSettings(own.others, [], 'profile');
  if (jsonFile !== null) await assertWritable(jsonFile);
  await makeOut(out);
  const lines = await withDirectory(parentDirectory, async (directory) => profileIn({ ...settings, directory, runs: RUNS }, workload, out, jsonFile));
  process.stdout.write(`${lines.join('\n')}\n`);
  return EXIT.ok;
}

async function profileIn(settings: Settings, workload: ProfiledWorkload, out: string, jsonFile: string | null): Promise<readonly string[]> {
  const head = await reportHead(settings);
  const { measurement, daemons } = await profileLoad(settings, workload);
  const profiles: DaemonProfile[] = [];
  const files: string[] = [];
  for (const [node, { profile, eventLoopDelay }] of daemons.entries()) {
    const tree = treeOf(profile);
    profiles.push({ node, samples: profile.samples.length, eventLoopDelay, parts: partShares(tree) });
    const subtitle = `${headLines(head)[2] ?? ''}; ${measurement.plan.records} records, ${settings.seconds} s`;
    files.push(await write(join(out, `node-${node}.svg`), flameGraph(tree, [`node ${node}: ${measurement.name}`, subtitle])));
    files.push(await write(join(out, `node-${node}.cpuprofile`), JSON.stringify(profile)));
  }
  const report: ProfileReport = { ...head, results: [measurement], profile: { samplingIntervalMicros: SAMPLING_INTERVAL_MICROS, seconds: settings.seconds, daemons: profiles } };
  if (jsonFile !== null) await writeJson(jsonFile, report);
  return [...headLines(head), '', ...suiteLines([measurement]), '', ...profileTable(report.profile), '', ...files];
}

/** The path. */
async function write(path: string, text: string): Promise<string> {
  await writeFile(path, text);
  return path;
}

function workloadFlag(text: string | null): ProfiledWorkload {
  if (text === null) return 'put';
  const found = WORKLOADS.find((name) => name === text);
  if (found === undefined) throw new UsageError(`bench: --workload is ${JSON.stringify(text)}; allowed: ${WORKLOADS.join(', ')}`);
  return found;
}

/** Throws a `UsageError` now rather than when everything was measured. */
async function makeOut(directory: string): Promise<void> {
  try {
    await makeDirectory(directory);
  } catch (error) {
    throw new UsageError(`bench: --out is ${JSON.stringify(directory)}, which can't be made: ${messageOf(error)}`);
  }
}
