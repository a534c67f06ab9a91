/** The shell against a real cluster: as a session, behind a pipe, and on a terminal. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shellLine } from '../../cli/shell-quoting.ts';
import { ShellSession } from '../../cli/shell-session.ts';
import { createCluster, type Cluster } from '../../node/cluster.ts';
import { PROGRAM, eventually, requireBuild, temporaryDirectory } from '../support/processes.ts';

let cluster: Cluster;
let url: string;

beforeAll(async () => {
  requireBuild();
  cluster = await createCluster({ nodes: 3, replicationFactor: 2, config: { logLevel: 'silent' } });
  url = cluster.urls.join(',');
});
afterAll(async () => cluster.close());

/** What a session says to each line. */
async function converse(lines: readonly string[], urls: readonly string[] = cluster.urls): Promise<readonly string[]> {
  const said: string[] = [];
  const output = { line: (line: string) => said.push(line), bytes: () => undefined, problem: (line: string) => said.push(`! ${line}`) };
  await using session = new ShellSession(urls, {}, output);
  for (const line of lines) await session.execute(line);
  return said;
}

describe('a session of the shell', () => {
  it('writes, reads, deletes and walks over ranges', async () => {
    const said = await converse([
      'put s/user1 "alice b"',
      'get s/user1',
      'put {"base64":"cy//"} "tab\\tand \\"quotes\\""',
      'put "-s" "--dashes"',
      'get "-s"',
      'scan s/',
      'scan s/ --keys-only --reverse --limit 1',
      'delete s/user1',
      'get s/user1',
      'get s/never # a comment',
      '',
    ]);
    expect(said.map((line) => line.replaceAll(/\d+\.\d+-n\d\.[0-9a-f]{5}/g, 'VERSION'))).toEqual([
      'ok VERSION',
      'alice b',
      'ok VERSION',
      'ok VERSION',
      '--dashes',
      's/user1\talice b',
      's/\\xff\ttab\\tand "quotes"',
      's/\\xff',
      'ok VERSION',
      '! s/user1: deleted, version VERSION',
      '! s/never: absent',
    ]);
  });

  it('shows a part of a long range and says that there is more', async () => {
    await Promise.all(Array.from({ length: 101 }, (_, index) => cluster.put(`long/${String(index).padStart(3, '0')}`, 'v')));
    const said = await converse(['scan long/ --keys-only', 'scan long/ --keys-only --limit 101']);
    expect(said).toHaveLength(100 + 1 + 101);
    expect(said[100]).toBe('! there is more from long/100 on; --limit N shows N entries');
  });

  it('tells of the cluster, and keeps its consistency level', async () => {
    const said = await converse(['consistency', 'consistency all', 'consistency', 'consistency no', 'locate user1', 'status', 'help scan', 'converged']);
    expect(said.slice(0, 4)).toEqual(['available', 'all', 'all', '! consistency: "no" is none; allowed: available, one, quorum, all']);
    expect(said[4]).toBe('hash 3146298071, partition 23, epoch 1');
    expect(said[5]).toBe(`replicas ${cluster.replicasOf('user1').join(', ')} (the home node first), then 1`);
    expect(said[6]).toContain('3 nodes, replication factor 2');
    expect(said).toContain('scan [PREFIX] [--from K] [--to K] [--reverse] [--limit N] [--keys-only]: entries in key order, 100 unless there is a limit');
    expect(said.at(-1)).toMatch(/^converged: yes|^ {2}/);
  });

  it('uses the level that was set', async () => {
    await using failing = await createCluster({ nodes: 3, replicationFactor: 3, config: { logLevel: 'silent' } });
    await failing.fail(2);
    const [available, , all] = await converse(['put k v', 'consistency all', 'put k v'], failing.urls);
    expect(available).toMatch(/^ok /);
    expect(all).toMatch(/^! RING_(?:UNAVAILABLE|UNKNOWN) /);
  });

  it.each([
    ['bogus', 'no command is called "bogus"'],
    ['put a', "put: VALUE is missing; see 'help put'"],
    ['put a b c', 'unexpected argument "c"'],
    ['get "a', 'a word that begins with a double quote'],
    ['scan --limit x', '--limit is "x"'],
    ['scan --limits 5', 'did you mean --limit?'],
    ['put "" x', 'RING_KEY_INVALID'],
    ['get {"base64":"x"}', 'canonical base64'],
  ])('says what is wrong with %j and goes on', async (line, problem) => {
    const said = await converse([line, 'consistency']);
    expect(said).toHaveLength(2);
    expect(said[0]).toContain(problem);
    expect(said[1]).toBe('available');
  });

  it('tells that the connection is lost, and the next command connects again', async () => {
    await using lost = await createCluster({ nodes: 1, replicationFactor: 1, config: { logLevel: 'silent' } });
    const said: string[] = [];
    const say = (line: string): void => void said.push(line);
    await using session = new ShellSession(lost.urls, {}, { line: say, bytes: () => undefined, problem: say });
    expect(await session.execute('put k v')).toBe('done');
    await lost.fail(0);
    expect(await session.execute('get k')).toBe('failed');
    expect(said.at(-1)).toContain('RING_UNAVAILABLE');
    await lost.recover(0);
    await eventually('the session answers again', async () => ((await session.execute('get k')) === 'done' ? true : null));
    expect(said.at(-1)).toBe('v');
  });

  it('gives up what runs when it is told to, and only then', async () => {
    await using paused = await createCluster({ nodes: 1, replicationFactor: 1, config: { logLevel: 'silent' } });
    const said: string[] = [];
    const say = (line: string): void => void said.push(line);
    await using session = new ShellSession(paused.urls, { timeoutMs: 600_000 }, { line: say, bytes: () => undefined, problem: say });
    expect(session.interrupt()).toBe(false);
    expect(await session.execute('put k v')).toBe('done');
    await paused.pause(0);
    const running = session.execute('get k');
    expect(session.interrupt()).toBe(true);
    expect(await running).toBe('failed');
    expect(said.at(-1)).toContain('given up');
    await paused.resume(0);
  });
});

describe('the shell behind a pipe', () => {
  async function pipe(input: string) {
    const child = spawn(PROGRAM.executable, [...PROGRAM.leadingArguments, 'shell', '--url', url], { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdin.end(input);
    const [out, problems] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    return { status: child.exitCode, out, problems };
  }

  it('runs the lines in order without a prompt, up to exit', async () => {
    const { status, out, problems } = await pipe('put p 1\nput p 2\nget p\nexit\nput p 3\n');
    expect(out.replaceAll(/^ok .*$/gm, 'ok')).toBe('ok\nok\n2\n');
    expect([status, problems]).toEqual([0, '']);
    expect(Buffer.from((await cluster.get('p')) ?? []).toString()).toBe('2');
  });

  it('runs more lines than it reads ahead, and the last one without a line end', async () => {
    const { status, out } = await pipe(`${'consistency\n'.repeat(3_000)}consistency one`);
    expect([status, out]).toEqual([0, `${'available\n'.repeat(3_000)}one\n`]);
  });

  it('goes on after a line that failed, and says so in its exit status', async () => {
    expect(await pipe('bogus\nconsistency')).toMatchObject({ status: 1, out: 'available\n', problems: expect.stringContaining('no command is called "bogus"') as unknown });
  });
});

const HAS_SCRIPT = spawnSync('script', ['--version']).status === 0;

// A terminal of its own for a child: `script` of util-linux makes one.
describe.skipIf(!HAS_SCRIPT)('the shell on a terminal (skipped where script of util-linux is missing)', () => {
  it('completes, keeps history, gives up a line at Ctrl-C and leaves at Ctrl-D', async () => {
    await using state = await temporaryDirectory();
    await cluster.put('terminal-key', 'terminal-value');
    const command = shellLine([PROGRAM.executable, ...PROGRAM.leadingArguments, 'shell', '--url', url]);
    const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, XDG_STATE_HOME: state.path, TERM: 'xterm' } });
    const exited = once(child, 'exit');
    let shown = '';
    child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString('utf8')));
    /** Waits until this was shown since the last time. */
    const see = async (what: string): Promise<void> => {
      await eventually(`${what} is shown; so far: ${JSON.stringify(shown)}`, () => Promise.resolve(shown.includes(what) ? true : null));
      shown = shown.slice(shown.indexOf(what) + what.length);
    };
    await see('ring-level> ');
    for (const [typed, seen] of [
      ['ge', 'ge'],
      ['\t', 't '],
      ['termi', 'termi'],
      ['\t', 'nal-key '],
      ['\r', 'terminal-value'],
      ['wrong', 'wrong'],
      ['\u0003', '^C'],
      ['converged\r', 'converged: yes'],
      ['\u001b[A', 'converged'],
      ['\u001b[A', 'get terminal-key'],
      ['\r', 'terminal-value'],
    ] as const) {
      child.stdin.write(typed);
      await see(seen);
    }
    await see('ring-level> ');
    child.stdin.write('\u0004');
    await exited;
    expect(child.exitCode).toBe(0);
    expect(await readFile(join(state.path, 'ring-level', 'history'), 'utf8')).toBe('get terminal-key \nconverged\nget terminal-key \n');
  });
});
