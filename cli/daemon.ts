/**
 * One `ring-level node` as a child process.
 *
 * The child's standard input is a pipe that nobody writes to: it ends when this process does, in whatever way, and the
 * child, started with --stop-with-parent, then stops. Only a child that is paused (SIGSTOP) can't notice.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

import type { Program } from './command.ts';
import { CommandError } from './errors.ts';
import { withDeadline } from './signals.ts';

export interface DaemonExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface DaemonOptions {
  readonly node: number;
  readonly program: Program;
  /** Arguments of `ring-level`: `['node', '--id', '0', …]`. */
  readonly args: readonly string[];
  /** From start to the ready line. */
  readonly readyTimeoutMs: number;
}

export interface DaemonEvents {
  /** A line of the child's standard error. */
  onLog(line: string): void;
  onExit(exit: DaemonExit): void;
}

const LAST_LINES_MAX = 5;

export class Daemon {
  readonly url: string;
  readonly pid: number;
  private readonly child: ChildProcess;
  private readonly exit: Promise<DaemonExit>;

  /** A daemon that takes requests. Throws RING_START_FAILED when it ends, or is silent, before its ready line. */
  static async start({ node, program, args, readyTimeoutMs }: DaemonOptions, events: DaemonEvents): Promise<Daemon> {
    const child = spawn(program.executable, [...program.leadingArguments, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    const lastLines: string[] = [];
    createInterface({ input: child.stderr }).on('line', (line) => {
      lastLines.push(line);
      if (lastLines.length > LAST_LINES_MAX) lastLines.shift();
      events.onLog(line);
    });
    // A child that dies breaks the pipe; that is told by its exit.
    child.stdin.on('error', () => undefined);
    const exit = exitOf(child);
    try {
      const { url, pid } = await withDeadline(Promise.race([readyLine(child, node), failedExit(exit, lastLines)]), readyTimeoutMs, 'no ready line');
      void exit.then((ended) => events.onExit(ended));
      return new Daemon(child, exit, url, pid);
    } catch (error) {
      child.kill('SIGKILL');
      await exit;
      const reason = error instanceof Error ? error.message : String(error);
      throw new CommandError('RING_START_FAILED', `node ${node} did not start: ${reason}`, { cause: error });
    }
  }

  private constructor(child: ChildProcess, exit: Promise<DaemonExit>, url: string, pid: number) {
    this.child = child;
    this.exit = exit;
    this.url = url;
    this.pid = pid;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Waits until the process is gone. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exit;
  }

  /** In order (SIGTERM); after `timeoutMs` with SIGKILL. */
  async stop(timeoutMs: number): Promise<void> {
    this.child.kill('SIGCONT');
    this.child.kill('SIGTERM');
    try {
      await withDeadline(this.exit, timeoutMs, 'stop');
    } catch {
      await this.kill();
    }
  }
}

function exitOf(child: ChildProcess): Promise<DaemonExit> {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ code: null, signal: null }));
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

function readyLine(child: ChildProcess, node: number): Promise<{ readonly url: string; readonly pid: number }> {
  return new Promise((resolve) => {
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const match = /^node (\d+) ready (ws:\/\/\S+)$/.exec(line);
      const url = match?.[2];
      if (url !== undefined && Number(match?.[1]) === node && child.pid !== undefined) resolve({ url, pid: child.pid });
    });
  });
}

async function failedExit(exit: Promise<DaemonExit>, lastLines: readonly string[]): Promise<never> {
  const ended = await exit;
  throw new Error(`${describeExit(ended)}${lastLines.length === 0 ? '' : `: ${lastLines.join(' | ')}`}`);
}

export function describeExit({ code, signal }: DaemonExit): string {
  if (signal === null) return `exit status ${code ?? 'unknown'}`;
  const why = WHY_BY_SIGNAL.get(signal);
  return why === undefined ? signal : `${signal} (${why})`;
}

/** Signals that the node itself cannot say anything about any more. */
const WHY_BY_SIGNAL: ReadonlyMap<NodeJS.Signals, string> = new Map([
  ['SIGBUS', 'a file of its database is shorter than it was; start it again: it checks its files and is healed from its peers'],
  ['SIGABRT', 'LevelDB met data that cannot be; start it again: it checks its files and is healed from its peers'],
]);
