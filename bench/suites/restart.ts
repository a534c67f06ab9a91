/** `restart`: SIGKILL of one node, started again at once; from its start to its ready line. */
import { withCluster } from '../bench-cluster.ts';
import { figureOf } from '../figure.ts';
import type { Figure } from '../result.ts';
import type { Suite } from '../suite.ts';

const RECORDS = 1_000_000;

export const restartSuite: Suite = {
  name: 'restart',
  summary: 'how long a node takes after SIGKILL, with no, a tenth of, and all records',
  async run(settings) {
    const figures: Figure[] = [];
    const records = settings.records ?? RECORDS;
    for (const count of [0, Math.round(records / 10), records]) {
      const times: number[] = [];
      await withCluster(settings, async (cluster) => {
        await cluster.fill(count, settings);
        for (let run = 0; run < settings.runs; run++) {
          await cluster.kill(0);
          times.push(await cluster.startAgain(0));
        }
      });
      figures.push(figureOf('restart', `after SIGKILL with ${count} records, ready after`, 'ms', times));
    }
    return figures;
  },
};
