/**
 * The lines that were typed into the shell, in a file of the user's own (mode 0600), the last HISTORY_LINES_MAX of them.
 * Several shells may write to it at once: each adds its lines to the end. That it cannot be read or written is no error:
 * there is no history then.
 */
import { appendFile, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';

import { makeDirectory } from '../node/index.ts';

export const HISTORY_LINES_MAX = 1_000;
const MODE = 0o600;

export class ShellHistory {
  readonly #path: string;
  #isUsable: boolean;
  /** Oldest first. */
  readonly lines: readonly string[];

  /** Reads what there is, and cuts a file that has become too long. Never rejects. */
  static async open(path: string): Promise<ShellHistory> {
    try {
      await makeDirectory(dirname(path));
      const all = (await readUnlessAbsent(path)).split('\n').filter((line) => line !== '');
      const lines = all.slice(-HISTORY_LINES_MAX);
      if (all.length > 2 * HISTORY_LINES_MAX) await replace(path, lines);
      return new ShellHistory(path, lines, 'usable');
    } catch {
      return new ShellHistory(path, [], 'unusable');
    }
  }

  private constructor(path: string, lines: readonly string[], state: 'usable' | 'unusable') {
    this.#path = path;
    this.lines = lines;
    this.#isUsable = state === 'usable';
  }

  /** A line that begins with a space is not kept. Never rejects. */
  async add(line: string): Promise<void> {
    if (!this.#isUsable || line.trim() === '' || line.startsWith(' ') || line.includes('\n')) return;
    try {
      await appendFile(this.#path, `${line}\n`, { mode: MODE });
    } catch {
      this.#isUsable = false;
    }
  }
}

/** `$XDG_STATE_HOME/ring-level/history`, or below `~/.local/state` when that is not set or not absolute. */
export function historyPath(environment: Readonly<Record<string, string | undefined>>): string {
  const state = environment['XDG_STATE_HOME'] ?? '';
  return join(isAbsolute(state) ? state : join(environment['HOME'] ?? homedir(), '.local', 'state'), 'ring-level', 'history');
}

async function readUnlessAbsent(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}

async function replace(path: string, lines: readonly string[]): Promise<void> {
  const aside = `${path}.${process.pid}`;
  await writeFile(aside, `${lines.join('\n')}\n`, { mode: MODE });
  await rename(aside, path);
}
