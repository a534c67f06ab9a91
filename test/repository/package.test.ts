/**
 * What would be published: its files, and that it works in an empty project, from JavaScript and from TypeScript, with
 * the lines that the README tells a user to copy, against a cluster that its own command starts.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { eventually, requireBuild, temporaryDirectory } from '../support/processes.ts';
import { importsOf } from './imports.ts';
import { ROOT, installInto, pack, readmeCode, run, type Packed, type Run } from './installed-package.ts';

const COMPILER = `${ROOT}node_modules/typescript/bin/tsc`;
const INSTALL_TIMEOUT_MS = 180_000;
const TEN_LINES = '## Use it from a script';
const TEN_LINES_OUTPUT = /^version \d+\.\d+-n[012]\.[0-9a-f]{5} on the disks of nodes \[ [012](?:, [012])+ \]\nalice\nnull\n$/;
/** What a command of bench/ imports when it is asked for, and says so when it is not there; and the client of another build. */
const OPTIONAL_PACKAGES: ReadonlySet<string> = new Set(['computed', '@grpc/grpc-js', '@grpc/proto-loader', 'vega', 'vega-lite']);

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let packed: Packed;

beforeAll(async () => {
  requireBuild();
  directory = await temporaryDirectory();
  packed = await pack(directory.path);
}, INSTALL_TIMEOUT_MS);

afterAll(async () => directory[Symbol.asyncDispose]());

describe('the package', () => {
  it('gives publint nothing to object to', async () => {
    const { messages } = await publint({ pkgDir: ROOT, strict: true, pack: { files: await filesOf(packed.paths) } });
    expect(messages).toStrictEqual([]);
  });

  it('holds every file that its documents link to', async () => {
    const documents = ['README.md', 'API.md', 'PROTOCOL.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'examples/python/README.md', 'config/example-three-hosts/README.md'];
    const linked = new Set<string>();
    for (const document of documents) {
      const text = await readFile(join(ROOT, document), 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) if (!/^\w+:/.test(target)) linked.add(normalize(join(dirname(document), target)));
    }
    expect([...linked]).toEqual(expect.arrayContaining(['API.md', 'PROTOCOL.md', 'LICENSE', 'examples/quick-start.mjs', 'bench/RESULTS.md']));
    expect([...linked].filter((path) => !packed.paths.includes(path))).toStrictEqual([]);
  });

  it('holds no sources, no tests, no results, and no map but that of the bundle', () => {
    const known = /^(?:dist\/(?:bench|cli|client|config|coordinator|data|node|wire)\/.*\.(?:js|d\.ts)|dist\/browser\/ring-level\.js(?:\.map)?|package\.json|LICENSE|[A-Z]+\.md|bench\/RESULTS\.md|config\/example-[\w/-]+\.(?:json|md)|examples\/[\w/-]+\.(?:mjs|json|py|md))$/;
    expect(packed.paths.filter((path) => !known.test(path))).toStrictEqual([]);
    expect(packed.paths).toEqual(expect.arrayContaining(['dist/cli/main.js', 'dist/bench/main.js', 'dist/client/index.js', 'dist/client/index.d.ts', 'dist/browser/ring-level.js']));
  });

  it('imports only what it depends on', async () => {
    const { dependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { readonly dependencies: Readonly<Record<string, string>> };
    const imported = new Set<string>();
    for (const path of packed.paths.filter((name) => /^dist\/(?!browser\/).*\.(?:js|d\.ts)$/.test(name))) {
      for (const { specifier } of importsOf(await readFile(join(ROOT, path), 'utf8'))) {
        const name = /^(?:@[^/]+\/)?[^/.:]+/.exec(specifier)?.[0];
        if (name !== undefined && !specifier.startsWith('node:')) imported.add(name);
      }
    }
    expect([...imported]).toEqual(expect.arrayContaining(['abstract-level', 'classic-level', 'msgpackr', 'ws']));
    expect([...imported].filter((name) => !(name in dependencies) && !OPTIONAL_PACKAGES.has(name))).toStrictEqual([]);
  });
});

describe('installed into an empty project', () => {
  let project = '';
  let isInstalled = false;
  let cluster: Cluster | null = null;

  beforeAll(async () => {
    project = join(directory.path, 'project');
    isInstalled = await installInto(project, packed);
    if (isInstalled) cluster = await Cluster.start(project);
    else process.stdout.write('the installed package is not tested: npm reaches no registry, or not in time\n');
  }, INSTALL_TIMEOUT_MS);

  afterAll(async () => cluster?.[Symbol.asyncDispose]());

  /** Writes a script into the project. Addresses of the README become those of the cluster. */
  async function script(name: string, code: string, context: TestContext): Promise<string> {
    if (!isInstalled) context.skip();
    const urls = cluster?.urls ?? [];
    await writeFile(join(project, name), code.replaceAll('ws://127.0.0.1:7400', urls[0] ?? '').replaceAll('ws://127.0.0.1:7401', urls[1] ?? ''));
    return name;
  }

  /** With the repository's own compiler, into `out`. */
  async function compile(name: string, options: object): Promise<Run> {
    const compilerOptions = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, module: 'nodenext', target: 'es2023', outDir: 'out', rootDir: '.', ...options };
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [name] }));
    return run(process.execPath, [COMPILER, '-p', 'tsconfig.json', '--pretty', 'false'], project, 60_000);
  }

  it('the lines of the README run as JavaScript', async (context) => {
    const { status, stdout, stderr } = await run(process.execPath, [await script('start.mjs', await readmeCode(TEN_LINES), context)], project);
    expect({ status, stderr }).toStrictEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(TEN_LINES_OUTPUT);
  });

  it.for<[string, object]>([
    ['with the types of Node, and every declaration checked', { types: ['node'], typeRoots: [`${ROOT}node_modules/@types`], skipLibCheck: false }],
    ['without the types of Node, and no declaration checked', { types: [], skipLibCheck: true }],
  ])('the lines of the README compile and run as TypeScript %s', async ([, options], context) => {
    const name = await script('start.mts', await readmeCode(TEN_LINES), context);
    expect(await compile(name, options)).toStrictEqual({ status: 0, stdout: '', stderr: '' });
    expect((await run(process.execPath, ['out/start.mjs'], project)).stdout).toMatch(TEN_LINES_OUTPUT);
  });

  it('a mistake in TypeScript is found', async (context) => {
    const name = await script('wrong.mts', "import { RingClient } from 'ring-level';\nconst ring = new RingClient('ws://127.0.0.1:7400');\nexport const text: string = await ring.get('user1');\n", context);
    const { status, stdout } = await compile(name, { skipLibCheck: true, types: [] });
    expect(status).not.toBe(0);
    expect(stdout).toContain("wrong.mts(3,14): error TS2322: Type 'Uint8Array<ArrayBufferLike> | null' is not assignable to type 'string'");
  });

  it('the level of the README runs', async (context) => {
    const { status, stdout, stderr } = await run(process.execPath, [await script('level.mjs', await readmeCode('### As a replicated level'), context)], project);
    expect({ status, stderr }).toStrictEqual({ status: 0, stderr: '' });
    expect(stdout).toContain("user1 { name: 'alice' }\n");
    expect(stdout).toMatch(/value: \{ name: 'alice' \}/);
  });

  it('the cluster in one process of the README runs', async (context) => {
    const { status, stdout, stderr } = await run(process.execPath, [await script('cluster.mjs', await readmeCode('### A cluster in one process'), context)], project);
    expect({ status, stderr }).toStrictEqual({ status: 0, stderr: '' });
    expect(stdout).toBe('bob [ 2, 0, 1 ]\n');
  });

  it('CommonJS is told to import, and can', async (context) => {
    const code = "try { require('ring-level') } catch (error) { console.log(error.code) }\nimport('ring-level').then((all) => console.log(typeof all.RingLevel))\n";
    const { stdout } = await run(process.execPath, [await script('old.cjs', code, context)], project);
    expect(stdout).toMatch(/^ERR_REQUIRE_(?:ESM|ASYNC_MODULE)\nfunction\n$/);
  });

  it('npx finds the command, and the benchmark is there', async (context) => {
    if (!isInstalled) context.skip();
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { readonly version: string };
    expect((await run('npx', ['--no-install', 'ring-level', '--version'], project)).stdout.trim()).toBe(version);
    const bench: Run = await run('npx', ['--no-install', 'ring-level', 'bench', 'no-such-benchmark'], project);
    expect(bench.status).toBe(2);
    expect(bench.stderr).toContain('no-such-benchmark');
  });
});

describe('examples/quick-start.mjs', () => {
  it('is the lines of the README, but for the addresses', async () => {
    const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '' && !/^(?:\/[/*]|const ring =)/.test(line));
    const expected = linesOf(await readmeCode(TEN_LINES));
    expect(expected.length).toBeGreaterThanOrEqual(7);
    expect(linesOf(await readFile(join(ROOT, 'examples/quick-start.mjs'), 'utf8'))).toStrictEqual(expected);
  });
});

/** `ring-level cluster` of the installed package, on free ports. */
class Cluster implements AsyncDisposable {
  readonly urls: readonly string[];
  readonly #process: ChildProcess;

  static async start(project: string): Promise<Cluster> {
    const args = ['cluster', '--nodes', '3', '--replication-factor', '3', '--dir', join(project, 'data'), '--port', '0'];
    const child = spawn(join(project, 'node_modules/.bin/ring-level'), args, { cwd: project, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    // It stops its daemons itself, also when this process ends before it could ask for that.
    process.once('exit', () => child.kill('SIGTERM'));
    try {
      await eventually('the cluster is ready', async () => (/^cluster ready$/m.test(said) ? true : null));
    } catch (cause) {
      await stop(child);
      throw new Error(`the cluster said: ${said}`, { cause });
    }
    return new Cluster(child, [...said.matchAll(/^node \d ready (ws:\S+)/gm)].map(([, url = '']) => url));
  }

  private constructor(child: ChildProcess, urls: readonly string[]) {
    this.#process = child;
    this.urls = urls;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stop(this.#process);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

/** As publint takes the content of a tarball. */
async function filesOf(paths: readonly string[]): Promise<{ name: string; data: Uint8Array }[]> {
  return Promise.all(paths.map(async (path) => ({ name: join(ROOT, path), data: await readFile(join(ROOT, path)) })));
}
