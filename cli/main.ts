#!/usr/bin/env node
/** The `ring-level` command. Only wires: the arguments to a command, the process to its ports. */
import { readFileSync } from 'node:fs';
import { basename, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Program } from './command.ts';
import { runCommandLine } from './command-line.ts';
import { processOutput } from './output.ts';

// A reader that goes away (`| head -1`) is no failure.
process.stdout.on('error', (error) => process.exit('code' in error && error.code === 'EPIPE' ? 0 : 1));

process.exitCode = await runCommandLine(process.argv.slice(2), {
  output: processOutput(),
  environment: process.env,
  program: thisProgram(),
  version: packageVersion(),
});
// What is left over (a timer of a library, a socket that closes slowly) must not keep a finished command waiting.
process.stdout.write('', () => process.stderr.write('', () => process.exit()));

function thisProgram(): Program {
  const script = fileURLToPath(import.meta.url);
  const path = relative(process.cwd(), script);
  const shown = path.startsWith(`..${sep}`) ? script : path;
  const isInstalled = basename(process.argv[1] ?? '') === 'ring-level';
  return {
    executable: process.execPath,
    leadingArguments: [...process.execArgv, script],
    typed: isInstalled ? 'ring-level' : `node ${shown}`,
  };
}

/** From the package.json beside `cli/`, or beside `dist/`. */
function packageVersion(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const value: unknown = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
      if (typeof value === 'object' && value !== null && 'version' in value && typeof value.version === 'string') return value.version;
    } catch {
      // Not there: the next one.
    }
  }
  return 'unknown';
}
