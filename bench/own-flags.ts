/** The flags that only one command of the benchmark has, taken out of its arguments; the others are `readSettings`'. */
import { UsageError } from '../cli/errors.ts';

export interface OwnFlags {
  /** The last value of a `text` flag; null when it is not there. */
  text(flag: string): string | null;
  isOn(flag: string): boolean;
  readonly others: readonly string[];
}

/** Throws a `UsageError` when a `text` flag has no value. */
export function takeFlags(args: readonly string[], kinds: Readonly<Record<string, 'text' | 'switch'>>): OwnFlags {
  const values = new Map<string, string>();
  const others: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? '';
    const [, name = '', inline] = /^--([a-z-]+)(?:=(.*))?$/.exec(arg) ?? [];
    if (!Object.hasOwn(kinds, name)) {
      others.push(arg);
    } else if (kinds[name] === 'switch') {
      if (inline !== undefined) throw new UsageError(`bench: --${name} takes no value`);
      values.set(name, '');
    } else {
      const value = inline ?? args[++at];
      if (value === undefined || value === '' || (inline === undefined && value.startsWith('--'))) throw new UsageError(`bench: --${name} needs a value`);
      values.set(name, value);
    }
  }
  return { text: (flag) => values.get(flag) ?? null, isOn: (flag) => values.has(flag), others };
}

/** `a,b`: some of the known names, in the order in which they are asked for; all of `otherwise` when nothing is. */
export function namesFlag<Name extends string>(flag: string, text: string | null, known: readonly Name[], otherwise: readonly Name[]): readonly Name[] {
  if (text === null) return otherwise;
  return text.split(',').map((name) => {
    const found = known.find((one) => one === name);
    if (found === undefined) throw new UsageError(`bench: --${flag} names ${JSON.stringify(name)}; there are ${known.join(', ')}`);
    return found;
  });
}
