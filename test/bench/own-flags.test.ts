import { describe, expect, it } from 'vitest';
import { namesFlag, takeFlags } from '../../bench/own-flags.ts';

const KINDS = { with: 'text', install: 'switch' } as const;

describe('the flags of one command', () => {
  it('are taken out, and the others are left in their order', () => {
    const own = takeFlags(['--seconds', '1', '--with', 'HEAD~1', '--install', '--json=a'], KINDS);
    expect([own.text('with'), own.isOn('install'), own.others]).toStrictEqual(['HEAD~1', true, ['--seconds', '1', '--json=a']]);
    expect(takeFlags(['--with=a', '--with=b'], KINDS).text('with')).toBe('b');
    expect(takeFlags([], KINDS).text('with')).toBeNull();
  });

  it.each([[['--with']], [['--with', '--install']], [['--with=']], [['--install=yes']]])('are refused as %j', (args) => {
    expect(() => takeFlags(args, KINDS)).toThrow('value');
  });

  it('name some of what there is', () => {
    expect(namesFlag('stores', 'b,a', ['a', 'b', 'c'], ['c'])).toStrictEqual(['b', 'a']);
    expect(namesFlag('stores', null, ['a', 'b'], ['b'])).toStrictEqual(['b']);
    expect(() => namesFlag('stores', 'a,x', ['a'], [])).toThrow('"x"; there are a');
  });
});
