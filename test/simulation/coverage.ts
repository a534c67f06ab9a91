/**
 * What happened in a campaign, counted by name: a checker that can pass on an idle system is no checker.
 * Counts of several seeds, or of several processes (`toJSON`, `fromCounts`), are merged by adding them.
 */

/** The work without which nothing was tested. */
export const REQUIRED_WORK = ['operations', 'acknowledgements', 'overwrites'] as const;

export const REQUIRED_NETWORK_FAULTS = [
  'framesLost',
  'framesDuplicated',
  'framesReordered',
  'resets',
  'stalls',
  'oneWayPartitions',
  'bridgePartitions',
  'partitions',
  'slowLinks',
] as const;

export const REQUIRED_DISK_FAULTS = [
  'slowFsyncs',
  'fullDisks',
  'failedWrites',
  'bitFlips',
  'logDamages',
  'silentLogLosses',
  'wipes',
  'restores',
] as const;

export const REQUIRED_PROCESS_FAULTS = ['processCrashes', 'powerCuts', 'allCrashed', 'pauses'] as const;

export const REQUIRED_CLOCK_FAULTS = ['clockJumps', 'clockDrifts'] as const;

/** Every way in which the product recovers. */
export const REQUIRED_PATHS = [
  'hintsDelivered',
  'hintsChecked',
  'missedWritesChecked',
  'readRepairs',
  'sweepHealed',
  'rewrites',
  'writesAgain',
  'writesOverlapped',
  'writesAbove',
  'reopens',
  'untrustedHealed',
  'hedges',
  'damagedAnswered',
  'damagedHealed',
  'staleTopologyRefused',
] as const;

/** What a campaign must have seen of a simulated cluster. */
export const REQUIRED = [
  ...REQUIRED_WORK,
  ...REQUIRED_NETWORK_FAULTS,
  ...REQUIRED_DISK_FAULTS,
  ...REQUIRED_PROCESS_FAULTS,
  ...REQUIRED_CLOCK_FAULTS,
  ...REQUIRED_PATHS,
] as const;
export type RequiredName = (typeof REQUIRED)[number];

export class Coverage {
  readonly #countByName = new Map<string, number>();

  static fromCounts(counts: Readonly<Record<string, number>>): Coverage {
    const coverage = new Coverage();
    for (const [name, count] of Object.entries(counts)) coverage.add(name, count);
    return coverage;
  }

  /** `n` 0 makes the name stand in the table. */
  add(name: string, n = 1): void {
    if (!Number.isSafeInteger(n) || n < 0) throw new RangeError(`${name} cannot be counted up by ${n}`);
    this.#countByName.set(name, this.count(name) + n);
  }

  count(name: string): number {
    return this.#countByName.get(name) ?? 0;
  }

  merge(other: Coverage): void {
    for (const [name, count] of other.#countByName) this.add(name, count);
  }

  /** Those of `required` that never happened, in their order. */
  missing(required: readonly string[] = REQUIRED): readonly string[] {
    return required.filter((name) => this.count(name) === 0);
  }

  /** For another process, and for comparing two runs of one seed: names in order. */
  toJSON(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#countByName].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** One line a name: the required ones first and in their order, zeros marked, then the others by name. */
  toTable(required: readonly string[] = REQUIRED): string {
    const others = [...this.#countByName.keys()].filter((name) => !required.includes(name)).toSorted();
    const rows = [...required, ...others].map((name) => [name, this.count(name).toLocaleString('en-US')] as const);
    const nameWidth = Math.max(0, ...rows.map(([name]) => name.length));
    const countWidth = Math.max(0, ...rows.map(([, count]) => count.length));
    const mark = (name: string): string => (required.includes(name) && this.count(name) === 0 ? '  never happened' : '');
    return rows.map(([name, count]) => `${name.padEnd(nameWidth)}  ${count.padStart(countWidth)}${mark(name)}`).join('\n');
  }
}
