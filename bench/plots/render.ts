/** Charts as SVG. The libraries that draw are devDependencies, and loaded only when something is drawn. */
import type { Chart } from './chart.ts';

/** The same text for the same chart: nothing in it depends on time, chance or the fonts of the machine. */
export async function renderSvg({ spec }: Chart): Promise<string> {
  const [{ View, Warn, parse }, { compile }] = await Promise.all([import('vega'), import('vega-lite')]).catch((error: unknown) => {
    throw new Error('vega and vega-lite, which draw the charts, are not here; they are devDependencies: npm ci in a clone of ring-level', { cause: error });
  });
  const view = new View(parse(compile(spec).spec), { renderer: 'none', logLevel: Warn });
  try {
    return `${await view.toSVG()}\n`;
  } finally {
    view.finalize();
  }
}
