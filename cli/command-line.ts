/** Which command a command line means, and the exit status of whatever goes wrong in it. */
import { ConfigError, nearestName } from '../config/index.ts';
import { benchCommand } from './bench.ts';
import { clusterCommand } from './cluster.ts';
import { EXIT, type Command, type CommandContext } from './command.ts';
import { deleteCommand } from './delete.ts';
import { dumpCommand } from './dump.ts';
import { UsageError, describeError } from './errors.ts';
import { explainCommand } from './explain.ts';
import { getCommand } from './get.ts';
import { loadCommand } from './load.ts';
import { nodeCommand } from './node.ts';
import { putCommand } from './put.ts';
import { runCommand } from './run.ts';
import { scanCommand } from './scan.ts';
import { shellCommand } from './shell.ts';
import { statusCommand } from './status.ts';

const COMMANDS: readonly Command[] = [
  clusterCommand,
  nodeCommand,
  putCommand,
  getCommand,
  deleteCommand,
  explainCommand,
  scanCommand,
  statusCommand,
  loadCommand,
  dumpCommand,
  shellCommand,
  runCommand,
  benchCommand,
];

export interface CommandLineContext extends CommandContext {
  readonly version: string;
}

/** The exit status. Never throws. */
export async function runCommandLine(args: readonly string[], context: CommandLineContext): Promise<number> {
  const { output } = context;
  try {
    return await dispatch(args, context);
  } catch (error) {
    if (error instanceof UsageError) output.problem(`ring-level: ${error.message}`);
    else output.problem(`ring-level: ${describeError(error)}`);
    return error instanceof UsageError || error instanceof ConfigError ? EXIT.usage : EXIT.failed;
  }
}

async function dispatch(args: readonly string[], context: CommandLineContext): Promise<number> {
  const { output, version } = context;
  const [name, ...rest] = args;
  if (name === undefined) throw new UsageError(`a command is missing (${COMMANDS.map((command) => command.name).join(', ')}); see 'ring-level --help'`);
  if (name === '--version' || name === 'version') {
    output.line(version);
    return EXIT.ok;
  }
  if (name === '--help' || name === '-h' || name === 'help') {
    const [topic] = rest;
    output.line(topic === undefined ? overview() : findCommand(topic).help);
    return EXIT.ok;
  }
  const command = findCommand(name);
  if (asksForHelp(rest)) {
    output.line(command.help);
    return EXIT.ok;
  }
  return command.run(rest, context);
}

function findCommand(name: string): Command {
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command !== undefined) return command;
  const near = nearestName(name, COMMANDS.map((candidate) => candidate.name));
  throw new UsageError(`unknown command ${JSON.stringify(name)}${near === null ? '' : `; did you mean ${near}?`}; see 'ring-level --help'`);
}

/** `--help` before a `--`. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  const flags = end === -1 ? args : args.slice(0, end);
  return flags.includes('--help') || flags.includes('-h');
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  return `ring-level: a distributed key-value store

${COMMANDS.map(({ name, summary }) => `  ring-level ${name.padEnd(width)}   ${summary}`).join('\n')}

  ring-level help COMMAND   all about one of them
  ring-level --version

The first steps:

  ring-level cluster --nodes 3 --replication-factor 3 --dir var/demo --port 7400
  ring-level put user1 alice
  ring-level get user1`;
}
