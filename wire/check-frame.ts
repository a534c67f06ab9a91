/**
 * A look at the raw bytes of a binary frame before anything decodes them.
 *
 * msgpackr compiles record definitions through `new Function`, builds RegExp, Error and Set objects from extensions and
 * overflows the stack on deep nesting, whoever sent the bytes. So nothing reaches it that has not passed here.
 *
 * Invariants of a frame that passed
 *  C1  It is one array, at the top, of at most MESSAGES_PER_FRAME_MAX elements, and nothing follows it.
 *  C2  It holds nil, booleans, integers, floats, str, bin and arrays only: no map, no extension, no 0xc1.
 *  C3  Arrays nest at most NESTING_MAX deep and hold at most VALUES_PER_FRAME_MAX values in all, so that decoding costs
 *      a bounded multiple of the frame's bytes.
 *  C4  Every declared length lies within the frame.
 *  C5  Every str is valid UTF-8 and does not begin with a byte order mark, which some decoders drop (a key would
 *      become another key); such text is sent as bin.
 *
 * One pass, linear, without allocation; recursion is bounded by C3.
 */
import { FrameError } from './errors.ts';
import { MESSAGES_PER_FRAME_MAX, NESTING_MAX, VALUES_PER_FRAME_MAX } from './limits.ts';
import { isUtf8At } from './text.ts';

/** Throws `FrameError` unless C1 to C5 hold. */
export function checkFrame(bytes: Uint8Array): void {
  const first = bytes[0] ?? 0xc1;
  const header = first >= 0x90 && first <= 0x9f ? 1 : first === 0xdc ? 3 : first === 0xdd ? 5 : 0;
  if (header === 0) throw new FrameError('a binary frame is a msgpack array of messages');
  if (bytes.length < header) throw truncated();
  const count = header === 1 ? first & 0x0f : lengthAt(bytes, 1, header - 1);
  if (count > MESSAGES_PER_FRAME_MAX) throw new FrameError(`a frame has at most ${MESSAGES_PER_FRAME_MAX} messages, this one declares ${count}`);
  valuesLeft = VALUES_PER_FRAME_MAX;
  const end = checkArray(bytes, header, count, 1);
  if (end !== bytes.length) throw new FrameError(`${bytes.length - end} bytes follow the array of messages`);
}

/** What is left of VALUES_PER_FRAME_MAX in the frame being checked; set anew for each. */
let valuesLeft = 0;

/** Where the `count` elements that begin at `start` end. */
function checkArray(bytes: Uint8Array, start: number, count: number, depth: number): number {
  if (depth > NESTING_MAX) throw new FrameError(`arrays nest deeper than ${NESTING_MAX}`);
  if (count > bytes.length - start) throw truncated();
  valuesLeft -= count;
  if (valuesLeft < 0) throw new FrameError(`a frame has at most ${VALUES_PER_FRAME_MAX} values`);
  let at = start;
  for (let index = 0; index < count; index++) {
    const token = bytes[at];
    if (token === undefined) throw truncated();
    if (token < 0x80 || token >= 0xe0) at += 1;
    else if (token >= 0xa0 && token < 0xc0) at = checkText(bytes, at + 1, token & 0x1f);
    else if (token >= 0x90 && token < 0xa0) at = checkArray(bytes, at + 1, token & 0x0f, depth + 1);
    else at = checkLong(bytes, at + 1, token, depth);
  }
  if (at > bytes.length) throw truncated();
  return at;
}

/** A value whose length stands in bytes of its own, or is given by its token; `at` is the byte after the token. */
function checkLong(bytes: Uint8Array, at: number, token: number, depth: number): number {
  switch (token) {
    case 0xc0: // nil
    case 0xc2: // false
    case 0xc3: // true
      return at;
    case 0xcc: // uint 8
    case 0xd0: // int 8
      return at + 1;
    case 0xcd: // uint 16
    case 0xd1: // int 16
      return at + 2;
    case 0xca: // float 32
    case 0xce: // uint 32
    case 0xd2: // int 32
      return at + 4;
    case 0xcb: // float 64
    case 0xcf: // uint 64
    case 0xd3: // int 64
      return at + 8;
    case 0xc4: // bin 8
      return end(bytes, at + 1, lengthAt(bytes, at, 1));
    case 0xc5: // bin 16
      return end(bytes, at + 2, lengthAt(bytes, at, 2));
    case 0xc6: // bin 32
      return end(bytes, at + 4, lengthAt(bytes, at, 4));
    case 0xd9: // str 8
      return checkText(bytes, at + 1, lengthAt(bytes, at, 1));
    case 0xda: // str 16
      return checkText(bytes, at + 2, lengthAt(bytes, at, 2));
    case 0xdb: // str 32
      return checkText(bytes, at + 4, lengthAt(bytes, at, 4));
    case 0xdc: // array 16
      return checkArray(bytes, at + 2, lengthAt(bytes, at, 2), depth + 1);
    case 0xdd: // array 32
      return checkArray(bytes, at + 4, lengthAt(bytes, at, 4), depth + 1);
    default:
      throw new FrameError(`a frame holds no maps and no extensions (byte 0x${token.toString(16)})`);
  }
}

function checkText(bytes: Uint8Array, at: number, length: number): number {
  const to = end(bytes, at, length);
  if (!isUtf8At(bytes, at, to)) throw new FrameError('a str is not UTF-8; bytes are sent as bin');
  if (length >= 3 && bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf) {
    throw new FrameError('a str begins with a byte order mark; such text is sent as bin');
  }
  return to;
}

function end(bytes: Uint8Array, at: number, length: number): number {
  if (length > bytes.length - at) throw truncated();
  return at + length;
}

/** A big-endian length of 1, 2 or 4 bytes. */
function lengthAt(bytes: Uint8Array, at: number, size: number): number {
  if (at + size > bytes.length) throw truncated();
  let length = 0;
  for (let index = 0; index < size; index++) length = length * 256 + (bytes[at + index] ?? 0);
  return length;
}

function truncated(): FrameError {
  return new FrameError('the frame ends before its declared lengths do');
}
