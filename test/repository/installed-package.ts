/** The package as a user gets it: packed by npm from the dist/ that is there, and installed into an empty project. */
import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const NPM_TIMEOUT_MS = 120_000;
/** What npm says when it reaches no registry. Anything else that goes wrong is a failure. */
const NO_REGISTRY = /\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT|ENOTCACHED|E401|E403|E407|E5\d\d)\b/;
/** What `npm test` tells its children, and another npm would take for its own. */
const OF_AN_OUTER_NPM = /^(?:npm_package_|npm_lifecycle_|npm_config_(?:local_prefix|prefix)$|INIT_CWD$)/;

export interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Packed {
  /** The tarball. */
  readonly file: string;
  /** What is in it, by path from the package's root. */
  readonly paths: readonly string[];
}

/** Runs a command to its end; one that does not end in time is killed. */
export async function run(command: string, args: readonly string[], directory: string, timeoutMs = 30_000): Promise<Run> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !OF_AN_OUTER_NPM.test(name)));
  const child = spawn(command, args, { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => {
      clearTimeout(timer);
      resolve({ status, stdout, stderr });
    });
  });
}

/** No script of the package is run, so nothing is built anew under other tests. */
export async function pack(directory: string): Promise<Packed> {
  const { status, stdout, stderr } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', directory], ROOT, NPM_TIMEOUT_MS);
  if (status !== 0) throw new Error(`npm pack failed: ${stderr}`);
  const [told] = JSON.parse(stdout) as readonly { readonly filename: string; readonly files: readonly { readonly path: string }[] }[];
  if (told === undefined) throw new Error('npm pack told of no file');
  return { file: join(directory, told.filename), paths: told.files.map(({ path }) => path) };
}

/** `directory` becomes a project with the package in it. False when npm reaches no registry for what it depends on, or not in time. */
export async function installInto(directory: string, packed: Packed): Promise<boolean> {
  await mkdir(directory);
  await writeFile(join(directory, 'package.json'), '{ "name": "empty", "private": true, "type": "module" }\n');
  const flags = ['--prefix', directory, '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--fetch-retries', '0', '--fetch-timeout', '20000'];
  const { status, stderr } = await run('npm', ['install', packed.file, ...flags], directory, NPM_TIMEOUT_MS);
  if (status === 0) return true;
  // Ended by the time limit, it has said nothing.
  if (status === null || NO_REGISTRY.test(stderr)) return false;
  throw new Error(`npm install failed: ${stderr}`);
}

/** The first block of JavaScript in the README behind this heading. */
export async function readmeCode(heading: string): Promise<string> {
  const [, section] = (await readFile(join(ROOT, 'README.md'), 'utf8')).split(`\n${heading}\n`);
  const code = /```js\n([^]*?)```/.exec(section ?? '')?.[1];
  if (code === undefined) throw new Error(`the README has no code behind ${heading}`);
  return code;
}
