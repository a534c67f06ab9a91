import { describe, expect, it } from 'vitest';
import { completionsOf } from '../../cli/shell-completion.ts';

const KEYS = ['a b', 'user1', 'user2', 'x"y', '#c', '-d'].map((key) => Buffer.from(key));

async function complete(line: string): Promise<readonly [readonly string[], string]> {
  const all: readonly Uint8Array[] = [...KEYS, Buffer.from([0xff])];
  return completionsOf(line, (prefix) => Promise.resolve(all.filter((key) => Buffer.from(prefix).equals(key.subarray(0, prefix.length)))));
}

describe('completion', () => {
  it.each([
    ['', ['put', 'get', 'delete', 'scan', 'explain', 'locate', 'status', 'converged', 'consistency', 'help', 'exit'], ''],
    ['con', ['converged', 'consistency'], 'con'],
    ['ge', ['get '], 'ge'],
    ['nothing', [], 'nothing'],
    ['nothing ', [], ''],
    ['get us', ['user1', 'user2'], 'us'],
    ['get user2', ['user2 '], 'user2'],
    ['get user1 ', [], ''],
    ['get ', ['"a b"', 'user1', 'user2', 'x"y', '"#c"', '"-d"', '{"base64":"/w=="}'], ''],
    ['get "a', ['"a b" '], '"a'],
    ['get "a ', ['"a b" '], '"a '],
    ['get "x\\"', ['"x\\"y" '], '"x\\"'],
    ['get "x\\', [], '"x\\'],
    ['put k user', [], 'user'],
    ['scan us', ['user1', 'user2'], 'us'],
    ['scan --re', ['--reverse '], '--re'],
    ['scan --', ['--prefix', '--from', '--to', '--reverse', '--limit', '--keys-only'], '--'],
    ['scan --from us', ['user1', 'user2'], 'us'],
    ['consistency q', ['quorum '], 'q'],
    ['help sc', ['scan '], 'sc'],
  ])('of %j is %j', async (line, words, typed) => {
    expect(await complete(line)).toEqual([words, typed]);
  });

  it('offers nothing when keys cannot be had', async () => {
    expect(await completionsOf('get us', () => Promise.reject(new Error('no node')))).toEqual([[], 'us']);
  });
});
