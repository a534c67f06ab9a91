/**
 * The parent's side of fault-shim.c: builds it, and talks to a daemon that has it through one shared page.
 *
 * Every daemon has its own journal, shadow directory and control page, beside its data directory and never in it.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readSync, readdirSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('fault-shim.c', import.meta.url));
const PAGE_BYTES = 4096;

/** Where each number lies in the page; `struct control` in fault-shim.c. */
const AT = { clockOffsetMs: 0, operation: 8, errno: 12, short: 16, at: 20, on: 24, calls: 28, failed: 32, full: 36, refused: 40, syncs: 44, clockCalls: 48, pid: 52 } as const;
const OPERATIONS = { none: 0, write: 1, fsync: 2 } as const;
const ERRNO = { EIO: 5, ENOSPC: 28 } as const;

export type SyncMode = 'journal' | 'real';

/** A library that was compiled. Throws with what to do when there is no compiler. */
export function compileShim(directory: string): string {
  const library = join(directory, 'fault-shim.so');
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-O2', '-o', library, SOURCE, '-ldl', '-lpthread'], { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    throw new Error('fault-shim.c cannot be compiled; install a C compiler that is called as cc (Debian: apt-get install gcc libc6-dev)', { cause: error });
  }
  return library;
}

/** Whether there is a C compiler at all. */
export function hasCompiler(): boolean {
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
    return process.platform === 'linux';
  } catch {
    return false;
  }
}

export interface Fault {
  readonly operation: 'write' | 'fsync';
  /** `short`: half of the bytes, then ENOSPC. */
  readonly kind: 'EIO' | 'ENOSPC' | 'short';
  /** The how-manieth call under db/ fails, from 1 on. */
  readonly at: number;
  readonly lasts: 'once' | 'from then on';
}

export class Shim {
  readonly journal: string;
  readonly shadow: string;
  readonly #library: string;
  readonly #dataDirectory: string;
  readonly #controlPath: string;
  readonly #control: number;
  readonly #sync: SyncMode;
  #clockOffsetMs = 0;
  /** Path → size at the last start: what was there then is taken to be durable. */
  #baseline: ReadonlyMap<string, number> = new Map();

  /** `beside`: a directory of its own on the file system of `dataDirectory`. */
  constructor(library: string, dataDirectory: string, beside: string, sync: SyncMode) {
    this.#library = library;
    this.#dataDirectory = dataDirectory;
    this.#sync = sync;
    this.journal = join(beside, 'journal');
    this.shadow = join(beside, 'shadow');
    this.#controlPath = join(beside, 'control');
    mkdirSync(this.shadow, { recursive: true });
    writeFileSync(this.#controlPath, new Uint8Array(PAGE_BYTES));
    this.#control = openSync(this.#controlPath, 'r+');
  }

  close(): void {
    closeSync(this.#control);
  }

  /** Variables for the daemon. To be asked for at every start: the journal begins anew. */
  environment(): Readonly<Record<string, string>> {
    this.#startJournal();
    return {
      LD_PRELOAD: this.#library,
      RINGSHIM_DIR: this.#dataDirectory,
      RINGSHIM_JOURNAL: this.journal,
      RINGSHIM_SHADOW: this.shadow,
      RINGSHIM_CONTROL: this.#controlPath,
      RINGSHIM_SYNC: this.#sync,
    };
  }

  get baseline(): ReadonlyMap<string, number> {
    return this.#baseline;
  }

  arm({ operation, kind, at, lasts }: Fault): void {
    this.#set(AT.operation, OPERATIONS.none);
    this.#set(AT.errno, kind === 'EIO' ? ERRNO.EIO : ERRNO.ENOSPC);
    this.#set(AT.short, kind === 'short' ? 1 : 0);
    this.#set(AT.at, at);
    this.#set(AT.on, lasts === 'once' ? 0 : 1);
    this.#set(AT.calls, 0);
    this.#set(AT.failed, 0);
    this.#set(AT.operation, OPERATIONS[operation]);
  }

  disarm(): void {
    this.#set(AT.operation, OPERATIONS.none);
  }

  setDisk(space: 'full' | 'free'): void {
    if (space === 'full') this.#set(AT.refused, 0);
    this.#set(AT.full, space === 'full' ? 1 : 0);
  }

  /** Whole seconds take effect. */
  setClockOffset(milliseconds: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(milliseconds));
    writeSync(this.#control, bytes, 0, 8, AT.clockOffsetMs);
    this.#clockOffsetMs = milliseconds;
  }

  get clockOffsetMs(): number {
    return this.#clockOffsetMs;
  }

  /** Calls that were failed since `arm`. */
  get failed(): number {
    return this.#get(AT.failed);
  }

  /** Calls that the full disk refused since it was full. */
  get refused(): number {
    return this.#get(AT.refused);
  }

  get syncs(): number {
    return this.#get(AT.syncs);
  }

  get clockCalls(): number {
    return this.#get(AT.clockCalls);
  }

  /** The process that has the library; 0 when none ever had. */
  get pid(): number {
    return this.#get(AT.pid);
  }

  #startJournal(): void {
    writeFileSync(this.journal, '');
    for (const name of readdirSync(this.shadow)) rmSync(join(this.shadow, name), { force: true });
    this.#baseline = sizesOf(this.#dataDirectory);
  }

  #get(at: number): number {
    const bytes = Buffer.alloc(4);
    readSync(this.#control, bytes, 0, 4, at);
    return bytes.readInt32LE();
  }

  #set(at: number, value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    writeSync(this.#control, bytes, 0, 4, at);
  }
}

/** The regular files below a directory: relative path → size. Empty when there is no such directory. */
export function sizesOf(directory: string): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  const visit = (below: string): void => {
    for (const entry of readdirSync(join(directory, below), { withFileTypes: true })) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) visit(path);
      // A daemon that runs removes files meanwhile.
      const size = entry.isFile() ? statSync(join(directory, path), { throwIfNoEntry: false })?.size : undefined;
      if (size !== undefined) sizes.set(path, size);
    }
  };
  try {
    visit('');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  return sizes;
}
