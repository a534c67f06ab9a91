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
 * for peers, begins each of them. No frames for no messages. A message is never split.
 */
export function encodeFrames(messages: readonly AnyMessage[], header: FrameHeader | null = null): readonly Uint8Array[] {
  const frames: Uint8Array[] = [];
  const fixed: readonly AnyMessage[] = header === null ? [] : [header];
  const fixedBytes = header === null ? TOKEN_BYTES_MAX : TOKEN_BYTES_MAX + messageBytesMax(header);
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
  if (batch.length > fixed.length) frames.push(encodeFrame(batch));
  return frames;
}

/** An upper bound of what the message takes in a frame, found without encoding it. */
export function messageBytesMax(message: AnyMessage): number {
  return listBytesMax(message);
}

function listBytesMax(values: readonly unknown[]): number {
  let bytes = TOKEN_BYTES_MAX;
  for (const value of values) {
    bytes += TOKEN_BYTES_MAX;
    if (value instanceof Uint8Array) bytes += value.length;
    else if (typeof value === 'string') bytes += value.length * UTF8_BYTES_PER_UNIT_MAX;
    else if (Array.isArray(value)) bytes += listBytesMax(value);
  }
  return bytes;
}
