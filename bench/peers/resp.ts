/**
 * The part of RESP 2 that the benchmark speaks: GET, SET, WAIT, INFO and their replies.
 * https://redis.io/docs/latest/develop/reference/protocol-spec/
 */

/** A bulk string is a part of what came in, not a copy of it. */
export type Reply = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'error'; readonly text: string } | { readonly kind: 'bulk'; readonly bytes: Buffer | null };

export const INFO_REPLICATION = '*2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n';

/** More than what stands around the key and the value of one command. */
const FRAMING_BYTES_MAX = 64;
const LINE_END = '\r\n';
const CARRIAGE_RETURN = 13;
const TYPE = { simple: 43, error: 45, integer: 58, bulk: 36 } as const;

export interface Write {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export function encodeReads(keys: readonly Uint8Array[]): Buffer {
  const out = Buffer.allocUnsafe(keys.reduce((sum, key) => sum + FRAMING_BYTES_MAX + key.length, 0));
  let at = 0;
  for (const key of keys) {
    at += out.write(`*2\r\n$3\r\nGET\r\n$${key.length}\r\n`, at, 'latin1');
    at = appended(out, at, key);
  }
  return out.subarray(0, at);
}

/** The SETs, then one WAIT for all of them. */
export function encodeWrites(writes: readonly Write[], waitReplicas: number, waitMs: number): Buffer {
  const out = Buffer.allocUnsafe(writes.reduce((sum, { key, value }) => sum + FRAMING_BYTES_MAX + key.length + value.length, FRAMING_BYTES_MAX));
  let at = 0;
  for (const { key, value } of writes) {
    at += out.write(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n`, at, 'latin1');
    at = appended(out, at, key);
    at += out.write(`$${value.length}\r\n`, at, 'latin1');
    at = appended(out, at, value);
  }
  const [replicas, timeout] = [String(waitReplicas), String(waitMs)];
  at += out.write(`*3\r\n$4\r\nWAIT\r\n$${replicas.length}\r\n${replicas}\r\n$${timeout.length}\r\n${timeout}\r\n`, at, 'latin1');
  return out.subarray(0, at);
}

/** Where the next byte goes. */
function appended(out: Buffer, at: number, bytes: Uint8Array): number {
  out.set(bytes, at);
  return at + bytes.length + out.write(LINE_END, at + bytes.length, 'latin1');
}

/** Cuts replies out of what comes in, in whatever pieces. */
export class ReplyReader {
  readonly #onReply: (reply: Reply) => void;
  #rest: Buffer = Buffer.alloc(0);

  constructor(onReply: (reply: Reply) => void) {
    this.#onReply = onReply;
  }

  /** Throws when what comes in is no reply of the kinds above. */
  add(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (;;) {
      const lineEnd = bytes.indexOf(CARRIAGE_RETURN, at);
      if (lineEnd < 0 || lineEnd + 2 > bytes.length) break;
      const type = bytes[at];
      let next = lineEnd + 2;
      if (type === TYPE.bulk) {
        const length = Number(bytes.toString('latin1', at + 1, lineEnd));
        if (length >= 0) next += length + 2;
        if (next > bytes.length) break;
        this.#onReply({ kind: 'bulk', bytes: length < 0 ? null : bytes.subarray(lineEnd + 2, next - 2) });
      } else {
        this.#onReply(lineReply(type, bytes.toString('latin1', at + 1, lineEnd)));
      }
      at = next;
    }
    this.#rest = bytes.subarray(at);
  }
}

function lineReply(type: number | undefined, text: string): Reply {
  if (type === TYPE.error) return { kind: 'error', text };
  if (type === TYPE.simple || type === TYPE.integer) return { kind: 'text', text };
  throw new Error(`not a reply that is known here: ${String.fromCodePoint(type ?? 0)}${text}`);
}
