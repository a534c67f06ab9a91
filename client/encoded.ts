/**
 * Keys and values as abstract-level hands them over and takes them: bytes, or text for encodings that make text.
 *
 * Text is turned into bytes here and not by abstract-level, which loses a byte order mark at the start of a value when it
 * reads it back, and turns two texts with lone surrogates into one key.
 */
import { utf8Bytes } from '../wire/index.ts';
import { RingError } from './errors.ts';

export type Encoded = string | Uint8Array;
/** abstract-level's names of the two; undefined is bytes. */
export type Format = 'utf8' | 'view' | undefined;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Throws `RingError` (`RING_KEY_INVALID`). */
export function keyToBytes(key: Encoded): Uint8Array {
  const bytes = typeof key === 'string' ? utf8Bytes(key) : key;
  if (bytes === null) throw new RingError('RING_KEY_INVALID', 'a key in text holds no lone surrogates');
  return bytes;
}

/** Throws `RingError` (`RING_BAD_REQUEST`). */
export function valueToBytes(value: Encoded): Uint8Array {
  const bytes = typeof value === 'string' ? utf8Bytes(value) : value;
  if (bytes === null) throw new RingError('RING_BAD_REQUEST', 'a value in text holds no lone surrogates');
  return bytes;
}

/** Bytes that are not UTF-8 become replacement characters in text, as they do in `level`. */
export function fromBytes(bytes: Uint8Array, format: Format): Encoded {
  return format === 'utf8' ? decoder.decode(bytes) : bytes;
}
