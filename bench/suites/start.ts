/** `start`: from the start of the first process to the moment when all nodes hear each other. */
import { withCluster } from '../bench-cluster.ts';
import { figureOf } from '../figure.ts';
import type { Suite } from '../suite.ts';

export const startSuite: Suite = {
  name: 'start',
  summary: 'how long a new cluster takes',
  async run(settings) {
    const times: number[] = [];
    for (let run = 0; run < settings.runs; run++) {
      const started = performance.now();
      await withCluster(settings, async () => {
        times.push(performance.now() - started);
      });
    }
    return [figureOf('start', `${settings.nodes} daemons on empty directories, ready after`, 'ms', times)];
  },
};
