/**
 * The load generator as a process of its own, so that what it does costs the benchmark and the daemons nothing but
 * the processor time that is counted for it.
 *
 * The child ends with this process, however that ends: its IPC channel closes. It never outlives its plan by more than
 * `GRACE_MS`.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GeneratorEvent, GeneratorRequest } from './generator-messages.ts';
import type { LoadPlan, LoadResult, TargetAddress } from './plan.ts';

export interface LoadHooks {
  /** Between warm-up and measurement, while nothing is in flight: the moment to read counters. */
  beforeMeasurement?(): Promise<void>;
}

/** Compiled or not, the child is what this file is. */
const CHILD = fileURLToPath(new URL(`load-main${extname(import.meta.url)}`, import.meta.url));
/** For connections, key tables, and requests that are answered after the end. */
const GRACE_MS = 120_000;
const FILL_TIMEOUT_MS = 3_600_000;

/** Runs one load. Throws when the generator could not. */
export async function runLoad(plan: LoadPlan, hooks: LoadHooks = {}): Promise<LoadResult> {
  const timeoutMs = (plan.warmUpSeconds + plan.seconds) * 1000 + GRACE_MS;
  const event = await converse({ kind: 'load', plan }, timeoutMs, hooks);
  if (event.kind !== 'measured') throw new Error(`the load generator answered ${event.kind}`);
  return event.result;
}

/** Writes keys 0 … records−1, each once. Throws when one could not be written. */
export async function fillRecords(target: TargetAddress, records: number, keyBytes: number, valueBytes: number): Promise<void> {
  await converse({ kind: 'fill', plan: { target, records, keyBytes, valueBytes } }, FILL_TIMEOUT_MS, {});
}

/** The child's last event. The child is gone when this settles. */
async function converse(request: GeneratorRequest, timeoutMs: number, hooks: LoadHooks): Promise<GeneratorEvent> {
  const child = fork(CHILD, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  try {
    const event = await lastEvent(child, request, timeoutMs, hooks);
    if (event.kind === 'failed') throw new Error(event.message);
    return event;
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

function lastEvent(child: ChildProcess, request: GeneratorRequest, timeoutMs: number, hooks: LoadHooks): Promise<GeneratorEvent> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the load generator was not done after ${timeoutMs} ms`)), timeoutMs);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
    };
    child.once('error', fail);
    child.once('exit', (code, signal) => fail(new Error(`the load generator ended (${signal ?? `exit status ${code ?? 'unknown'}`})`)));
    child.on('message', (event: GeneratorEvent) => {
      if (event.kind === 'warm') {
        Promise.resolve(hooks.beforeMeasurement?.())
          .then(() => send(child, { kind: 'measure' }))
          .catch(fail);
        return;
      }
      clearTimeout(timer);
      resolve(event);
    });
    send(child, request);
  });
}

/** A child that is gone is told by its exit. */
function send(child: ChildProcess, request: GeneratorRequest): void {
  child.send(request, () => undefined);
}
