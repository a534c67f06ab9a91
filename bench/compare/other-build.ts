/** Another commit of this repository, checked out and built beside it in a git worktree that goes when it was compared. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { UsageError, messageOf } from '../../cli/errors.ts';
import { progress } from '../progress.ts';
import { isTools, type Tools } from './tools.ts';

const LOCK_FILE = 'package-lock.json';
const MODULES = 'node_modules';

export class OtherBuild {
  readonly commit: string;
  readonly #repository: string;
  readonly #directory: string;

  /** Below `parentDirectory`. Throws a `UsageError` when there is no such commit. */
  static async make(name: string, parentDirectory: string): Promise<OtherBuild> {
    const repository = await repositoryOfThis();
    const commit = await commitNamed(repository, name);
    const build = new OtherBuild(repository, join(parentDirectory, 'other-build'), commit);
    process.once('exit', build.#removeAtExit);
    try {
      await build.#checkOut();
      await build.#install();
      await build.#run('npm', ['run', '--silent', 'build']);
      return build;
    } catch (error) {
      await build.remove();
      throw error;
    }
  }

  private constructor(repository: string, directory: string, commit: string) {
    this.#repository = repository;
    this.#directory = directory;
    this.commit = commit;
  }

  /** The program of its daemons. */
  get main(): string {
    return this.#built('cli/main.js');
  }

  /** null: not told. */
  async protocolVersion(): Promise<number | null> {
    const wire: unknown = await import(pathToFileURL(this.#built('wire/index.js')).href);
    return typeof wire === 'object' && wire !== null && 'PROTOCOL_VERSION' in wire && typeof wire.PROTOCOL_VERSION === 'number' ? wire.PROTOCOL_VERSION : null;
  }

  /** Its own load generator, and what starts and asks its daemons; null: it has none of this shape. */
  async tools(): Promise<Tools | null> {
    const files = ['bench/bench-cluster.js', 'bench/measure.js', 'bench/load/load-process.js'].map((file) => this.#built(file));
    if (!files.every((file) => existsSync(file))) return null;
    const parts = (await Promise.all(files.map(async (file) => import(pathToFileURL(file).href)))) as readonly object[];
    const found = Object.assign({}, ...parts) as Readonly<Record<string, unknown>>;
    return isTools(found) ? found : null;
  }

  async remove(): Promise<void> {
    process.off('exit', this.#removeAtExit);
    await promisify(execFile)('git', this.#removal());
  }

  readonly #removeAtExit = (): void => {
    execFileSync('git', this.#removal(), { stdio: 'ignore' });
  };

  #removal(): string[] {
    return ['-C', this.#repository, 'worktree', 'remove', '--force', this.#directory];
  }

  #built(path: string): string {
    return join(this.#directory, 'dist', path);
  }

  async #checkOut(): Promise<void> {
    await promisify(execFile)('git', ['-C', this.#repository, 'worktree', 'add', '--detach', this.#directory, this.commit]);
  }

  /** With this tree's packages, when the same are asked for. */
  async #install(): Promise<void> {
    const [here, there] = await Promise.all([this.#repository, this.#directory].map(async (directory) => readFile(join(directory, LOCK_FILE), 'utf8')));
    if (here === there) await symlink(join(this.#repository, MODULES), join(this.#directory, MODULES));
    else await this.#run('npm', ['ci', '--no-audit', '--no-fund']);
  }

  async #run(program: string, args: readonly string[]): Promise<void> {
    progress(`compare: ${this.commit.slice(0, 12)}: ${program} ${args.join(' ')}`);
    const child = spawn(program, args, { cwd: this.#directory, stdio: ['ignore', process.stderr, process.stderr] });
    const status = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', resolve);
    });
    if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed for ${this.commit} (exit status ${status ?? 'unknown'})`);
  }
}

async function repositoryOfThis(): Promise<string> {
  const here = dirname(fileURLToPath(import.meta.url));
  try {
    return (await promisify(execFile)('git', ['-C', here, 'rev-parse', '--show-toplevel'])).stdout.trim();
  } catch (error) {
    throw new UsageError(`bench: --with needs a clone of the repository, and ${here} is in none: ${messageOf(error)}`);
  }
}

async function commitNamed(repository: string, name: string): Promise<string> {
  try {
    return (await promisify(execFile)('git', ['-C', repository, 'rev-parse', '--verify', '--end-of-options', `${name}^{commit}`])).stdout.trim();
  } catch {
    throw new UsageError(`bench: --with is ${JSON.stringify(name)}, which is no commit of ${repository}`);
  }
}
