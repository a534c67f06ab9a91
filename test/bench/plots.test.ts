import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TargetAddress } from '../../bench/load/plan.ts';
import { chartsOf, runPlots, type AnyReport } from '../../bench/plots/plots.ts';
import { renderSvg } from '../../bench/plots/render.ts';
import type { LoadMeasurement } from '../../bench/result.ts';
import { UsageError } from '../../cli/errors.ts';
import { GROWTH } from './examples.ts';
import { PLAN, SETTINGS, runWith } from './measurements.ts';

const REPORT: AnyReport = {
  machine: { cpuModel: 'some processor', cpuCount: 2, memoryBytes: 2 ** 34, node: 'v20.1.0', kernel: 'Linux 6', filesystem: 'ext4' },
  commit: 'abc123',
  settings: SETTINGS,
  date: '2026-01-02T03:04:05.678Z',
  results: [],
};
const ETCD: TargetAddress = { store: 'etcd', urls: ['http://127.0.0.1:2379'] };

function measured(suite: string, inFlight: number, target: TargetAddress = PLAN.target): LoadMeasurement {
  const run = runWith({ perSecond: inFlight * 100 });
  return { kind: 'load', suite, name: `put, ${inFlight} in flight`, plan: { ...PLAN, inFlight, target }, median: run, runs: [run] };
}

async function drawn(report: AnyReport, name: string): Promise<string> {
  const chart = chartsOf(report).find((one) => one.name === name);
  if (chart === undefined) throw new Error(`no chart ${name}`);
  return renderSvg(chart);
}

describe('the drawings of a report', () => {
  it('have throughput against what is in flight, and the machine below the title', async () => {
    const svg = await drawn({ ...REPORT, results: [measured('throughput', 1), measured('throughput', 64)] }, 'throughput-by-in-flight');
    for (const text of ['requests in flight', 'some processor', 'commit abc123', 'put']) expect(svg).toContain(text);
  });

  it('set stores beside each other, and say what their answers mean', async () => {
    const stores = [{ name: 'etcd', version: '3.5', configuration: 'defaults', acknowledgement: 'fsync on 2 of 3' }] as const;
    const svg = await drawn({ ...REPORT, results: [measured('peers', 64), measured('peers', 64, ETCD)], stores }, 'stores-throughput');
    for (const text of ['put, 64 in flight', 'ring-level', 'etcd', 'fsync on 2 of 3']) expect(svg).toContain(text);
  });

  it('are none where there is nothing to draw', () => {
    expect(chartsOf({ ...REPORT, results: [measured('ycsb', 64)] })).toStrictEqual([]);
  });
});

describe('bench plots', () => {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'ring-level-plots-'));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  it('draws each chart of each file once, as SVG', async () => {
    const [file, out] = [join(directory, 'report.json'), join(directory, 'out')];
    await writeFile(file, JSON.stringify({ ...REPORT, growth: { ...GROWTH, records: [], nodes: [] } }));
    expect(await runPlots([file, '--out', out])).toBe(0);
    expect((await readdir(out)).toSorted()).toStrictEqual(['bytes-by-value-size.svg', 'sweep-by-differences.svg', 'throughput-by-value-size.svg']);
    expect(await readFile(join(out, 'sweep-by-differences.svg'), 'utf8')).toMatch(/^<svg[^]*<\/svg>\n$/);
    await expect(runPlots([file, file, '--out', out])).rejects.toThrow('already drawn');
  });

  it('refuses what is no report', async () => {
    const file = join(directory, 'other.json');
    await writeFile(file, '{"machine": 1}');
    await expect(runPlots([file])).rejects.toThrow(UsageError);
    await expect(runPlots([join(directory, 'missing.json')])).rejects.toThrow("can't be read");
    await expect(runPlots([])).rejects.toThrow('no file');
  });
});
