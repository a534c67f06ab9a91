/** What was measured on: the machine, and the sources. */
import { execFile } from 'node:child_process';
import { readFile, realpath } from 'node:fs/promises';
import { cpus, release, totalmem, type } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export interface Machine {
  readonly cpuModel: string;
  readonly cpuCount: number;
  readonly memoryBytes: number;
  readonly node: string;
  readonly kernel: string;
  /** Of the directory in which the data lies; null: not known. */
  readonly filesystem: string | null;
}

const GIT_TIMEOUT_MS = 5_000;

export async function machineOf(directory: string): Promise<Machine> {
  return {
    cpuModel: cpus()[0]?.model.trim() ?? 'unknown',
    cpuCount: cpus().length,
    memoryBytes: totalmem(),
    node: process.version,
    kernel: `${type()} ${release()}`,
    filesystem: await filesystemOf(await realpath(directory)),
  };
}

/** The commit of the sources, `+` after it when files differ from it; null when this is no clone. */
export async function commitOf(): Promise<string | null> {
  const here = dirname(fileURLToPath(import.meta.url));
  const root = dirname(here).endsWith('dist') ? dirname(dirname(here)) : dirname(here);
  const git = async (...args: readonly string[]): Promise<string> => (await promisify(execFile)('git', ['-C', root, ...args], { timeout: GIT_TIMEOUT_MS })).stdout.trim();
  try {
    if ((await git('rev-parse', '--show-toplevel')) !== (await realpath(root))) return null;
    const [commit, changes] = [await git('rev-parse', 'HEAD'), await git('status', '--porcelain', '--untracked-files=no')];
    return changes === '' ? commit : `${commit}+`;
  } catch {
    return null;
  }
}

async function filesystemOf(path: string): Promise<string | null> {
  try {
    return filesystemAt(path, await readFile('/proc/mounts', 'utf8'));
  } catch {
    return null;
  }
}

/** The type of the innermost mount above the path; the last one, where several lie over each other. */
export function filesystemAt(path: string, mounts: string): string | null {
  let found: { readonly point: string; readonly type: string } | null = null;
  for (const line of mounts.split('\n')) {
    const [, point, type] = line.split(' ');
    if (point === undefined || type === undefined) continue;
    const isAbove = path === point || path.startsWith(join(point, '/'));
    if (isAbove && point.length >= (found?.point.length ?? 0)) found = { point, type };
  }
  return found?.type ?? null;
}
