import { describe, expect, it } from 'vitest';
import { barChart, lineChart, type Caption, type Chart } from '../../bench/plots/chart.ts';
import { growthCharts } from '../../bench/plots/growth-charts.ts';
import { renderSvg } from '../../bench/plots/render.ts';
import { tailsCharts } from '../../bench/plots/tails-charts.ts';
import { GROWTH, TAILS } from './examples.ts';

const MACHINE = '2 × some processor, Node v20';
const CAPTION: Caption = { title: 'Apples against pears', subtitle: [MACHINE] };
const LINEAR = { title: 'apples a second', scale: 'linear' } as const;
const LOG = { title: 'pears', scale: 'log' } as const;

async function svgOf(charts: readonly Chart[], name: string): Promise<string> {
  const chart = charts.find((one) => one.name === name);
  if (chart === undefined) throw new Error(`no chart ${name}; there are ${charts.map((one) => one.name).join(', ')}`);
  return renderSvg(chart);
}

describe('a chart', () => {
  it('says what was measured, on which machine, in which units, and names its lines', async () => {
    const svg = await renderSvg(lineChart('lines', CAPTION, LOG, LINEAR, [{ x: 1, y: 5, series: 'red' }, { x: 100, y: 9, series: 'red' }, { x: 1, y: 2, series: 'green' }]));
    for (const text of ['Apples against pears', MACHINE, 'apples a second', 'pears', 'red', 'green']) expect(svg).toContain(text);
    expect(svg.startsWith('<svg')).toBe(true);
  });

  it('is the same text each time', async () => {
    const [first, second] = await Promise.all([1, 2].map(async () => svgOf(growthCharts(GROWTH, [MACHINE]), 'throughput-by-records')));
    expect(first).toBe(second);
  });

  it('leaves out of a logarithm what is not above 0', () => {
    const points = [{ x: 0, y: 1, series: 'red' }, { x: 10, y: 2, series: 'red' }];
    expect(lineChart('log', CAPTION, LOG, LINEAR, points).spec.data).toStrictEqual({ values: [points[1]] });
    expect(lineChart('linear', CAPTION, LINEAR, LINEAR, points).spec.data).toStrictEqual({ values: points });
    const [none, some] = [{ group: 'a', series: 'red', value: 0 }, { group: 'b', series: 'red', value: 20 }];
    expect(barChart('bars', CAPTION, LOG, [none, some]).spec.data).toStrictEqual({ values: [{ ...some, least: 10 }] });
  });
});

describe('the charts of growth', () => {
  it('show sweeps by size, and say in words what equal replicas cost', async () => {
    const svg = await svgOf(growthCharts(GROWTH, [MACHINE]), 'sweep-by-differences');
    for (const text of ['10000 records', 'records that differ', '83 bytes an exchange', MACHINE]) expect(svg).toContain(text);
  });

  it('name clients and what each has in flight', async () => {
    const charts = growthCharts(GROWTH, [MACHINE]);
    for (const name of ['puts-by-nodes', 'gets-by-nodes']) expect(await svgOf(charts, name)).toContain('4 clients × 64');
  });

  it('are there for what was measured only', () => {
    expect(growthCharts({ records: [], sweeps: [], nodes: [], values: GROWTH.values }, [MACHINE]).map(({ name }) => name)).toStrictEqual(['throughput-by-value-size', 'bytes-by-value-size']);
  });
});

describe('the charts of tails', () => {
  it('set quiet beside disturbed, for those that were measured', async () => {
    const charts = tailsCharts(TAILS, [MACHINE]);
    const svg = await svgOf(charts, 'tails-p99');
    for (const text of ['slow disk: put', 'slow disk: get', 'quiet', 'disturbed', 'milliseconds']) expect(svg).toContain(text);
    expect(svg).not.toContain('no compiler');
    expect(charts.map(({ name }) => name)).toStrictEqual(['tails-p99', 'tails-p999', 'tails-p99-connected', 'memory-under-pressure']);
  });

  it('set memory beside its bound', async () => {
    const svg = await svgOf(tailsCharts(TAILS, [MACHINE]), 'memory-under-pressure');
    for (const text of ['many puts', 'greatest', 'bound by the limits', 'MiB']) expect(svg).toContain(text);
  });
});
