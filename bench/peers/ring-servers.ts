/** ring-level for a comparison: daemons of this build or of another one. */
import type { Program } from '../../cli/command.ts';
import { PACKAGE_VERSION } from '../../node/package-version.ts';
import { BenchCluster } from '../bench-cluster.ts';
import type { TargetAddress } from '../load/plan.ts';
import type { MeasuredProcess, StoreCounters } from '../resources.ts';
import type { Settings } from '../settings.ts';
import { underParent } from './peer-process.ts';
import type { StoreServers } from './store-servers.ts';

export interface RingBuild {
  /** `cli/main.js` of another build; null: this one's. */
  readonly main: string | null;
  /** What starts and asks the daemons: of this build, or that which the other one brings. */
  readonly start: typeof BenchCluster.start;
}

export const THIS_BUILD: RingBuild = { main: null, start: async (options) => BenchCluster.start(options) };

export class RingServers implements StoreServers {
  readonly name = 'ring-level';
  readonly version = PACKAGE_VERSION;
  readonly configuration: string;
  readonly acknowledgement: string;
  readonly #cluster: BenchCluster;

  /** Every node hears every other. */
  static async start(settings: Settings, { main, start }: RingBuild): Promise<RingServers> {
    // A daemon that is paused does not notice that this process ends.
    const wrapProgram = (program: Program): Program => {
      const leadingArguments = main === null ? program.leadingArguments : [main];
      const [executable, ...before] = underParent([program.executable, ...leadingArguments]);
      return { ...program, executable, leadingArguments: before };
    };
    return new RingServers(await start({ ...settings, wrapProgram }), settings);
  }

  private constructor(cluster: BenchCluster, { nodes, replicationFactor, durability, consistency }: Settings) {
    const quorum = Math.floor(replicationFactor / 2) + 1;
    this.configuration = `${nodes} nodes, replication factor ${replicationFactor}, durability ${durability}, consistency ${consistency}, otherwise defaults`;
    this.acknowledgement = consistency === 'one' || consistency === 'all' ? `${durability}, consistency ${consistency}` : `${durability === 'fsync' ? 'fsync' : 'with the operating system'} on ${quorum} of ${replicationFactor}`;
    this.#cluster = cluster;
  }

  get target(): TargetAddress {
    return this.#cluster.target;
  }

  processes(): readonly MeasuredProcess[] {
    return this.#cluster.processes();
  }

  async counters(): Promise<StoreCounters> {
    return this.#cluster.counters();
  }

  pause(): void {
    for (const node of this.#cluster.urls.keys()) this.#cluster.pause(node);
  }

  async resume(): Promise<void> {
    for (const node of this.#cluster.urls.keys()) this.#cluster.resume(node);
    await this.#cluster.waitAllAlive();
  }

  async stop(): Promise<void> {
    await this.#cluster.stop();
  }
}
