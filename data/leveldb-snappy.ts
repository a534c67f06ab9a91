/**
 * Snappy's raw format, uncompressing only: the index blocks of LevelDB's tables may be compressed.
 * Source: google/snappy, format_description.txt. Input may be anything: the answer to nonsense is null, in bounded
 * time and memory.
 */
import { readVarint } from './leveldb-numbers.ts';

/** Three bytes give 64 at best. */
const EXPANSION_MAX = 22;

/** null when `bytes` is not one whole snappy text, or one of more than `bytesMax`. */
export function uncompressSnappy(bytes: Uint8Array, bytesMax: number): Uint8Array | null {
  const header = readVarint(bytes, 0);
  if (header === null || header.value > Math.min(bytesMax, bytes.length * EXPANSION_MAX)) return null;
  const output = new Uint8Array(header.value);
  let at = header.next;
  let written = 0;
  while (at < bytes.length) {
    const element = readElement(bytes, at);
    if (element === null || written + element.length > output.length) return null;
    if (element.offset === 0) {
      if (element.next + element.length > bytes.length) return null;
      output.set(bytes.subarray(element.next, element.next + element.length), written);
      at = element.next + element.length;
    } else {
      if (element.offset > written) return null;
      // Byte by byte: a copy may reach into what it writes.
      for (let i = written; i < written + element.length; i++) output[i] = output[i - element.offset] ?? 0;
      at = element.next;
    }
    written += element.length;
  }
  return written === output.length ? output : null;
}

interface Element {
  readonly length: number;
  /** How far back a copy begins; 0: a literal, whose bytes begin at `next`. */
  readonly offset: number;
  readonly next: number;
}

function readElement(bytes: Uint8Array, at: number): Element | null {
  const tag = bytes[at] ?? 0;
  const kind = tag & 3;
  const upper = tag >>> 2;
  if (kind === 0) {
    if (upper < 60) return { length: upper + 1, offset: 0, next: at + 1 };
    const size = upper - 59;
    const length = littleEndian(bytes, at + 1, size);
    return length === null ? null : { length: length + 1, offset: 0, next: at + 1 + size };
  }
  const size = kind === 1 ? 1 : kind === 2 ? 2 : 4;
  const low = littleEndian(bytes, at + 1, size);
  if (low === null) return null;
  const offset = kind === 1 ? (tag >>> 5) * 256 + low : low;
  const length = kind === 1 ? (upper & 7) + 4 : upper + 1;
  return offset === 0 ? null : { length, offset, next: at + 1 + size };
}

function littleEndian(bytes: Uint8Array, at: number, size: number): number | null {
  if (at + size > bytes.length) return null;
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}
