/** What `ring-level bench` can do beside the suites: each with flags of its own. Another one is a line here. */
import { runCompare } from './compare/compare.ts';
import { runGrowth } from './growth/growth.ts';
import { runPeers } from './peers/peers.ts';
import { runPlots } from './plots/plots.ts';
import { runProfile } from './profile/profile.ts';
import { runTails } from './tails/tails.ts';

export interface BenchCommand {
  readonly name: string;
  /** The exit status. Throws a `UsageError` when the arguments are wrong. */
  run(args: readonly string[]): Promise<number>;
}

export const COMMANDS: readonly BenchCommand[] = [
  { name: 'peers', run: runPeers },
  { name: 'compare', run: runCompare },
  { name: 'growth', run: runGrowth },
  { name: 'tails', run: runTails },
  { name: 'profile', run: runProfile },
  { name: 'plots', run: runPlots },
];
