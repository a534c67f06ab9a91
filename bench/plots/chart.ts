/**
 * The two kinds of charts that there are, as data in and a specification for vega-lite out: lines over a number, and
 * bars over names. Light colours, a title that says what was measured, units on the axes, the machine below the title.
 */
import type { TopLevelSpec } from 'vega-lite';

export interface Chart {
  /** Of the file, without `.svg`. */
  readonly name: string;
  readonly spec: TopLevelSpec;
}

export interface Axis {
  /** With its unit: `operations a second`. */
  readonly title: string;
  readonly scale: 'linear' | 'log';
}

export interface Caption {
  readonly title: string;
  /** The machine, and whatever else was fixed; one line each. */
  readonly subtitle: readonly string[];
}

export interface Point {
  readonly x: number;
  readonly y: number;
  readonly series: string;
}

export interface Bar {
  readonly group: string;
  readonly series: string;
  readonly value: number;
}

const WIDTH = 560;
const HEIGHT = 300;
const BAR_STEP = 18;
/** 0.5, 20, 3k, 5M. */
const LABEL = "abs(datum.value) >= 1000 ? format(datum.value, '~s') : format(datum.value, '~g')";
/** Distinguishable without colour vision, readable on white. */
const COLOURS = ['#4e9bd1', '#f0a35e', '#6fbf8b', '#c98bc9', '#e0c14b', '#8f9fae', '#d97b7b', '#8c7bd9'];
const CONFIG: NonNullable<TopLevelSpec['config']> = {
  background: '#ffffff',
  font: 'Helvetica, Arial, sans-serif',
  view: { stroke: '#dddddd' },
  axis: { gridColor: '#eeeeee', domainColor: '#bbbbbb', tickColor: '#bbbbbb', labelColor: '#444444', titleColor: '#444444', titleFontWeight: 'normal', labelFontSize: 11, titleFontSize: 12 },
  title: { anchor: 'start', fontSize: 15, fontWeight: 'bold', color: '#222222', subtitleFontSize: 11, subtitleColor: '#666666', subtitlePadding: 4, offset: 14 },
  legend: { title: null, orient: 'right', labelColor: '#444444', labelFontSize: 11, labelLimit: 0 },
  range: { category: COLOURS },
};

/** One line for each series, in the order in which they first come. */
export function lineChart(name: string, caption: Caption, x: Axis, y: Axis, points: readonly Point[]): Chart {
  const spec: TopLevelSpec = {
    ...frame(caption),
    width: WIDTH,
    height: HEIGHT,
    data: { values: shown(points, x, y).map((point) => ({ ...point })) },
    mark: { type: 'line', point: { size: 45 }, strokeWidth: 2 },
    encoding: {
      x: { field: 'x', type: 'quantitative', title: x.title, scale: scaleOf(x, 'as the data'), axis: { labelExpr: LABEL, tickCount: 8 } },
      y: { field: 'y', type: 'quantitative', title: y.title, scale: scaleOf(y), axis: { labelExpr: LABEL, tickCount: 6 } },
      color: { field: 'series', type: 'nominal', sort: firstSeen(points.map(({ series }) => series)) },
    },
  };
  return { name, spec };
}

/** Lying bars: for each group one of each series, both in the order in which they first come. */
export function barChart(name: string, caption: Caption, value: Axis, bars: readonly Bar[]): Chart {
  const series = firstSeen(bars.map((bar) => bar.series));
  const drawn = bars.filter((bar) => bar.value > 0 || value.scale === 'linear');
  const least = value.scale === 'log' ? powerOfTenBelow(Math.min(...drawn.map((bar) => bar.value))) : 0;
  const spec: TopLevelSpec = {
    ...frame(caption),
    width: WIDTH,
    height: { step: BAR_STEP },
    data: { values: drawn.map((bar) => ({ ...bar, least })) },
    mark: { type: 'bar' },
    encoding: {
      y: { field: 'group', type: 'nominal', title: null, sort: firstSeen(bars.map((bar) => bar.group)), axis: { labelLimit: 0 } },
      yOffset: { field: 'series', type: 'nominal', sort: series },
      x: { field: 'value', type: 'quantitative', title: value.title, scale: { ...scaleOf(value), domainMin: least }, axis: { labelExpr: LABEL, tickCount: 6 }, stack: null },
      x2: { field: 'least' },
      color: { field: 'series', type: 'nominal', sort: series },
    },
  };
  return { name, spec };
}

function frame({ title, subtitle }: Caption): Pick<TopLevelSpec, '$schema' | 'config' | 'title' | 'padding'> {
  return { $schema: 'https://vega.github.io/schema/vega-lite/v6.json', config: CONFIG, padding: 12, title: { text: title, subtitle: [...subtitle] } };
}

/** A logarithm has no place for what is not above 0. */
function shown(points: readonly Point[], x: Axis, y: Axis): readonly Point[] {
  return points.filter((point) => (point.x > 0 || x.scale === 'linear') && (point.y > 0 || y.scale === 'linear'));
}

/** Where bars begin on a logarithmic axis: below the shortest, so that it is seen. */
function powerOfTenBelow(value: number): number {
  return Number.isFinite(value) ? 10 ** Math.floor(Math.log10(value / 1.5)) : 1;
}

function scaleOf({ scale }: Axis, from: 'zero' | 'as the data' = 'zero'): { readonly type: 'linear' | 'log'; readonly zero?: boolean } {
  return scale === 'log' ? { type: 'log' } : { type: 'linear', zero: from === 'zero' };
}

function firstSeen(names: readonly string[]): string[] {
  return [...new Set(names)];
}
