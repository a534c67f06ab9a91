/** Data in and out of a real cluster: the commands against nodes in this process, and as processes of their own. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from '../../cli/command-line.ts';
import { formatEntry } from '../../cli/json-lines.ts';
import { Loader } from '../../cli/loader.ts';
import { RingClient } from '../../client/index.ts';
import { createCluster, type Cluster } from '../../node/cluster.ts';
import { PROGRAM, eventually, requireBuild, temporaryDirectory } from '../support/processes.ts';

const SIZE = { nodes: 3, replicationFactor: 3, config: { logLevel: 'silent' } } as const;

let cluster: Cluster;
let url: string;

beforeAll(async () => {
  requireBuild();
  cluster = await createCluster(SIZE);
  url = cluster.urls.join(',');
});
afterAll(async () => cluster.close());

async function invoke(...args: readonly string[]) {
  const out: string[] = [];
  const problems: string[] = [];
  const status = await runCommandLine(args, {
    output: { line: (line) => out.push(...line.split('\n')), bytes: (data) => out.push(Buffer.from(data).toString()), problem: (line) => problems.push(line) },
    environment: {},
    program: { executable: 'node', leadingArguments: [], typed: 'ring-level' },
    version: '1.2.3',
  });
  return { status, out, problems };
}

interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly problems: string;
}

/** The program as a child. `end` reads what it prints from then on, and tells how it ended. */
function start(...args: readonly string[]): { readonly child: ChildProcessWithoutNullStreams; end(): Promise<Ended> } {
  const child = spawn(PROGRAM.executable, [...PROGRAM.leadingArguments, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => undefined);
  return {
    child,
    async end() {
      const [out, problems] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
      return { status: child.exitCode, out, problems };
    },
  };
}

async function putAll(entries: readonly (readonly [string | Uint8Array, string | Uint8Array])[]): Promise<void> {
  await Promise.all(entries.map(([key, value]) => cluster.put(key, value)));
}

function lines(prefix: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => formatEntry({ key: Buffer.from(`${prefix}${String(index).padStart(6, '0')}`), value: Buffer.from(`value of ${index}`) }));
}

describe('scan', () => {
  beforeAll(() => putAll([['scan/a', 'one'], ['scan/b\t', 'two\nlines'], ['scan/c', ''], [Buffer.from('scan/\xff', 'latin1'), Buffer.from([0, 0xff])]]));

  it('prints keys and values that cannot be taken for others', async () => {
    expect(await invoke('scan', 'scan/', '--url', url)).toEqual({ status: 0, problems: [], out: ['scan/a\tone', 'scan/b\\t\ttwo\\nlines', 'scan/c\t', 'scan/\\xff\t\\x00\\xff'] });
  });

  it.each([
    [['--prefix', 'scan/', '--reverse', '--limit', '2', '--keys-only'], ['scan/\\xff', 'scan/c']],
    [['--from', 'scan/b', '--to', 'scan/c'], ['scan/b\\t\ttwo\\nlines']],
    [['--prefix', '{"base64":"c2Nhbi//"}', '--json'], ['{"key":{"base64":"c2Nhbi//"},"value":{"base64":"AP8="}}']],
    [['scan/a', '--keys-only', '--json'], ['{"key":"scan/a"}']],
    [['scan/none'], []],
  ])('walks over %j', async (args, out) => {
    expect(await invoke('scan', ...args, '--url', url)).toEqual({ status: 0, problems: [], out });
  });

  it.each([
    [['a', '--prefix', 'b'], 'the prefix is given twice'],
    [['a', 'b'], 'unexpected argument "b"'],
    [['a', '--from', 'b'], 'give a prefix, or --from and --to'],
    [['--limit', '0'], 'an integer from 1'],
    [['--from', '{"base64":"x"}'], 'canonical base64'],
  ])('refuses %j', async (args, problem) => {
    const { status, problems } = await invoke('scan', ...args, '--url', url);
    expect(status).toBe(2);
    expect(problems.join()).toContain(problem);
  });

  it('ends quietly when its reader goes away', async () => {
    await putAll(Array.from({ length: 300 }, (_, index) => [`many/${index}`, 'v'.repeat(10_000)] as const));
    const { child } = start('scan', 'many/', '--url', url);
    const exited = once(child, 'exit');
    await once(child.stdout, 'readable');
    child.stdout.destroy();
    const problems = await text(child.stderr);
    await exited;
    expect([child.exitCode, problems]).toEqual([0, '']);
  });
});

describe('dump and load', () => {
  it('bring everything from one cluster into another', async () => {
    await using directory = await temporaryDirectory();
    await using other = await createCluster(SIZE);
    await putAll([
      ['dump/text', 'alice'],
      ['dump/empty', ''],
      ['dump/mark', '\uFEFF'],
      ['dump/\uFEFF', 'x'],
      ['dump/lines', 'a\r\nb\u2028'],
      [Buffer.from('dump/\xff\x00', 'latin1'), Buffer.from([0xff, 0xfe, 0])],
      ['dump/large', 'z'.repeat(1_048_576)],
      ['dump/large-bytes', Buffer.alloc(1_048_576, 0xfe)],
      ['dump/escaped', '\0'.repeat(1_048_576)],
      ['dump/base64', '{"base64":"AA=="}'],
    ]);
    const [file, copy] = [join(directory.path, 'a.jsonl'), join(directory.path, 'b.jsonl')];
    expect((await invoke('dump', '--prefix', 'dump/', '--file', file, '--url', url)).status).toBe(0);
    expect(await invoke('load', file, '--url', other.urls.join(','))).toMatchObject({ status: 0, problems: [], out: [expect.stringMatching(/^loaded 10 records in \d+\.\d s, \d+ per second$/)] });
    expect((await invoke('dump', '--file', copy, '--url', other.urls.join(','))).status).toBe(0);
    const dumped = await readFile(file, 'utf8');
    expect(dumped === (await readFile(copy, 'utf8'))).toBe(true);
    expect(dumped.split('\n')).toHaveLength(11);
    expect((await other.get('dump/mark'))?.length).toBe(3);
    expect((await other.get('dump/large-bytes'))?.every((byte) => byte === 0xfe)).toBe(true);
    expect((await invoke('dump', '--file', copy, '--url', url)).problems.join()).toContain('it is there already');
  });

  it('let the later of two lines of one key win, however many are in flight', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'same.jsonl');
    const [keys, rounds] = [20, 50];
    const all = Array.from({ length: keys * rounds }, (_, index) => JSON.stringify({ key: `same/${index % keys}`, value: String(index) }));
    await writeFile(file, [...all, '{"key":"same/0","delete":true}'].join('\n'));
    const { status, out } = await invoke('load', file, '--json', '--in-flight', '1000', '--url', url);
    expect(status).toBe(0);
    expect(JSON.parse(out[0] ?? '')).toMatchObject({ ok: true, records: keys * rounds + 1, puts: keys * rounds, deletes: 1, acknowledgedThrough: keys * rounds + 1 });
    const dumped = await invoke('dump', '--prefix', 'same/', '--consistency', 'all', '--url', url);
    const expected = Array.from({ length: keys - 1 }, (_, index) => JSON.stringify({ key: `same/${index + 1}`, value: String(keys * (rounds - 1) + index + 1) }));
    expect(dumped.out).toEqual(expected.toSorted());
  });

  it('let the later line of a key win also when the lines go through different nodes, whose clocks differ', async () => {
    await using skewed = await createCluster(SIZE);
    await skewed.skew(1, -60_000);
    await skewed.skew(2, 60_000);
    const clients = skewed.urls.map((node) => new RingClient(node, { spread: 'none' }));
    let next = 0;
    const anyOf = (): RingClient => {
      const client = clients[next % clients.length];
      next += 1;
      if (client === undefined) throw new Error('no client');
      return client;
    };
    const target = { put: (key: Uint8Array, value: Uint8Array) => anyOf().put(key, value), delete: (key: Uint8Array) => anyOf().delete(key) };
    const loader = new Loader(target, { limits: { changesMax: 1_000, bytesMax: 1_048_576, spreadMax: 10_000 }, skipLines: 0, retryForMs: 60_000, stopWaitMs: 1_000 });
    const [keys, rounds] = [7, 40];
    const all = Array.from({ length: keys * rounds }, (_, index) => JSON.stringify({ key: `k${index % keys}`, value: String(index) }));
    expect(await loader.run(Readable.from([Buffer.from(all.join('\n'))]))).toBeNull();
    await Promise.all(clients.map((client) => client.close()));
    const dumped = await invoke('dump', '--consistency', 'all', '--url', skewed.urls.join(','));
    expect(dumped.out).toEqual(all.slice(-keys));
  });

  it('stop at a bad line, and go on from there with the command that was printed', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'it is bad.jsonl');
    await writeFile(file, '{"key":"bad/1","value":"1"}\n\n{"key":"bad/2","value":"2","x":1}\n{"key":"bad/3","value":"3"}\n');
    const stopped = await invoke('load', file, '--url', url, '--in-flight', '7');
    expect(stopped).toEqual({
      status: 2,
      out: [],
      problems: [
        'ring-level: load stopped at line 3: RING_LINE_INVALID unknown field "x"; allowed: {"key":"…","value":"…"} or {"key":"…","delete":true}',
        'every line up to 2 is acknowledged; correct line 3, then go on with:',
        `  ring-level load --url=${url} --in-flight=7 --skip-lines=2 '${file}'`,
      ],
    });
    expect((await invoke('dump', '--prefix', 'bad/', '--url', url)).out).toEqual(['{"key":"bad/1","value":"1"}']);
    await writeFile(file, '\n\n{"key":"bad/2","value":"2"}\n{"key":"bad/3","value":"3"}');
    expect((await invoke('load', `--url=${url}`, '--in-flight=7', '--skip-lines=2', file)).status).toBe(0);
    expect((await invoke('scan', 'bad/', '--keys-only', '--url', url)).out).toEqual(['bad/1', 'bad/2', 'bad/3']);
  });

  it('tell in one line what is wrong with a file, an address or a combination of flags', async () => {
    await using directory = await temporaryDirectory();
    for (const [args, problem] of [
      [['load', join(directory.path, 'none')], "can't be read"],
      [['load', directory.path], 'it is a directory'],
      [['load', '-', '--in-flight', '0'], 'an integer from 1'],
      [['load', '-', '--url', 'ws://127.0.0.1:1'], 'RING_UNAVAILABLE'],
      [['dump', '--url', 'ws://127.0.0.1:1'], 'RING_UNAVAILABLE'],
      [['dump', '--append'], '--append goes with --file'],
      [['dump', '--prefix', 'a', '--to', 'b'], 'a prefix goes with --from'],
      [['dump', '--file', join(directory.path, 'none', 'file'), '--url', url], "can't be written"],
    ] as const) {
      const { status, out, problems } = await invoke(...args);
      expect([status, out]).toEqual([2, []]);
      expect(problems[0]).toContain(problem);
    }
  });

  it('go on with a dump from where it ended, within its prefix', async () => {
    await putAll([['part/a', '1'], ['part/b', '2'], ['part/c', '3'], ['party', '4']]);
    const rest = await invoke('dump', '--prefix=part/', `--from=${JSON.stringify({ base64: Buffer.from('part/a\0').toString('base64') })}`, '--url', url);
    expect(rest.out).toEqual(['{"key":"part/b","value":"2"}', '{"key":"part/c","value":"3"}']);
    expect((await invoke('dump', '--prefix', 'part/', '--from', 'a', '--url', url)).out).toHaveLength(3);
  });

  it('say where a dump ended when all nodes are lost in the middle of it, with a command that brings the rest', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'lost.jsonl');
    await using lost = await createCluster(SIZE);
    const client = new RingClient(lost.urls);
    const keys = Array.from({ length: 40 }, (_, index) => `k${String(index).padStart(3, '0')}`);
    await Promise.all(keys.map(async (key) => client.put(key, 'v'.repeat(200_000), { timeoutMs: 20_000 })));
    await client.close();
    const { child, end } = start('dump', '--url', lost.urls.join(','), '--timeout-ms', '500');
    child.stdout.pause().read(0);
    // What it prints is not read yet, so it can't be at its end.
    await eventually('the dump has begun', () => Promise.resolve(child.stdout.readableLength > 0 ? true : null));
    for (const node of [0, 1, 2]) await lost.fail(node);
    const { status, out, problems } = await end();
    expect(status).toBe(2);
    const written = out.trimEnd().split('\n').map((line) => (JSON.parse(line) as { readonly key: string }).key);
    expect(written.length).toBeLessThan(keys.length);
    expect(problems).toContain(`the last one of key ${written.at(-1) ?? ''};`);
    const [, from] = /'(--from=[^']*)'/.exec(problems) ?? [];
    for (const node of [0, 1, 2]) await lost.recover(node);
    await writeFile(file, out);
    expect(from).toBeDefined();
    const rest = await eventually('the cluster answers', async () => {
      const answer = await invoke('dump', from ?? '', '--url', lost.urls.join(','));
      return answer.status === 0 ? answer : null;
    });
    expect([...written, ...rest.out.map((line) => (JSON.parse(line) as { readonly key: string }).key)]).toEqual(keys);
  });
});

describe('a load that is interrupted', () => {
  it('says up to which line all is acknowledged when a signal comes, and goes on from there', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'in.jsonl');
    const all = lines('signal/', 5_000);
    await writeFile(file, all.join('\n'));
    const { child, end } = start('load', '-', '--url', url, '--in-flight', '8');
    child.stdin.write(`${all.slice(0, 2_000).join('\n')}\n`);
    await eventually('some are written', async () => cluster.get('signal/000100'));
    child.kill('SIGTERM');
    const { status, out, problems } = await end();
    expect([status, out]).toEqual([1, '']);
    expect(problems).toContain('load stopped: SIGTERM');
    const acknowledged = Number(/every line up to (\d+) is acknowledged; to go on with the same lines on standard input/.exec(problems)?.[1]);
    expect(acknowledged).toBeGreaterThanOrEqual(90);
    expect(problems).toContain(`--skip-lines=${acknowledged} -`);
    const before = await invoke('dump', '--prefix', 'signal/', '--consistency', 'all', '--url', url);
    expect(before.out.slice(0, acknowledged)).toEqual(all.slice(0, acknowledged));
    expect((await invoke('load', file, '--skip-lines', String(acknowledged), '--url', url)).status).toBe(0);
    expect((await invoke('dump', '--prefix', 'signal/', '--url', url)).out).toEqual(all);
  });

  it('can be run again after SIGKILL', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'in.jsonl');
    const all = lines('kill/', 4_000);
    await writeFile(file, all.join('\n'));
    const { child, end } = start('load', file, '--url', url, '--in-flight', '4');
    await eventually('some are written', async () => cluster.get('kill/000050'));
    child.kill('SIGKILL');
    await end();
    expect(child.signalCode).toBe('SIGKILL');
    expect(await cluster.get('kill/003999')).toBeNull();
    expect((await invoke('load', file, '--url', url)).status).toBe(0);
    expect((await invoke('dump', '--prefix', 'kill/', '--url', url)).out).toEqual(all);
  });

  it('goes on by itself when the nodes are gone for a while', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'in.jsonl');
    await using broken = await createCluster(SIZE);
    const all = lines('gone/', 3_000);
    await writeFile(file, all.join('\n'));
    const { end } = start('load', file, '--url', broken.urls.join(','), '--in-flight', '4', '--timeout-ms', '300', '--json');
    await eventually('some are written', async () => broken.get('gone/000050'));
    for (const node of [0, 1, 2]) await broken.fail(node);
    for (const node of [0, 1, 2]) await broken.recover(node);
    const { status, out } = await end();
    expect(status).toBe(0);
    const summary = JSON.parse(out) as { readonly retries: number };
    expect(summary).toMatchObject({ records: 3_000, acknowledgedThrough: 3_000 });
    expect(summary.retries).toBeGreaterThan(0);
    const client = new RingClient(broken.urls);
    const kept: string[] = [];
    for await (const entry of client.scan({ prefix: 'gone/' })) kept.push(formatEntry(entry));
    await client.close();
    expect(kept).toEqual(all);
  });
});
