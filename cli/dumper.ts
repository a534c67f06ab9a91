/** Carries a dump out: walks over a range and writes a line for each entry, no faster than they are taken. */
import type { ScanEntry, ScanOptions } from '../client/index.ts';
import { formatEntry } from './json-lines.ts';
import type { LineSink } from './line-sink.ts';
import type { KeyRange } from './range-flags.ts';

/** What is needed of a client. */
export interface DumpSource {
  scan(options: ScanOptions): AsyncIterable<ScanEntry>;
}

export class Dumper {
  #records = 0;
  #lastKey: Uint8Array | null = null;

  /** Lines that were given to the sink. */
  get records(): number {
    return this.#records;
  }

  /** Where a dump goes on that ended after these lines: the smallest key behind the last one; null at the beginning. */
  get resumeFrom(): Uint8Array | null {
    return this.#lastKey === null ? null : Buffer.concat([this.#lastKey, Buffer.of(0)]);
  }

  get lastKey(): Uint8Array | null {
    return this.#lastKey;
  }

  /** Throws what the scan throws, the reason of the signal, and what the sink throws. */
  async run(source: DumpSource, { prefix, from, to }: KeyRange, sink: LineSink, signal: AbortSignal): Promise<void> {
    const start = from === null || (prefix !== null && Buffer.compare(from, prefix) < 0) ? prefix : from;
    for await (const entry of source.scan({ ...(start === null ? {} : { from: start }), ...(to === null ? {} : { to }), signal })) {
      signal.throwIfAborted();
      if (prefix !== null && !Buffer.from(prefix).equals(entry.key.subarray(0, prefix.length))) break;
      const wait = sink.add(formatEntry(entry));
      this.#records += 1;
      this.#lastKey = entry.key;
      if (wait !== null) await wait;
    }
    await sink.flush();
  }
}
