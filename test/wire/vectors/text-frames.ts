/** Text frames: what each text asks for, what is refused, and how replies are said. */
import { encodeTextReply, type ClientReply, type ClientRequest, type ErrorCode } from '../../../wire/index.ts';
import { messageForm, utf8, type MessageForm } from './form.ts';
import { ALICE, EVERY_READ_SAID, EVERY_WRITE_SAID, USER1, VERSION, type Outcome } from './frames.ts';

export interface TextRequestVector {
  readonly text: string;
  readonly isArray: boolean;
  /** The same requests as in a binary frame. */
  readonly outcomes: readonly Outcome[];
}

const BINARY = Uint8Array.of(0x00, 0x01, 0xff);

const SINGLE: readonly (readonly [text: string, message: ClientRequest])[] = [
  ['{"id":1,"op":"put","key":"user1","value":"alice","consistency":"quorum"}', [1, 1, USER1, ALICE, 2, 0]],
  ['{"id":6,"op":"put","key":{"base64":"AAH/"},"value":{"base64":"/w=="}}', [1, 6, BINARY, Uint8Array.of(255), 0, 0]],
  [String.raw`{"id":6,"op":"put","key":"\u00fc\ud83d\ude42","value":""}`, [1, 6, utf8('ü🙂'), new Uint8Array(), 0, 0]],
  ['{"id":2,"op":"get","key":"user1"}', [2, 2, USER1, 0, 0]],
  [' { "op" : "get", "timeoutMs" : 600000, "key" : "user1", "consistency" : "all", "id" : 9007199254740991 } ', [2, 9_007_199_254_740_991, USER1, 3, 600_000]],
  ['{"id":3,"op":"delete","key":"user1","consistency":"one","timeoutMs":50}', [3, 3, USER1, 1, 50]],
  ['{"id":13,"op":"put","key":"user1","value":"alice","detail":true}', [1, 13, USER1, ALICE, 0, 0, 1]],
  ['{"id":14,"op":"put","key":"user1","value":"alice","detail":false}', [1, 14, USER1, ALICE, 0, 0]],
  ['{"id":15,"op":"get","key":"user1","detail":true,"consistency":"quorum"}', [2, 15, USER1, 2, 0, 1]],
  ['{"id":16,"op":"get","key":"user1","detail":false}', [2, 16, USER1, 0, 0]],
  ['{"id":17,"op":"delete","detail":true,"key":"user1","timeoutMs":50}', [3, 17, USER1, 0, 50, 1]],
  ['{"id":18,"op":"explain","key":"user1"}', [11, 18, USER1]],
  ['{"id":19,"op":"explain","key":{"base64":"AAH/"}}', [11, 19, BINARY]],
  ['{"id":4,"op":"status"}', [4, 4]],
  ['{"id":11,"op":"converged"}', [5, 11]],
  ['{"id":10,"op":"locate","key":"user1"}', [7, 10, USER1]],
  ['{"id":0,"op":"ping"}', [8, 0]],
  ['{"id":8,"op":"topology"}', [9, 8]],
  ['{"id":12,"op":"scan"}', [10, 12, null, null, 100, 0, 0, 0]],
  ['{"id":12,"op":"scan","from":"user","limit":2}', [10, 12, utf8('user'), null, 2, 0, 0, 0]],
  ['{"id":12,"op":"scan","from":null,"to":{"base64":""},"reverse":true,"keysOnly":true,"consistency":"available","timeoutMs":1}', [10, 12, null, new Uint8Array(), 100, 3, 0, 1]],
];

/** `id` null: the request has none that is usable; the connection stays open all the same. */
const REFUSED: readonly (readonly [text: string, id: number | null, code: ErrorCode])[] = [
  ['{}', null, 'RING_BAD_REQUEST'],
  ['{"op":"ping"}', null, 'RING_BAD_REQUEST'],
  ['{"id":"1","op":"ping"}', null, 'RING_BAD_REQUEST'],
  ['{"id":-1,"op":"ping"}', null, 'RING_BAD_REQUEST'],
  ['{"id":1.5,"op":"ping"}', null, 'RING_BAD_REQUEST'],
  ['{"id":9007199254740992,"op":"ping"}', null, 'RING_BAD_REQUEST'],
  ['{"id":1}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":7}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"increment"}', 1, 'RING_UNKNOWN_OPERATION'],
  ['{"id":1,"op":"control","command":"{}"}', 1, 'RING_UNKNOWN_OPERATION'],
  ['{"id":1,"op":"writeAgain","key":"k","value":"v","version":"1764000000000.3-n1.0c0de"}', 1, 'RING_UNKNOWN_OPERATION'],
  ['{"id":1,"op":"ping","key":"user1"}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"get"}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"get","key":7}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"get","key":""}', 1, 'RING_KEY_INVALID'],
  [String.raw`{"id":1,"op":"get","key":"\ud800"}`, 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"get","key":{"base64":"YQ"}}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"get","key":{"base64":"YR=="}}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"get","key":{"base64":"-_8="}}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"get","key":{"base64":"YQ==","more":1}}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"get","key":"k","consistency":2}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"get","key":"k","consistency":"most"}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"get","key":"k","consistancy":"all"}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"get","key":"k","timeoutMs":600001}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"put","key":"k"}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"put","key":"k","value":null}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"put","key":"k","value":"v","detail":1}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"put","key":"k","value":"v","flags":1}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"put","key":"k","value":"v","tellVersion":true}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"get","key":"k","detail":"true"}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"delete","key":"k","detail":null}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"scan","detail":true}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"explain"}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"explain","key":""}', 1, 'RING_KEY_INVALID'],
  ['{"id":1,"op":"explain","key":"k","detail":true}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"scan","from":7}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"scan","limit":0}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"scan","limit":10001}', 1, 'RING_BAD_REQUEST'],
  ['{"id":1,"op":"scan","reverse":1}', 1, 'RING_BAD_REQUEST'],
];

export function textRequests(): readonly TextRequestVector[] {
  const accepted = SINGLE.map(([text, message]) => ({ text, isArray: false, outcomes: [messageForm(message)] }));
  const refused = REFUSED.map(([text, id, code]) => ({ text, isArray: false, outcomes: [{ refused: code, id }] }));
  const arrays: readonly TextRequestVector[] = [
    { text: '[]', isArray: true, outcomes: [] },
    { text: '[{"id":1,"op":"ping"},7,{"id":2,"op":"fly"},{"id":3,"op":"status"}]', isArray: true, outcomes: [messageForm([8, 1]), { refused: 'RING_BAD_REQUEST', id: null }, { refused: 'RING_UNKNOWN_OPERATION', id: 2 }, messageForm([4, 3])] },
  ];
  return [...accepted, ...arrays, ...refused];
}

/** Answered with `"id":null` and RING_BAD_FRAME; then the connection is closed with 4000. */
export const REFUSED_TEXTS: readonly string[] = ['', '{', 'ping', '7', '"ping"', 'null', 'true', '{"id":1,"op":"ping"} {"id":2,"op":"ping"}', '{id:1,op:"ping"}'];

export interface TextReplyVector {
  readonly message: MessageForm;
  /** One way to write it: the order of fields and white space mean nothing. */
  readonly text: string;
}

/** `issued` is not among them: in JSON nobody can ask for it. */
const REPLIES: readonly ClientReply[] = [
  [17, 1, VERSION, [0, 1], [2, 0], 1],
  [17, 2, VERSION, [], [], 0],
  [17, 14, VERSION, [0, 1], [2, 3], 1, [0, 0, 1, 1, 2, 9]],
  [17, 15, VERSION, [0, 1], [5, 10, 7, 0], 1, EVERY_WRITE_SAID],
  [17, 16, VERSION, [0], [], 1, []],
  [18, 3, ALICE, VERSION, [0]],
  [18, 17, ALICE, VERSION, [0, 2], [0, 0, 0, VERSION, 1, 0, 5, null, 2, 0, 1, null, 3, 1, 6, null]],
  [18, 18, null, VERSION, [0, 4], EVERY_READ_SAID],
  [18, 19, null, null, [], []],
  [18, 4, Uint8Array.of(255, 0), VERSION, [0]],
  [18, 5, utf8('\uFEFFü'), VERSION, [0]],
  [18, 6, null, VERSION, [0]],
  [18, 7, null, null, []],
  [19, 8, '{"converged":false,"reasons":["node 2 cannot be reached"]}'],
  [20, 9],
  [21, 10, [USER1, ALICE, BINARY, Uint8Array.of(255)], utf8('user3')],
  [21, 11, [USER1, null], null],
  [31, 12, 4, 'a key has 1 to 1024 bytes, this one has 0', 0, 0, null],
  [31, 13, 2, 'late', 2, 1, VERSION],
  [31, 20, 19, 'the key has a newer version', 2, 0, VERSION],
  [31, null, 7, 'a text frame is a request or an array of them', 0, 0, null],
];

export function textReplies(): readonly TextReplyVector[] {
  return REPLIES.map((reply) => ({ message: messageForm(reply), text: encodeTextReply(reply) }));
}
