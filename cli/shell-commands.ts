/** The commands of the shell, as a table: what each is called, takes, completes and does. One more command is one more entry. */
import type { RingClient } from '../client/index.ts';
import { versionToString } from '../data/index.ts';
import { LEVELS, type Consistency } from '../wire/index.ts';
import { levelFromText, type Arguments, type FlagKind } from './arguments.ts';
import { UsageError } from './errors.ts';
import { explanationLines } from './explain-text.ts';
import { bytesFromWord, printable } from './key-text.ts';
import type { Output } from './output.ts';
import { limitFlag, optionalArgument, rangeFlags, scanBounds } from './range-flags.ts';
import { SCAN_FLAGS, entriesOf, entryLine } from './scan.ts';
import { statusTable } from './status-table.ts';
import { printWrite } from './write.ts';

/** What a command of the shell has to do with. */
export interface ShellContext {
  readonly client: RingClient;
  readonly output: Output;
  /** Ctrl-C. */
  readonly signal: AbortSignal;
  /** For all requests from now on. */
  consistency: Consistency;
}

export type ShellOutcome = 'done' | 'exit';

/** What an argument is, for completion. */
export type ArgumentKind = 'key' | 'prefix' | 'value' | 'level' | 'command';

export interface ShellCommand {
  readonly name: string;
  /** The arguments, as help shows them. */
  readonly shape: string;
  readonly summary: string;
  /** Names of the arguments that must be there. */
  readonly positionals: readonly string[];
  /** Of the arguments in their order, those that may be left out included. */
  readonly kinds: readonly ArgumentKind[];
  readonly flags: Readonly<Record<string, FlagKind>>;
  /** Throws what the request throws, and `UsageError`. */
  run(args: Arguments, context: ShellContext): Promise<ShellOutcome>;
}

/** So many entries of a scan, unless it says another number: a screen or two. */
const SCAN_LIMIT_DEFAULT = 100;
const NO_FLAGS = {};

const put: ShellCommand = {
  name: 'put',
  shape: 'KEY VALUE',
  summary: 'write a value',
  positionals: ['KEY', 'VALUE'],
  kinds: ['key', 'value'],
  flags: NO_FLAGS,
  async run(args, { client, output, ...options }) {
    printWrite(await client.put(bytesAt(args, 0, 'KEY'), bytesAt(args, 1, 'VALUE'), options), 'text', output);
    return 'done';
  },
};

const get: ShellCommand = {
  name: 'get',
  shape: 'KEY',
  summary: 'read a value',
  positionals: ['KEY'],
  kinds: ['key'],
  flags: NO_FLAGS,
  async run(args, { client, output, ...options }) {
    const key = bytesAt(args, 0, 'KEY');
    const { value, version } = await client.getWithDetail(key, options);
    if (value !== null) output.line(printable(value));
    // On standard error, as no value could be told from it.
    else output.problem(`${printable(key)}: ${version === null ? 'absent' : `deleted, version ${versionToString(version)}`}`);
    return 'done';
  },
};

const deleteKey: ShellCommand = {
  name: 'delete',
  shape: 'KEY',
  summary: 'delete a key',
  positionals: ['KEY'],
  kinds: ['key'],
  flags: NO_FLAGS,
  async run(args, { client, output, ...options }) {
    printWrite(await client.delete(bytesAt(args, 0, 'KEY'), options), 'text', output);
    return 'done';
  },
};

const scan: ShellCommand = {
  name: 'scan',
  shape: '[PREFIX] [--from K] [--to K] [--reverse] [--limit N] [--keys-only]',
  summary: `entries in key order, ${SCAN_LIMIT_DEFAULT} unless there is a limit`,
  positionals: [],
  kinds: ['prefix'],
  flags: SCAN_FLAGS,
  async run(args, { client, output, ...options }) {
    const bounds = scanBounds('scan', rangeFlags('scan', args, optionalArgument('scan', args)));
    const asked = limitFlag('scan', args);
    const limit = asked ?? SCAN_LIMIT_DEFAULT;
    let left = limit;
    const range = { ...bounds, ...options, reverse: args.isOn('reverse'), limit: asked ?? limit + 1 };
    for await (const entry of entriesOf(client, range, args.isOn('keys-only') ? 'keys' : 'entries')) {
      if (left === 0) {
        output.problem(`there is more from ${printable(entry.key)} on; --limit N shows N entries`);
        break;
      }
      left -= 1;
      output.line(entryLine(entry));
      await output.room?.();
    }
    return 'done';
  },
};

const explain: ShellCommand = {
  name: 'explain',
  shape: 'KEY',
  summary: 'why a key has its value: replicas, hints, who wins, what happens next',
  positionals: ['KEY'],
  kinds: ['key'],
  flags: NO_FLAGS,
  async run(args, { client, output, signal }) {
    for (const line of explanationLines(await client.explain(bytesAt(args, 0, 'KEY'), { signal }))) output.line(line);
    return 'done';
  },
};

const locate: ShellCommand = {
  name: 'locate',
  shape: 'KEY',
  summary: 'where a key lives: partition, replicas, fallback nodes',
  positionals: ['KEY'],
  kinds: ['key'],
  flags: NO_FLAGS,
  async run(args, { client, output, signal }) {
    const { hash, partition, replicas, fallbacks, epoch } = await client.locate(bytesAt(args, 0, 'KEY'), { signal });
    output.line(`hash ${hash}, partition ${partition}, epoch ${epoch}`);
    output.line(`replicas ${replicas.join(', ')} (the home node first)${fallbacks.length === 0 ? '' : `, then ${fallbacks.join(', ')}`}`);
    return 'done';
  },
};

const status: ShellCommand = {
  name: 'status',
  shape: '',
  summary: 'nodes, liveness, hints waiting',
  positionals: [],
  kinds: [],
  flags: NO_FLAGS,
  async run(_, { client, output, signal }) {
    for (const line of statusTable(await client.status({ signal }))) output.line(line);
    return 'done';
  },
};

const converged: ShellCommand = {
  name: 'converged',
  shape: '',
  summary: 'whether all replicas are equal',
  positionals: [],
  kinds: [],
  flags: NO_FLAGS,
  async run(_, { client, output, signal }) {
    const answer = await client.converged({ signal });
    output.line(answer.converged ? 'converged: yes' : 'converged: no');
    for (const reason of answer.reasons) output.line(`  ${reason}`);
    return 'done';
  },
};

const consistency: ShellCommand = {
  name: 'consistency',
  shape: '[LEVEL]',
  summary: 'the level of all requests from now on, or which it is',
  positionals: [],
  kinds: ['level'],
  flags: NO_FLAGS,
  run(args, context) {
    const text = optionalArgument('consistency', args);
    const level = text === null ? context.consistency : levelFromText(text);
    if (level === null) throw new UsageError(`consistency: ${JSON.stringify(text)} is none; allowed: ${LEVELS.join(', ')}`);
    context.consistency = level;
    context.output.line(level);
    return Promise.resolve('done');
  },
};

const help: ShellCommand = {
  name: 'help',
  shape: '[COMMAND]',
  summary: 'this list',
  positionals: [],
  kinds: ['command'],
  flags: NO_FLAGS,
  run(args, { output }) {
    const topic = optionalArgument('help', args);
    const commands = topic === null ? SHELL_COMMANDS : [findShellCommand(topic)];
    for (const { name, shape, summary } of commands) output.line(`${`${name} ${shape}`.trimEnd()}: ${summary}`);
    if (topic === null) output.line('A word with spaces stands in double quotes, as a JSON string; bytes are {"base64":"AP8="}; # starts a comment.');
    return Promise.resolve('done');
  },
};

const exit: ShellCommand = {
  name: 'exit',
  shape: '',
  summary: 'leave; Ctrl-D does it too',
  positionals: [],
  kinds: [],
  flags: NO_FLAGS,
  run: () => Promise.resolve('exit'),
};

/** In the order of help. */
export const SHELL_COMMANDS: readonly ShellCommand[] = [put, get, deleteKey, scan, explain, locate, status, converged, consistency, help, exit];

/** Throws `UsageError` for a name that is none. */
export function findShellCommand(name: string): ShellCommand {
  const command = SHELL_COMMANDS.find((candidate) => candidate.name === name);
  if (command === undefined) throw new UsageError(`no command is called ${JSON.stringify(name)}; there are ${SHELL_COMMANDS.map((known) => known.name).join(', ')}`);
  return command;
}

function bytesAt(args: Arguments, index: number, name: string): Uint8Array {
  const word = args.positional(index);
  const bytes = bytesFromWord(word);
  if (bytes === null) throw new UsageError(`${name} is ${JSON.stringify(word)}; allowed: text, or {"base64":"…"} in canonical base64`);
  return bytes;
}
