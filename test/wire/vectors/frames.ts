/** Binary frames: each message of clients and nodes, as it is sent, as it may also be sent, and what must be refused. */
import { nodeId, versionFromString, versionToBytes } from '../../../data/index.ts';
import { ERROR_CODES, READ_SAID, WRITE_SAID, encodeFrame, type ClientReply, type ClientRequest, type ErrorCode, type ErrorNumber } from '../../../wire/index.ts';
import { ALTERNATIVES, encodeAs } from './encodings.ts';
import { bytesForm, messageForm, toHex, utf8, type BytesForm, type MessageForm } from './form.ts';

export interface FrameVector {
  readonly name: string;
  readonly messages: readonly MessageForm[];
  readonly bytes: BytesForm;
  /** Other encodings of the same messages, which a receiver takes too. */
  readonly alternatives?: readonly { readonly why: string; readonly bytes: BytesForm }[];
}

export const USER1 = utf8('user1');
export const ALICE = utf8('alice');
export const VERSION = versionToBytes(versionFromString('1764000000000.3-n1.0c0de'));
/** Every word that a replica may say of a write: node, its word, node … */
export const EVERY_WRITE_SAID = WRITE_SAID.flatMap((_, word) => [word, word]);
/** Every word that a node may say to a read, `record` and `untrusted` with a version; the last two are stand-ins. */
export const EVERY_READ_SAID = READ_SAID.flatMap((said, word) => [word, word < READ_SAID.length - 2 ? 0 : 1, word, said === 'record' || said === 'untrusted' ? VERSION : null]);
const BINARY = Uint8Array.of(0x00, 0x01, 0xff);
const LONGEST_KEY = new Uint8Array(1_024).fill(0x6b);
const ID_MAX = Number.MAX_SAFE_INTEGER;

const REQUESTS: readonly (readonly [name: string, ...messages: ClientRequest[]])[] = [
  ['the example of PROTOCOL.md: a put, and a get at quorum within 1,000 ms', [1, 1, USER1, ALICE, 0, 0], [2, 2, USER1, 2, 1_000]],
  ['no message'],
  ['put', [1, 1, USER1, ALICE, 0, 0]],
  ['put, level all, the longest timeout', [1, 2, utf8('größe'), utf8('æøå 🙂'), 3, 600_000]],
  ['put, an empty value', [1, 3, USER1, new Uint8Array(), 1, 65_535]],
  ['put, bytes that are not UTF-8', [1, 4, BINARY, Uint8Array.of(0xff, 0xfe), 2, 65_536]],
  ['put, the longest key, a value that needs a length of two bytes', [1, 5, LONGEST_KEY, new Uint8Array(256), 0, 32_768]],
  ['put, the longest value', [1, 6, Uint8Array.of(0), new Uint8Array(1_048_576), 0, 0]],
  ['put, a key that begins with a byte order mark: as bin only', [1, 7, utf8('\uFEFFkey'), ALICE, 0, 0]],
  ['put, its answer tells what each replica said', [1, 8, USER1, ALICE, 2, 0, 1]],
  ['put, its version is told before its outcome', [1, 9, USER1, ALICE, 0, 0, 2]],
  ['put, both flags', [1, 21, USER1, ALICE, 3, 20_000, 3]],
  ['put, flags of 0, which is as if they were left out', [1, 22, USER1, ALICE, 0, 0, 0]],
  ['get', [2, 10, USER1, 0, 0]],
  ['get, its answer tells what each node said', [2, 23, USER1, 2, 0, 1]],
  ['get, flags of 0', [2, 24, USER1, 0, 0, 0]],
  ['get, ids at the ends of the integer formats', ...[0, 127, 128, 255, 256, 65_535, 65_536, 0xffff_ffff, 0x1_0000_0000, ID_MAX].map((id): ClientRequest => [2, id, USER1, 0, 0])],
  ['delete', [3, 11, USER1, 2, 20_000]],
  ['delete, its answer tells what each replica said', [3, 25, USER1, 0, 0, 1]],
  ['delete, both flags', [3, 26, USER1, 2, 20_000, 3]],
  ['two puts and a get with other flags each in one frame', [1, 27, utf8('größe'), ALICE, 0, 0, 1], [1, 28, BINARY, ALICE, 0, 0, 2], [2, 29, USER1, 0, 0, 1]],
  ['status', [4, 12]],
  ['converged', [5, 13]],
  ['control', [6, 14, '{"partition":[[0,1],[2]]}']],
  ['locate', [7, 15, BINARY]],
  ['ping', [8, 16]],
  ['topology', [9, 17]],
  ['scan of everything', [10, 18, null, null, 1, 0, 0, 0]],
  ['scan, the longest bounds, the highest limit, reverse, keys only', [10, 19, LONGEST_KEY, Uint8Array.of(...LONGEST_KEY, 0), 10_000, 3, 3, 600_000]],
  ['scan, empty bounds', [10, 20, new Uint8Array(), new Uint8Array(), 100, 1, 1, 0]],
  ['explain', [11, 30, USER1]],
  ['explain, the longest key', [11, 31, LONGEST_KEY]],
  // On a cluster nothing else is written under these two keys: both succeed, with this version.
  ['writeAgain, a value', [12, 32, utf8('again1'), ALICE, VERSION, 0, 0, 0]],
  ['writeAgain, nil deletes, both flags', [12, 33, utf8('again2'), null, VERSION, 2, 20_000, 3]],
  // The puts above gave this key newer versions: RING_SUPERSEDED.
  ['writeAgain, above the version, which is told', [12, 36, utf8('again3'), ALICE, VERSION, 1, 0, 6]],
  ['writeAgain, a key that has newer versions', [12, 34, USER1, new Uint8Array(), VERSION, 0, 0, 1]],
  ['sixteen messages', ...Array.from({ length: 16 }, (_, id): ClientRequest => [8, id])],
];

const REPLIES: readonly (readonly [name: string, ...messages: ClientReply[]])[] = [
  ['the example of PROTOCOL.md: an answer to a put, with a hint for node 2 on node 0', [17, 1, VERSION, [0, 1], [2, 0], 1]],
  ['written, no hints, not after an fsync', [17, 2, VERSION, [4_095], [], 0]],
  ['written, on stand-ins only', [17, 3, VERSION, [], [0, 3, 1, 3], 1]],
  ['written, what each replica said', [17, 16, VERSION, [0, 1], [2, 3], 1, [0, 0, 1, 1, 2, 9]]],
  ['written, every word of a replica', [17, 17, VERSION, [0, 1], [], 1, EVERY_WRITE_SAID]],
  ['written, detail of no replica', [17, 18, VERSION, [0, 1], [], 1, []]],
  ['value', [18, 4, ALICE, VERSION, [0, 2]]],
  ['value, empty', [18, 5, new Uint8Array(), VERSION, [0]]],
  ['value, deleted', [18, 6, null, VERSION, [1]]],
  ['value, never heard of', [18, 7, null, null, []]],
  ['value, what each node said', [18, 19, ALICE, VERSION, [0, 2], [0, 0, 0, VERSION, 1, 0, 5, null, 2, 0, 1, null, 3, 1, 6, null]]],
  ['value, every word of a node', [18, 20, null, VERSION, [0, 4], EVERY_READ_SAID]],
  ['value, never heard of, detail of no node', [18, 21, null, null, [], []]],
  ['issued', [23, 22, VERSION]],
  ['issued, and in the same frame the outcome', [23, 23, VERSION], [17, 23, VERSION, [0, 1], [], 1]],
  ['json', [19, 8, '{"converged":true,"reasons":[]}']],
  ['pong', [20, ID_MAX]],
  ['entries', [21, 9, [USER1, ALICE, BINARY, new Uint8Array()], utf8('user3')]],
  ['entries, keys only, the end', [21, 10, [USER1, null, utf8('user2'), null], null]],
  ['entries, none', [21, 11, [], utf8('user2\0')]],
  ['failed', [31, 12, 4, 'a key has 1 to 1024 bytes, this one has 0', 0, 0, null]],
  ['failed, a write whose outcome is unknown', [31, 13, 2, 'late', 2, 1, VERSION]],
  ['failed, a write that was sent again to a key that has a newer version', [31, 24, 19, 'the key has a newer version', 2, 0, VERSION]],
  ['failed, a frame that could not be read', [31, null, 7, 'a binary frame is a msgpack array of messages', 0, 0, null]],
  ['failed, every code', ...Object.keys(ERROR_CODES).map((number, index): ClientReply => [31, index, Number(number) as ErrorNumber, 'ü', 0, 0, null])],
];

export function requestFrames(): readonly FrameVector[] {
  return REQUESTS.map(([name, ...messages]) => {
    const bytes = encodeFrame(messages);
    const canonical = toHex(bytes);
    const alternatives = ALTERNATIVES.map((style) => ({ why: style.why, bytes: encodeAs(messages, style) })).filter((other) => toHex(other.bytes) !== canonical);
    return { name, messages: messages.map(messageForm), bytes: bytesForm(bytes), alternatives: alternatives.map(({ why, bytes: other }) => ({ why, bytes: bytesForm(other) })) };
  });
}

export function replyFrames(): readonly FrameVector[] {
  return REPLIES.map(([name, ...messages]) => ({ name, messages: messages.map(messageForm), bytes: bytesForm(encodeFrame(messages)) }));
}

/** What becomes of one request of a frame. */
export type Outcome = MessageForm | { readonly refused: ErrorCode; readonly id: number | null };
export interface RefusedRequestVector {
  readonly name: string;
  readonly bytes: BytesForm;
  readonly outcomes: readonly Outcome[];
}

const PING: ClientRequest = [8, 9];
const hexOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

/** Elements of one message, and the code with which it is answered. */
const WRONG_REQUESTS: readonly (readonly [name: string, code: ErrorCode, elements: readonly unknown[]])[] = [
  ['a type that was never given', 'RING_UNKNOWN_OPERATION', [16, 1]],
  ['a type of a message between nodes', 'RING_UNKNOWN_OPERATION', [33, 1, USER1, ALICE, []]],
  ['a type of a reply', 'RING_UNKNOWN_OPERATION', [20, 1]],
  ['a put without its last fields', 'RING_BAD_REQUEST', [1, 1, USER1, ALICE]],
  ['a ping with a field too many', 'RING_BAD_REQUEST', [8, 1, 0]],
  ['an empty key', 'RING_KEY_INVALID', [2, 1, new Uint8Array(), 0, 0]],
  ['a key of 1,025 bytes', 'RING_KEY_INVALID', [2, 1, new Uint8Array(1_025), 0, 0]],
  ['a key of 1,026 bytes in UTF-8', 'RING_KEY_INVALID', [2, 1, 'ü'.repeat(513), 0, 0]],
  ['a key that is a number', 'RING_BAD_REQUEST', [2, 1, 7, 0, 0]],
  ['a value that is nil', 'RING_BAD_REQUEST', [1, 1, USER1, null, 0, 0]],
  ['a value of 1,048,577 bytes', 'RING_VALUE_TOO_LARGE', [1, 1, USER1, new Uint8Array(1_048_577), 0, 0]],
  ['level 4', 'RING_BAD_REQUEST', [2, 1, USER1, 4, 0]],
  ['a level by its name', 'RING_BAD_REQUEST', [2, 1, USER1, 'quorum', 0]],
  ['a timeout of 600,001 ms', 'RING_BAD_REQUEST', [2, 1, USER1, 0, 600_001]],
  ['a timeout that is nil', 'RING_BAD_REQUEST', [2, 1, USER1, 0, null]],
  ['a control that is no text', 'RING_BAD_REQUEST', [6, 1, USER1]],
  ['a bound of 1,026 bytes', 'RING_KEY_INVALID', [10, 1, new Uint8Array(1_026), null, 1, 0, 0, 0]],
  ['a bound that is a number', 'RING_BAD_REQUEST', [10, 1, null, 7, 1, 0, 0, 0]],
  ['a limit of 0', 'RING_BAD_REQUEST', [10, 1, null, null, 0, 0, 0, 0]],
  ['a limit of 10,001', 'RING_BAD_REQUEST', [10, 1, null, null, 10_001, 0, 0, 0]],
  ['flags of a scan that are not known', 'RING_BAD_REQUEST', [10, 1, null, null, 1, 4, 0, 0]],
  ['flags of a put that are not known', 'RING_BAD_REQUEST', [1, 1, USER1, ALICE, 0, 0, 4]],
  ['flags of a put that are nil', 'RING_BAD_REQUEST', [1, 1, USER1, ALICE, 0, 0, null]],
  ['flags of a put that are a str', 'RING_BAD_REQUEST', [1, 1, USER1, ALICE, 0, 0, '1']],
  ['a put with a field behind its flags', 'RING_BAD_REQUEST', [1, 1, USER1, ALICE, 0, 0, 1, 0]],
  ['flags of a delete that are not known', 'RING_BAD_REQUEST', [3, 1, USER1, 0, 0, 4]],
  ['a delete with a field behind its flags', 'RING_BAD_REQUEST', [3, 1, USER1, 0, 0, 1, 0]],
  ['a get whose version is to be told: it has none', 'RING_BAD_REQUEST', [2, 1, USER1, 0, 0, 2]],
  ['a get with both flags of a write', 'RING_BAD_REQUEST', [2, 1, USER1, 0, 0, 3]],
  ['a get with a field behind its flags', 'RING_BAD_REQUEST', [2, 1, USER1, 0, 0, 1, 0]],
  ['an explain without a key', 'RING_BAD_REQUEST', [11, 1]],
  ['an explain of an empty key', 'RING_KEY_INVALID', [11, 1, new Uint8Array()]],
  ['an explain with a level', 'RING_BAD_REQUEST', [11, 1, USER1, 0]],
  ['a writeAgain without flags', 'RING_BAD_REQUEST', [12, 1, USER1, ALICE, VERSION, 0, 0]],
  ['a writeAgain with a field too many', 'RING_BAD_REQUEST', [12, 1, USER1, ALICE, VERSION, 0, 0, 0, 0]],
  ['a writeAgain whose flags are nil', 'RING_BAD_REQUEST', [12, 1, USER1, ALICE, VERSION, 0, 0, null]],
  ['a writeAgain with flags that are not known', 'RING_BAD_REQUEST', [12, 1, USER1, ALICE, VERSION, 0, 0, 8]],
  ['a writeAgain of an empty key', 'RING_KEY_INVALID', [12, 1, new Uint8Array(), ALICE, VERSION, 0, 0, 0]],
  ['a writeAgain with a value that is a number', 'RING_BAD_REQUEST', [12, 1, USER1, 7, VERSION, 0, 0, 0]],
  ['a writeAgain with a value of 1,048,577 bytes', 'RING_VALUE_TOO_LARGE', [12, 1, USER1, new Uint8Array(1_048_577), VERSION, 0, 0, 0]],
  ['a writeAgain without a version', 'RING_BAD_REQUEST', [12, 1, USER1, ALICE, null, 0, 0, 0]],
  ['a writeAgain with a version of 11 bytes', 'RING_BAD_REQUEST', [12, 1, USER1, ALICE, VERSION.subarray(0, 11), 0, 0, 0]],
  ['a writeAgain with a version that is a str', 'RING_BAD_REQUEST', [12, 1, USER1, ALICE, '\0'.repeat(12), 0, 0, 0]],
  ['a writeAgain with a version of 2^53', 'RING_BAD_REQUEST', [12, 1, USER1, ALICE, hexOf('0020000000000000ffe0c0de'), 0, 0, 0]],
  ['a writeAgain with level 4', 'RING_BAD_REQUEST', [12, 1, USER1, ALICE, VERSION, 4, 0, 0]],
  ['a writeAgain with a timeout of 600,001 ms', 'RING_BAD_REQUEST', [12, 1, USER1, ALICE, VERSION, 0, 600_001, 0]],
];

/** Each between two pings, which are answered. */
export function refusedRequests(): readonly RefusedRequestVector[] {
  return WRONG_REQUESTS.map(([name, code, elements]) => ({
    name,
    bytes: bytesForm(encodeAs([PING, elements, PING], { why: name, numbers: 'shortest', lengths: 'shortest', bytes: 'bin' })),
    outcomes: [messageForm(PING), { refused: code, id: 1 }, messageForm(PING)],
  }));
}

export interface RefusedFrameVector {
  readonly name: string;
  readonly bytes: BytesForm;
}

const nested = (depth: number): Uint8Array => Uint8Array.from([...Array.from({ length: depth }, () => 0x91), 0x01]);

/** Answered with `failed`, id nil, RING_BAD_FRAME; then the connection is closed with 4000. */
const BAD_FRAMES: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ['nothing', new Uint8Array()],
  ['a message without the array of the frame', hexOf('0801')],
  ['a map', hexOf('80')],
  ['a map in a message', hexOf('9193080180')],
  ['an extension', hexOf('91930801d40100')],
  ['the byte 0xc1', hexOf('91930801c1')],
  ['a byte behind the array', hexOf('9192080100')],
  ['an array cut short', hexOf('92920801')],
  ['a bin cut short', hexOf('91930701c405aa')],
  ['a length beyond the frame', hexOf('91930701c6ffffffff')],
  ['a str that is not UTF-8', hexOf('91930701a1ff')],
  ['a str that begins with a byte order mark', hexOf('91930701a4efbbbf61')],
  ['a str with half of a surrogate pair', hexOf('91930701a3eda080')],
  ['arrays five deep', nested(5)],
  ['65,537 messages', Uint8Array.from([0xdd, 0, 1, 0, 1, ...Array.from({ length: 65_537 }, () => 0x90)])],
  ['a message that is a number', hexOf('9108')],
  ['a message without a type', hexOf('9190')],
  ['a type that is a str', hexOf('9192a13101')],
  ['a message without an id', hexOf('919108')],
  ['an id that is nil', hexOf('919208c0')],
  ['an id below 0', hexOf('919208ff')],
  ['an id with a fraction', hexOf('919208cb3ff8000000000000')],
  ['an id of 2^53', hexOf('919208cf0020000000000000')],
  ['a good message before a bad one: neither is carried out', hexOf('929208019108')],
];

export function refusedFrames(): readonly RefusedFrameVector[] {
  return BAD_FRAMES.map(([name, bytes]) => ({ name, bytes: bytesForm(bytes) }));
}

/** For records and hints. */
export const NODE_2 = nodeId(2);
