/** What the suites of loads have in common: from the settings to a plan. */
import type { LoadPlan, TargetAddress, WorkloadName } from '../load/plan.ts';
import type { Settings } from '../settings.ts';

export const RECORDS = 100_000;

/** How a load keeps the store busy. */
export interface Shape {
  readonly clients: number;
  /** For each client. */
  readonly inFlight: number;
}

export function planOf(settings: Settings, target: TargetAddress, workload: WorkloadName, shape: Shape, ratePerSecond: number | null = null): LoadPlan {
  const { keyBytes, valueBytes, warmUpSeconds, seconds, seed } = settings;
  return { target, workload, records: settings.records ?? RECORDS, keyBytes, valueBytes, ...shape, warmUpSeconds, seconds, ratePerSecond, seed };
}

/** The shape that was asked for, with these parts where nothing was; null when nothing at all was. */
export function shapeFrom({ clients, inFlight }: Pick<Settings, 'clients' | 'inFlight'>, otherwise: Shape): Shape | null {
  return clients === null && inFlight === null ? null : { clients: clients ?? otherwise.clients, inFlight: inFlight ?? otherwise.inFlight };
}

export function describeShape({ clients, inFlight }: Shape): string {
  return clients === 1 ? `${inFlight} in flight` : `${clients} clients × ${inFlight} in flight`;
}
