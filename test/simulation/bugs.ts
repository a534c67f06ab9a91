/**
 * `npm run sim:bugs -- [--seeds 1500] [--only TEXT]`: plants each bug of planted-bugs.ts in a copy of the sources and runs
 * the simulation there until a seed catches it. Exit status 1 when one is not caught. The sources themselves are never
 * changed, and hold no switch for any of this.
 */
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { PLANTED_BUGS, type PlantedBug } from './planted-bugs.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const COPIED = ['config', 'data', 'wire', 'coordinator', 'node', 'client', 'cli', 'bench', 'test', 'package.json', 'tsconfig.json'];

const { values } = parseArgs({ options: { seeds: { type: 'string', default: '1500' }, only: { type: 'string', default: '' } } });
const bugs = PLANTED_BUGS.filter(({ name }) => name.includes(values.only));
const missed: string[] = [];
for (const bug of bugs) {
  const startedMs = performance.now();
  const caught = await hunt(bug, Number(values.seeds));
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
  process.stdout.write(`${caught === null ? 'MISSED ' : 'caught '} ${bug.name} (${seconds} s)${caught === null ? '' : `: ${caught}`}\n`);
  if (caught === null) missed.push(bug.name);
}
process.stdout.write(`\n${bugs.length - missed.length} of ${bugs.length} planted bugs caught\n`);
process.exitCode = missed.length === 0 && bugs.length > 0 ? 0 : 1;

/** The first seed and the promise that it broke; null when no seed did. */
async function hunt(bug: PlantedBug, seeds: number): Promise<string | null> {
  const directory = await mkdtemp(join(tmpdir(), 'ring-level-bug-'));
  try {
    await Promise.all(COPIED.map(async (name) => cp(join(ROOT, name), join(directory, name), { recursive: true })));
    await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'), 'dir');
    await plant(bug, directory);
    const output = await run(directory, seeds);
    // A copy in which nothing runs is not a bug that was missed.
    if (!/^seed \d+ BROKEN|^\d+ seeds? from/m.test(output)) throw new Error(`the simulation did not run:\n${output.slice(-2_000)}`);
    const line = output.split('\n').find((text) => /^seed \d+ BROKEN/.test(text));
    return line === undefined ? null : line.slice(0, 200);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function plant({ name, file, find, replace }: PlantedBug, directory: string): Promise<void> {
  const path = join(directory, file);
  const text = await readFile(path, 'utf8');
  if (text.split(find).length !== 2) throw new Error(`"${name}" does not fit ${file} any more`);
  await writeFile(path, text.replace(find, () => replace));
}

async function run(directory: string, seeds: number): Promise<string> {
  const main = join(directory, 'test/simulation/main.ts');
  const child = spawn(process.execPath, [...process.execArgv, main, '--seeds', String(seeds), '--stop-at-first'], { cwd: dirname(main), stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  await new Promise((resolve) => {
    child.once('exit', resolve);
  });
  return output;
}
