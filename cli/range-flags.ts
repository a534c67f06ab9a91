/** The range that scan, dump and the shell's scan walk over, from flags. */
import type { Arguments } from './arguments.ts';
import { integerFlag } from './arguments.ts';
import { UsageError } from './errors.ts';
import { bytesFromWord } from './key-text.ts';

export const RANGE_FLAGS = { prefix: 'text', from: 'text', to: 'text' } as const;

export const RANGE_FLAGS_HELP = `  --prefix P            keys that begin so
  --from K              the first key, itself included
  --to K                the end, itself not included`;

/** A part that is not there is null. */
export interface KeyRange {
  readonly prefix: Uint8Array | null;
  readonly from: Uint8Array | null;
  readonly to: Uint8Array | null;
}

/** `argument`: the prefix as an argument without a flag; null where there is none. */
export function rangeFlags(command: string, args: Arguments, argument: string | null = null): KeyRange {
  const bytes = (flag: string, text: string | null): Uint8Array | null => {
    if (text === null) return null;
    const found = bytesFromWord(text);
    if (found === null) throw new UsageError(`${command}: ${flag} is ${JSON.stringify(text)}; allowed: text, or {"base64":"…"} in canonical base64`);
    return found;
  };
  const flag = args.text('prefix');
  if (argument !== null && flag !== null) throw new UsageError(`${command}: the prefix is given twice`);
  return { prefix: bytes('the prefix', argument ?? flag), from: bytes('--from', args.text('from')), to: bytes('--to', args.text('to')) };
}

/** Options of `RingClient.scan`; a bound is left out where it is null. */
export function scanBounds(command: string, { prefix, from, to }: KeyRange): { readonly prefix?: Uint8Array; readonly from?: Uint8Array; readonly to?: Uint8Array } {
  if (prefix === null) return { ...(from === null ? {} : { from }), ...(to === null ? {} : { to }) };
  if (from !== null || to !== null) throw new UsageError(`${command}: give a prefix, or --from and --to`);
  return { prefix };
}

/** A limit; null where there is none. */
export function limitFlag(command: string, args: Arguments): number | null {
  const text = args.text('limit');
  return text === null ? null : integerFlag(command, 'limit', text, 1, Number.MAX_SAFE_INTEGER);
}

/** The one argument that may be there. */
export function optionalArgument(command: string, args: Arguments): string | null {
  const [first = null, second] = args.rest();
  if (second !== undefined) throw new UsageError(`${command}: unexpected argument ${JSON.stringify(second)}; a text with spaces stands in quotes`);
  return first;
}
