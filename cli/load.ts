/** `ring-level load FILE|-`: JSON lines into the cluster. */
import { createReadStream, fstatSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';

import { RingClient } from '../client/index.ts';
import { integerFlag } from './arguments.ts';
import { EXIT, type Command, type Program } from './command.ts';
import { UsageError, describeError, messageOf } from './errors.ts';
import { Loader, type LoadCounts, type LoadStop } from './loader.ts';
import type { Output } from './output.ts';
import { ProgressLine, perSecond, type ProgressMode, type Reading } from './progress.ts';
import { CLIENT_FLAGS_HELP, firstAnswer, readRequest, type Request } from './request.ts';
import { shellLine } from './shell-quoting.ts';
import { StopRequest } from './signals.ts';

const IN_FLIGHT_DEFAULT = 1_000;
/** What one client has in flight at most, whatever it is asked to do. */
const IN_FLIGHT_MAX = 16_384;
const BYTES_IN_FLIGHT_MAX = 16 * 1_048_576;
/** How far reading may run ahead of the first change that is not acknowledged. */
const SPREAD_PER_IN_FLIGHT = 64;
const RETRY_FOR_MS_DEFAULT = 60_000;
const RETRY_FOR_MS_MAX = 86_400_000;
const STOP_WAIT_MS = 5_000;
const CHUNK_BYTES = 262_144;
const LINE_EVERY_MS = 10_000;
const PROGRESS_EVERY_MS = 1_000;

export const loadCommand: Command = {
  name: 'load',
  summary: 'write what a file of JSON lines says',
  help: `ring-level load FILE|- [flags]

Reads one JSON object a line, from a file or from standard input, and writes it. Blank lines are passed over.

  {"key":"user1","value":"alice"}         a put; bytes that are no text are {"base64":"…"}
  {"key":"user2","delete":true}           a delete

Lines are written concurrently, those of one key one after the other: the last one wins. Ends with
'loaded N records in S s, R per second'. Progress goes to standard error: on a terminal one line, elsewhere a line every
10 seconds.

A bad line (not JSON, no key, a key or value too large, an unknown field) stops the load: what stands before it is
written, nothing behind it is. A write that failed with RING_OVERLOADED, RING_UNAVAILABLE, RING_UNKNOWN,
RING_SUPERSEDED or RING_TIMEOUT is sent again, and again, with growing pauses. It says the same as the first one, so a
second write does no harm, unless somebody else wrote to that key in between: that write is undone. For the same reason a
load that was stopped, or killed, can simply be run again; a key with several lines goes through all its values again.
When it stops it says up to which line everything is acknowledged, and the command that goes on from there.

Exit status 0: all is acknowledged; 1: stopped by a signal; 2: a bad line, a failure, or a wrong command line.

  --in-flight N         lines that are sent and not acknowledged (default ${IN_FLIGHT_DEFAULT}); also never more than 16 MiB
  --skip-lines N        the first N lines are acknowledged already
  --retry-for-ms N      how long one line is tried again before the load gives up (default ${RETRY_FOR_MS_DEFAULT})
  --progress            progress every second, where standard error is no terminal
${CLIENT_FLAGS_HELP}
  --json                the summary as one line of JSON`,
  async run(args, { output, program }) {
    const request = readRequest('load', args, ['FILE'], { flags: FLAGS });
    const plan = planFrom(request);
    using stop = new StopRequest();
    const input = await openInput(plan.file);
    const client = new RingClient(request.urls, request.options);
    try {
      await firstAnswer(request);
      const outcome = await load(client, input, plan, stop.asked);
      return tell(outcome, plan, request, output, program);
    } catch (error) {
      output.problem(`ring-level: ${describeError(error)}`);
      return EXIT.usage;
    } finally {
      input.stream.destroy();
      await client.close();
    }
  },
};

const FLAGS = { 'in-flight': 'text', 'skip-lines': 'text', 'retry-for-ms': 'text', progress: 'switch' } as const;

interface Plan {
  readonly file: string;
  readonly inFlight: number;
  readonly skipLines: number;
  readonly retryForMs: number;
  readonly progress: ProgressMode;
}

interface Input {
  readonly stream: Readable;
  /** null: it is no file. */
  readonly bytes: number | null;
}

interface Outcome {
  readonly stop: LoadStop | null;
  readonly counts: LoadCounts;
  readonly elapsedMs: number;
}

function planFrom({ args }: Request): Plan {
  const integer = (flag: string, byDefault: number, least: number, most: number): number => {
    const text = args.text(flag);
    return text === null ? byDefault : integerFlag('load', flag, text, least, most);
  };
  return {
    file: args.positional(0),
    inFlight: integer('in-flight', IN_FLIGHT_DEFAULT, 1, IN_FLIGHT_MAX),
    skipLines: integer('skip-lines', 0, 0, Number.MAX_SAFE_INTEGER),
    retryForMs: integer('retry-for-ms', RETRY_FOR_MS_DEFAULT, 0, RETRY_FOR_MS_MAX),
    progress: process.stderr.isTTY ? 'rewritten' : { everyMs: args.isOn('progress') ? PROGRESS_EVERY_MS : LINE_EVERY_MS },
  };
}

async function openInput(path: string): Promise<Input> {
  if (path === '-') return { stream: process.stdin, bytes: stdinBytes() };
  try {
    const handle = await open(path, 'r');
    const status = await handle.stat();
    if (status.isDirectory()) {
      await handle.close();
      throw new Error('it is a directory');
    }
    return { stream: createReadStream('', { fd: handle, highWaterMark: CHUNK_BYTES }), bytes: status.isFile() ? status.size : null };
  } catch (error) {
    throw new UsageError(`load: ${path} can't be read: ${messageOf(error)}`);
  }
}

/** Standard input may be a file: `< FILE`. */
function stdinBytes(): number | null {
  try {
    const status = fstatSync(0);
    return status.isFile() ? status.size : null;
  } catch {
    return null;
  }
}

async function load(client: RingClient, { stream, bytes }: Input, plan: Plan, asked: Promise<string>): Promise<Outcome> {
  const { inFlight, skipLines, retryForMs, progress } = plan;
  const loader = new Loader(client, {
    limits: { changesMax: inFlight, bytesMax: BYTES_IN_FLIGHT_MAX, spreadMax: inFlight * SPREAD_PER_IN_FLIGHT },
    skipLines,
    retryForMs,
    stopWaitMs: STOP_WAIT_MS,
  });
  void asked.then((reason) => {
    loader.stop(reason);
    stream.destroy();
  });
  const startMs = performance.now();
  const line = new ProgressLine(process.stderr, progress, () => readingOf(loader, bytes));
  try {
    const stop = await loader.run(stream);
    return { stop, counts: loader.counts, elapsedMs: performance.now() - startMs };
  } finally {
    line[Symbol.dispose]();
  }
}

function readingOf({ counts, bytesRead, waiting }: Loader, bytes: number | null): Omit<Reading, 'atMs'> {
  return {
    records: counts.puts + counts.deletes,
    part: bytes === null ? null : { bytes: bytesRead, ofBytes: bytes },
    ...(waiting === null ? {} : { note: `${waiting.count} to be sent again (${waiting.code})` }),
  };
}

function tell({ stop, counts, elapsedMs }: Outcome, plan: Plan, request: Request, output: Output, program: Program): number {
  const { puts, deletes, retries, acknowledgedThrough } = counts;
  const records = puts + deletes;
  const rate = perSecond(records, elapsedMs);
  if (request.form === 'json') {
    const failure = stop === null ? {} : { code: stop.code, message: stop.message, line: stop.line };
    output.line(JSON.stringify({ ok: stop === null, ...failure, records, puts, deletes, retries, acknowledgedThrough, seconds: elapsedMs / 1_000, perSecond: rate }));
  } else if (stop === null) {
    output.line(`loaded ${records} records in ${(elapsedMs / 1_000).toFixed(1)} s, ${rate} per second`);
  }
  if (stop === null) return EXIT.ok;
  const where = stop.line === null ? '' : ` at line ${stop.line}`;
  output.problem(`ring-level: load stopped${where}: ${stop.code === null ? '' : `${stop.code} `}${stop.message}`);
  output.problem(`every line up to ${acknowledgedThrough} is acknowledged; ${remedy(stop, plan)}:`);
  output.problem(`  ${program.typed} ${shellLine(commandToGoOn(plan, request, acknowledgedThrough))}`);
  return stop.kind === 'told' ? EXIT.failed : EXIT.usage;
}

function remedy({ kind, line }: LoadStop, { file }: Plan): string {
  const given = file === '-' ? ' with the same lines on standard input' : '';
  return kind === 'bad-line' ? `correct line ${line ?? 0}, then go on${given} with` : `to go on${given}`;
}

function commandToGoOn({ file }: Plan, { args }: Request, acknowledgedThrough: number): readonly string[] {
  const kept = ['url', 'consistency', 'timeout-ms', 'in-flight', 'retry-for-ms'].flatMap((flag) => {
    const text = args.text(flag);
    return text === null ? [] : [`--${flag}=${text}`];
  });
  const switches = ['progress', 'json'].filter((flag) => args.isOn(flag)).map((flag) => `--${flag}`);
  return ['load', ...kept, ...switches, `--skip-lines=${acknowledgedThrough}`, ...(file.startsWith('-') && file !== '-' ? ['--'] : []), file];
}
