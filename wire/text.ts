/** Text as UTF-8 bytes and back, without silent replacement characters: two texts never become one key. */

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const LONE_SURROGATE = /\p{Surrogate}/u;

/** The UTF-8 bytes of `text`; null when it holds a lone surrogate, which UTF-8 cannot say. The bytes are the caller's own. */
export function utf8Bytes(text: string): Uint8Array | null {
  return LONE_SURROGATE.test(text) ? null : Buffer.from(text, 'utf8');
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
