import { describe, expect, it } from 'vitest';

import { parseScript } from '../../cli/script.ts';

const anyRoute = { via: null, consistency: null };

describe('the language of run', () => {
  it('reads every kind of line', () => {
    const text = `
# a comment
put k v            # another
get k
delete k
expect k v
expect k None
expect-error RING_UNAVAILABLE put k v at quorum
fail 0
recover 0
pause 1
resume 1
wipe 2
partition 0,1 | 2
heal
skew 1 -3600000
converge
sleep 20
`;
    expect(parseScript(text, 3)).toEqual([
      { kind: 'put', line: 3, key: 'k', value: 'v', route: anyRoute },
      { kind: 'get', line: 4, key: 'k', route: anyRoute },
      { kind: 'delete', line: 5, key: 'k', route: anyRoute },
      { kind: 'expect', line: 6, key: 'k', value: 'v', route: anyRoute },
      { kind: 'expect', line: 7, key: 'k', value: null, route: anyRoute },
      {
        kind: 'expect-error',
        line: 8,
        code: 'RING_UNAVAILABLE',
        request: { kind: 'put', line: 8, key: 'k', value: 'v', route: { via: null, consistency: 'quorum' } },
      },
      { kind: 'fail', line: 9, node: 0 },
      { kind: 'recover', line: 10, node: 0 },
      { kind: 'pause', line: 11, node: 1 },
      { kind: 'resume', line: 12, node: 1 },
      { kind: 'wipe', line: 13, node: 2 },
      { kind: 'partition', line: 14, groups: [[0, 1], [2]] },
      { kind: 'heal', line: 15 },
      { kind: 'skew', line: 16, node: 1, milliseconds: -3_600_000 },
      { kind: 'converge', line: 17 },
      { kind: 'sleep', line: 18, milliseconds: 20 },
    ]);
  });

  it('takes the coordinator and the level in any order', () => {
    const route = { via: 2, consistency: 'all' };
    expect(parseScript('put k v via 2 at all\nget k at all via 2', 3)).toMatchObject([{ route }, { route }]);
  });

  it('reads quoted words as JSON strings, which are never keywords', () => {
    expect(parseScript(String.raw`put "a b" "x \"y\" # \u00e9"` + '\nexpect k "None"\nput k "" \nput at via', 3)).toMatchObject([
      { key: 'a b', value: 'x "y" # é' },
      { value: 'None' },
      { value: '' },
      { key: 'at', value: 'via' },
    ]);
  });

  it('keeps a # inside a word and reads Windows line ends', () => {
    expect(parseScript('put k a#b\r\nget k\r\n', 3)).toMatchObject([{ value: 'a#b' }, { kind: 'get', line: 2 }]);
  });

  it.each([
    ['putt k v', 'found "putt"; allowed: one of put, get'],
    ['put k', 'found the end of the line; allowed: put KEY VALUE'],
    ['put k two words', 'found "words"; allowed: put KEY VALUE'],
    ['get k via 3', 'found "3"; allowed: a node id: an integer from 0 to 2'],
    ['get k at most', 'found "most"; allowed: one of available, one, quorum, all'],
    ['fail', 'found the end of the line; allowed: fail N'],
    ['fail x', 'found "x"; allowed: a node id'],
    ['fail 0 1', 'found "1"; allowed: fail N'],
    ['partition 0,1', 'each of the nodes 0 to 2 in exactly one group'],
    ['partition 0,1 | 1,2', 'each of the nodes 0 to 2 in exactly one group'],
    ['partition 0,1 | | 2', 'each of the nodes 0 to 2 in exactly one group'],
    ['skew 0 1.5', 'found "1.5"; allowed: an integer'],
    ['sleep -1', 'found "-1"; allowed: an integer from 0'],
    ['expect-error UNAVAILABLE put k v', 'found "UNAVAILABLE"; allowed: an error code'],
    ['expect-error RING_UNAVAILABLE fail 0', 'found "fail"; allowed: expect-error CODE put|get|delete'],
    ['put k "open', 'found "open;'],
    [String.raw`put k "\x"`, 'not a JSON string'],
  ])('says what is wrong with %j', (line, message) => {
    expect(() => parseScript(`get k\n${line}`, 3)).toThrow(`line 2: `);
    expect(() => parseScript(`get k\n${line}`, 3)).toThrow(message);
  });

  it('names every bad line, before anything is run', () => {
    expect(() => parseScript('fail 9\nput k v\nheal now', 3)).toThrow(/^line 1: .*\nline 3: /);
  });

  it('reads an empty script', () => {
    expect(parseScript('', 3)).toEqual([]);
  });
});
