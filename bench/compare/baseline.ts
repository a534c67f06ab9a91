/** A report that `bench … --json` wrote, as what later runs are compared with. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { UsageError, messageOf } from '../../cli/errors.ts';
import { LEVELS } from '../../wire/index.ts';
import { WORKLOAD_NAMES } from '../load/plan.ts';
import type { Machine } from '../machine.ts';

const MACHINE = z.object({ cpuModel: z.string(), cpuCount: z.number(), memoryBytes: z.number(), node: z.string(), kernel: z.string(), filesystem: z.string().nullable() });
const PLAN = z.object({
  target: z.object({ store: z.string() }),
  workload: z.enum(WORKLOAD_NAMES),
  records: z.number(),
  keyBytes: z.number(),
  valueBytes: z.number(),
  clients: z.number(),
  inFlight: z.number(),
  warmUpSeconds: z.number(),
  seconds: z.number(),
  ratePerSecond: z.number().nullable(),
  seed: z.number(),
});
const RUN = z.object({
  load: z.object({ perSecond: z.number(), errors: z.record(z.string(), z.number()) }),
  resources: z.object({ processes: z.array(z.object({ cpuMicrosPerOperation: z.number().nullable() })) }),
});
const LOAD = z.object({ kind: z.literal('load'), suite: z.string(), name: z.string(), plan: PLAN, runs: z.array(RUN).min(1) });
const BASELINE = z.object({
  machine: MACHINE,
  commit: z.string().nullable(),
  date: z.string(),
  settings: z.object({ nodes: z.number(), replicationFactor: z.number(), durability: z.enum(['fsync', 'os']), consistency: z.enum(LEVELS) }),
  results: z.array(z.union([LOAD, z.object({ kind: z.string().refine((kind) => kind !== 'load') })])),
});

export type BaselineLoad = z.infer<typeof LOAD>;

export interface Baseline extends Omit<z.infer<typeof BASELINE>, 'results'> {
  /** Closed loops on ring-level: those of which the throughput says something. */
  readonly loads: readonly BaselineLoad[];
}

/** Throws a `UsageError` when it is no such report, or has no load. */
export async function readBaseline(path: string): Promise<Baseline> {
  try {
    return baselineFrom(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw new UsageError(`bench: --baseline ${path} is no report that bench --json wrote: ${reason}`);
  }
}

export function baselineFrom(document: unknown): Baseline {
  const { results, ...head } = BASELINE.parse(document);
  const loads = results.filter((result): result is BaselineLoad => result.kind === 'load' && 'plan' in result).filter(({ plan }) => plan.target.store === 'ring-level' && plan.ratePerSecond === null);
  if (loads.length === 0) throw new Error('it has no closed loop on ring-level');
  return { ...head, loads };
}

/** What is different, in words. */
export function machineDifferences(before: Machine, now: Machine): readonly string[] {
  const names = ['cpuModel', 'cpuCount', 'memoryBytes', 'node', 'kernel', 'filesystem'] as const;
  return names.filter((name) => before[name] !== now[name]).map((name) => `${name} was ${before[name] ?? 'unknown'} and is ${now[name] ?? 'unknown'}`);
}
