/**
 * `npm run sim -- --seed 17`                replays one seed and prints the end of its trace
 * `npm run sim -- --seeds 1000 --from 1`    runs many, on all cores, and prints what happened in them
 *
 * Exit status 1: a promise was broken, a run of the same seed gave another digest, or (from COVERAGE_FROM seeds on) a
 * fault or a path of recovery never happened, so that nothing was shown.
 */
import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Coverage } from './coverage.ts';
import { simulate, type SimulationResult } from './simulation.ts';

interface Summary {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly coverage: Readonly<Record<string, number>>;
  readonly digest: number;
  readonly events: number;
  readonly virtualMs: number;
}

/** Fewer seeds than this need not meet every fault. */
const COVERAGE_FROM = 100;
const TRACE_END_LINES = 60;
const PROGRESS_SEEDS = 500;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    workers: { type: 'string', default: String(availableParallelism()) },
    'stop-at-first': { type: 'boolean', default: false },
    trace: { type: 'string', default: String(TRACE_END_LINES) },
  },
});

if (process.send !== undefined) serve();
else process.exitCode = values.seed === undefined ? await runMany(Number(values.seeds ?? '100'), Number(values.from), Number(values.workers)) : await replay(Number(values.seed));

/** A worker: takes seeds, gives summaries. */
function serve(): void {
  // What nobody awaits belongs to no process of the simulation; it is a bug all the same.
  process.on('unhandledRejection', (error) => {
    process.stderr.write(`unhandled rejection: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  });
  process.on('message', (seed: number) => {
    simulate(seed)
      .then((result) => process.send?.(summaryOf(result)))
      .catch((error: unknown) => process.send?.({ seed, violations: [`broken: ${error instanceof Error ? error.stack : String(error)}`], coverage: {}, digest: 0, events: 0, virtualMs: 0 } satisfies Summary));
  });
  process.on('disconnect', () => process.exit(0));
}

async function replay(seed: number): Promise<number> {
  const first = await simulate(seed);
  const second = await simulate(seed);
  for (const line of first.trace.slice(-Number(values.trace))) print(line);
  print(`\nplan ${first.trace[0] ?? ''}`);
  print(first.coverage.toTable());
  print(`\nseed ${seed}: ${first.events} events, ${first.virtualMs} ms of virtual time, digest ${first.digest.toString(16)}`);
  for (const { rule, text } of first.violations) print(`BROKEN ${rule}: ${text}`);
  if (first.digest !== second.digest) print(`NOT DETERMINISTIC: the second run gave ${second.digest.toString(16)}`);
  return first.violations.length === 0 && first.digest === second.digest ? 0 : 1;
}

async function runMany(count: number, from: number, workers: number): Promise<number> {
  const startedMs = performance.now();
  const coverage = new Coverage();
  const failed: Summary[] = [];
  let [events, virtualMs, digest, done] = [0, 0, 0, 0];
  const seeds = Array.from({ length: count }, (_, index) => from + index);
  await runInWorkers(seeds, workers, (summary) => {
    coverage.merge(Coverage.fromCounts(summary.coverage));
    events += summary.events;
    virtualMs += summary.virtualMs;
    digest = (digest ^ Math.imul(summary.digest, summary.seed)) >>> 0;
    done++;
    if (done % PROGRESS_SEEDS === 0) print(`${done} seeds, ${failed.length} broken`);
    if (summary.violations.length === 0) return 'go on';
    failed.push(summary);
    print(`seed ${summary.seed} BROKEN ${summary.violations.slice(0, 3).join('\n  ')}`);
    return values['stop-at-first'] ? 'stop' : 'go on';
  });
  const minutes = (performance.now() - startedMs) / 60_000;
  const crashes = coverage.count('processCrashes') + coverage.count('powerCuts');
  print(coverage.toTable());
  print(`\n${done} seeds from ${from}: ${failed.length} broken; ${events} events, ${Math.round(virtualMs / 1000)} s of virtual time, ${minutes.toFixed(2)} min`);
  print(`a minute: ${rate(done, minutes)} seeds, ${rate(coverage.count('operations'), minutes)} operations, ${rate(crashes, minutes)} crashes and power cuts; digest ${digest.toString(16)}`);
  const missing = count >= COVERAGE_FROM ? coverage.missing() : [];
  if (missing.length > 0) print(`NOTHING SHOWN: never happened: ${missing.join(', ')}`);
  if (failed.length > 0) print(`replay one with: npm run sim -- --seed ${failed[0]?.seed ?? 0}`);
  return failed.length === 0 && missing.length === 0 && done > 0 ? 0 : 1;
}

async function runInWorkers(seeds: readonly number[], workers: number, take: (summary: Summary) => 'go on' | 'stop'): Promise<void> {
  const waiting = seeds.toReversed();
  const work = async (): Promise<void> =>
    new Promise((resolve, reject) => {
      const child = fork(fileURLToPath(import.meta.url), [], { execArgv: process.execArgv });
      const next = (): void => {
        const seed = waiting.pop();
        if (seed === undefined) child.disconnect();
        else child.send(seed);
      };
      child.on('message', (summary: Summary) => {
        if (take(summary) === 'stop') waiting.length = 0;
        next();
      });
      child.once('error', reject);
      child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))));
      next();
    });
  await Promise.all(Array.from({ length: Math.max(1, workers) }, work));
}

function summaryOf({ seed, violations, coverage, digest, events, virtualMs }: SimulationResult): Summary {
  return { seed, violations: violations.map(({ rule, text }) => `${rule}: ${text}`), coverage: coverage.toJSON(), digest, events, virtualMs };
}

function rate(count: number, minutes: number): string {
  return Math.round(count / minutes).toLocaleString('en-US');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
