/** Text as UTF-8 bytes and back, without silent replacement characters: two texts never become one key. */

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const LONE_SURROGATE = /\p{Surrogate}/u;
/** A UTF-16 unit takes at most this many bytes in UTF-8. */
const UTF8_BYTES_PER_UNIT_MAX = 3;
const POOL_BYTES = 16_384;
const PIECE_BYTES_MAX = 4_096;
/** V8 keeps an array of so many bytes on its heap, where making one costs least. */
const COPIED_BYTES_MAX = 64;
/** What is left of the array that texts of middle length are cut from. */
let pool = new Uint8Array(POOL_BYTES);

/** The UTF-8 bytes of `text`; null when it holds a lone surrogate, which UTF-8 cannot say. The bytes are the caller's own. */
export function utf8Bytes(text: string): Uint8Array | null {
  return LONE_SURROGATE.test(text) ? null : encodeUtf8(text);
}

/**
 * The UTF-8 bytes of text without lone surrogates. The bytes are the caller's own, though part of a larger array where
 * that is faster. `TextEncoder.encode` takes five times as long for a key, and Node's Buffer somewhat longer (Node 20).
 */
export function encodeUtf8(text: string): Uint8Array {
  const bytesMax = text.length * UTF8_BYTES_PER_UNIT_MAX;
  if (bytesMax > PIECE_BYTES_MAX) return encoder.encode(text);
  if (bytesMax > pool.length) pool = new Uint8Array(POOL_BYTES);
  const { written } = encoder.encodeInto(text, pool);
  if (written <= COPIED_BYTES_MAX) return pool.slice(0, written);
  const bytes = pool.subarray(0, written);
  pool = pool.subarray(written);
  return bytes;
}

/** The text whose UTF-8 these bytes are, a byte order mark included; null when they are not UTF-8. */
export function utf8Text(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}

/**
 * Whether the bytes from `from` to before `to` are well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates,
 * nothing beyond U+10FFFF). Allocates nothing.
 */
export function isUtf8At(bytes: Uint8Array, from: number, to: number): boolean {
  let at = from;
  while (at < to) {
    const lead = bytes[at] ?? 0;
    if (lead < 0x80) {
      at += 1;
      continue;
    }
    const length = lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
    if (length === 0 || at + length > to) return false;
    const second = bytes[at + 1] ?? 0;
    const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (second < least || second > most) return false;
    for (let index = 2; index < length; index++) if (((bytes[at + index] ?? 0) & 0xc0) !== 0x80) return false;
    at += length;
  }
  return true;
}
