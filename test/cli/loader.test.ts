import { describe, expect, it } from 'vitest';
import { Loader, type LoadOptions, type LoadTarget } from '../../cli/loader.ts';
import { RingError, type ErrorCode } from '../../client/index.ts';
import { eventually } from '../support/processes.ts';

const OPTIONS: LoadOptions = {
  limits: { changesMax: 100, bytesMax: 1_048_576, spreadMax: 1_000 },
  skipLines: 0,
  retryForMs: 60_000,
  stopWaitMs: 60_000,
};

interface Sent {
  readonly what: string;
  answer(): void;
  fail(code: ErrorCode): void;
}

/** A target whose answers the test gives. */
class HeldTarget implements LoadTarget {
  readonly sent: Sent[] = [];

  put(key: Uint8Array, value: Uint8Array): Promise<unknown> {
    return this.#hold(`${Buffer.from(key).toString()}=${Buffer.from(value).toString()}`);
  }

  delete(key: Uint8Array): Promise<unknown> {
    return this.#hold(`${Buffer.from(key).toString()} deleted`);
  }

  get log(): readonly string[] {
    return this.sent.map(({ what }) => what);
  }

  /** The request with this number, from 0 on, once it was sent. */
  async at(index: number): Promise<Sent> {
    return eventually(`request ${index}`, () => Promise.resolve(this.sent[index] ?? null));
  }

  #hold(what: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.sent.push({ what, answer: () => resolve(null), fail: (code) => reject(new RingError(code, 'as the test says')) });
    });
  }
}

async function* input(...lines: readonly string[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const line of lines) yield Buffer.from(`${line}\n`);
}

function line(key: string, value: string): string {
  return JSON.stringify({ key, value });
}

describe('a load', () => {
  it('sends the next line of a key when the one before it is acknowledged, also when that took a second attempt', async () => {
    const target = new HeldTarget();
    const loader = new Loader(target, OPTIONS);
    const running = loader.run(input(line('k', '1'), line('other', '1'), line('k', '2'), '{"key":"k","delete":true}'));
    const [first, other] = [await target.at(0), await target.at(1)];
    other.answer();
    first.fail('RING_UNKNOWN');
    const again = await target.at(2);
    expect(target.log).toEqual(['k=1', 'other=1', 'k=1']);
    expect(loader.counts.acknowledgedThrough).toBe(0);
    again.answer();
    (await target.at(3)).answer();
    (await target.at(4)).answer();
    expect(await running).toBeNull();
    expect(target.log).toEqual(['k=1', 'other=1', 'k=1', 'k=2', 'k deleted']);
    expect(loader.counts).toEqual({ puts: 3, deletes: 1, retries: 1, acknowledgedThrough: 4 });
  });

  it('brings what stands before a bad line to its end, sends nothing behind it, and names the line', async () => {
    const target = new HeldTarget();
    const loader = new Loader(target, OPTIONS);
    const running = loader.run(input(line('k', '1'), '', line('k', '2'), '{"key":', line('never', '1')));
    (await target.at(0)).fail('RING_OVERLOADED');
    (await target.at(1)).answer();
    (await target.at(2)).answer();
    expect(await running).toMatchObject({ kind: 'bad-line', line: 4, code: 'RING_LINE_INVALID' });
    expect(target.log).toEqual(['k=1', 'k=1', 'k=2']);
    expect(loader.counts.acknowledgedThrough).toBe(3);
  });

  it('stops at a change that failed for good, and hears what is in flight', async () => {
    const target = new HeldTarget();
    const loader = new Loader(target, OPTIONS);
    const running = loader.run(input(line('a', '1'), line('b', '1'), line('c', '1'), line('a', '2')));
    const [a, b, c] = [await target.at(0), await target.at(1), await target.at(2)];
    b.fail('RING_KEY_INVALID');
    c.answer();
    a.answer();
    expect(await running).toMatchObject({ kind: 'failed', line: 2, code: 'RING_KEY_INVALID' });
    expect(target.log).toEqual(['a=1', 'b=1', 'c=1']);
    expect(loader.counts).toMatchObject({ puts: 2, acknowledgedThrough: 1 });
  });

  it('gives a line up when its time is over', async () => {
    const target = new HeldTarget();
    const loader = new Loader(target, { ...OPTIONS, retryForMs: 0 });
    const running = loader.run(input(line('a', '1')));
    (await target.at(0)).fail('RING_UNAVAILABLE');
    expect(await running).toMatchObject({ kind: 'failed', line: 1, code: 'RING_UNAVAILABLE' });
  });

  it('sends nothing more when it is told to stop, and waits for no answer that does not come', async () => {
    const target = new HeldTarget();
    const loader = new Loader(target, { ...OPTIONS, stopWaitMs: 1, limits: { ...OPTIONS.limits, changesMax: 3 } });
    const running = loader.run(input(line('a', '1'), line('b', '1'), line('a', '2'), line('c', '1')));
    (await target.at(0)).answer();
    await target.at(2);
    (await target.at(1)).fail('RING_TIMEOUT');
    await eventually('the failed change waits', () => Promise.resolve(loader.waiting));
    expect(loader.waiting).toEqual({ count: 1, code: 'RING_TIMEOUT' });
    const sent = target.log.length;
    loader.stop('SIGINT');
    expect(await running).toMatchObject({ kind: 'told', message: 'SIGINT' });
    expect(loader.counts.acknowledgedThrough).toBe(1);
    expect(target.log).toHaveLength(sent);
  });

  it('skips lines without reading them, and says so when there are fewer', async () => {
    const target = new HeldTarget();
    const loader = new Loader(target, { ...OPTIONS, skipLines: 2 });
    const running = loader.run(input('bad', 'bad', line('a', '1'), 'bad'));
    (await target.at(0)).answer();
    expect(await running).toMatchObject({ kind: 'bad-line', line: 4 });
    expect(loader.counts.acknowledgedThrough).toBe(3);
    expect(await new Loader(target, { ...OPTIONS, skipLines: 3 }).run(input('', ''))).toMatchObject({ kind: 'input', message: 'there are only 2 lines, and 3 were to be skipped' });
  });

  it('has no more lines in flight than it may, and takes the next one as soon as there is room', async () => {
    const target = new HeldTarget();
    const loader = new Loader(target, { ...OPTIONS, limits: { ...OPTIONS.limits, changesMax: 2 } });
    let read = 0;
    const lines = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      for (; read < 4; read++) yield Buffer.from(`${line(`k${read}`, 'v')}\n`);
    };
    const running = loader.run(lines());
    for (let index = 0; index < 4; index++) {
      (await target.at(index)).answer();
      expect(target.log.length).toBeLessThanOrEqual(index + 2);
    }
    expect(await running).toBeNull();
  });
});
