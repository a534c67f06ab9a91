/** What every command is: a name, a help text, and what it does with its arguments. */
import type { Output } from './output.ts';

export interface CommandContext {
  readonly output: Output;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly program: Program;
}

/** How this program can be started once more, as a child or by hand. */
export interface Program {
  readonly executable: string;
  /** Arguments before those of `ring-level`: those of Node, then the script. */
  readonly leadingArguments: readonly string[];
  /** What a person types for it: `ring-level`, or `node dist/cli/main.js` in a clone. */
  readonly typed: string;
}

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** All of `ring-level help NAME`. */
  readonly help: string;
  /** The exit status. Throws a `UsageError` when the arguments are wrong. */
  run(args: readonly string[], context: CommandContext): Promise<number>;
}

export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;
