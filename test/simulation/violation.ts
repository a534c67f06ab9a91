/** A promise that was not kept: which one, for which key, and the sentence that a person reads. */
import { versionToString, type Version } from '../../data/index.ts';
import type { Operation } from './history.ts';

/** The rules by their stable ids, and what each of them promises. */
export const RULES = {
  'write-order': 'a write acknowledged on a majority before another began has the smaller version',
  'write-after-read': 'a write acknowledged on a majority is newer than what a strict read had returned before it began',
  'stale-read': 'a strict read sees the writes that were acknowledged on a majority before it began',
  'read-backwards': 'a strict read sees no less than an earlier strict read did',
  resurrection: 'what was deleted does not come back',
  invented: 'what is read or kept was written, under this key, before it was seen',
  'two-values': 'one version has one value',
  'too-many-versions': 'a write has its version, and at most one smaller one from before it was written again',
  'version-reused': 'no two writes have one version',
  'refused-appears': 'a refused write is never seen',
  late: 'an operation ends within a second of its deadline',
  'never-answered': 'an operation whose coordinator lives is answered',
  'acknowledged-too-early': 'an acknowledgement names as many nodes as its level asks for',
  'read-too-few': 'a strict read counted as many replicas as its level asks for',
  'fails-when-healed': 'without faults every operation succeeds',
  'lost-write': 'an acknowledged write is there in the end, or something newer',
  'replicas-differ': 'in the end all replicas of a key hold the same bytes',
  'not-converged': 'without faults the replicas become equal within a bound, and every store is trusted',
  broken: 'the code of a node never throws, and a node can always be started again',
  'damaged-as-absent': 'a node whose copy of a record is damaged counts in a read only with what it remembers of it, never as having less or none',
  'damaged-spread': 'a damaged record is never sent to another node',
  'hints-left': 'in the end no hint is left',
  'damaged-record': 'in the end every record is intact',
  'misplaced-record': 'a record lies on its replicas only, in the place that its hash says',
  'index-differs': 'every record has its entry in the key order, and every entry its record',
} as const;
export type Rule = keyof typeof RULES;

export interface Violation {
  readonly rule: Rule;
  readonly key: string;
  /** One sentence with operations, versions and times. */
  readonly text: string;
}

/** What the checks have to know of the cluster. */
export interface CheckedCluster {
  replicasOf(key: string): readonly number[];
  readonly majority: number;
  readonly replicationFactor: number;
}

/** More of one rule say nothing new, and a broken campaign would fill the memory with them. */
export const VIOLATIONS_PER_RULE_MAX = 100;

/** Collects violations, of each rule no more than `VIOLATIONS_PER_RULE_MAX`. */
export class Findings {
  readonly #found: Violation[] = [];
  readonly #countByRule = new Map<Rule, number>();

  get all(): readonly Violation[] {
    return this.#found;
  }

  add(rule: Rule, key: string, text: string): void {
    const count = (this.#countByRule.get(rule) ?? 0) + 1;
    this.#countByRule.set(rule, count);
    if (count <= VIOLATIONS_PER_RULE_MAX) this.#found.push({ rule, key, text: `${text} (key ${JSON.stringify(key)})` });
  }
}

/** For example: `put 17 of client 2 at quorum ("v17", version …, 120 to 134 ms)`. */
export function describe(operation: Operation): string {
  const { id, client, kind, level, invokedMs, completedMs } = operation;
  const times = `${invokedMs} ms to ${completedMs === null ? 'never' : `${completedMs} ms`}`;
  return `${kind} ${id} of client ${client} at ${level} (${outcomeText(operation)}, ${times})`;
}

/** A value, or what stands for none, with its version. */
export function describeSeen(version: Version | null, value: string | null): string {
  if (version === null) return value === null ? 'nothing' : `${shown(value)} without a version`;
  return `${value === null ? 'a tombstone' : shown(value)} of version ${versionToString(version)}`;
}

function outcomeText({ outcome, value }: Operation): string {
  const written = value === null ? '' : `${shown(value)}, `;
  switch (outcome.kind) {
    case 'acknowledged': {
      const hints = outcome.hints.map(({ target, holder }) => `, hint for ${target} on ${holder}`).join('');
      return `${written}acknowledged as ${versionToString(outcome.version)} on ${nodesText(outcome.durableOn)}${hints}`;
    }
    case 'read':
      return `${describeSeen(outcome.version, outcome.value)} from ${nodesText(outcome.replied)}`;
    case 'refused':
    case 'failed-read':
      return `${written}${outcome.code}`;
    case 'unknown':
      return `${written}unknown${outcome.version === null ? '' : `, version ${versionToString(outcome.version)}`}`;
  }
}

function nodesText(nodes: readonly number[]): string {
  return nodes.length === 0 ? 'no node' : `${nodes.length === 1 ? 'node' : 'nodes'} ${nodes.join(', ')}`;
}

function shown(value: string): string {
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
}
