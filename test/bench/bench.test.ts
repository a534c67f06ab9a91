import { spawn } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../bench/report.ts';
import { PROGRAM, eventually, requireBuild, runToEnd, temporaryDirectory } from '../support/processes.ts';

const TIMEOUT_MS = 60_000;

beforeAll(requireBuild);

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('ring-level bench', () => {
  it(
    'measures put and get of real daemons, without an error, and leaves nothing behind',
    async () => {
      await using directory = await temporaryDirectory();
      const [data, json] = [join(directory.path, 'data'), join(directory.path, 'report.json')];
      const flags = ['--seconds', '0.2', '--warm-up', '0', '--runs', '1', '--records', '200', '--dir', data, '--json', json];
      const { status, output } = await runToEnd([...PROGRAM.leadingArguments, 'bench', 'throughput', ...flags], TIMEOUT_MS);
      expect({ status, output }).toMatchObject({ status: 0 });
      const report = JSON.parse(await readFile(json, 'utf8')) as Report;
      expect(report.machine.node).toBe(process.version);
      expect(report.results.map(({ kind, name }) => `${kind}: ${name}`)).toEqual(
        ['put', 'get'].flatMap((kind) => ['1 in flight', '64 in flight', '1024 in flight', '64 clients × 1 in flight', '4 clients × 64 in flight'].map((shape) => `load: ${kind}, ${shape}`)),
      );
      for (const result of report.results) {
        if (result.kind !== 'load') throw new Error(`not a load: ${result.name}`);
        const { load, resources } = result.median;
        expect(load.errors).toEqual({});
        expect(load.operations).toBeGreaterThan(0);
        expect(load.overall.count).toBe(load.operations);
        expect(load.overall.p50Ms).toBeGreaterThan(0);
        expect(resources.processes.map(({ name }) => name)).toEqual(['node 0', 'node 1', 'node 2']);
        if (result.plan.workload === 'put') expect(resources.fsyncsPerOperation).toBeGreaterThan(0);
        expect(output).toContain(result.name);
      }
      expect(await readdir(data)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  it(
    'runs the workloads of YCSB but for those that the store cannot, and keeps a fixed rate',
    async () => {
      await using directory = await temporaryDirectory();
      const json = join(directory.path, 'report.json');
      const flags = ['--seconds', '0.2', '--warm-up', '0', '--runs', '1', '--records', '200', '--nodes', '1', '--in-flight', '4', '--durability', 'os', '--dir', directory.path, '--json', json];
      const { status, output } = await runToEnd([...PROGRAM.leadingArguments, 'bench', 'ycsb', 'rate', ...flags], TIMEOUT_MS);
      expect({ status, output }).toMatchObject({ status: 0 });
      const { results } = JSON.parse(await readFile(json, 'utf8')) as Report;
      const loads = results.filter((result) => result.kind === 'load');
      expect(loads.map(({ median }) => median.load.errors)).toEqual(loads.map(() => ({})));
      const kindsOf = (name: string): string[] => Object.keys(loads.find((load) => load.plan.workload === name)?.median.load.byKind ?? {}).toSorted();
      expect([kindsOf('ycsb-a'), kindsOf('ycsb-c'), kindsOf('ycsb-f')]).toEqual([['read', 'update'], ['read'], ['read', 'read-modify-write']]);
      const rates = loads.filter(({ plan }) => plan.ratePerSecond !== null);
      expect(rates).toHaveLength(6);
      for (const { plan, median } of rates) {
        expect(median.load.operations).toBe(Math.round((plan.ratePerSecond ?? 0) * plan.seconds));
        expect(median.load.sendLag?.count).toBe(median.load.operations);
      }
      expect(output).toMatch(loads.some(({ plan }) => plan.workload === 'ycsb-e') ? /ycsb-e/ : /ycsb-e.*not run: no range reads yet/);
    },
    TIMEOUT_MS,
  );

  it(
    'stops its cluster and removes its directory when it is told to stop',
    async () => {
      await using directory = await temporaryDirectory();
      const child = spawn(PROGRAM.executable, [...PROGRAM.leadingArguments, 'bench', '--seconds', '0.1', '--warm-up', '0', '--runs', '1000', '--records', '100', '--nodes', '1', '--dir', directory.path], { stdio: ['ignore', 'pipe', 'pipe'] });
      try {
        const ended = new Promise<number | null>((resolve) => {
          child.once('exit', resolve);
        });
        const lines: string[] = [];
        createInterface({ input: child.stderr }).on('line', (line) => lines.push(line));
        child.stdout.resume();
        await eventually('a first load was measured', async () => (lines.some((line) => line.startsWith('throughput: put')) ? true : null));
        const [data = ''] = await readdir(directory.path);
        const [cluster = ''] = await readdir(join(directory.path, data));
        const owner: unknown = JSON.parse(await readFile(join(directory.path, data, cluster, 'node-0', 'owner.json'), 'utf8'));
        const pid = typeof owner === 'object' && owner !== null && 'pid' in owner ? Number(owner.pid) : 0;
        expect(isRunning(pid)).toBe(true);
        child.kill('SIGINT');
        expect(await ended).toBe(1);
        expect(lines.at(-1)).toBe('ring-level: bench: stopped (SIGINT)');
        expect(await readdir(directory.path)).toEqual([]);
        await eventually('the daemon is gone', async () => (isRunning(pid) ? null : true));
      } finally {
        child.kill('SIGKILL');
      }
    },
    TIMEOUT_MS,
  );

  it('tells a wrong option in one line, with exit status 2', async () => {
    const { status, output } = await runToEnd([...PROGRAM.leadingArguments, 'bench', '--runs', 'many']);
    expect([status, output]).toEqual([2, 'ring-level: bench: --runs is "many"; allowed: an integer from 1 to 1000\n']);
  });

  it('explains itself', async () => {
    const { status, output } = await runToEnd([...PROGRAM.leadingArguments, 'bench', '--help']);
    expect(status).toBe(0);
    expect(output).toContain('ring-level bench [BENCHMARK…] [flags]');
  });
});
