/** `ring-level run FILE|-`: a script of puts, gets, deletes and failures against a fresh local cluster. */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';

import { RingClient } from '../client/index.ts';
import { integerFlag, readArguments } from './arguments.ts';
import { clusterSize } from './cluster-size.ts';
import { EXIT, type Command } from './command.ts';
import { UsageError, messageOf } from './errors.ts';
import { runScript } from './script-runner.ts';
import { startDaemonTarget, startInProcessTarget } from './script-target.ts';
import { parseScript } from './script.ts';
import { StopRequest } from './signals.ts';

const NODES_MAX = 100;

export const runCommand: Command = {
  name: 'run',
  summary: 'a script of requests and node failures against a fresh local cluster',
  help: `ring-level run FILE|- [flags]

Runs a script, from a file or from standard input, against daemons on a temporary directory that is removed at the end.
Exit status 0: every line did what it should; 1: an expectation or a line failed; 2: the script is not understood.

  --nodes N                how many nodes (default 3)
  --replication-factor N   how many nodes keep each key (default 3, or --nodes when that is less)
  --in-process             all nodes inside this one process, in memory

One command a line; # starts a comment; a value with spaces stands in double quotes, as a JSON string.

  put K V | get K | delete K     prints 'ok VERSION', or the value, or None
  expect K V | expect K None     reads K and compares
  fail N | recover N             SIGKILL; start again and wait until it is ready
  pause N | resume N             SIGSTOP; SIGCONT
  wipe N                         kill, delete its directory, start again
  partition 0,1 | 2              nodes of different groups don't hear each other; heal ends it
  skew N MS                      set node N's clock ahead by so many milliseconds, or back
  converge                       wait until replicas are equal
  sleep MS
  expect-error CODE put K V      the request must fail with this code

put, get, delete and expect may end with 'via N' (the node that coordinates) and 'at LEVEL' (the consistency).`,
  async run(args, { output, program }) {
    const parsed = readArguments(args, {
      command: 'run',
      flags: { nodes: 'text', 'replication-factor': 'text', 'in-process': 'switch' },
      positionals: ['FILE'],
    });
    const size = clusterSize('run', optionalInteger('nodes', parsed.text('nodes')), optionalInteger('replication-factor', parsed.text('replication-factor')));
    const source = await readScript(parsed.positional(0));
    let commands: ReturnType<typeof parseScript>;
    try {
      commands = parseScript(source, size.nodes);
    } catch (error) {
      output.problem(messageOf(error));
      return EXIT.usage;
    }
    using stop = new StopRequest();
    const target = parsed.isOn('in-process') ? await startInProcessTarget(size) : await startDaemonTarget(size, program, output);
    try {
      const running = runScript(commands, { target, output, connect: (url) => new RingClient(url, { spread: 'none' }) });
      const result = await Promise.race([running, stop.asked]);
      if (result !== 'passed' && result !== 'failed') output.problem(`ring-level: stopped (${result})`);
      return result === 'passed' ? EXIT.ok : EXIT.failed;
    } finally {
      await target.close();
    }
  },
};

async function readScript(path: string): Promise<string> {
  if (path === '-') return text(process.stdin);
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UsageError(`run: ${path} can't be read: ${messageOf(error)}`);
  }
}

function optionalInteger(flag: string, value: string | null): number | null {
  return value === null ? null : integerFlag('run', flag, value, 1, NODES_MAX);
}
