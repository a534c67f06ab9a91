/** The one error of config/: everything that is wrong with a configuration, at once. */

export interface ConfigProblem {
  /** The configuration key, dotted (`sweep.intervalMs`), the variable's name, or the file. */
  readonly key: string;
  /** Where the value came from: `file x.json`, `environment RING_LEVEL_…`, `flag --…`, `program` (embedding), `default`, `nowhere`. */
  readonly source: string;
  /** What was found, as JSON, shortened. */
  readonly found: string;
  /** What is allowed, in words. */
  readonly allowed: string;
}

/** Code `RING_CONFIG_INVALID`: never retryable; the configuration must be changed. */
export class ConfigError extends Error {
  readonly code = 'RING_CONFIG_INVALID';
  readonly retryable = false;
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[], options: { cause?: unknown } = {}) {
    super(messageOf(problems), options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

export function describeProblem({ key, source, found, allowed }: ConfigProblem): string {
  return `${key} (${source === 'nowhere' ? 'not given' : `from ${source}`}): found ${found}; allowed: ${allowed}`;
}

/** A found value for people: JSON, at most 120 characters. */
export function showFound(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? typeof value;
  return text.length <= 120 ? text : `${text.slice(0, 117)}...`;
}

function messageOf(problems: readonly ConfigProblem[]): string {
  const lines = problems.map(describeProblem);
  const [first] = lines;
  if (lines.length === 1 && first !== undefined) return first;
  return `${lines.length} problems in the configuration:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}
