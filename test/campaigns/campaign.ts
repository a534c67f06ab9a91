/** What every campaign is, and the frame that all of them run in: start, load, faults in cycles, heal, check, count. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '../support/seeded-random.ts';
import { CampaignCluster, NODES } from './campaign-cluster.ts';
import { checkOwnPromises, compareDumps, noFindings, readBack, type Findings } from './check.ts';
import { describeExit } from './daemon-process.ts';
import { Load, type Level } from './load.ts';
import { compileShim, type SyncMode } from './shim.ts';

export interface CycleContext {
  readonly cluster: CampaignCluster;
  readonly load: Load;
  readonly random: SeededRandom;
  readonly findings: Findings;
  readonly tally: Tally;
  /** Node's own promises against its own disk, when it is down. */
  checkNode(node: number): Promise<void>;
}

/** What happened, beside what was found. */
export interface Tally {
  /** Faults that took effect. */
  faults: number;
  /** How often a node had to be wiped by hand, because it could not be started or did not heal. */
  operator: number;
  readonly details: Record<string, number>;
  /** What is worth reading also when the campaign passes: how a daemon ended by itself. */
  readonly notes: string[];
}

/** Adds to a count of the details. */
export function add(tally: Tally, name: string, count: number): void {
  tally.details[name] = (tally.details[name] ?? 0) + count;
}

/** Failed reads by level and code, for the details. */
export function addErrors(tally: Tally, errors: ReadonlyMap<string, number>): void {
  for (const [name, count] of errors) add(tally, `whileDamaged ${name}`, count);
}

export interface Campaign {
  readonly name: string;
  /** What is promised for this fault. */
  readonly promise: string;
  readonly cycles: number;
  readonly level: Level;
  readonly flags?: readonly string[];
  readonly sync?: SyncMode;
  readonly network?: 'direct' | 'proxied';
  readonly durableNodes?: number;
  readonly reads?: 'check' | 'values only';
  /** `loses`: the control, which must lose something. */
  readonly expected?: 'nothing lost' | 'loses';
  /** `restart`: before the dump every node is started once more, and so reads all its records: what lay untouched is found. */
  readonly end?: 'restart';
  /** At least so many faults must take effect in each cycle, on average. */
  readonly faultsPerCycle?: number;
  /** The cycle leaves all nodes running. */
  cycle(context: CycleContext, number: number): Promise<void>;
}

export interface Row {
  readonly campaign: string;
  readonly promise: string;
  readonly seed: number;
  readonly cycles: number;
  readonly acknowledged: number;
  readonly unknown: number;
  readonly refused: number;
  readonly faults: number;
  readonly lost: number;
  readonly wrong: number;
  readonly late: number;
  readonly stale: number;
  readonly operator: number;
  readonly replicasEqual: 'yes' | 'no' | 'not reached';
  readonly seconds: number;
  readonly details: Readonly<Record<string, number>>;
  readonly notes: readonly string[];
  /** Why it failed; empty when it passed. */
  readonly failures: readonly string[];
}

export interface RunOptions {
  readonly cycles: number;
  readonly seed: number;
  readonly replicationFactor: number;
  onProgress(text: string): void;
}

const WRITERS = 24;
const KEYS_PER_WRITER = 40;
const CHECK_EVERY = 50;
const CONVERGE_MS = 90_000;
const ACKNOWLEDGED_PER_CYCLE = 20;

export async function runCampaign(campaign: Campaign, options: RunOptions): Promise<Row> {
  const directory = mkdtempSync(join(tmpdir(), `ring-level-campaign-${campaign.name}-`));
  const remove = (): void => rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  // Broken off, too, it leaves nothing behind.
  process.once('exit', remove);
  try {
    return await runIn(directory, campaign, options);
  } finally {
    process.off('exit', remove);
    remove();
  }
}

async function runIn(directory: string, campaign: Campaign, options: RunOptions): Promise<Row> {
  const startedMs = performance.now();
  // Two streams: what the load draws depends on its timing, what the faults draw does not.
  const random = new SeededRandom(options.seed);
  await using cluster = await CampaignCluster.start({
    directory,
    replicationFactor: options.replicationFactor,
    flags: campaign.flags ?? [],
    library: compileShim(directory),
    sync: campaign.sync ?? 'journal',
    network: campaign.network ?? 'direct',
  });
  const load = new Load({ urls: cluster.urls, writers: WRITERS, keysPerWriter: KEYS_PER_WRITER, level: campaign.level, durableNodes: campaign.durableNodes ?? 1, reads: campaign.reads ?? 'check' }, new SeededRandom(options.seed + 1));
  const run = new Run(campaign, options, cluster, load, random);
  try {
    await run.cycles();
    await run.finish();
  } catch (error) {
    run.failures.push(`broken off: ${error instanceof Error ? `${error.message}${error.cause instanceof Error ? ` (${error.cause.message})` : ''}` : String(error)}`);
  } finally {
    await load.close();
  }
  return run.row((performance.now() - startedMs) / 1000);
}

class Run {
  readonly failures: string[] = [];
  readonly #findings = noFindings();
  readonly #tally: Tally = { faults: 0, operator: 0, details: {}, notes: [] };
  readonly #campaign: Campaign;
  readonly #options: RunOptions;
  readonly #cluster: CampaignCluster;
  readonly #load: Load;
  readonly #random: SeededRandom;
  #done = 0;
  #equal: Row['replicasEqual'] = 'not reached';

  constructor(campaign: Campaign, options: RunOptions, cluster: CampaignCluster, load: Load, random: SeededRandom) {
    this.#campaign = campaign;
    this.#options = options;
    this.#cluster = cluster;
    this.#load = load;
    this.#random = random;
  }

  async cycles(): Promise<void> {
    const context: CycleContext = {
      cluster: this.#cluster,
      load: this.#load,
      random: this.#random,
      findings: this.#findings,
      tally: this.#tally,
      checkNode: async (node) => checkOwnPromises(this.#cluster, this.#load, node, this.#findings),
    };
    for (let number = 0; number < this.#options.cycles; number++) {
      this.#load.go();
      await this.#campaign.cycle(context, number);
      this.#done++;
      await this.#noticeDeaths();
      if (this.#done % CHECK_EVERY !== 0 || this.#done === this.#options.cycles) continue;
      await this.#check();
      this.#options.onProgress(`${this.#campaign.name}: ${this.#done} cycles, ${this.#load.counts.acknowledged} acknowledged, ${this.#tally.faults} faults, ${this.#lost} lost, ${this.#wrong} wrong`);
      if (this.#lost + this.#wrong > 0) return;
    }
  }

  /** A cycle leaves all nodes running; one that has ended since did so by itself. */
  async #noticeDeaths(): Promise<void> {
    for (const node of NODES) {
      const exit = this.#cluster.daemonOf(node)?.ended ?? null;
      if (exit === null) continue;
      this.failures.push(`node ${node} ended by itself: ${describeExit(exit)}`);
      await this.#cluster.startNodePatiently(node);
    }
  }

  /** Everything again and for the last time, then the replicas byte for byte. */
  async finish(): Promise<void> {
    await this.#cluster.startAll();
    if (this.#campaign.end === 'restart') {
      await this.#load.pause();
      await this.#cluster.converged(CONVERGE_MS);
      await this.#cluster.stop(NODES);
      await this.#cluster.startAll();
      await this.#cluster.intact(CONVERGE_MS);
    }
    await this.#check();
    await this.#cluster.stop(NODES);
    this.#equal = (await compareDumps(this.#cluster, this.#load, this.#findings)) ? 'yes' : 'no';
  }

  async #check(): Promise<void> {
    await this.#load.pause();
    try {
      await this.#cluster.converged(CONVERGE_MS);
    } catch (error) {
      this.failures.push(await this.#cluster.views());
      // What the nodes say and what they have on disk may be two things.
      await this.#cluster.stop(NODES);
      this.#equal = (await compareDumps(this.#cluster, this.#load, this.#findings)) ? 'yes' : 'no';
      throw error;
    }
    await readBack(this.#cluster, [...this.#load.histories.values()], ['all'], this.#findings);
  }

  get #lost(): number {
    return this.#findings.lost + this.#load.wrong.lost;
  }

  get #wrong(): number {
    return this.#findings.wrong + this.#load.wrong.count;
  }

  row(seconds: number): Row {
    const { counts } = this.#load;
    this.#judge();
    return {
      campaign: this.#campaign.name,
      promise: this.#campaign.promise,
      seed: this.#options.seed,
      cycles: this.#done,
      acknowledged: counts.acknowledged,
      unknown: counts.unknown,
      refused: counts.refused,
      faults: this.#tally.faults,
      lost: this.#lost,
      wrong: this.#wrong,
      late: this.#findings.late,
      stale: this.#findings.stale,
      operator: this.#tally.operator,
      replicasEqual: this.#equal,
      seconds: Math.round(seconds),
      details: { reads: counts.reads, readErrors: counts.readErrors, finalReadErrors: this.#findings.errors, ...this.#tally.details },
      notes: this.#tally.notes,
      failures: this.failures,
    };
  }

  /** A campaign that did no work shows nothing, and a control that loses nothing shows that the others show nothing. */
  #judge(): void {
    const { acknowledged } = this.#load.counts;
    const [campaign, faults] = [this.#campaign, this.#tally.faults];
    if (this.#done === 0) this.failures.push('vacuous: no cycle was completed');
    const fail = (text: string): void => void this.failures.push(text);
    if (acknowledged < this.#done * ACKNOWLEDGED_PER_CYCLE) fail(`vacuous: ${acknowledged} acknowledged in ${this.#done} cycles`);
    if (faults < this.#done * (campaign.faultsPerCycle ?? 1)) fail(`vacuous: ${faults} faults took effect in ${this.#done} cycles`);
    if (this.#wrong > 0) fail(`${this.#wrong} wrong`);
    if (campaign.expected === 'loses') {
      if (this.#lost === 0) fail('the control lost nothing: the power cuts of this campaign cut nothing');
      return;
    }
    if (this.#lost > 0) fail(`${this.#lost} lost`);
    if (this.#findings.stale > 0) fail(`${this.#findings.stale} reads at quorum or all missed an acknowledged write while one node was damaged`);
    if (this.#findings.errors > 0) fail(`${this.#findings.errors} reads of the healed cluster failed`);
    if (this.#equal === 'no') fail('replicas differ');
    if (this.#tally.operator > 0) fail(`${this.#tally.operator} times a node did not heal by itself`);
    if (this.failures.length > 0) this.failures.push(...this.#findings.words, ...this.#load.findings);
  }
}
