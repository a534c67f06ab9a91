/**
 * Flags and arguments of one command: `node:util` parseArgs, with errors that say what to do.
 */
import { parseArgs } from 'node:util';

import { nearestName } from '../config/index.ts';
import { LEVELS, type Consistency } from '../wire/index.ts';
import { UsageError } from './errors.ts';

/** `text`: one value, the last one wins. `texts`: may be repeated. `switch`: on when it is there. */
export type FlagKind = 'text' | 'texts' | 'switch';

export interface ArgumentShape {
  readonly command: string;
  readonly flags: Readonly<Record<string, FlagKind>>;
  /** Names of the arguments, all required: `['KEY', 'VALUE']`. */
  readonly positionals: readonly string[];
  /** Whether more arguments may follow those. */
  readonly rest?: 'allowed';
}

export interface Arguments {
  /** The value of a `text` flag; null when it is not there. */
  text(flag: string): string | null;
  texts(flag: string): readonly string[];
  isOn(flag: string): boolean;
  /** The argument at this place. */
  positional(index: number): string;
  /** The arguments after those that have a name. */
  rest(): readonly string[];
}

export function readArguments(args: readonly string[], { command, flags, positionals, rest }: ArgumentShape): Arguments {
  const values = new Map<string, string[]>();
  const given: string[] = [];
  for (const token of tokensOf(args, flags)) {
    if (token.kind === 'positional') {
      given.push(token.value);
    } else if (token.kind === 'option') {
      values.set(token.name, [...(values.get(token.name) ?? []), checkedValue(command, flags[token.name], token)]);
    }
  }
  for (const name of values.keys()) {
    if (!Object.hasOwn(flags, name)) throw new UsageError(unknownFlag(command, name, Object.keys(flags)));
  }
  const missing = positionals[given.length];
  if (missing !== undefined) throw new UsageError(`${command}: ${missing} is missing; ${seeHelp(command)}`);
  const surplus = given[positionals.length];
  if (surplus !== undefined && rest !== 'allowed') throw new UsageError(`${command}: unexpected argument ${JSON.stringify(surplus)}; ${seeHelp(command)}`);
  return {
    text: (flag) => values.get(flag)?.at(-1) ?? null,
    texts: (flag) => values.get(flag) ?? [],
    isOn: (flag) => values.has(flag),
    positional: (index) => given[index] ?? '',
    rest: () => given.slice(positionals.length),
  };
}

/** An integer flag within bounds. */
export function integerFlag(command: string, flag: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value) || value < least || value > most) {
    throw new UsageError(`${command}: --${flag} is ${JSON.stringify(text)}; allowed: an integer from ${least} to ${most}`);
  }
  return value;
}

export function consistencyFlag(command: string, text: string | null): Consistency | null {
  if (text === null) return null;
  const level = levelFromText(text);
  if (level === null) throw new UsageError(`${command}: --consistency is ${JSON.stringify(text)}; allowed: ${LEVELS.join(', ')}`);
  return level;
}

export function levelFromText(text: string): Consistency | null {
  return LEVELS.find((level) => level === text) ?? null;
}

export function seeHelp(command: string): string {
  return `see 'ring-level help ${command}'`;
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  /** `--flag=value`. */
  readonly inlineValue?: boolean | undefined;
}

function tokensOf(args: readonly string[], flags: Readonly<Record<string, FlagKind>>) {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, kind]) => [name, { type: kind === 'switch' ? ('boolean' as const) : ('string' as const), multiple: true }]),
  );
  return parseArgs({ args: [...args], options, allowPositionals: true, strict: false, tokens: true }).tokens;
}

function checkedValue(command: string, kind: FlagKind | undefined, { rawName, value, inlineValue }: OptionToken): string {
  if (kind === 'switch') {
    if (value !== undefined) throw new UsageError(`${command}: ${rawName} takes no value; ${seeHelp(command)}`);
    return '';
  }
  if (kind === undefined) return value ?? '';
  // `--url --json`: the value was forgotten. One that begins with dashes is written `--url=--json`.
  if (value === undefined || value === '' || (value.startsWith('--') && inlineValue !== true)) throw new UsageError(`${command}: ${rawName} needs a value; ${seeHelp(command)}`);
  return value;
}

function unknownFlag(command: string, name: string, known: readonly string[]): string {
  const near = nearestName(name, known);
  return `${command}: unknown flag ${name.length === 1 ? '-' : '--'}${name}${near === null ? '' : `; did you mean --${near}?`}; ${seeHelp(command)}`;
}
