/** Messages into binary frames. */
import type { ClientReply, ClientRequest, FrameHeader, PeerReply, PeerRequest } from './messages.ts';
import { FRAME_BYTES_TARGET, MESSAGES_PER_FRAME_MAX } from './limits.ts';
import { packr } from './packr.ts';

export type AnyMessage = FrameHeader | ClientRequest | ClientReply | PeerRequest | PeerReply;

/** The largest token with its length, or a float64. */
const TOKEN_BYTES_MAX = 9;
/** A UTF-16 unit takes at most this many bytes in UTF-8. */
const UTF8_BYTES_PER_UNIT_MAX = 3;

/**
 * One frame of these messages. The bytes are the caller's own: msgpackr writes each frame behind the one before it, so
 * they may wait in a socket's queue. Strings in messages must be well-formed UTF-16 (`JSON.stringify` sees to that).
 */
export function encodeFrame(messages: readonly AnyMessage[]): Uint8Array {
  return packr.pack(messages);
}

/**
 * These messages in as few frames as FRAME_BYTES_TARGET and MESSAGES_PER_FRAME_MAX allow, in their order; `header`,
 * for peers, begins each of them. No frames for no messages. A message is never split. `bytesMax`: the sum of
 * `messageBytesMax` over the messages, where the caller knows it.
 */
export function encodeFrames(messages: readonly AnyMessage[], header: FrameHeader | null = null, bytesMax = listsBytesMax(messages)): readonly Uint8Array[] {
  if (messages.length === 0) return [];
  const fixed: readonly AnyMessage[] = header === null ? [] : [header];
  const fixedBytes = TOKEN_BYTES_MAX + listsBytesMax(fixed);
  if (fixedBytes + bytesMax <= FRAME_BYTES_TARGET && messages.length + fixed.length <= MESSAGES_PER_FRAME_MAX) {
    return [encodeFrame(header === null ? messages : [header, ...messages])];
  }
  const frames: Uint8Array[] = [];
  let batch = [...fixed];
  let batchBytes = fixedBytes;
  for (const message of messages) {
    const bytes = messageBytesMax(message);
    const isFull = batchBytes + bytes > FRAME_BYTES_TARGET || batch.length === MESSAGES_PER_FRAME_MAX;
    if (isFull && batch.length > fixed.length) {
      frames.push(encodeFrame(batch));
      batch = [...fixed];
      batchBytes = fixedBytes;
    }
    batch.push(message);
    batchBytes += bytes;
  }
  frames.push(encodeFrame(batch));
  return frames;
}

/** An upper bound of what the message takes in a frame, found without encoding it. */
export function messageBytesMax(message: AnyMessage): number {
  return listBytesMax(message);
}

function listsBytesMax(messages: readonly AnyMessage[]): number {
  let bytes = 0;
  for (const message of messages) bytes += listBytesMax(message);
  return bytes;
}

function listBytesMax(values: readonly unknown[]): number {
  let bytes = TOKEN_BYTES_MAX * (values.length + 1);
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (typeof value === 'number' || value === null) continue;
    if (value instanceof Uint8Array) bytes += value.length;
    else if (typeof value === 'string') bytes += value.length * UTF8_BYTES_PER_UNIT_MAX;
    else if (Array.isArray(value) && value.length > 0) bytes += listBytesMax(value);
  }
  return bytes;
}
