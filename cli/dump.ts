/** `ring-level dump`: the entries of a range as JSON lines, in key order. */
import { RingClient } from '../client/index.ts';
import { EXIT, type Command, type Program } from './command.ts';
import { Dumper } from './dumper.ts';
import { UsageError, codeOf, describeError } from './errors.ts';
import { BYTES_HELP, printable, wordFromBytes } from './key-text.ts';
import { fileSink, outputSink, type LineSink } from './line-sink.ts';
import type { Output } from './output.ts';
import { ProgressLine, perSecond, type ProgressMode } from './progress.ts';
import { RANGE_FLAGS, RANGE_FLAGS_HELP, rangeFlags, type KeyRange } from './range-flags.ts';
import { CLIENT_FLAGS_HELP, firstAnswer, readRequest, type Request } from './request.ts';
import { shellLine } from './shell-quoting.ts';
import { StopRequest } from './signals.ts';

const PROGRESS_EVERY_MS = 1_000;

export const dumpCommand: Command = {
  name: 'dump',
  summary: 'write the entries of a range as JSON lines',
  help: `ring-level dump [flags]

Writes one JSON object a line, in key order, to standard output or to a file. 'ring-level load' reads them.

  {"key":"user1","value":"alice"}
  {"key":{"base64":"AP8="},"value":""}    bytes that are not UTF-8

It is no snapshot: what is written meanwhile may be in it or not. A dump that fails on its way says after which key, and
the command that goes on from there. Exit status 0: done; 1: stopped by a signal; 2: a failure, or a wrong command line.

${BYTES_HELP}

${RANGE_FLAGS_HELP}
                        a prefix may go with --from, not with --to
  --file FILE           write to this file, which must not be there yet; it is on the disk in the end
  --append              the file may be there; the lines go behind what it has
  --progress            how far it is, on standard error, where that is no terminal
${CLIENT_FLAGS_HELP}`,
  async run(args, { output, program }) {
    const request = readRequest('dump', args, [], { flags: { ...RANGE_FLAGS, file: 'text', append: 'switch', progress: 'switch' } });
    const range = dumpRange(request);
    using stop = new StopRequest();
    const abort = new AbortController();
    void stop.asked.then((reason) => abort.abort(new Error(`stopped (${reason})`)));
    await using client = new RingClient(request.urls, request.options);
    const dumper = new Dumper();
    let sink: LineSink | null = null;
    try {
      await firstAnswer(request);
      sink = await sinkFrom(request, output);
      const startMs = performance.now();
      using line = new ProgressLine(process.stderr, progressMode(request), () => ({ records: dumper.records, part: null }));
      await dumper.run(client, range, sink, abort.signal);
      line[Symbol.dispose]();
      tellDone(dumper, performance.now() - startMs, request, output);
      return EXIT.ok;
    } catch (error) {
      if (error instanceof UsageError) throw error;
      await tellFailure(error, dumper, sink, { request, output, program });
      return abort.signal.aborted ? EXIT.failed : EXIT.usage;
    } finally {
      await sink?.close();
    }
  },
};

function dumpRange({ args }: Request): KeyRange {
  const range = rangeFlags('dump', args);
  if (range.prefix !== null && range.to !== null) throw new UsageError('dump: a prefix goes with --from, not with --to');
  if (args.isOn('append') && args.text('file') === null) throw new UsageError('dump: --append goes with --file');
  return range;
}

function sinkFrom({ args }: Request, output: Output): Promise<LineSink> | LineSink {
  const file = args.text('file');
  return file === null ? outputSink(output) : fileSink(file, args.isOn('append') ? 'append' : 'new');
}

/** On a terminal a line that is rewritten, unless the entries themselves go there. */
function progressMode({ args }: Request): ProgressMode {
  if (process.stderr.isTTY && (args.text('file') !== null || !process.stdout.isTTY)) return 'rewritten';
  return args.isOn('progress') ? { everyMs: PROGRESS_EVERY_MS } : 'none';
}

function tellDone({ records }: Dumper, elapsedMs: number, { args }: Request, output: Output): void {
  const file = args.text('file');
  // Standard output holds nothing but entries.
  if (file !== null) output.problem(`dumped ${records} records in ${(elapsedMs / 1_000).toFixed(1)} s, ${perSecond(records, elapsedMs)} per second`);
}

interface Teller {
  readonly request: Request;
  readonly output: Output;
  readonly program: Program;
}

/** The lines that were walked over are written before it is told after which of them the dump ended. */
async function tellFailure(error: unknown, dumper: Dumper, sink: LineSink | null, { request, output, program }: Teller): Promise<void> {
  output.problem(`ring-level: ${describeError(error)}`);
  if (sink === null || codeOf(error) === 'RING_OUTPUT_FAILED') return;
  try {
    await sink.flush();
  } catch (failure) {
    output.problem(`ring-level: ${describeError(failure)}`);
    return;
  }
  const { lastKey, resumeFrom } = dumper;
  const where = lastKey === null ? 'before the first key' : `after ${dumper.records} records, the last one of key ${printable(lastKey)}`;
  output.problem(`the dump ended ${where}; to go on${request.args.text('file') === null ? ', and add what it prints to what there is' : ''}:`);
  output.problem(`  ${program.typed} ${shellLine(commandToGoOn(request, resumeFrom))}`);
}

function commandToGoOn({ args }: Request, resumeFrom: Uint8Array | null): readonly string[] {
  const kept = ['url', 'consistency', 'timeout-ms', 'prefix', 'to', 'file'].flatMap((flag) => {
    const text = args.text(flag);
    return text === null ? [] : [`--${flag}=${text}`];
  });
  const from = resumeFrom === null ? args.text('from') : wordFromBytes(resumeFrom);
  const switches = [...(args.text('file') === null ? [] : ['--append']), ...(args.isOn('progress') ? ['--progress'] : [])];
  return ['dump', ...kept, ...(from === null ? [] : [`--from=${from}`]), ...switches];
}
