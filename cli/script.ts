/**
 * The language of `ring-level run`: text in, commands out. Pure; a script is read whole before anything is run.
 *
 * One command a line. `put`, `get`, `delete` and `expect` may end with `via N` (the node that coordinates; otherwise the
 * running one with the lowest id) and `at LEVEL` (consistency).
 */
import { LEVELS, type Consistency } from '../wire/index.ts';
import { levelFromText } from './arguments.ts';
import { CommandError } from './errors.ts';
import { wordsOf, type Word } from './script-words.ts';

export interface Route {
  /** null: the running node with the lowest id. */
  readonly via: number | null;
  /** null: the default, `available`. */
  readonly consistency: Consistency | null;
}

export type RequestCommand =
  | { readonly kind: 'put'; readonly line: number; readonly key: string; readonly value: string; readonly route: Route }
  | { readonly kind: 'get' | 'delete'; readonly line: number; readonly key: string; readonly route: Route };

export type ScriptCommand =
  | RequestCommand
  /** `value` null: None. */
  | { readonly kind: 'expect'; readonly line: number; readonly key: string; readonly value: string | null; readonly route: Route }
  | { readonly kind: 'expect-error'; readonly line: number; readonly code: string; readonly request: RequestCommand }
  | { readonly kind: 'fail' | 'recover' | 'pause' | 'resume' | 'wipe'; readonly line: number; readonly node: number }
  /** Every node is in exactly one group. */
  | { readonly kind: 'partition'; readonly line: number; readonly groups: readonly (readonly number[])[] }
  | { readonly kind: 'heal' | 'converge'; readonly line: number }
  | { readonly kind: 'skew'; readonly line: number; readonly node: number; readonly milliseconds: number }
  | { readonly kind: 'sleep'; readonly line: number; readonly milliseconds: number };

const SHAPES: Readonly<Record<ScriptCommand['kind'], string>> = {
  put: 'put KEY VALUE [via N] [at LEVEL]',
  get: 'get KEY [via N] [at LEVEL]',
  delete: 'delete KEY [via N] [at LEVEL]',
  expect: 'expect KEY VALUE|None [via N] [at LEVEL]',
  'expect-error': 'expect-error CODE put|get|delete …',
  fail: 'fail N',
  recover: 'recover N',
  pause: 'pause N',
  resume: 'resume N',
  wipe: 'wipe N',
  partition: 'partition 0,1 | 2',
  heal: 'heal',
  converge: 'converge',
  skew: 'skew N MS',
  sleep: 'sleep MS',
};

const SLEEP_MS_MAX = 600_000;
const SKEW_MS_MAX = 10 * 366 * 86_400_000;

/** Throws RING_SCRIPT_INVALID with every bad line: its number, what was found, what is allowed. */
export function parseScript(text: string, nodes: number): readonly ScriptCommand[] {
  const commands: ScriptCommand[] = [];
  const problems: string[] = [];
  for (const [index, lineText] of text.split(/\r?\n/).entries()) {
    const line = index + 1;
    const words = wordsOf(lineText);
    if (typeof words === 'string') {
      problems.push(`line ${line}: found ${words}`);
      continue;
    }
    if (words.length === 0) continue;
    try {
      commands.push(new LineReader(words, line, nodes).command());
    } catch (error) {
      if (!(error instanceof LineError)) throw error;
      problems.push(`line ${line}: found ${error.found}; allowed: ${error.allowed}`);
    }
  }
  if (problems.length > 0) throw new CommandError('RING_SCRIPT_INVALID', problems.join('\n'));
  return commands;
}

class LineError extends Error {
  readonly found: string;
  readonly allowed: string;

  constructor(found: string, allowed: string) {
    super(`found ${found}; allowed: ${allowed}`);
    this.found = found;
    this.allowed = allowed;
  }
}

/** Reads one line from left to right. */
class LineReader {
  private readonly words: readonly Word[];
  private readonly line: number;
  private readonly nodes: number;
  private at = 0;
  private shape = '';

  constructor(words: readonly Word[], line: number, nodes: number) {
    this.words = words;
    this.line = line;
    this.nodes = nodes;
  }

  command(): ScriptCommand {
    const kind = this.kind();
    this.shape = SHAPES[kind];
    const command = this.read(kind);
    const surplus = this.words[this.at];
    if (surplus !== undefined) {
      throw new LineError(show(surplus), `${this.shape}; a value with spaces stands in double quotes`);
    }
    return command;
  }

  private read(kind: ScriptCommand['kind']): ScriptCommand {
    const { line } = this;
    switch (kind) {
      case 'put':
        return { kind, line, key: this.word().text, value: this.word().text, route: this.route() };
      case 'get':
      case 'delete':
        return { kind, line, key: this.word().text, route: this.route() };
      case 'expect':
        return { kind, line, key: this.word().text, value: valueOrNone(this.word()), route: this.route() };
      case 'expect-error':
        return { kind, line, code: this.errorCode(), request: this.request() };
      case 'partition':
        return { kind, line, groups: this.groups() };
      case 'heal':
      case 'converge':
        return { kind, line };
      case 'skew':
        return { kind, line, node: this.node(), milliseconds: this.integer(-SKEW_MS_MAX, SKEW_MS_MAX) };
      case 'sleep':
        return { kind, line, milliseconds: this.integer(0, SLEEP_MS_MAX) };
      case 'fail':
      case 'recover':
      case 'pause':
      case 'resume':
      case 'wipe':
      default:
        return { kind, line, node: this.node() };
    }
  }

  private kind(): ScriptCommand['kind'] {
    const word = this.word();
    const kinds = Object.keys(SHAPES);
    if (word.form === 'quoted' || !isKind(word.text)) throw new LineError(show(word), `one of ${kinds.join(', ')}`);
    return word.text;
  }

  private request(): RequestCommand {
    const kind = this.kind();
    if (kind !== 'put' && kind !== 'get' && kind !== 'delete') throw new LineError(JSON.stringify(kind), SHAPES['expect-error']);
    if (kind === 'put') return { kind, line: this.line, key: this.word().text, value: this.word().text, route: this.route() };
    return { kind, line: this.line, key: this.word().text, route: this.route() };
  }

  private errorCode(): string {
    const word = this.word();
    if (!/^RING_[A-Z_]+$/.test(word.text)) throw new LineError(show(word), 'an error code such as RING_UNAVAILABLE');
    return word.text;
  }

  private route(): Route {
    let via: number | null = null;
    let consistency: Consistency | null = null;
    for (;;) {
      const word = this.words[this.at];
      if (word?.form !== 'plain' || (word.text !== 'via' && word.text !== 'at')) return { via, consistency };
      this.at++;
      if (word.text === 'via') via = this.node();
      else consistency = this.level();
    }
  }

  private level(): Consistency {
    const word = this.word();
    const level = levelFromText(word.text);
    if (level === null) throw new LineError(show(word), `one of ${LEVELS.join(', ')}`);
    return level;
  }

  private node(): number {
    return this.integer(0, this.nodes - 1, 'a node id: ');
  }

  private integer(least: number, most: number, what = ''): number {
    const word = this.word();
    const value = /^-?\d+$/.test(word.text) ? Number(word.text) : Number.NaN;
    if (Number.isNaN(value) || value < least || value > most) {
      throw new LineError(show(word), `${what}an integer from ${least} to ${most}`);
    }
    return value;
  }

  private groups(): readonly (readonly number[])[] {
    const text = this.words.slice(this.at).map((word) => word.text).join('');
    this.at = this.words.length;
    const allowed = `${SHAPES.partition}: each of the nodes 0 to ${this.nodes - 1} in exactly one group`;
    const parts = text.split('|').map((group) => group.split(','));
    const groups = parts.map((group) => group.map((id) => (/^\d+$/.test(id) ? Number(id) : Number.NaN)));
    const ids = groups.flat().toSorted((a, b) => a - b);
    if (ids.length !== this.nodes || !ids.every((id, index) => id === index)) throw new LineError(JSON.stringify(text), allowed);
    return groups;
  }

  private word(): Word {
    const word = this.words[this.at];
    if (word === undefined) throw new LineError('the end of the line', this.shape === '' ? 'a command' : this.shape);
    this.at++;
    return word;
  }
}

function isKind(text: string): text is ScriptCommand['kind'] {
  return Object.hasOwn(SHAPES, text);
}

function valueOrNone(word: Word): string | null {
  return word.form === 'plain' && word.text === 'None' ? null : word.text;
}

function show(word: Word): string {
  return JSON.stringify(word.text);
}
