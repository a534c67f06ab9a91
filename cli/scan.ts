/** `ring-level scan [PREFIX]`: the entries of a range, in key order. */
import type { KeyEntry, RingClient, ScanEntry, ScanOptions } from '../client/index.ts';
import { EXIT, type Command } from './command.ts';
import { formatEntry } from './json-lines.ts';
import { BYTES_HELP, PRINTABLE_HELP, printable } from './key-text.ts';
import { RANGE_FLAGS, RANGE_FLAGS_HELP, limitFlag, optionalArgument, rangeFlags, scanBounds } from './range-flags.ts';
import { CLIENT_FLAGS_HELP, readRequest, withClient } from './request.ts';

/** Of the `scan` of the shell too. */
export const SCAN_FLAGS = { ...RANGE_FLAGS, reverse: 'switch', limit: 'text', 'keys-only': 'switch' } as const;

export const scanCommand: Command = {
  name: 'scan',
  summary: 'print the entries of a range, in key order',
  help: `ring-level scan [PREFIX] [flags]

Prints key, tab, value, a line for each entry, as they come; all of the range unless there is a limit. Any failure: one
line on standard error, exit status 2.

${PRINTABLE_HELP}
${BYTES_HELP}

${RANGE_FLAGS_HELP}
  --reverse             from the end downwards
  --limit N             at most so many entries
  --keys-only           without the values
${CLIENT_FLAGS_HELP}
  --json                JSON lines, as 'ring-level dump' writes them`,
  run(args, { output }) {
    const request = readRequest('scan', args, [], { flags: SCAN_FLAGS, rest: 'allowed' });
    const limit = limitFlag('scan', request.args);
    const bounds = scanBounds('scan', rangeFlags('scan', request.args, optionalArgument('scan', request.args)));
    const options = { ...bounds, reverse: request.args.isOn('reverse'), ...(limit === null ? {} : { limit }) };
    return withClient(request.urls, request.options, output, async (client) => {
      for await (const entry of entriesOf(client, options, request.args.isOn('keys-only') ? 'keys' : 'entries')) {
        output.line(request.form === 'json' ? formatEntry(entry) : entryLine(entry));
        await output.room?.();
      }
      return EXIT.ok;
    });
  },
};

export function entriesOf(client: RingClient, options: ScanOptions, what: 'keys' | 'entries'): AsyncGenerator<KeyEntry | ScanEntry, void, undefined> {
  return what === 'keys' ? client.scan({ ...options, keysOnly: true }) : client.scan(options);
}

/** Key, tab, value; the key alone where there is no value. */
export function entryLine(entry: KeyEntry | ScanEntry): string {
  return 'value' in entry ? `${printable(entry.key)}\t${printable(entry.value)}` : printable(entry.key);
}
