/**
 * One `ring-level node` as a child process, for campaigns: it can be killed before it is ready, its start may be
 * expected to fail, and its last lines are kept.
 *
 * Its standard input is a pipe that ends with this process, and with --stop-with-parent it then stops: a campaign that is
 * broken off leaves no daemon behind.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last lines of standard error. */
  readonly lines: readonly string[];
}

const LINES_MAX = 20;
const STOP_TIMEOUT_MS = 20_000;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export class DaemonProcess {
  /** What it was, once it has ended; null while it runs. */
  ended: Exit | null = null;
  readonly exit: Promise<Exit>;
  readonly ready: Promise<'ready' | Exit>;
  readonly lines: string[] = [];
  readonly #child: ChildProcess;

  constructor(script: string, args: readonly string[], environment: Readonly<Record<string, string>>) {
    const child = spawn(process.execPath, [script, ...args, '--stop-with-parent'], { stdio: ['pipe', 'pipe', 'pipe'], env: { ...cleanEnvironment(), ...environment } });
    this.#child = child;
    running.add(child);
    child.stdin.on('error', () => undefined);
    createInterface({ input: child.stderr }).on('line', (line) => {
      this.lines.push(line);
      if (this.lines.length > LINES_MAX) this.lines.shift();
    });
    this.exit = new Promise((resolve) => {
      child.once('error', (error) => this.lines.push(String(error)));
      // `close`, not `exit`: all lines have come by then.
      child.once('close', (code, signal) => {
        running.delete(child);
        this.ended = { code, signal, lines: this.lines };
        resolve(this.ended);
      });
    });
    const readyLine = new Promise<'ready'>((resolve) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (/^node \d+ ready /.test(line)) resolve('ready');
      });
    });
    this.ready = Promise.race([readyLine, this.exit]);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<Exit> {
    this.#child.kill('SIGKILL');
    return this.exit;
  }

  /** SIGTERM; SIGKILL when that takes too long. */
  async stop(): Promise<Exit> {
    this.#child.kill('SIGCONT');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    try {
      return await this.exit;
    } finally {
      clearTimeout(timer);
    }
  }
}

export function describeExit({ code, signal, lines }: Exit): string {
  return `${signal ?? `exit status ${code ?? 'unknown'}`}: ${lines.slice(-3).join(' | ') || 'no last line'}`;
}

/** Daemons of a campaign are configured by their flags only. io_uring would go past the library. */
function cleanEnvironment(): Record<string, string> {
  const environment: Record<string, string> = { UV_USE_IO_URING: '0' };
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !/^(?:RING_LEVEL_|RINGSHIM_|NODE_OPTIONS$|LD_PRELOAD$)/.test(name)) environment[name] = value;
  }
  return environment;
}
