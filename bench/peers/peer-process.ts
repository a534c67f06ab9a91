/**
 * One process of another store, started by the benchmark.
 *
 * It ends with the benchmark, however that ends and even while it is paused: see `underParent`. It leads a process group
 * of its own: a pause also stops what it has forked to rewrite a file.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { withDeadline } from '../../cli/signals.ts';
import { isOnPath } from './on-path.ts';

const LAST_LINES_MAX = 5;
const STOP_TIMEOUT_MS = 20_000;
const LOOK_MS = 20;
const SETPRIV = 'setpriv';

export class PeerProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #lastLines: string[] = [];
  readonly #ended: Promise<void>;
  #isOver = false;

  static start(program: string, args: readonly string[]): PeerProcess {
    const [executable, ...rest] = underParent([program, ...args]);
    const child = spawn(executable, rest, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    // What can't be started has no pid; the event would end this process.
    child.once('error', () => undefined);
    if (child.pid === undefined) throw new Error(`${program} could not be started`);
    return new PeerProcess(child, child.pid);
  }

  private constructor(child: ChildProcess, pid: number) {
    this.#child = child;
    this.pid = pid;
    for (const stream of [child.stdout, child.stderr]) if (stream !== null) this.#keepLastLines(stream);
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => {
        this.#isOver = true;
        resolve();
      });
    });
  }

  pause(): void {
    this.#signal('SIGSTOP');
  }

  resume(): void {
    this.#signal('SIGCONT');
  }

  async stop(): Promise<void> {
    if (this.#isOver) return;
    this.resume();
    this.#child.kill('SIGTERM');
    try {
      await withDeadline(this.#ended, STOP_TIMEOUT_MS, 'stop');
    } catch {
      this.#signal('SIGKILL');
      await this.#ended;
    }
  }

  /** Throws, with what it said last, when the process is gone. */
  assertRuns(): void {
    if (this.#isOver) throw new Error(`${this.#child.spawnargs.join(' ')} ended: ${this.#lastLines.join(' | ')}`);
  }

  #signal(signal: NodeJS.Signals): void {
    if (!this.#isOver) process.kill(-this.pid, signal);
  }

  #keepLastLines(input: NodeJS.ReadableStream): void {
    createInterface({ input }).on('line', (line) => {
      this.#lastLines.push(line);
      if (this.#lastLines.length > LAST_LINES_MAX) this.#lastLines.shift();
    });
  }
}

/** The command line of a process that the kernel kills when the one that started it ends: PR_SET_PDEATHSIG, set by util-linux' setpriv. Elsewhere than on Linux the command line as it is. */
export function underParent([program, ...args]: readonly [string, ...string[]]): readonly [string, ...string[]] {
  return isOnPath(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL', program, ...args] : [program, ...args];
}

/** Asks again until it is so. Throws when it is not after `timeoutMs`, or when one of the processes is gone. */
export async function waitUntil(condition: () => Promise<boolean>, processes: readonly PeerProcess[], timeoutMs: number, what: string): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    for (const one of processes) one.assertRuns();
    if (performance.now() > deadline) throw new Error(`${what}: not so after ${timeoutMs} ms`);
    await new Promise((resolve) => {
      setTimeout(resolve, LOOK_MS);
    });
  }
}
