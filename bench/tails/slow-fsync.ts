/**
 * The benchmark's side of slow-fsync.c: compiles it, wraps the daemons' program in it, and switches the delay while they
 * run. All daemons have the library; it touches the files of one data directory only.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Program } from '../../cli/command.ts';

/** `npm run` has the clone as its working directory; the built package has no C in it. */
const SOURCE = resolve('bench/tails/slow-fsync.c');
/** Where each int32 lies in the control file. */
const AT = { delayMs: 0, delayed: 4 } as const;
const CONTROL_BYTES = 8;

/** Why there can be no slow fsync here; null when there can. */
export function whyNoSlowFsync(): string | null {
  if (process.platform !== 'linux') return `LD_PRELOAD is Linux's; this is ${process.platform}`;
  if (!existsSync(SOURCE)) return `${SOURCE} is not here: start the benchmark in a clone of ring-level`;
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
    return null;
  } catch {
    return 'there is no C compiler called cc (Debian: apt-get install gcc libc6-dev)';
  }
}

export class SlowFsync {
  readonly #library: string;
  readonly #dataDirectory: string;
  readonly #controlPath: string;
  readonly #control: number;

  /** `beside`: a directory that is there, for the library and the control file. `dataDirectory`: the node's. */
  constructor(beside: string, dataDirectory: string) {
    this.#dataDirectory = dataDirectory;
    this.#library = join(beside, 'slow-fsync.so');
    execFileSync('cc', ['-shared', '-fPIC', '-O2', '-o', this.#library, SOURCE, '-ldl'], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#controlPath = join(beside, 'slow-fsync.control');
    writeFileSync(this.#controlPath, new Uint8Array(CONTROL_BYTES));
    this.#control = openSync(this.#controlPath, 'r+');
  }

  /** The same program with the library loaded. `env` becomes it, so the process id stays that of the daemon. */
  wrap({ executable, leadingArguments, typed }: Program): Program {
    const variables = [`LD_PRELOAD=${this.#library}`, `RINGDELAY_DIR=${this.#dataDirectory}`, `RINGDELAY_CONTROL=${this.#controlPath}`];
    return { executable: 'env', leadingArguments: [...variables, executable, ...leadingArguments], typed };
  }

  /** 0 switches it off. */
  setDelay(milliseconds: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(milliseconds);
    writeSync(this.#control, bytes, 0, 4, AT.delayMs);
  }

  /** Calls that were delayed, since the last start of the daemons. */
  get delayed(): number {
    const bytes = Buffer.alloc(4);
    readSync(this.#control, bytes, 0, 4, AT.delayed);
    return bytes.readInt32LE();
  }

  close(): void {
    closeSync(this.#control);
  }
}
