/** A session of the shell: lines in, what they do out, whoever types them. An error is told and ends nothing. */
import { RingClient } from '../client/index.ts';
import type { Consistency } from '../wire/index.ts';
import { readArguments } from './arguments.ts';
import { UsageError, describeError } from './errors.ts';
import type { Output } from './output.ts';
import type { RequestOptions } from './request.ts';
import { wordsOf, type Word } from './script-words.ts';
import { findShellCommand } from './shell-commands.ts';

export class ShellSession implements AsyncDisposable {
  /** Connects on first use, and anew when its connection was lost; a request fails at once when no node is there. */
  readonly client: RingClient;
  readonly #output: Output;
  #consistency: Consistency;
  #running: AbortController | null = null;

  constructor(urls: readonly string[], { consistency = 'available', ...options }: RequestOptions, output: Output) {
    this.client = new RingClient(urls, { ...options, failFast: 'fail-fast' });
    this.#output = output;
    this.#consistency = consistency;
  }

  /** What the line says is done. `failed`: it was told why. One line at a time. Never rejects. */
  async execute(line: string): Promise<'done' | 'failed' | 'exit'> {
    const running = new AbortController();
    this.#running = running;
    try {
      return await this.#run(line, running.signal);
    } catch (error) {
      if (running.signal.aborted) this.#output.problem('given up; a write that was sent may be applied all the same');
      else this.#output.problem(error instanceof UsageError ? withOwnHelp(error.message) : describeError(error));
      return 'failed';
    } finally {
      this.#running = null;
    }
  }

  /** Gives up what runs. False when nothing does. */
  interrupt(): boolean {
    this.#running?.abort();
    return this.#running !== null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }

  async #run(line: string, signal: AbortSignal): Promise<'done' | 'exit'> {
    const words = wordsOf(line);
    if (typeof words === 'string') throw new UsageError(`found ${words}`);
    const [name, ...rest] = words.map(argumentFrom);
    if (name === undefined) return 'done';
    const command = findShellCommand(name);
    const { flags, positionals, kinds } = command;
    const mayHaveRest = kinds.length > positionals.length ? { rest: 'allowed' as const } : {};
    const args = readArguments(rest, { command: name, flags, positionals, ...mayHaveRest });
    const context = { client: this.client, output: this.#output, signal, consistency: this.#consistency };
    const outcome = await command.run(args, context);
    this.#consistency = context.consistency;
    return outcome;
  }
}

/** A word in quotes is never a flag: one that looks like it is handed on as bytes. */
function argumentFrom({ text, form }: Word): string {
  return form === 'quoted' && text.startsWith('-') ? JSON.stringify({ base64: Buffer.from(text).toString('base64') }) : text;
}

/** What reads a command line names the help of the command line. */
function withOwnHelp(message: string): string {
  return message.replace("'ring-level help ", "'help ");
}
