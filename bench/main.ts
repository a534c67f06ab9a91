/**
 * `ring-level bench`, `npm run bench -- …`: one of the commands of the benchmark, or suites.
 *
 * Whoever starts a process here ends it when this process exits, and all data lies in directories that are known. So a
 * stop, by Ctrl-C, SIGTERM or the end of the parent, is an exit after which the directories are removed.
 */
import { benchCommand } from '../cli/bench.ts';
import { EXIT } from '../cli/command.ts';
import { UsageError, describeError } from '../cli/errors.ts';
import { StopRequest } from '../cli/signals.ts';
import { COMMANDS } from './commands.ts';
import { runSuites } from './run-suites.ts';
import { removeDirectoriesAtExit } from './with-directory.ts';

process.stdout.on('error', (error) => process.exit('code' in error && error.code === 'EPIPE' ? EXIT.ok : EXIT.failed));
process.exitCode = await main(process.argv.slice(2));
process.stdout.write('', () => process.stderr.write('', () => process.exit()));

/** The exit status. */
async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${benchCommand.help}\n`);
    return EXIT.ok;
  }
  using stop = new StopRequest();
  process.once('disconnect', () => stop.ask('the parent is gone'));
  try {
    const ended = await Promise.race([run(args), stop.asked]);
    if (typeof ended === 'number') return ended;
    removeDirectoriesAtExit();
    problem(`bench: stopped (${ended})`);
    return EXIT.failed;
  } catch (error) {
    problem(error instanceof UsageError ? error.message : describeError(error));
    return error instanceof UsageError ? EXIT.usage : EXIT.failed;
  }
}

async function run(args: readonly string[]): Promise<number> {
  const command = COMMANDS.find(({ name }) => name === args[0]);
  return command === undefined ? runSuites(args) : command.run(args.slice(1));
}

function problem(text: string): void {
  process.stderr.write(`ring-level: ${text}\n`);
}
