/** What put, get, delete, status and the like share: their flags, their client, and how a failure is told. */
import { RingClient } from '../client/index.ts';
import type { Consistency } from '../wire/index.ts';
import { consistencyFlag, integerFlag, readArguments, type ArgumentShape, type Arguments } from './arguments.ts';
import { EXIT } from './command.ts';
import { UsageError, describeError } from './errors.ts';
import type { Output } from './output.ts';

export const DEFAULT_URL = 'ws://127.0.0.1:7400';
const TIMEOUT_MS_MAX = 600_000;

export const CLIENT_FLAGS_HELP = `  --url URL             a node, or several with commas between (default ${DEFAULT_URL})
  --consistency LEVEL   available (default), one, quorum or all
  --timeout-ms N        give up after so many milliseconds`;

export const REQUEST_FLAGS_HELP = `${CLIENT_FLAGS_HELP}
  --json                the answer as one line of JSON
  --                    what follows is no flag: ring-level put -- -key -value`;

export interface RequestOptions {
  readonly consistency?: Consistency;
  readonly timeoutMs?: number;
}

export interface Request {
  readonly args: Arguments;
  readonly options: RequestOptions;
  readonly form: 'text' | 'json';
  readonly urls: readonly string[];
}

/** `more`: what a command takes beside the arguments with a name and the flags of every request. */
export function readRequest(
  command: string,
  args: readonly string[],
  positionals: readonly string[],
  more: Partial<Pick<ArgumentShape, 'flags' | 'rest'>> = {},
): Request {
  const parsed = readArguments(args, {
    ...more,
    command,
    flags: { url: 'text', consistency: 'text', 'timeout-ms': 'text', json: 'switch', ...more.flags },
    positionals,
  });
  const consistency = consistencyFlag(command, parsed.text('consistency'));
  const timeout = parsed.text('timeout-ms');
  return {
    args: parsed,
    urls: urlsFlag(command, parsed.text('url')),
    form: parsed.isOn('json') ? 'json' : 'text',
    options: {
      ...(consistency === null ? {} : { consistency }),
      ...(timeout === null ? {} : { timeoutMs: integerFlag(command, 'timeout-ms', timeout, 1, TIMEOUT_MS_MAX) }),
    },
  };
}

/** Runs `use` with a client; any failure is one line on standard error and exit status 2. */
export async function withClient(
  urls: readonly string[],
  options: RequestOptions,
  output: Output,
  use: (client: RingClient) => Promise<number>,
): Promise<number> {
  const client = new RingClient(urls, { ...options, failFast: 'fail-fast' });
  try {
    return await use(client);
  } catch (error) {
    output.problem(`ring-level: ${describeError(error)}`);
    return EXIT.usage;
  } finally {
    await client.close();
  }
}

/**
 * For a command that goes on for a while and tries again: rejects at once when no node can be reached to begin with.
 */
export async function firstAnswer({ urls, options }: Pick<Request, 'urls' | 'options'>): Promise<void> {
  await using client = new RingClient(urls, { ...options, failFast: 'fail-fast' });
  await client.ping();
}

export function textOf(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8');
}

/** A value as JSON: text when it is UTF-8, else `{ base64 }`, as in JSON frames. */
export function jsonValue(value: Uint8Array): string | { readonly base64: string } {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
  } catch {
    return { base64: Buffer.from(value).toString('base64') };
  }
}

function urlsFlag(command: string, text: string | null): readonly string[] {
  const urls = (text ?? DEFAULT_URL).split(',').map((url) => url.trim());
  for (const url of urls) {
    if (!URL.canParse(url) || !['ws:', 'wss:'].includes(new URL(url).protocol)) {
      throw new UsageError(`${command}: --url has ${JSON.stringify(url)}; allowed: addresses such as ${DEFAULT_URL}, with commas between`);
    }
  }
  return urls;
}
