/** What the steps of the scenario share. */
import type * as ringLevel from 'ring-level/browser';

export type RingLevel = typeof ringLevel;

/** From the test. */
export interface Inputs {
  readonly urls: readonly string[];
  /** Nothing listens there. */
  readonly deadUrl: string;
  /** An origin beside loopback, which serves the same files. */
  readonly strangerOrigin: string;
  /** A node that lets this origin in. */
  readonly hospitableUrl: string;
}

export type Step = (ringLevel: RingLevel, inputs: Inputs) => Promise<void>;

export function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`not so: ${what}`);
}

export function equal(actual: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: ${a?.slice(0, 300)} instead of ${b?.slice(0, 300)}`);
}

export function equalBytes(actual: Uint8Array | null, expected: Uint8Array, what: string): void {
  const same = actual !== null && actual.length === expected.length && actual.every((byte, index) => byte === expected[index]);
  if (!same) throw new Error(`${what}: other bytes`);
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What the promise rejects with. */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it did not reject');
}

export async function eventOf(target: EventTarget, name: string): Promise<Event> {
  return new Promise((resolve) => {
    target.addEventListener(name, resolve, { once: true });
  });
}

export interface Seen {
  readonly addresses: Set<string>;
  frames: number;
  bufferedBytesMost: number;
}

/** While `during` runs, what the page's WebSockets do is counted. */
export async function watched(during: (seen: Seen) => Promise<void>): Promise<void> {
  const seen: Seen = { addresses: new Set(), frames: 0, bufferedBytesMost: 0 };
  const Original = globalThis.WebSocket;
  globalThis.WebSocket = class extends Original {
    constructor(url: string | URL) {
      super(url);
      seen.addresses.add(String(url));
    }

    override send(data: string | ArrayBufferLike | Blob | ArrayBufferView<ArrayBuffer>): void {
      super.send(data as ArrayBuffer);
      seen.frames += 1;
      seen.bufferedBytesMost = Math.max(seen.bufferedBytesMost, this.bufferedAmount);
    }
  };
  try {
    await during(seen);
  } finally {
    globalThis.WebSocket = Original;
  }
}
