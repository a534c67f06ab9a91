/**
 * One node after the other of a running cluster, killed and started again while something else works with the cluster.
 * Everything waits for something that happened: a node stays down while the work goes on, and the next one is killed when
 * the last one takes requests, is trusted, and the work went on with all of them.
 */
import { eventually, settled, type DaemonCluster } from '../support/processes.ts';

export interface FailureOptions {
  /** How much of the work is done; it must grow while a node is down. */
  readonly progress: () => number;
  /** By so much it grows before the node is started again, and before the next one is killed. */
  readonly step: number;
}

const DEADLINE_MS = 120_000;

export class NodeFailures {
  /** Nodes that were killed, and among them those that came back. */
  kills = 0;
  returns = 0;
  readonly #cluster: DaemonCluster;
  readonly #options: FailureOptions;
  readonly #done: Promise<void>;
  #isStopping = false;

  /** Begins at once. */
  constructor(cluster: DaemonCluster, options: FailureOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#done = this.#run();
    // Whoever stops it hears of it.
    this.#done.catch(() => undefined);
  }

  /** Resolves when all nodes run again. Rejects when one did not come back, or the work stood still. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const node = this.kills % this.#cluster.urls.length;
      await this.#cluster.processes.killNode(node);
      this.kills += 1;
      await this.#workGoesOn(`while node ${node} is down`);
      await this.#cluster.processes.startNode(node);
      await settled(this.#cluster);
      await eventually(`node ${node} is trusted`, async () => ((await this.#cluster.clients[node]?.status())?.nodes[node]?.untrusted === null ? true : null));
      this.returns += 1;
      await this.#workGoesOn('with all nodes');
    }
  }

  async #workGoesOn(when: string): Promise<void> {
    const { progress, step } = this.#options;
    const enough = progress() + step;
    await eventually(`the work goes on ${when}`, async () => (this.#isStopping || progress() >= enough ? true : null), DEADLINE_MS);
  }
}
