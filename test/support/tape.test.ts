/** The stand-in for tape finds what tape finds: a suite that passes through it has been checked. */
import { setImmediate as soon } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { TapeTest, type TapeBody } from './tape.ts';

async function failuresOf(body: TapeBody): Promise<readonly string[]> {
  const test = new TapeTest();
  await test.run(body);
  return test.failures;
}

describe('a test of tape', () => {
  it.each<[string, TapeBody]>([
    ['ends with its plan', (t) => [t.plan(2), t.ok(1), t.pass()].length],
    ['ends with end', (t) => [t.is('a', 'a'), t.end()].length],
    ['ends with its promise', async (t) => t.same({ a: [1] }, { a: [1] })],
    ['has no assertions', async () => undefined],
    ['knows what is thrown', async (t) => {
      t.throws(() => JSON.parse('{'));
      t.throws(() => t.plan.call(null, 1), (error) => error instanceof TypeError);
      t.doesNotThrow(() => JSON.parse('{}'));
      t.isNot(Number.NaN, 1);
      t.is(Number.NaN, Number.NaN);
    }],
  ])('passes when it %s', async (_, body) => {
    expect(await failuresOf(body)).toStrictEqual([]);
  });

  it.each<[string, TapeBody, string]>([
    ['is', async (t) => t.is(0, -0, 'zero'), 'zero: 0 is not -0'],
    ['isNot', async (t) => t.isNot('a', 'a', 'other'), "other: both are 'a'"],
    ['same', async (t) => t.same([1, '2'], [1, 2], 'list'), "list: [ 1, '2' ] is not as [ 1, 2 ]"],
    ['same, of undefined fields', async (t) => t.same({ a: undefined }, {}, 'fields'), 'fields: { a: undefined } is not as {}'],
    ['same, of bytes of another class', async (t) => t.same(Buffer.of(1), Uint8Array.of(1), 'bytes'), 'bytes: <Buffer 01> is not as Uint8Array(1) [ 1 ]'],
    ['ok', async (t) => t.ok('', 'text'), "text: '' is falsy"],
    ['fail', async (t) => t.fail('here'), 'here: must not be reached'],
    ['throws', async (t) => t.throws(() => 1, undefined, 'nothing'), 'nothing: nothing was thrown'],
    ['throws, with another error', async (t) => t.throws(() => JSON.parse('{'), /never/, 'other'), expect.stringContaining('other: thrown was SyntaxError')],
    ['doesNotThrow', async (t) => t.doesNotThrow(() => JSON.parse('{'), 'calm'), expect.stringContaining('calm: thrown was SyntaxError')],
  ])('notes a failed %s and goes on', async (_, body, failure) => {
    expect(await failuresOf(async (t) => {
      await body(t);
      t.fail('went on');
    })).toStrictEqual([failure, 'went on: must not be reached']);
  });

  it('fails when it makes fewer or more assertions than it planned', async () => {
    expect(await failuresOf((t) => [t.plan(1), t.pass(), t.pass()].length)).toStrictEqual(['planned 1 assertions, made 2']);
    expect(await failuresOf((t) => [t.plan(2), t.pass(), t.end()].length)).toStrictEqual(['planned 2 assertions, made 1']);
    expect(await failuresOf((t) => [t.plan(0), t.pass()].length)).toStrictEqual(['planned 0 assertions, made 1']);
    expect(await failuresOf(async (t) => t.plan(1))).toStrictEqual(['planned 1 assertions, made 0']);
  });

  it('fails when it ends twice, or asserts after its end', async () => {
    expect(await failuresOf((t) => [t.end(), t.end()].length)).toStrictEqual(['ended twice']);
    expect(await failuresOf((t) => [t.end(), t.pass('more')].length)).toStrictEqual(['asserted after the end: more']);
  });

  it('remembers what comes when it is over', async () => {
    const test = new TapeTest();
    let assertLate = (): void => undefined;
    await test.run(async (t) => {
      assertLate = () => t.is(1, 2, 'late');
    });
    expect(test.failures).toStrictEqual([]);
    assertLate();
    expect(test.lateFailures).toStrictEqual(['asserted after the end: late', 'late: 1 is not 2']);
  });

  it('rejects with what its body throws, and does not end while its promise is open', async () => {
    await expect(failuresOf(async () => Promise.reject(new Error('thrown')))).rejects.toThrow('thrown');
    const test = new TapeTest();
    let isOver = false;
    let finish = (): void => undefined;
    const run = test.run(async (t) => {
      t.plan(1);
      t.pass();
      await new Promise<void>((resolve) => (finish = resolve));
    });
    const over = run.then(() => (isOver = true));
    for (let turn = 0; turn < 10; turn += 1) await soon();
    expect(isOver).toBe(false);
    finish();
    await over;
    expect(isOver).toBe(true);
  });
});
