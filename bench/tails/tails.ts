/**
 * `bench tails`: what happens in the background must not be felt in front, and overload is answered.
 *
 *   --parts fsync,pause,pressure   which disturbances, and whether the pressure (all)
 */
import { EXIT } from '../../cli/command.ts';
import { namesFlag, takeFlags } from '../own-flags.ts';
import { reportHead, type Report } from '../report.ts';
import { readSettings, type Settings } from '../settings.ts';
import { headLines } from '../table.ts';
import { withDirectory } from '../with-directory.ts';
import { assertWritable, writeJson } from '../write-json.ts';
import { DISTURBANCES } from './disturbances.ts';
import { measureDisturbance } from './measure.ts';
import { measurePressure, PRESSURES } from './pressure.ts';
import type { DisturbanceResult, PressureResult, TailsResult } from './result.ts';
import { tailsTable } from './table.ts';

export interface TailsReport extends Report {
  readonly tails: TailsResult;
}

const PRESSURE = 'pressure';
const PARTS: readonly string[] = [...Object.keys(DISTURBANCES), PRESSURE];

/** The exit status. */
export async function runTails(args: readonly string[]): Promise<number> {
  const own = takeFlags(args, { parts: 'text' });
  const parts = namesFlag('parts', own.text('parts'), PARTS, PARTS);
  const { settings, parentDirectory, jsonFile } = readSettings(own.others, [], 'tails');
  if (jsonFile !== null) await assertWritable(jsonFile);
  const lines = await withDirectory(parentDirectory, async (directory) => {
    const head = await reportHead({ ...settings, directory });
    const tails = await measureTails({ ...settings, directory }, parts, async (soFar) => {
      const report: TailsReport = { ...head, results: [], tails: soFar };
      if (jsonFile !== null) await writeJson(jsonFile, report);
    });
    return [...headLines(head), '', ...tailsTable(tails)];
  });
  process.stdout.write(`${lines.join('\n')}\n`);
  return EXIT.ok;
}

/** `keep` is told after each measurement what there is so far. */
async function measureTails(settings: Settings, parts: readonly string[], keep: (soFar: TailsResult) => Promise<void>): Promise<TailsResult> {
  const disturbances: DisturbanceResult[] = [];
  const pressures: PressureResult[] = [];
  for (const [name, disturbance] of Object.entries(DISTURBANCES)) {
    for (const side of parts.includes(name) ? disturbance.sides : []) {
      disturbances.push(await measureDisturbance(settings, disturbance, side));
      await keep({ disturbances, pressures });
    }
  }
  for (const pressure of parts.includes(PRESSURE) ? PRESSURES : []) {
    pressures.push(await measurePressure(settings, pressure));
    await keep({ disturbances, pressures });
  }
  return { disturbances, pressures };
}
