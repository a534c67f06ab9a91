/** `ring-level shell`: commands typed by a person, or read from a pipe. Only wires readline to a session. */
import { createInterface, type Interface } from 'node:readline';

import { EXIT, type Command } from './command.ts';
import { CLIENT_FLAGS_HELP, readRequest } from './request.ts';
import { completionsOf, type FindKeys } from './shell-completion.ts';
import { SHELL_COMMANDS } from './shell-commands.ts';
import { HISTORY_LINES_MAX, ShellHistory, historyPath } from './shell-history.ts';
import { ShellSession } from './shell-session.ts';

const PROMPT = 'ring-level> ';
/** What the tab key asks the cluster for: so many keys, within this time. */
const COMPLETION_KEYS = 50;
const COMPLETION_TIMEOUT_MS = 1_000;
/** Lines that were read and not run yet, from which on no more are read. */
const LINES_WAITING_MAX = 1_000;

export const shellCommand: Command = {
  name: 'shell',
  summary: 'type requests, with completion and history',
  help: `ring-level shell [flags]

${SHELL_COMMANDS.map(({ name, shape, summary }) => `  ${`${name} ${shape}`.trimEnd()}\n      ${summary}`).join('\n')}

A word with spaces stands in double quotes, as a JSON string; bytes that are no text are {"base64":"AP8="}; # starts a
comment. The tab key completes commands, flags and keys. Ctrl-C gives up the line, or the request that runs; Ctrl-D
leaves. An error is told and ends nothing; after a lost connection the next command connects anew.

The lines are kept in $XDG_STATE_HOME/ring-level/history, or below ~/.local/state; those that begin with a space are not.

When standard input is no terminal the commands are run in order, without a prompt. Exit status 0; 1 when one of them
failed; 2 when the command line is wrong.

  --no-history          read and keep no history
${CLIENT_FLAGS_HELP}`,
  async run(args, { output, environment }) {
    const request = readRequest('shell', args, [], { flags: { 'no-history': 'switch' } });
    await using session = new ShellSession(request.urls, request.options, output);
    if (!process.stdin.isTTY || !process.stdout.isTTY) {
      const lines = createInterface({ input: process.stdin, terminal: false });
      return (await runLines(lines, session)) === 'passed' ? EXIT.ok : EXIT.failed;
    }
    const history = request.args.isOn('no-history') ? null : await ShellHistory.open(historyPath(environment));
    await converse(session, history);
    return EXIT.ok;
  },
};

/** Runs each line when the one before it is done. */
async function runLines(lines: Interface, session: ShellSession): Promise<'passed' | 'failed'> {
  let result: 'passed' | 'failed' = 'passed';
  await eachLine(lines, async (line) => {
    const outcome = await session.execute(line);
    if (outcome === 'failed') result = 'failed';
    return outcome;
  });
  return result;
}

async function converse(session: ShellSession, history: ShellHistory | null): Promise<void> {
  const lines = createInterface({
    input: process.stdin,
    output: process.stdout,
    terminal: true,
    prompt: PROMPT,
    history: [...(history?.lines ?? [])].toReversed(),
    historySize: HISTORY_LINES_MAX,
    removeHistoryDuplicates: true,
    completer: (line: string, tell: (error: null, completions: [string[], string]) => void) => {
      void completionsOf(line, keyFinder(session)).then(([words, typed]) => tell(null, [[...words], typed]));
    },
  });
  lines.on('SIGINT', () => {
    process.stdout.write('^C\n');
    // What runs is given up, and then the prompt comes by itself.
    if (session.interrupt()) return;
    // Off to the end, then all of it: the line that was being typed.
    lines.write(null, { ctrl: true, name: 'e' });
    lines.write(null, { ctrl: true, name: 'u' });
    lines.prompt();
  });
  let isOpen = true;
  lines.on('close', () => (isOpen = false));
  lines.prompt();
  const end = await eachLine(lines, async (line) => {
    await history?.add(line);
    const outcome = await session.execute(line);
    if (outcome !== 'exit' && isOpen) lines.prompt();
    return outcome;
  });
  // Left by Ctrl-D: the cursor stands behind the prompt.
  if (end === 'ended') process.stdout.write('\n');
}

function keyFinder({ client }: ShellSession): FindKeys {
  return async (prefix) => {
    const keys: Uint8Array[] = [];
    for await (const { key } of client.scan({ prefix, keysOnly: true, limit: COMPLETION_KEYS, timeoutMs: COMPLETION_TIMEOUT_MS })) keys.push(key);
    return keys;
  };
}

/** `ended`: there are no more lines; `exit`: one of them said so. What is read while a line runs waits for it. */
function eachLine(lines: Interface, use: (line: string) => Promise<'done' | 'failed' | 'exit'>): Promise<'ended' | 'exit'> {
  return new Promise((resolve, reject) => {
    const waiting: string[] = [];
    let state: 'idle' | 'running' = 'idle';
    let isEnded = false;
    let end: 'ended' | 'exit' = 'ended';
    const advance = async (): Promise<void> => {
      if (state === 'running') return;
      state = 'running';
      for (let line = waiting.shift(); line !== undefined; line = waiting.shift()) {
        if ((await use(line)) === 'exit') {
          end = 'exit';
          waiting.length = 0;
          lines.close();
        }
        if (waiting.length < LINES_WAITING_MAX && !isEnded) lines.resume();
      }
      state = 'idle';
      if (isEnded) resolve(end);
    };
    lines.on('line', (line) => {
      if (isEnded) return;
      waiting.push(line);
      if (waiting.length >= LINES_WAITING_MAX) lines.pause();
      advance().catch(reject);
    });
    lines.on('close', () => {
      isEnded = true;
      advance().catch(reject);
    });
  });
}
