/** What becomes of a write whose outcome is not known: see `retryWrites`. */
import { afterEach, describe, expect, test } from 'vitest';
import { RingClient, RingError, type RingClientOptions } from '../../client/index.ts';
import { versionToBytes } from '../../data/index.ts';
import { TYPE, WRITE_FLAGS, errorNumber, type ClientReply, type ClientRequest, type ErrorCode } from '../../wire/index.ts';
import { ScriptedNode, VERSION, answer, answerTo, until, type Arrival } from './scripted-node.ts';

const ISSUED = { timestamp: VERSION.timestamp + 5, writer: 9 };
const NEWER = { timestamp: VERSION.timestamp + 77, writer: 8 };
const SECOND = { timestamp: VERSION.timestamp + 99, writer: 9 };
const [ISSUED_BYTES, NEWER_BYTES, SECOND_BYTES] = [versionToBytes(ISSUED), versionToBytes(NEWER), versionToBytes(SECOND)] as const;
const { tellVersion: TELL, above: ABOVE, detail: DETAIL } = WRITE_FLAGS;

type Step = (arrival: Arrival) => void;
const cleanUps: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(cleanUps.splice(0).map((cleanUp) => cleanUp()));
});

/** A node that does with each write what its step says; from the last step on it answers as usual. */
async function startNode(...steps: readonly Step[]): Promise<ScriptedNode> {
  let next = 0;
  const node = await ScriptedNode.start((arrival) => {
    const step = isWrite(arrival.request) ? steps[next++] : undefined;
    (step ?? answer)(arrival);
  });
  cleanUps.push(() => node.stop());
  return node;
}

function connect(urls: string | readonly string[], options?: RingClientOptions): RingClient {
  const client = new RingClient(urls, { timeoutMs: 20_000, ...options });
  cleanUps.push(() => client.close());
  return client;
}

async function errorOf(promise: Promise<unknown>): Promise<RingError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof RingError) return error;
    throw error;
  }
  throw new Error('it did not reject');
}

function isWrite([type]: ClientRequest): boolean {
  return type === TYPE.put || type === TYPE.delete || type === TYPE.writeAgain;
}

/** The writes that have arrived, without ids and times. */
function writesAt({ arrivals }: ScriptedNode): readonly unknown[] {
  return arrivals.flatMap(({ request }) => {
    if (request[0] === TYPE.put) return [['put', text(request[2]), text(request[3]), request[6] ?? 0]];
    if (request[0] === TYPE.delete) return [['delete', text(request[2]), request[5] ?? 0]];
    if (request[0] === TYPE.writeAgain) return [['again', text(request[2]), request[3] === null ? null : text(request[3]), Buffer.from(request[4]).toString('hex'), request[7]]];
    return [];
  });
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function failed({ request }: Arrival, code: ErrorCode, version: Uint8Array | null = null): ClientReply {
  return [TYPE.failed, request[1], errorNumber(code), 'as scripted', 2, 1, version];
}

const silent: Step = () => undefined;
const breakOff: Step = ({ socket }) => socket.terminate();
const fail =
  (code: ErrorCode, version: Uint8Array | null = null): Step =>
  (arrival) =>
    arrival.reply(failed(arrival, code, version));
const tell: Step = ({ request, reply }) => reply([TYPE.issued, request[1], ISSUED_BYTES]);
/** The connection ends behind the frame, so the version arrives. */
const tellAndClose: Step = (arrival) => {
  tell(arrival);
  arrival.socket.close();
};

describe('a write whose version is known when its connection is lost', () => {
  test('goes out again under that version over another node, and its caller is told once', async () => {
    const [first, second] = [await startNode(tellAndClose), await startNode()];
    const client = connect([first.url, second.url]);
    expect(await client.put('k', 'v')).toMatchObject({ version: ISSUED });
    expect([writesAt(first), writesAt(second)]).toEqual([[['put', 'k', 'v', TELL]], [['again', 'k', 'v', hex(ISSUED_BYTES), TELL]]]);
  });

  test('as a delete goes out again without a value', async () => {
    const [first, second] = [await startNode(tellAndClose), await startNode()];
    const client = connect([first.url, second.url]);
    expect(await client.delete('k')).toMatchObject({ version: ISSUED });
    expect([writesAt(first), writesAt(second)]).toEqual([[['delete', 'k', TELL]], [['again', 'k', null, hex(ISSUED_BYTES), TELL]]]);
  });

  test('brings its detail from the attempt that was acknowledged', async () => {
    const [first, second] = [
      await startNode(tellAndClose),
      await startNode(({ request, reply }) => reply([TYPE.written, request[1], ISSUED_BYTES, [0, 2], [], 1, [0, 1, 1, 8, 2, 0]])),
    ];
    const { replicas } = await connect([first.url, second.url]).putWithDetail('k', 'v');
    expect(replicas.map(({ said }) => said)).toEqual(['present', 'no-answer', 'applied']);
    expect(writesAt(second)).toEqual([['again', 'k', 'v', hex(ISSUED_BYTES), TELL + DETAIL]]);
  });

  test('takes the version that was told last', async () => {
    const [first, second] = [
      await startNode(({ request, reply, socket }) => {
        reply([TYPE.issued, request[1], ISSUED_BYTES], [TYPE.issued, request[1], SECOND_BYTES]);
        socket.close();
      }),
      await startNode(),
    ];
    expect(await connect([first.url, second.url]).put('k', 'v')).toMatchObject({ version: SECOND });
  });

  test('is unknown, with its version, when its time is up', async () => {
    const node = await startNode(tell);
    expect(await errorOf(connect(node.url, { timeoutMs: 20 }).put('k', 'v'))).toMatchObject({ code: 'RING_UNKNOWN', isOutcomeUnknown: true, version: ISSUED });
  });

  test('is sent so often and no more, and is unknown then', async () => {
    const node = await startNode(...Array.from({ length: 100 }, () => tellAndClose));
    expect(await errorOf(connect(node.url).put('k', 'v'))).toMatchObject({ code: 'RING_UNKNOWN', version: ISSUED });
    expect(writesAt(node)).toHaveLength(16);
  });
});

describe('a write whose connection is lost before a version is known', () => {
  test('is unknown', async () => {
    const [first, second] = [await startNode(breakOff), await startNode()];
    expect(await errorOf(connect([first.url, second.url]).put('k', 'v'))).toMatchObject({ code: 'RING_UNKNOWN', isOutcomeUnknown: true, retryable: true, version: null });
    expect(writesAt(second)).toEqual([]);
  });

  test('is written anew with `always`', async () => {
    const [first, second] = [await startNode(breakOff), await startNode()];
    expect(await connect([first.url, second.url], { retryWrites: 'always' }).put('k', 'v')).toMatchObject({ version: VERSION });
    expect(writesAt(second)).toEqual([['put', 'k', 'v', TELL]]);
  });
});

describe('a node that does not know the outcome', () => {
  test('is asked again under the version that it tells, and by then it may know', async () => {
    const node = await startNode(fail('RING_UNKNOWN', ISSUED_BYTES), fail('RING_UNAVAILABLE'), fail('RING_UNKNOWN', ISSUED_BYTES));
    expect(await connect(node.url).put('k', 'v')).toMatchObject({ version: ISSUED });
    const again = ['again', 'k', 'v', hex(ISSUED_BYTES), TELL];
    expect(writesAt(node)).toEqual([['put', 'k', 'v', TELL], again, again, again]);
  });

  test('ends the write without a version to ask again with', async () => {
    const node = await startNode(fail('RING_UNKNOWN'));
    expect(await errorOf(connect(node.url).put('k', 'v'))).toMatchObject({ code: 'RING_UNKNOWN', message: 'as scripted', required: 2, received: 1 });
    expect(writesAt(node)).toHaveLength(1);
  });

  test('says it last when no time is left for another attempt', async () => {
    const node = await startNode(fail('RING_UNKNOWN', ISSUED_BYTES));
    expect(await errorOf(connect(node.url, { timeoutMs: 1 }).put('k', 'v'))).toMatchObject({ code: 'RING_UNKNOWN', message: 'as scripted', received: 1, version: ISSUED });
  });

  test('is named as the cause when the time is up later', async () => {
    const node = await startNode(fail('RING_UNKNOWN', ISSUED_BYTES), silent);
    const error = await errorOf(connect(node.url, { timeoutMs: 300 }).put('k', 'v'));
    expect(error).toMatchObject({ code: 'RING_UNKNOWN', required: 2, received: 1, version: ISSUED, cause: { message: 'as scripted' } });
  });
});

describe('a write that is superseded', () => {
  test('at its first attempt is written anew, above the newer one, and keeps that version from then on', async () => {
    const node = await startNode(
      (arrival) => {
        tell(arrival);
        fail('RING_SUPERSEDED', NEWER_BYTES)(arrival);
      },
      ({ request, reply, socket }) => {
        reply([TYPE.issued, request[1], SECOND_BYTES]);
        socket.close();
      },
    );
    expect(await connect(node.url).put('k', 'v')).toMatchObject({ version: SECOND });
    expect(writesAt(node)).toEqual([
      ['put', 'k', 'v', TELL],
      ['again', 'k', 'v', hex(NEWER_BYTES), TELL + ABOVE],
      ['again', 'k', 'v', hex(SECOND_BYTES), TELL],
    ]);
  });

  test('and lost when it was sent anew, before it was told the new version, is unknown', async () => {
    const node = await startNode(fail('RING_SUPERSEDED', NEWER_BYTES), breakOff);
    expect(await errorOf(connect(node.url).put('k', 'v'))).toMatchObject({ code: 'RING_UNKNOWN', version: null });
    expect(writesAt(node)).toHaveLength(2);
  });

  test('after it was sent again rejects', async () => {
    const [first, second] = [await startNode(tellAndClose), await startNode(fail('RING_SUPERSEDED', NEWER_BYTES))];
    expect(await errorOf(connect([first.url, second.url]).put('k', 'v'))).toMatchObject({ code: 'RING_SUPERSEDED', isOutcomeUnknown: true, retryable: true, version: NEWER });
    expect(writesAt(second)).toHaveLength(1);
  });

  test('after it was sent again is written anew with `always`', async () => {
    const [first, second] = [await startNode(tellAndClose), await startNode(fail('RING_SUPERSEDED', NEWER_BYTES))];
    await connect([first.url, second.url], { retryWrites: 'always' }).put('k', 'v');
    expect(writesAt(second)).toEqual([['again', 'k', 'v', hex(ISSUED_BYTES), TELL], ['again', 'k', 'v', hex(NEWER_BYTES), TELL + ABOVE]]);
  });
});

describe('a write that certainly failed', () => {
  test.each(['same-version', 'always'] as const)('at its first attempt rejects at once with `%s`', async (retryWrites) => {
    for (const code of ['RING_UNAVAILABLE', 'RING_OVERLOADED', 'RING_BAD_REQUEST'] as const) {
      const node = await startNode(fail(code));
      expect(await errorOf(connect(node.url, { retryWrites }).put('k', 'v'))).toMatchObject({ code, isOutcomeUnknown: false });
      expect(writesAt(node)).toHaveLength(1);
    }
  });

  test('after an attempt with an unknown outcome is unknown, and says why', async () => {
    const node = await startNode(fail('RING_UNKNOWN', ISSUED_BYTES), fail('RING_BAD_REQUEST'));
    const error = await errorOf(connect(node.url).put('k', 'v'));
    expect(error).toMatchObject({ code: 'RING_UNKNOWN', version: ISSUED, cause: { code: 'RING_BAD_REQUEST' } });
    expect(error.message).toContain('as scripted');
  });
});

describe('a client that is closed', () => {
  test('leaves a write that was sent unknown, and one that was not sent certainly undone', async () => {
    const node = await startNode(tell, silent);
    const client = connect(node.url, { inFlightMax: 1 });
    const [sent, unsent] = [errorOf(client.put('sent', 'v')), errorOf(client.put('unsent', 'v'))];
    await until(() => writesAt(node).length === 1);
    const pinged = errorOf(client.ping());
    await client.close();
    expect(await sent).toMatchObject({ code: 'RING_UNKNOWN', isOutcomeUnknown: true });
    expect(await unsent).toMatchObject({ code: 'RING_CLOSED', isOutcomeUnknown: false });
    expect(await pinged).toMatchObject({ code: 'RING_CLOSED' });
  });

  test('leaves a write that rests between two attempts unknown', async () => {
    const node = await startNode(fail('RING_UNKNOWN', ISSUED_BYTES), ...Array.from({ length: 16 }, () => fail('RING_UNAVAILABLE')));
    const client = connect(node.url);
    const write = errorOf(client.put('k', 'v'));
    await until(() => writesAt(node).length === 2);
    await client.close();
    expect(await write).toMatchObject({ code: 'RING_UNKNOWN', version: ISSUED });
  });
});

describe('other choices', () => {
  test('`never` asks for no version, takes none, and sends nothing twice', async () => {
    const [first, second] = [await startNode(tellAndClose, fail('RING_UNKNOWN', ISSUED_BYTES)), await startNode()];
    const client = connect([first.url, second.url], { retryWrites: 'never' });
    expect(await errorOf(client.put('k', 'v'))).toMatchObject({ code: 'RING_UNKNOWN', version: null });
    expect([writesAt(first), writesAt(second)]).toEqual([[['put', 'k', 'v', 0]], []]);
    const alone = connect(first.url, { retryWrites: 'never' });
    expect(await errorOf(alone.delete('k'))).toMatchObject({ code: 'RING_UNKNOWN', version: ISSUED, message: 'as scripted' });
    expect(writesAt(first)).toHaveLength(2);
    expect(() => new RingClient(first.url, { retryWrites: 'sometimes' as 'never' })).toThrow(RangeError);
  });

  test('a write that is aborted is not sent again', async () => {
    const node = await startNode(fail('RING_UNKNOWN', ISSUED_BYTES), ...Array.from({ length: 16 }, () => fail('RING_UNAVAILABLE')));
    const client = connect(node.url);
    const controller = new AbortController();
    const write = client.put('k', 'v', { signal: controller.signal }).catch((error: unknown) => error);
    await until(() => writesAt(node).length === 2);
    controller.abort(new Error('enough'));
    expect(await write).toMatchObject({ message: 'enough' });
    const sent = writesAt(node).length;
    // A later write would come behind it.
    await client.put('other', 'v').catch(() => undefined);
    expect(writesAt(node).filter((write) => Array.isArray(write) && write[1] === 'k')).toHaveLength(sent);
  });

  test('a get that is told a version is answered all the same', async () => {
    const node = await ScriptedNode.start(({ request, reply }) => reply([TYPE.issued, request[1], ISSUED_BYTES], answerTo(request)));
    cleanUps.push(() => node.stop());
    expect(await connect(node.url).get('k')).toEqual(new Uint8Array([107]));
  });
});
