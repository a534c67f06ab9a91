/** The daemons' program with Node's inspector open, on a port of 127.0.0.1 that the system chooses. */
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { Program } from '../../cli/command.ts';

/** Each daemon leaves the address of its inspector in `directory`. */
export function inspectedProgram({ executable, leadingArguments, typed }: Program, directory: string): Program {
  const preload = new URL(`tell-inspector${extname(import.meta.url)}`, import.meta.url);
  preload.searchParams.set('directory', directory);
  const flags = ['--inspect=127.0.0.1:0', '--import', preload.href];
  return { executable, leadingArguments: [...leadingArguments.slice(0, -1), ...flags, ...leadingArguments.slice(-1)], typed };
}

/** Of a daemon that takes requests. */
export async function inspectorUrlOf(pid: number, directory: string): Promise<string> {
  return readFile(inspectorFile(pid, directory), 'utf8');
}

export function inspectorFile(pid: number, directory: string): string {
  return join(directory, `inspector-of-${pid}`);
}
