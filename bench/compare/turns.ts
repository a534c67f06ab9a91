/**
 * Measures two builds in turn. Both run on the same machine at the same time, the one that is not measured stopped
 * (SIGSTOP). A round of a load is before, after, after, before: a drift of the machine meets both alike, and each
 * `before` has an `after` right beside it.
 */
import type { LoadPlan } from '../load/plan.ts';
import type { StoreServers } from '../peers/store-servers.ts';
import type { MeasuredRun } from '../result.ts';
import { numbersOf, type ComparedLoad } from './figures.ts';
import type { Tools } from './tools.ts';

export interface Side {
  readonly name: 'before' | 'after';
  /** Paused. */
  readonly servers: StoreServers;
  readonly tools: Tools;
}

export interface TurnLoad {
  readonly name: string;
  /** But for the target. */
  readonly plan: Omit<LoadPlan, 'target'>;
}

export async function measureInTurns(before: Side, after: Side, loads: readonly TurnLoad[], rounds: number): Promise<readonly ComparedLoad[]> {
  const records = new Map<Side, number>();
  const measured = loads.map((load) => ({ load, runs: new Map<Side, MeasuredRun[]>([[before, []], [after, []]]) }));
  for (let round = 0; round < rounds; round++) {
    for (const { load, runs } of measured) {
      for (const side of [before, after, after, before]) {
        const plan = { ...load.plan, records: Math.max(load.plan.records, records.get(side) ?? 0), seed: (load.plan.seed + round) >>> 0 };
        const found = await measureOnce(side, { ...load, plan });
        records.set(side, Math.max(plan.records, ...found.map((run) => run.load.recordsAfter)));
        runs.get(side)?.push(...found);
      }
    }
  }
  return measured.map(({ load, runs }) => ({ name: load.name, before: (runs.get(before) ?? []).map(numbersOf), after: (runs.get(after) ?? []).map(numbersOf), taken: 'pairs' }));
}

async function measureOnce({ name, servers, tools }: Side, load: TurnLoad): Promise<readonly MeasuredRun[]> {
  await servers.resume();
  try {
    const planned = { suite: 'compare', name: `${name}, ${load.name}`, store: servers, plan: { ...load.plan, target: servers.target } };
    return (await tools.measureAll([planned], 1)).flatMap(({ runs }) => runs);
  } finally {
    servers.pause();
  }
}
