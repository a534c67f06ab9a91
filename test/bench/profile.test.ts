import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { asCpuProfile, cutProfile, fileOf, labelOf, treeOf, type CpuProfile, type ProfileNode } from '../../bench/profile/cpu-profile.ts';
import { eventLoopDelayOf } from '../../bench/profile/event-loop-delay.ts';
import { flameGraph } from '../../bench/profile/flame-graph.ts';
import { inspectedProgram } from '../../bench/profile/inspected-program.ts';
import { partShares } from '../../bench/profile/parts.ts';
import { runProfile, type ProfileReport } from '../../bench/profile/profile.ts';
import { profileTable } from '../../bench/profile/table.ts';
import { PROGRAM, requireBuild, runToEnd, temporaryDirectory } from '../support/processes.ts';

const ROOT = 'file:///home/somebody/ring-level/dist';
const TIMEOUT_MS = 60_000;
const CAPTION = ['node 0: put', '3 nodes'] as const;

function node(id: number, functionName: string, url: string, children: readonly number[] = [], lineNumber = 9): ProfileNode {
  return { id, callFrame: { functionName, url, lineNumber }, children };
}

/**
 * 10 ms in samples of 1 ms: 4 idle, 1 of V8, 1 collecting garbage, 2 receiving from a client (one of them packing what
 * it sends to a peer meanwhile), 1 sending to a peer by itself (packing), 1 in a function that is no part's.
 */
const PROFILE: CpuProfile = {
  nodes: [
    node(1, '(root)', '', [2, 3, 4, 5, 8, 11]),
    node(2, '(idle)', ''),
    node(3, '(program)', ''),
    node(4, '(garbage collector)', ''),
    node(5, '#receive', `${ROOT}/node/client-session.js`, [6]),
    node(6, '#flush', `${ROOT}/node/peer-link.js`, [7]),
    node(7, 'pack', 'file:///home/somebody/ring-level/node_modules/msgpackr/pack.js'),
    node(8, 'processImmediate', 'node:internal/timers', [9, 12]),
    node(9, '#flush', `${ROOT}/node/peer-link.js`, [10]),
    node(10, 'pack', 'file:///home/somebody/ring-level/node_modules/msgpackr/pack.js'),
    node(11, '<a & "b">', `${ROOT}/data/store.js`),
    // The same function on the same way once more, as V8 has it after an inlined call.
    node(12, '#flush', `${ROOT}/node/peer-link.js`),
  ],
  startTime: 1_000_000,
  endTime: 1_010_000,
  samples: [2, 2, 3, 4, 5, 7, 10, 11, 2, 2],
  timeDeltas: Array.from({ length: 10 }, () => 1000),
};
const TREE = treeOf(PROFILE);

interface Box {
  readonly title: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly fill: string;
}

function boxesOf(svg: string): readonly Box[] {
  const boxes = svg.matchAll(/<title>(.*?)<\/title><rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" .*? fill="(.*?)"/g);
  return [...boxes].map(([, title = '', x, y, width, fill = '']) => ({ title, x: Number(x), y: Number(y), width: Number(width), fill }));
}

function boxOf(svg: string, start: string): Box {
  const box = boxesOf(svg).find(({ title }) => title.startsWith(start));
  if (box === undefined) throw new Error(`no box ${start}`);
  return box;
}

describe('the parts of a profile', () => {
  const parts = partShares(TREE);
  const shareOf = (name: string): number | undefined => parts.find(({ part }) => part.startsWith(name))?.share;

  it('have shares that add up to 1', () => {
    expect(parts.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 10);
    expect(parts.reduce((sum, { busyShare }) => sum + (busyShare ?? 0), 0)).toBeCloseTo(1, 10);
    expect(parts.find(({ part }) => part === 'idle')).toMatchObject({ share: 0.4, busyShare: null });
  });

  it('are begun by the outermost function that begins one', () => {
    expect(['program', 'garbage', 'client requests', 'sending requests', 'the rest', 'tick'].map(shareOf)).toStrictEqual([0.1, 0.1, 0.2, 0.1, 0.1, 0]);
  });

  it('name their heaviest functions, by the time of their own', () => {
    expect(parts.find(({ part }) => part === 'client requests received')?.functions).toStrictEqual([
      { name: '#receive node/client-session.js:10', share: 0.1 },
      { name: 'pack msgpackr/pack.js:10', share: 0.1 },
    ]);
  });

  it('name ten functions at the most', () => {
    const nodes = Array.from({ length: 20 }, (_, index) => node(index + 2, `f${index}`, `${ROOT}/data/store.js`));
    const many = treeOf({ ...PROFILE, nodes: [node(1, '(root)', '', nodes.map(({ id }) => id)), ...nodes], samples: nodes.map(({ id }) => id), timeDeltas: nodes.map(({ id }) => id) });
    const names = partShares(many).find(({ part }) => part === 'the rest')?.functions.map(({ name }) => name.split(' ')[0]);
    expect(names).toStrictEqual(['f19', 'f18', 'f17', 'f16', 'f15', 'f14', 'f13', 'f12', 'f11', 'f10']);
  });

  it('are the same for the program that was not compiled', () => {
    const sources = { ...PROFILE, nodes: PROFILE.nodes.map((one) => ({ ...one, callFrame: { ...one.callFrame, url: one.callFrame.url.replace('dist/', '').replace(/js$/, 'ts') } })) };
    expect(partShares(treeOf(sources)).map(({ share }) => share)).toStrictEqual(parts.map(({ share }) => share));
  });

  it('are not made of nothing', () => {
    expect(() => partShares(treeOf({ ...PROFILE, samples: [], timeDeltas: [] }))).toThrow('no sample');
  });

  it('are a table, a column for each node', () => {
    const daemon = { samples: 10, eventLoopDelay: { p50Ms: 0.25, p99Ms: 12, maxMs: null }, parts };
    const lines = profileTable({ samplingIntervalMicros: 1000, seconds: 0.01, daemons: [{ node: 0, ...daemon }, { node: 1, ...daemon }] });
    expect(lines.some((line) => /^idle +40\.0 % +40\.0 %$/.test(line))).toBe(true);
    expect(lines.some((line) => /^client requests received +20\.0 % \(33\.3 %\) +20\.0 % \(33\.3 %\)$/.test(line))).toBe(true);
    expect(lines.some((line) => /^event-loop delay, p99 +12\.0 ms +12\.0 ms$/.test(line))).toBe(true);
    expect(lines.some((line) => /^event-loop delay, max +– +–$/.test(line))).toBe(true);
    expect(lines.some((line) => /^samples +10 +10$/.test(line))).toBe(true);
    expect(lines).toContain('node 1: the heaviest functions of each part, by their own time');
    expect(lines.filter((line) => / pack msgpackr\/pack\.js:10 +10\.0 %$/.test(line))).toHaveLength(4);
  });
});

describe('a profile', () => {
  it('is cut to the time of the load', () => {
    const cut = cutProfile(PROFILE, 1_002_500, 1_008_000);
    expect([cut.samples, cut.timeDeltas, cut.startTime, cut.endTime]).toStrictEqual([[3, 4, 5, 7, 10, 11], [500, 1000, 1000, 1000, 1000, 1000], 1_002_500, 1_008_000]);
    expect(cut.nodes.map(({ hitCount }) => hitCount)).toStrictEqual([0, 0, 1, 1, 1, 0, 1, 0, 0, 1, 1, 0]);
    expect(treeOf(cut).totalMicros).toBe(5500);
  });

  it('has each function once on each way to it', () => {
    const immediate = TREE.children.find(({ frame }) => frame.functionName === 'processImmediate');
    expect(immediate?.children.map(({ frame, totalMicros }) => [labelOf(frame), totalMicros])).toStrictEqual([['#flush node/peer-link.js:10', 1000]]);
  });

  it('takes samples that are out of order for no time', () => {
    expect(treeOf({ ...PROFILE, timeDeltas: [1000, -5, ...PROFILE.timeDeltas.slice(2)] }).totalMicros).toBe(9000);
  });

  it('is refused when it is none', () => {
    expect(asCpuProfile(PROFILE)).toBe(PROFILE);
    for (const value of [null, {}, { nodes: [], samples: [], timeDeltas: [] }]) expect(() => asCpuProfile(value)).toThrow('CPU profile');
  });

  it.each([
    ['', ''],
    ['node:internal/timers', 'node:internal/timers'],
    ['file:///a/dist/node/engine.js', 'node/engine.js'],
    ['file:///a/node_modules/x/node_modules/@y/z/lib/b.js?v=1', '@y/z/lib/b.js'],
    ['/a/node_modules/classic-level/index.js', 'classic-level/index.js'],
  ])('knows %j as %j', (url, file) => {
    expect(fileOf(url)).toBe(file);
  });

  it('tells native functions from anonymous ones', () => {
    expect(labelOf({ functionName: '', url: '', lineNumber: -1 })).toBe('(native, without a name)');
    expect(labelOf({ functionName: '', url: 'node:net', lineNumber: 1 })).toBe('(anonymous) node:net:2');
  });
});

describe('a flame graph', () => {
  const svg = flameGraph(TREE, CAPTION);

  it('has a box for each function on each way to it, as wide as its share of what is not idle', () => {
    const all = boxOf(svg, 'all but idle');
    for (const [start, share] of [['#receive', 2 / 6], ['(program)', 1 / 6], ['processImmediate', 1 / 6]] as const) {
      expect(boxOf(svg, start).width / all.width).toBeCloseTo(share, 3);
    }
    expect(boxesOf(svg).filter(({ title }) => title.startsWith('pack '))).toHaveLength(2);
    expect(boxOf(svg, '#receive').title).toBe('#receive node/client-session.js:10: 33.33 %, itself 16.67 %');
  });

  it('leaves idle time out', () => {
    expect(svg).not.toContain('(idle)');
    const onRoot = boxesOf(svg).filter(({ y }) => y === boxOf(svg, '(program)').y);
    expect(onRoot.reduce((sum, { width }) => sum + width, 0)).toBeCloseTo(boxOf(svg, 'all but idle').width, 0);
    expect(() => flameGraph(treeOf({ ...PROFILE, samples: [2], timeDeltas: [1000] }), CAPTION)).toThrow('idle');
  });

  it('sets what is called on top of its caller, within its width', () => {
    const [caller, called] = [boxOf(svg, '#receive'), boxesOf(svg).find(({ title, x }) => title.startsWith('#flush') && x >= boxOf(svg, '#receive').x)];
    expect(called?.y).toBeLessThan(caller.y);
    expect((called?.x ?? 0) + (called?.width ?? 0)).toBeLessThanOrEqual(caller.x + caller.width + 0.01);
  });

  it('escapes what XML has a meaning for', () => {
    expect(svg).toContain('&lt;a &amp; &quot;b&quot;&gt; data/store.js:10');
    expect(svg).not.toContain('<a &');
    expect(flameGraph(TREE, ['a < b & c', 'd\u0007e'])).toMatch(/a &lt; b &amp; c[\s\S]*d e/);
  });

  it('is the same for the same profile', () => {
    expect(flameGraph(treeOf(structuredClone(PROFILE)), CAPTION)).toBe(svg);
    const reversed = treeOf({ ...PROFILE, nodes: PROFILE.nodes.map((one) => ({ ...one, children: (one.children ?? []).toReversed() })) });
    expect(flameGraph(reversed, CAPTION)).toBe(svg);
  });

  it('has one light warm colour for each folder', () => {
    const fills = boxesOf(svg).map(({ fill }) => /^hsl\((\d+),\d+%,(\d+)%\)$/.exec(fill)?.slice(1).map(Number) ?? []);
    for (const [hue = -1, lightness = -1] of fills) expect([hue >= 8 && hue < 56, lightness >= 72]).toStrictEqual([true, true]);
    expect(boxOf(svg, '#receive').fill).toBe(boxOf(svg, '#flush').fill);
  });
});

describe('the delay of an event loop', () => {
  it('is what /metrics says without the interval of the timer', () => {
    const metrics = ['p50', 'p99', 'max'].map((which, index) => `# TYPE x\nring_level_nodejs_eventloop_lag_${which}_seconds ${[0.0105, 0.03, 0.009][index]}\n`).join('');
    const { p50Ms, p99Ms, maxMs } = eventLoopDelayOf(metrics);
    expect([p50Ms?.toFixed(3), p99Ms?.toFixed(3), maxMs]).toStrictEqual(['0.500', '20.000', 0]);
  });

  it('is null where it was not recorded', () => {
    expect(eventLoopDelayOf('ring_level_nodejs_eventloop_lag_p50_seconds Nan\nring_level_nodejs_eventloop_lag_max_seconds 0\n')).toStrictEqual({ p50Ms: null, p99Ms: null, maxMs: null });
  });
});

describe('bench profile', () => {
  beforeAll(requireBuild);

  it(
    'says where the time of real daemons goes, draws it, and leaves nothing else behind',
    async () => {
      await using directory = await temporaryDirectory();
      const [data, out, json] = [join(directory.path, 'data'), join(directory.path, 'out'), join(directory.path, 'report.json')];
      const flags = ['--nodes', '2', '--records', '200', '--seconds', '0.5', '--warm-up', '0.1', '--dir', data, '--out', out, '--json', json];
      const { status, output } = await runToEnd([...PROGRAM.leadingArguments, 'bench', 'profile', ...flags], TIMEOUT_MS);
      expect({ status, output }).toMatchObject({ status: 0 });
      const { profile, results } = JSON.parse(await readFile(json, 'utf8')) as ProfileReport;
      expect(results).toMatchObject([{ kind: 'load', suite: 'profile', median: { load: { errors: {} } } }]);
      expect(profile.daemons.map(({ node }) => node)).toStrictEqual([0, 1]);
      for (const { samples, parts, eventLoopDelay } of profile.daemons) {
        expect(samples).toBeGreaterThan(0);
        expect(parts.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 6);
        expect(parts.some(({ part, share }) => part === "the writer's group" && share > 0)).toBe(true);
        expect(eventLoopDelay.maxMs).toBeGreaterThanOrEqual(eventLoopDelay.p50Ms ?? Infinity);
      }
      expect((await readdir(out)).toSorted()).toStrictEqual(['node-0.cpuprofile', 'node-0.svg', 'node-1.cpuprofile', 'node-1.svg']);
      expect(await readFile(join(out, 'node-1.svg'), 'utf8')).toContain('#commitGroup data/store.js');
      expect(asCpuProfile(JSON.parse(await readFile(join(out, 'node-0.cpuprofile'), 'utf8'))).samples).toHaveLength(profile.daemons[0]?.samples ?? -1);
      expect(await readdir(data)).toStrictEqual([]);
    },
    TIMEOUT_MS,
  );

  it('opens the inspector of a daemon on the loopback device only, before its program', () => {
    const { leadingArguments } = inspectedProgram({ executable: 'node', leadingArguments: ['--no-warnings', 'main.js'], typed: 'ring-level' }, '/tmp/a b');
    expect(leadingArguments).toStrictEqual(['--no-warnings', '--inspect=127.0.0.1:0', '--import', expect.stringMatching(/\/tell-inspector\.ts\?directory=%2Ftmp%2Fa\+b$/), 'main.js']);
  });

  it('refuses another workload', async () => {
    await expect(runProfile(['--workload', 'ycsb-a'])).rejects.toThrow('--workload is "ycsb-a"; allowed: put, get');
  });
});
