/** The walk of a client over a range, slice by slice, against whatever slices it is given. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RingClient, type KeyScanOptions, type ScanOptions } from '../../client/index.ts';
import { scanRange, type AskSlice, type SliceRequest } from '../../client/scan.ts';
import { compareBytes } from '../../data/index.ts';
import { TYPE, type EntriesMessage } from '../../wire/index.ts';
import { plain } from '../wire/messages.ts';
import { ScriptedNode, answerTo, type Arrival } from './scripted-node.ts';

const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value));
const name = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** Slices of these sorted names; `give` says how many of those asked for a slice holds, from none on. */
function slices(names: readonly string[], give: (limit: number) => number, asked: SliceRequest[] = []): AskSlice {
  return async (request) => {
    asked.push(request);
    const { from, to, limit, flags } = request;
    const within = names.filter((key) => (from === null || compareBytes(text(key), from) >= 0) && (to === null || compareBytes(text(key), to) < 0));
    const ordered = (flags & 1) === 0 ? within : within.toReversed();
    const looked = ordered.slice(0, Math.max(1, give(limit)));
    const given = looked.slice(0, Math.min(limit, give(limit)));
    const last = looked.at(-1);
    const resume = last === undefined || looked.length === ordered.length ? null : (flags & 1) === 0 ? text(`${last}\0`) : text(last);
    return { entries: given.map((key) => ({ key: text(key), value: text(`of ${key}`) })), resume };
  };
}

async function walked(ask: AskSlice, options: ScanOptions | KeyScanOptions = {}): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { key } of scanRange(ask, options)) names.push(name(key));
  return names;
}

const NAMES = Array.from({ length: 2_500 }, (_, index) => String(index).padStart(5, '0'));

describe('a walk over a range', () => {
  it('gives all of it, each key once, in order, from either end', async () => {
    expect(await walked(slices(NAMES, (limit) => limit))).toStrictEqual(NAMES);
    expect(await walked(slices(NAMES, (limit) => limit), { reverse: true })).toStrictEqual(NAMES.toReversed());
    expect(await walked(slices(NAMES, () => 7), { from: '00010', to: text('00500') })).toStrictEqual(NAMES.slice(10, 500));
  });

  it('goes on exactly where a slice ended, however little it held', async () => {
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.nat(4)), fc.boolean(), fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }), async (sizes, reverse, limit) => {
        const names = NAMES.slice(0, 50);
        const given: string[] = [];
        const isSkipped = new Set<string>();
        const all = slices(names, () => 1);
        const ask: AskSlice = async (request) => {
          const slice = await all(request);
          // What lies here was deleted: a slice without entries, and where to go on.
          if (sizes.next().value !== 0) return slice;
          for (const { key } of slice.entries) isSkipped.add(name(key));
          return { ...slice, entries: [] };
        };
        for await (const { key } of scanRange(ask, { reverse, ...(limit === undefined ? {} : { limit }) })) given.push(name(key));
        const expected = (reverse ? names.toReversed() : names).filter((key) => !isSkipped.has(key)).slice(0, limit);
        expect(given).toStrictEqual(limit !== undefined && given.length === limit ? expected.slice(0, limit) : expected);
      }),
      { numRuns: 50 },
    );
  });

  it('asks for little first and for more later, and for no more than is wanted', async () => {
    const asked: SliceRequest[] = [];
    await walked(slices(NAMES, (limit) => limit, asked));
    expect(asked.map(({ limit }) => limit)).toStrictEqual([100, 200, 400, 800, 1_000]);
    asked.length = 0;
    expect(await walked(slices(NAMES, (limit) => limit, asked), { limit: 120 })).toStrictEqual(NAMES.slice(0, 120));
    expect(asked.map(({ limit }) => limit)).toStrictEqual([100, 20]);
    asked.length = 0;
    const walk = scanRange(slices(NAMES, (limit) => limit, asked), {});
    await walk.next();
    await walk.return();
    expect(asked).toHaveLength(1);
  });

  it('asks for more than is left where slices come short', async () => {
    const asked: SliceRequest[] = [];
    expect(await walked(slices(NAMES, () => 0, asked), { limit: 1, to: NAMES[3] ?? '' })).toStrictEqual([]);
    expect(asked.map(({ limit }) => limit)).toStrictEqual([1, 100, 200]);
  });

  it('makes a range of a prefix', async () => {
    const asked: SliceRequest[] = [];
    expect(await walked(slices(NAMES, (limit) => limit, asked), { prefix: '0001' })).toStrictEqual(NAMES.slice(10, 20));
    for (const prefix of [Uint8Array.of(1, 0xff, 0xff), Uint8Array.of(0xff), new Uint8Array()]) await walked(slices([], () => 1, asked), { prefix });
    expect(asked.map(({ from, to }) => [from === null ? null : [...from], to === null ? null : [...to]])).toStrictEqual([
      [[...text('0001')], [...text('0002')]],
      [[1, 0xff, 0xff], [2]],
      [[0xff], null],
      [[], null],
    ]);
  });

  it.each<[ScanOptions | KeyScanOptions, Error | typeof RangeError]>([
    [{ limit: 0 }, RangeError],
    [{ limit: 1.5 }, RangeError],
    [{ prefix: 'a', from: 'b' }, RangeError],
    [{ from: '\uD800' }, expect.objectContaining({ code: 'RING_KEY_INVALID' })],
    [{ to: 'x'.repeat(1_026) }, expect.objectContaining({ code: 'RING_KEY_INVALID' })],
  ])('refuses what cannot be (case %#)', async (options, error) => {
    await expect(walked(slices([], () => 1), options)).rejects.toThrow(error);
  });
});

async function collected<Entry>(entries: AsyncIterable<Entry>): Promise<readonly Entry[]> {
  const all: Entry[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

async function withClient(script: (arrival: Arrival) => void, work: (client: RingClient, node: ScriptedNode) => Promise<void>): Promise<void> {
  const node = await ScriptedNode.start(script);
  await using client = new RingClient(node.url);
  try {
    await work(client, node);
  } finally {
    await node.stop();
  }
}

describe('RingClient.scan', () => {
  const answerScan = ({ request, reply }: Arrival): void => {
    if (request[0] !== TYPE.scan) return reply(answerTo(request));
    const [, id, from, , limit] = request;
    const start = from === null ? 0 : Number(name(from));
    const keys = Array.from({ length: Math.min(limit, 300 - start) }, (_, index) => text(String(start + index).padStart(3, '0')));
    const end = start + keys.length;
    const entries: EntriesMessage = [TYPE.entries, id, keys.flatMap((key) => [key, (request[5] & 2) === 0 ? text('v') : null]), end < 300 ? text(String(end).padStart(3, '0')) : null];
    reply(entries);
  };

  it('walks over slices of a node, with values or without', async () => {
    await withClient(answerScan, async (client, node) => {
      const whole = await collected(client.scan({ consistency: 'quorum', timeoutMs: 1_234 }));
      expect(whole.map(({ key, value }) => `${name(key)}=${name(value)}`)).toStrictEqual(Array.from({ length: 300 }, (_, index) => `${String(index).padStart(3, '0')}=v`));
      expect(await collected(client.scan({ keysOnly: true, limit: 1 }))).toStrictEqual([{ key: text('000') }]);
      expect(node.arrivals.map(({ request }) => plain(request.slice(2, 7)))).toStrictEqual([
        [null, null, 100, 0, 2],
        [text('100'), null, 200, 0, 2],
        [null, null, 1, 2, 0],
      ]);
    });
  });

  it('asks for a slice again when its connection is lost, and for no other', async () => {
    let lost = 0;
    const script = (arrival: Arrival): void => {
      const isSecondSlice = arrival.request[0] === TYPE.scan && arrival.request[2] !== null;
      if (isSecondSlice && lost++ === 0) arrival.socket.terminate();
      else answerScan(arrival);
    };
    await withClient(script, async (client, node) => {
      expect(await collected(client.scan())).toHaveLength(300);
      expect([lost, node.arrivals.length]).toStrictEqual([2, 3]);
    });
  });

  it('throws what the node answers, and the reason of a signal', async () => {
    await withClient(
      ({ request, reply }) => reply([TYPE.failed, request[1], 15, 'a record is damaged', 2, 1, null]),
      async (client) => {
        await expect(collected(client.scan())).rejects.toThrow(expect.objectContaining({ code: 'RING_RECORD_DAMAGED' }));
        await expect(collected(client.scan({ signal: AbortSignal.abort(new Error('enough')) }))).rejects.toThrow('enough');
      },
    );
  });
});
