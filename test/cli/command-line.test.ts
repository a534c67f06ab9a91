import { describe, expect, it } from 'vitest';

import { readArguments } from '../../cli/arguments.ts';
import { runCommandLine } from '../../cli/command-line.ts';
import { UsageError } from '../../cli/errors.ts';

const shape = { command: 'put', flags: { url: 'text', set: 'texts', json: 'switch' }, positionals: ['KEY', 'VALUE'] } as const;

describe('arguments', () => {
  it('mixes flags and arguments', () => {
    const args = readArguments(['--json', 'k', '--url=a', 'v', '--set', '1', '--set', '2'], shape);
    expect([args.positional(0), args.positional(1), args.text('url'), args.texts('set'), args.isOn('json')]).toEqual(['k', 'v', 'a', ['1', '2'], true]);
  });

  it('takes what follows -- as it is', () => {
    expect(readArguments(['--', '--json', '-v'], shape).positional(0)).toBe('--json');
  });

  it('hands out the arguments beyond those with a name, where they are allowed', () => {
    expect(readArguments(['k', 'v', '--json', 'w', 'x'], { ...shape, rest: 'allowed' }).rest()).toEqual(['w', 'x']);
    expect(readArguments(['k', 'v'], shape).rest()).toEqual([]);
  });

  it.each([
    [['k'], 'put: VALUE is missing'],
    [['k', 'v', 'w'], 'unexpected argument "w"'],
    [['k', 'v', '--jsno'], 'unknown flag --jsno; did you mean --json?'],
    [['k', 'v', '--url'], '--url needs a value'],
    [['k', 'v', '--url', '--json'], '--url needs a value'],
    [['k', 'v', '--json=yes'], '--json takes no value'],
    [['k', 'v', '-x'], 'unknown flag -x'],
  ])('refuses %j', (args, message) => {
    expect(() => readArguments(args, shape)).toThrow(UsageError);
    expect(() => readArguments(args, shape)).toThrow(message);
  });
});

describe('the command line', () => {
  it.each([
    [[], 'a command is missing'],
    [['putt', 'k', 'v'], 'did you mean put?'],
    [['help', 'nothing-like-it'], 'unknown command'],
    [['get'], 'get: KEY is missing'],
    [['explain'], 'explain: KEY is missing'],
    [['explain', 'k', 'v'], 'unexpected argument "v"'],
    [['get', 'k', '--consistency', 'most'], 'allowed: available, one, quorum, all'],
    [['get', 'k', '--timeout-ms', '0'], 'an integer from 1 to'],
    [['get', 'k', '--url', 'http://x'], '--url has "http://x"'],
    [['cluster', '--nodes', '2', '--replication-factor', '3', '--dir', 'test/no-such-directory'], 'there are only 2 nodes'],
    [['cluster', '--nodes', '0'], 'an integer from 1 to 100'],
    [['cluster', '--port', '65535', '--dir', 'test/no-such-directory'], 'no room for 3 ports'],
    [['run'], 'run: FILE is missing'],
    [['run', 'no-such-file.ring'], "can't be read"],
    [['node', '--set', 'sweep'], 'allowed: KEY=VALUE'],
    [['node', '--set', 'testControl=on'], 'turned on with --test-control'],
  ])('answers %j with one line and exit status 2', async (args, message) => {
    const { status, out, problems } = await invoke(args);
    expect(status).toBe(2);
    expect(out).toEqual([]);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(message);
    expect(problems[0]).not.toContain('\n');
  });

  it('names every problem of a configuration, with exit status 2', async () => {
    const { status, problems } = await invoke(['node', '--id', 'x', '--listen', '0.0.0.0:1']);
    expect(status).toBe(2);
    expect(problems[0]).toContain('RING_CONFIG_INVALID');
    expect(problems[0]).toContain('flag --id');
    expect(problems[0]).toContain('flag --listen');
  });

  it.each(['cluster', 'node', 'put', 'get', 'delete', 'explain', 'scan', 'status', 'load', 'dump', 'shell', 'run', 'bench'])('explains %s', async (name) => {
    const topic = await invoke(['help', name]);
    expect(topic).toMatchObject({ status: 0, problems: [] });
    expect(topic.out[0]).toContain(`ring-level ${name}`);
    expect(await invoke([name, '--help'])).toEqual(topic);
  });

  it('lists the commands and tells its version', async () => {
    expect((await invoke(['--help'])).out[0]).toContain('ring-level cluster');
    expect((await invoke(['--version'])).out).toEqual(['1.2.3']);
  });
});

async function invoke(args: readonly string[]) {
  const out: string[] = [];
  const problems: string[] = [];
  const status = await runCommandLine(args, {
    output: { line: (text) => out.push(text), bytes: (data) => out.push(Buffer.from(data).toString()), problem: (text) => problems.push(text) },
    environment: {},
    program: { executable: 'node', leadingArguments: [], typed: 'ring-level' },
    version: '1.2.3',
  });
  return { status, out, problems };
}
