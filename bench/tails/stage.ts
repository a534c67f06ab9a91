/** What a disturbance acts upon: a cluster of which one node, the last, is disturbed and the others are "the rest". */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NOTHING_COUNTED, changeOf, countsByNode, type Counts } from '../background-counts.ts';
import type { BenchCluster } from '../bench-cluster.ts';
import { fillRecords } from '../load/load-process.ts';
import type { TargetAddress } from '../load/plan.ts';
import type { Side } from './result.ts';
import type { SlowFsync } from './slow-fsync.ts';

export interface StageOptions {
  readonly cluster: BenchCluster;
  /** null: not needed, or not to be had. */
  readonly slowFsync: SlowFsync | null;
  readonly records: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  /** Of one measured load. */
  readonly seconds: number;
}

export class Stage {
  readonly cluster: BenchCluster;
  readonly slowFsync: SlowFsync | null;
  readonly records: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly seconds: number;
  /** The node that is disturbed. */
  readonly node: number;
  #marked: readonly Counts[] = [];

  constructor({ cluster, slowFsync, records, keyBytes, valueBytes, seconds }: StageOptions) {
    this.cluster = cluster;
    this.slowFsync = slowFsync;
    this.records = records;
    this.keyBytes = keyBytes;
    this.valueBytes = valueBytes;
    this.seconds = seconds;
    this.node = cluster.urls.length - 1;
  }

  /** Where the clients of one side connect: to the disturbed node first, or never. */
  target(side: Side): TargetAddress {
    const rest = this.cluster.urls.slice(0, this.node);
    const urls = side === 'the rest' ? rest : [...this.cluster.urls.slice(this.node), ...rest];
    return { store: 'ring-level', urls, consistency: 'available' };
  }

  /** Writes records 0 … count−1 anew, through the rest. */
  async write(count: number): Promise<void> {
    await fillRecords(this.target('the rest'), count, this.keyBytes, this.valueBytes);
  }

  /** No hints wait and all replicas are equal. */
  async settle(): Promise<void> {
    await this.cluster.waitConverged();
  }

  /** From now on counts begin at 0. All nodes must answer. */
  async mark(): Promise<void> {
    this.#marked = countsByNode(await this.cluster.status());
  }

  /** The disturbed node will begin to count anew. */
  markWiped(): void {
    this.#marked = this.#marked.with(this.node, NOTHING_COUNTED);
  }

  /** What background work has moved since. */
  async sinceMark(): Promise<Counts> {
    return changeOf(this.#marked, countsByNode(await this.cluster.status()));
  }

  /** How often LevelDB has compacted since the daemons were started, by its own log. */
  async compactions(): Promise<number> {
    const logs = await Promise.all(this.cluster.urls.map(async (_, node) => readFile(join(this.cluster.directory(node), 'db', 'LOG'), 'utf8')));
    return logs.reduce((sum, log) => sum + log.split('Compacting ').length - 1, 0);
  }
}
