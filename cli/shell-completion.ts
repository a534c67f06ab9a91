/** What the tab key offers in the shell: commands, flags, levels, and keys that are there. Pure but for the function that asks for keys. */
import { LEVELS } from '../wire/index.ts';
import { bytesFromWord, wordFromBytes } from './key-text.ts';
import { SHELL_COMMANDS, type ArgumentKind } from './shell-commands.ts';

/** Some keys with this prefix, in order. */
export type FindKeys = (prefix: Uint8Array) => Promise<readonly Uint8Array[]>;

/** What readline takes: whole words, and the part of the line that they stand for. */
export type Completions = readonly [words: readonly string[], typed: string];

/** Flags of scan whose value is a key. */
const KEY_FLAGS: ReadonlySet<string> = new Set(['--prefix', '--from', '--to']);

/** Nothing is offered where keys cannot be had. Never rejects. */
export async function completionsOf(line: string, findKeys: FindKeys): Promise<Completions> {
  const { before, typed } = lastWord(line);
  const [name, ...given] = before;
  if (name === undefined) return offer(SHELL_COMMANDS.map((command) => command.name), typed);
  const command = SHELL_COMMANDS.find((candidate) => candidate.name === name);
  if (command === undefined) return [[], typed];
  const last = given.at(-1);
  if (last !== undefined && KEY_FLAGS.has(last) && Object.hasOwn(command.flags, last.slice(2))) return keys(typed, findKeys);
  if (typed.startsWith('-')) return offer(Object.keys(command.flags).map((flag) => `--${flag}`), typed);
  const kind = command.kinds[given.filter((word) => !word.startsWith('-')).length];
  return kind === undefined ? [[], typed] : ofKind(kind, typed, findKeys);
}

async function ofKind(kind: ArgumentKind, typed: string, findKeys: FindKeys): Promise<Completions> {
  switch (kind) {
    case 'key':
    case 'prefix':
      return keys(typed, findKeys);
    case 'level':
      return offer(LEVELS, typed);
    case 'command':
      return offer(SHELL_COMMANDS.map((command) => command.name), typed);
    case 'value':
      return [[], typed];
  }
}

async function keys(typed: string, findKeys: FindKeys): Promise<Completions> {
  const prefix = bytesOfUnfinished(typed);
  if (prefix === null) return [[], typed];
  try {
    // A word that is quoted can go on a word that is not only where nothing was typed.
    return offer((await findKeys(prefix)).map((key) => (typed.startsWith('"') ? JSON.stringify(wordFromBytes(key)) : quotedIfNeeded(wordFromBytes(key)))), typed);
  } catch {
    return [[], typed];
  }
}

/** With a space behind it when it is the only one: the next word comes. */
function offer(words: readonly string[], typed: string): Completions {
  const fitting = words.filter((word) => word.startsWith(typed));
  return [fitting.length === 1 ? fitting.map((word) => `${word} `) : fitting, typed];
}

/** The words that are finished, and what has been typed of the next one, maybe nothing. */
function lastWord(line: string): { readonly before: readonly string[]; readonly typed: string } {
  const words = [...line.matchAll(/"(?:[^"\\]|\\.)*(?:"|\\$)?|[^\s"]\S*/g)].map(([word]) => word);
  const typed = /\s$/.test(line) && !isOpenQuote(words.at(-1)) ? '' : (words.pop() ?? '');
  return { before: words, typed };
}

function isOpenQuote(word = ''): boolean {
  return word.startsWith('"') && !/^"(?:[^"\\]|\\.)*"$/.test(word);
}

/** null where no key begins like this. */
function bytesOfUnfinished(typed: string): Uint8Array | null {
  if (!typed.startsWith('"')) return typed.startsWith('{"base64":') ? null : bytesFromWord(typed);
  if (!isOpenQuote(typed)) return null;
  try {
    const text: unknown = JSON.parse(`${typed}"`);
    return typeof text === 'string' ? bytesFromWord(text) : null;
  } catch {
    return null;
  }
}

/** As the words of a line are read. */
function quotedIfNeeded(word: string): string {
  return /^[^\s"#-]\S*$/u.test(word) && !/\p{C}/u.test(word) ? word : JSON.stringify(word);
}
