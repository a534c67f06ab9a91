/** Every story, for each of its replication factors, against real daemons and inside one process. Needs `npm run build`. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { beforeAll, describe, it } from 'vitest';

const directory = fileURLToPath(new URL('.', import.meta.url));
const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const STORY_TIMEOUT_MS = 180_000;

const stories = readdirSync(directory)
  .filter((name) => name.endsWith('.ring'))
  .toSorted()
  .map((name) => ({ name, factors: factorsOf(name) }));

beforeAll(() => {
  if (!existsSync(program)) throw new Error('the stories run the built program: npm run build');
});

describe.each(['real daemons', 'in process'] as const)('stories with %s', (form) => {
  for (const { name, factors } of stories) {
    for (const factor of factors) {
      it.concurrent(
        `${name.replace('.ring', '').replaceAll('-', ' ')}, replication factor ${factor}`,
        async ({ expect: expectHere }) => {
          const flags = ['--nodes', '3', '--replication-factor', String(factor), ...(form === 'in process' ? ['--in-process'] : [])];
          const { status, output } = await run(['run', `${directory}${name}`, ...flags]);
          expectHere(status, output).toBe(0);
          // A story that wrote nothing would prove nothing.
          expectHere(output).toMatch(/^ok /m);
        },
        STORY_TIMEOUT_MS,
      );
    }
  }
});

function factorsOf(name: string): readonly number[] {
  const factors = /^# rf: ([\d, ]+)$/m.exec(readFileSync(`${directory}${name}`, 'utf8'))?.[1];
  if (factors === undefined) throw new Error(`${name} has no line '# rf: 2,3'`);
  return factors.split(',').map(Number);
}

function run(args: readonly string[]): Promise<{ readonly status: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    // A story that hangs is ended before the test is, in order, so that no daemon stays behind.
    const timer = setTimeout(() => child.kill('SIGTERM'), STORY_TIMEOUT_MS - 30_000);
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString('utf8');
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', reject);
    child.once('close', (status) => {
      clearTimeout(timer);
      resolve({ status, output });
    });
  });
}
