/**
 * Bytes as base64 and back, for text frames. Node's Buffer does it many times faster than what a browser has, and a
 * value may have a megabyte; which of the two is found out once, when the module is loaded.
 */
export interface Base64Codec {
  encode(bytes: Uint8Array): string;
  /** null unless the text is the canonical base64 of some bytes: with padding, without blanks. */
  decode(text: string): Uint8Array | null;
}

const CHUNK_BYTES = 8_192;

export const portableBase64: Base64Codec = {
  encode(bytes) {
    let units = '';
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) units += String.fromCharCode(...bytes.subarray(at, at + CHUNK_BYTES));
    return btoa(units);
  },
  decode(text) {
    let units: string;
    try {
      units = atob(text);
    } catch {
      return null;
    }
    if (btoa(units) !== text) return null;
    const bytes = new Uint8Array(units.length);
    for (let index = 0; index < units.length; index++) bytes[index] = units.charCodeAt(index);
    return bytes;
  },
};

/** null where there is no Buffer. */
export const bufferBase64: Base64Codec | null = bufferCodec(globalThis.Buffer);

const codec = bufferBase64 ?? portableBase64;

export function base64FromBytes(bytes: Uint8Array): string {
  return codec.encode(bytes);
}

/** null unless the text is the canonical base64 of some bytes. */
export function bytesFromBase64(text: string): Uint8Array | null {
  return codec.decode(text);
}

function bufferCodec(buffer: typeof globalThis.Buffer | undefined): Base64Codec | null {
  if (buffer === undefined) return null;
  return {
    encode: (bytes) => buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64'),
    decode(text) {
      const bytes = buffer.from(text, 'base64');
      return bytes.toString('base64') === text ? bytes : null;
    },
  };
}
