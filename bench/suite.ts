/** A benchmark that can be asked for by its name. */
import type { BenchResult } from './result.ts';
import type { Settings } from './settings.ts';

export interface Suite {
  readonly name: string;
  /** The heading of its results, and its line in `ring-level help bench`. */
  readonly summary: string;
  /** Leaves no process behind, and no file outside `settings.directory`. */
  run(settings: Settings): Promise<readonly BenchResult[]>;
}
