/**
 * The client in a real browser, against real daemons: the page of test/client/page, once with the file that the package
 * brings along and once as a bundler makes it from the package's name.
 */
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { build, type Plugin } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { STRANGER_HOST, findChromium, openChromium } from '../support/chromium.ts';
import { freePort, loneNodeArguments, requireBuild, runToEnd, startDaemon, startDaemons, temporaryDirectory } from '../support/processes.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BUNDLE = `${ROOT}dist/browser/ring-level.js`;
const PAGE = `${ROOT}test/client/page/`;
const REPORT_TIMEOUT_MS = 90_000;
/** What may come from other packages: those of client/ and wire/, and what abstract-level brings along. */
const PACKAGES: ReadonlySet<string> = new Set(['abstract-level', 'base64-js', 'buffer', 'events', 'ieee754', 'is-buffer', 'level-supports', 'level-transcoder', 'maybe-combine-errors', 'module-error', 'msgpackr', 'xxhash-wasm']);
/** The file with everything, and what a bundler leaves of the package for a page that takes RingClient alone. An accident would be larger. */
const BUNDLE_BYTES_MAX = 180_000;
const CLIENT_BYTES_MAX = 85_000;

interface Report {
  readonly steps: readonly { readonly name: string; readonly error: string | null }[];
  /** What nobody caught. */
  readonly errors: readonly string[];
  readonly userAgent: string;
}

type Bodies = ReadonlyMap<string, { readonly type: string; readonly body: string | Uint8Array }>;

const chromium = findChromium();
if (chromium === null) process.stdout.write('the client in a browser is skipped: there is no Chromium in PATH\n');

beforeAll(requireBuild);

describe('the bundle', () => {
  it('is one file without imports, of which no part comes from Node or from ws', async () => {
    const [code, map] = [await readFile(BUNDLE, 'utf8'), JSON.parse(await readFile(`${BUNDLE}.map`, 'utf8')) as { readonly sources: readonly string[] }];
    expect(map.sources).toContain('../../client/web-socket.ts');
    expect(map.sources.some((source) => /node_modules\/msgpackr\//.test(source))).toBe(true);
    const packages = new Set(map.sources.flatMap((source) => /node_modules\/([^/]+)\//.exec(source)?.[1] ?? []));
    expect([...packages].filter((name) => !PACKAGES.has(name))).toStrictEqual([]);
    expect(map.sources.filter((source) => /node:|ws-socket|node-platform|data\/(?:index|store|record|crc)/.test(source))).toStrictEqual([]);
    expect(code).not.toMatch(/\bimport\s*[("'{*]|\brequire\s*\(|["'`]node:/);
    expect(code).toMatch(/\bexport\s*\{/);
  });

  it('is small', async () => {
    const bytes = await readFile(BUNDLE);
    process.stdout.write(`dist/browser/ring-level.js: ${bytes.length} bytes, ${gzipSync(bytes, { level: 9 }).length} with gzip, ${brotliCompressSync(bytes).length} with brotli\n`);
    expect(bytes.length).toBeLessThan(BUNDLE_BYTES_MAX);
  });

  it('is smaller yet, and without abstract-level, where a bundler is asked for RingClient alone', async () => {
    const { outputFiles, metafile } = await build({
      stdin: { contents: "export { RingClient } from 'ring-level';", resolveDir: ROOT },
      bundle: true,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      minify: true,
      write: false,
      metafile: true,
    });
    const bytes = outputFiles[0]?.contents ?? new Uint8Array(0);
    process.stdout.write(`RingClient alone: ${bytes.length} bytes, ${gzipSync(bytes, { level: 9 }).length} with gzip\n`);
    expect(bytes.length).toBeLessThan(CLIENT_BYTES_MAX);
    const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path));
    expect(inputs.some((path) => path.includes('node_modules/msgpackr/'))).toBe(true);
    expect(inputs.filter((path) => /node_modules\/(?:abstract-level|buffer|events|level-transcoder)\//.test(path))).toStrictEqual([]);
  });

  it('exports what the package does in Node', async () => {
    const [browser, node] = [(await import(BUNDLE)) as object, (await import(`${ROOT}dist/client/index.js`)) as object];
    expect(Object.keys(browser).toSorted()).toStrictEqual(Object.keys(node).toSorted());
  });

  it('has types that a program without those of Node compiles with, unless it checks those of other packages', async () => {
    const compile = async (more: readonly string[]): Promise<readonly string[]> => {
      const { output } = await runToEnd([`${ROOT}node_modules/typescript/bin/tsc`, '-p', `${PAGE}tsconfig.json`, '--listFiles', '--pretty', 'false', ...more], 60_000);
      return output.trim().split(/\r?\n/);
    };
    const isOurs = (line: string): boolean => line.endsWith('/dist/client/browser.d.ts') || line.endsWith('/dist/client/index.d.ts') || line.endsWith('/page/scenario.ts');
    const lines = await compile([]);
    expect(lines.filter(isOurs).length).toBe(3);
    expect(lines.filter((line) => line.includes('@types/node'))).toStrictEqual([]);
    expect(lines.filter((line) => line.includes('error TS'))).toStrictEqual([]);
    // With every declaration checked: those of other packages name types of Node, this package's own do not.
    const checked = await compile(['--skipLibCheck', 'false']);
    expect(checked.filter(isOurs).length).toBe(3);
    expect(checked.filter((line) => line.includes('error TS') && !line.includes('node_modules/'))).toStrictEqual([]);
  });
});

describe.skipIf(chromium === null)('in a browser, against three nodes', { timeout: 2 * REPORT_TIMEOUT_MS }, () => {
  it.each([
    ['the file that the package brings along', 'from-bundle.ts'],
    ['what a bundler makes of the package', 'from-package.ts'],
  ])('%s does all that the client does in Node', async (_, entry) => {
    const port = await freePort();
    const strangerOrigin = `http://${STRANGER_HOST}:${port}`;
    await using directory = await temporaryDirectory();
    const configFile = join(directory.path, 'hospitable.json');
    await writeFile(configFile, JSON.stringify({ allowedOrigins: [strangerOrigin] }));
    await using hospitable = await startDaemon(loneNodeArguments(join(directory.path, 'data'), await freePort(), ['--config', configFile]));
    await using cluster = await startDaemons(3, 3);
    const inputs = { urls: cluster.urls, deadUrl: `ws://127.0.0.1:${await freePort()}`, strangerOrigin, hospitableUrl: hospitable.daemon.url };
    await using site = await Site.start(port, entry, inputs, async (node) => cluster.processes.killNode(node));
    await using browser = await openChromium(chromium ?? '', site.url);
    const report = await site.report(() => browser.stderr);
    expect(report.userAgent).toContain('Chrome');
    expect(report.errors).toStrictEqual([]);
    expect(report.steps.filter(({ error }) => error !== null)).toStrictEqual([]);
    expect(report.steps.length).toBeGreaterThanOrEqual(16);
  });
});

/** Serves the page on loopback, takes its report, and kills a node when it asks for that. */
class Site implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;
  readonly #kill: (node: number) => Promise<void>;
  readonly #bodyByPath: Bodies;
  #told: (report: Report) => void = () => undefined;
  readonly #report = new Promise<Report>((resolve) => (this.#told = resolve));

  /** `inputs`: what the page is told. */
  static async start(port: number, entry: string, inputs: object, kill: (node: number) => Promise<void>): Promise<Site> {
    const script = 'text/javascript';
    const bodyByPath = new Map([
      ['/', { type: 'text/html', body: '<!doctype html><title>ring-level</title><body><script type="module" src="/page.js"></script>' }],
      ['/frame.html', { type: 'text/html', body: '<!doctype html><title>frame</title><script src="/frame.js"></script>' }],
      ['/page.js', { type: script, body: await bundled(entry, 'esm') }],
      ['/frame.js', { type: script, body: await bundled('frame.ts', 'iife') }],
      ['/ring-level.js', { type: script, body: await readFile(BUNDLE) }],
      ['/inputs', { type: 'application/json', body: JSON.stringify(inputs) }],
    ]);
    const server = createServer();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new Site(`http://127.0.0.1:${port}/`, server, bodyByPath, kill);
  }

  private constructor(url: string, server: Server, bodyByPath: Bodies, kill: (node: number) => Promise<void>) {
    this.url = url;
    this.#server = server;
    this.#bodyByPath = bodyByPath;
    this.#kill = kill;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
    });
  }

  /** What the page found. Rejects when it does not say so in time, with what `explain` knows. */
  async report(explain: () => string): Promise<Report> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no report from the page; the browser said: ${explain()}`)), REPORT_TIMEOUT_MS);
    });
    return Promise.race([this.#report, late]).finally(() => clearTimeout(timer));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    if (request.method === 'POST') {
      const body = await textOf(request);
      const node = /^\/kill\/(\d)$/.exec(path)?.[1];
      if (node !== undefined) await this.#kill(Number(node));
      if (path === '/report') this.#told(JSON.parse(body) as Report);
      response.writeHead(204).end();
      return;
    }
    const found = this.#bodyByPath.get(path);
    // What a page must allow at least, and no more: no eval, and no scripts from elsewhere.
    const policy = path === '/' ? { 'content-security-policy': "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' ws:; frame-src http:" } : {};
    if (found === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': found.type, ...policy }).end(found.body);
  }
}

/** A script of test/client/page; what it imports of `ring-level` is bundled in, but for the file that is served as it is. */
async function bundled(entry: string, format: 'esm' | 'iife'): Promise<string> {
  const asItIs: Plugin = {
    name: 'ring-level/browser as it is',
    setup: ({ onResolve }) => onResolve({ filter: /^ring-level\/browser$/ }, () => ({ path: '/ring-level.js', external: true })),
  };
  const { outputFiles, metafile } = await build({
    entryPoints: [`${PAGE}${entry}`],
    bundle: true,
    format,
    platform: 'browser',
    target: 'es2022',
    write: false,
    metafile: true,
    plugins: [asItIs],
    logLevel: 'silent',
  });
  const inputs = Object.keys(metafile.inputs);
  // The package's own name leads to the browser's entry, the other name to nothing that is bundled.
  expect(inputs.some((path) => path.endsWith('dist/client/browser.js'))).toBe(entry === 'from-package.ts');
  return outputFiles[0]?.text ?? '';
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += String(chunk);
  return text;
}
