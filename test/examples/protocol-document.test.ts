/** The examples of PROTOCOL.md and README.md, and the frames of the test vectors, played against a cluster of real daemons: the documents say what happens. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLOSE_CODES, READ_FLAGS, TYPE, WRITE_FLAGS, decodeClientReplies, type ClientReply } from '../../wire/index.ts';
import { eventually, requireBuild, settled, startDaemons, type DaemonCluster } from '../support/processes.ts';
import { RawSocket } from '../support/raw-socket.ts';
import { VECTORS_PATH, type Vectors } from '../wire/vectors/build.ts';
import { bytesOf, messageElements, toHex, type MessageForm } from '../wire/vectors/form.ts';

const protocol = readFileSync(new URL('../../PROTOCOL.md', import.meta.url), 'utf8');
const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const vectors = JSON.parse(readFileSync(VECTORS_PATH, 'utf8')) as Vectors;

interface Exchange {
  readonly request: string;
  readonly reply: string;
  /** What stands behind the request, for people; KILLED also tells the test what to do. */
  readonly note: string;
}

const KILLED = /^node (\d) was killed$/;
const ANY_VERSION = '…';
const VERSION_TEXT = /^\d{13}\.\d{1,4}-n\d\.[0-9a-f]{5}$/;
/** How many of the three replicas a write without a level names at the least. */
const MAJORITY = 2;

function exchangesOf(document: string): readonly Exchange[] {
  return [...document.matchAll(/^→ (\S.*?)(?: {2,}(.*))?\n← (.*)$/gm)].map(([, request = '', note = '', reply = '']) => ({ request, reply, note }));
}

type Fields = Record<string, unknown>;

/** Answers of an array in the order of their ids: they come in the order in which they were done. */
function answersIn(json: string): readonly Fields[] {
  const frame = JSON.parse(json) as Fields | readonly Fields[];
  return Array.isArray(frame) ? frame.toSorted((a: Fields, b: Fields) => Number(a['id']) - Number(b['id'])) : [frame as Fields];
}

/** What the document shows, with what differs from run to run put in from the answer, once it was found to be possible. */
class Comparison {
  /** Version of the document → that of this run: what is one there is one here. */
  readonly #versions = new Map<string, unknown>();

  expected(documented: Fields, answer: Fields): Fields {
    const { version, durableOn, hints, nodes } = documented;
    return {
      ...documented,
      ...(typeof version === 'string' ? { version: this.#versionFor(version, answer['version']) } : {}),
      ...(durableOn === undefined ? {} : { durableOn: replicasIn(answer['durableOn']) }),
      // A replica that is slow on a busy machine is given a hint.
      ...(hints === undefined ? {} : { hints: hintsIn(answer['hints']) }),
      ...(Array.isArray(nodes) ? { nodes: (nodes as readonly Fields[]).map((node) => (node['version'] === null ? node : { ...node, version: expect.stringMatching(VERSION_TEXT) })) } : {}),
    };
  }

  #versionFor(documented: string, found: unknown): unknown {
    const same = this.#versions.get(documented);
    if (same !== undefined) return same;
    if (documented !== ANY_VERSION) {
      if (!VERSION_TEXT.test(documented)) throw new Error(`the document shows a version that is none: ${documented}`);
      this.#versions.set(documented, found);
    }
    return expect.stringMatching(VERSION_TEXT);
  }
}

function replicasIn(durableOn: unknown): unknown {
  const nodes = Array.isArray(durableOn) ? new Set(durableOn.filter((node) => node === 0 || node === 1 || node === 2)) : new Set();
  return nodes.size >= MAJORITY ? durableOn : 'a majority of the replicas';
}

function hintsIn(hints: unknown): unknown {
  const isHint = (hint: unknown): boolean => typeof hint === 'object' && hint !== null && Object.keys(hint).join() === 'target,holder';
  return Array.isArray(hints) && hints.every(isHint) ? hints : 'a list of target and holder';
}

async function play(cluster: DaemonCluster, exchanges: readonly Exchange[]): Promise<void> {
  await using socket = await RawSocket.open(cluster.urls[0] ?? '');
  const comparison = new Comparison();
  for (const { request, reply, note } of exchanges) {
    const killed = KILLED.exec(note)?.[1];
    if (killed !== undefined) await kill(cluster, Number(killed));
    socket.text(request);
    const frame = await socket.next();
    const [answers, documented] = [answersIn(frame?.toString() ?? ''), answersIn(reply)];
    expect({ request, answers }).toEqual({ request, answers: documented.map((one, index) => comparison.expected(one, answers[index] ?? {})) });
  }
}

/** Returns when the others believe it, so that what they say of it is no matter of chance. */
async function kill(cluster: DaemonCluster, node: number): Promise<void> {
  await eventually('all replicas are equal', async () => ((await cluster.clients[0]?.converged())?.converged === true ? true : null));
  await cluster.processes.killNode(node);
  await settled(cluster, [0, 1, 2].filter((other) => other !== node));
}

/** Codes of what a busy machine, and no fault of the frame, brings about. */
const BUSY: ReadonlySet<number> = new Set([1, 2, 3]);

/** The replies to a frame when it was carried out without haste; `count` outcomes, and the versions that were told before. */
async function calmRepliesTo(socket: RawSocket, bytes: Uint8Array, count: number): Promise<readonly ClientReply[]> {
  return eventually('a frame is answered in time', async () => {
    const replies = await repliesTo(socket, bytes, count);
    return replies.some((reply) => reply[0] === TYPE.failed && BUSY.has(reply[2])) ? null : replies;
  });
}

async function repliesTo(socket: RawSocket, bytes: Uint8Array, count: number): Promise<readonly ClientReply[]> {
  socket.binary(bytes);
  const replies: ClientReply[] = [];
  // A write may be told its version, even more than once, before its outcome.
  while (outcomesIn(replies).length < count) {
    const frame = await socket.next();
    if (frame === null) throw new Error(`closed: ${JSON.stringify(await socket.closed)}`);
    replies.push(...decodeClientReplies(frame));
  }
  return replies;
}

function outcomesIn(replies: readonly ClientReply[]): readonly ClientReply[] {
  return replies.filter(([type]) => type !== TYPE.issued);
}

/** Type of the reply to each type of request that is carried out. */
const REPLY_TYPES: Readonly<Record<string, number>> = {
  put: TYPE.written,
  get: TYPE.value,
  delete: TYPE.written,
  status: TYPE.json,
  converged: TYPE.json,
  locate: TYPE.json,
  ping: TYPE.pong,
  topology: TYPE.json,
  scan: TYPE.entries,
  explain: TYPE.json,
  writeAgain: TYPE.written,
};

/** What a request is answered with: `code` where it fails, and the version where the request says which it must be. */
interface Answered {
  readonly id: number | null;
  readonly type: number | undefined;
  readonly code: number | null;
  readonly version: string | null;
  /** Whether the answer tells what each node said. */
  readonly isDetailed: boolean;
  /** Whether a version was told before. */
  readonly isTold: boolean;
}

/** Which keys have a version of today: a put or delete in an earlier frame gave it to them. */
type Overwritten = ReadonlySet<string>;

function wantedAnswer(message: MessageForm, overwritten: Overwritten): Answered {
  const { id, type } = message;
  const failed = { id, type: TYPE.failed, version: null, isDetailed: false, isTold: false };
  // These daemons take no controls: RING_NOT_ALLOWED.
  if (type === 'control') return { ...failed, code: 13 };
  const isAbove = type === 'writeAgain' && (Number(message['flags']) & WRITE_FLAGS.above) !== 0;
  // The versions of the vectors are years old. A node can't say what a key with a newer one had before: RING_SUPERSEDED.
  if (type === 'writeAgain' && !isAbove && overwritten.has(keyOf(message))) return { ...failed, code: 19 };
  // Above another version it is given a new one.
  const isWrite = type === 'put' || type === 'delete' || isAbove;
  const flags = isWrite || type === 'get' || type === 'writeAgain' ? Number(message['flags'] ?? 0) : 0;
  return {
    id,
    type: REPLY_TYPES[type],
    code: null,
    version: type === 'writeAgain' && !isAbove ? versionOf(message) : null,
    isDetailed: (flags & (type === 'get' ? READ_FLAGS.detail : WRITE_FLAGS.detail)) !== 0,
    // The client knows the version of a writeAgain already.
    isTold: isWrite && (flags & WRITE_FLAGS.tellVersion) !== 0,
  };
}

/** The answer to this request among all those to its frame. A version counts where the request says which it must be. */
function answerTo(message: MessageForm, replies: readonly ClientReply[]): Answered {
  const own = replies.filter(([, id]) => id === message.id);
  const outcome = own.at(-1);
  const told = own.slice(0, -1);
  expect(outcomesIn(told)).toEqual([]);
  if (outcome?.[0] === TYPE.written && told.length > 0) expect(told.at(-1)?.[2]).toEqual(outcome[2]);
  return {
    id: message.id,
    type: outcome?.[0],
    code: outcome?.[0] === TYPE.failed ? outcome[2] : null,
    version: message.type === 'writeAgain' && told.length === 0 ? versionIn(outcome) : null,
    isDetailed: (outcome?.[0] === TYPE.written && outcome[6] !== undefined) || (outcome?.[0] === TYPE.value && outcome[5] !== undefined),
    isTold: told.length > 0,
  };
}

function versionIn(outcome: ClientReply | undefined): string | null {
  const version = outcome?.[0] === TYPE.written ? outcome[2] : null;
  return version === null ? null : toHex(version);
}

function keyOf(message: MessageForm): string {
  return JSON.stringify(message['key']);
}

function versionOf(message: MessageForm): string {
  const version = messageElements(message)[4];
  if (!(version instanceof Uint8Array)) throw new Error(`a ${message.type} without a version`);
  return toHex(version);
}

describe('what the documents and the vectors say', { timeout: 60_000 }, () => {
  let cluster: DaemonCluster;

  beforeAll(async () => {
    requireBuild();
    cluster = await startDaemons(3, 3);
  }, 60_000);

  afterAll(async () => {
    // Undefined when the start failed.
    await (cluster as DaemonCluster | undefined)?.[Symbol.asyncDispose]();
  });

  it('the JSON example of the README is answered as it says', async () => {
    const [, request = '', reply = ''] = /socket\.send\('(\{.*\})'\);\n\s*\/\/ (\{.*\})\n/.exec(readme) ?? [];
    await play(cluster, [{ request, reply, note: '' }]);
  });

  it('the binary example of PROTOCOL.md is answered with what it asks for', async () => {
    const [, block = ''] = /```\n(92 [^`]*)```/.exec(protocol) ?? [];
    const bytes = Buffer.from(block.replaceAll(/ {2}array of .*$/gm, '').replaceAll(/\s/g, ''), 'hex');
    await using socket = await RawSocket.open(cluster.urls[0] ?? '');
    const replies = await calmRepliesTo(socket, bytes, 2);
    expect(new Map(replies.map(([type, id]) => [id, type]))).toEqual(new Map([[1, TYPE.written], [2, TYPE.value]]));
  });

  it('every request frame of the vectors is answered with what it asks for, in each of its encodings', async () => {
    await using socket = await RawSocket.open(cluster.urls[0] ?? '');
    const overwritten = new Set<string>();
    const codes = new Set<number | null>();
    let frames = 0;
    for (const { name, messages, bytes, alternatives = [] } of vectors.requestFrames) {
      const wanted = messages.map((message) => wantedAnswer(message, overwritten));
      for (const form of [bytes, ...alternatives.map((other) => other.bytes)]) {
        const replies = await calmRepliesTo(socket, bytesOf(form), messages.length);
        expect({ name, answers: messages.map((message) => answerTo(message, replies)) }).toEqual({ name, answers: wanted });
        frames++;
      }
      for (const { code } of wanted) codes.add(code);
      for (const message of messages) if (message.type === 'put' || message.type === 'delete') overwritten.add(keyOf(message));
    }
    expect(codes).toEqual(new Set([null, 13, 19]));
    expect(frames).toBeGreaterThan(100);
  });

  it('every refused request of the vectors is answered with its code, and its neighbours are carried out', async () => {
    const numbers = new Map<string, number>(vectors.errors.map(({ number, code }) => [code, number]));
    await using socket = await RawSocket.open(cluster.urls[0] ?? '');
    for (const { name, bytes, outcomes } of vectors.refusedRequests) {
      const replies = await repliesTo(socket, bytesOf(bytes), outcomes.length);
      const found = replies.map((reply) => ({ id: reply[1], code: reply[0] === TYPE.failed ? reply[2] : null }));
      const wanted = outcomes.map((outcome) => ({ id: outcome.id, code: typeof outcome['refused'] === 'string' ? numbers.get(outcome['refused']) : null }));
      expect({ name, found: new Set(found) }).toEqual({ name, found: new Set(wanted) });
    }
  });

  it.each(vectors.refusedFrames)('$name: answered with RING_BAD_FRAME, and closed with 4000', async ({ bytes }) => {
    await using socket = await RawSocket.open(cluster.urls[0] ?? '');
    const [reply] = await repliesTo(socket, bytesOf(bytes), 1);
    expect(reply?.slice(0, 3)).toEqual([TYPE.failed, null, 7]);
    expect(await socket.next()).toBeNull();
    expect(await socket.closed).toMatchObject({ code: CLOSE_CODES.badFrame });
  });

  // The last one: it kills a node.
  it('the JSON examples of PROTOCOL.md are a session that goes as it says', async () => {
    const exchanges = exchangesOf(protocol);
    expect(exchanges.length).toBeGreaterThanOrEqual(14);
    expect(exchanges.length).toBe([...protocol.matchAll(/^→ /gm)].length);
    expect(exchanges.some(({ note }) => KILLED.test(note))).toBe(true);
    await play(cluster, exchanges);
  });
});
