/** Many writes as one: the last of each key, bounded, and what a failure leaves behind. */
import { describe, expect, it } from 'vitest';
import { writeAll, type WriteOperation, type Writer } from '../../client/write-batch.ts';
import type { DetailedWriteAnswer } from '../../wire/index.ts';

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
const name = (key: Uint8Array): string => Buffer.from(key).toString();
const ANSWER: DetailedWriteAnswer = { version: { timestamp: 1, writer: 1 }, durableOn: [0], hints: [], fsync: true, replicas: [] };

function operation(key: string, value: string | null = key, onWritten?: (answer: DetailedWriteAnswer) => void): WriteOperation {
  return { key: bytes(key), value: value === null ? null : bytes(value), options: {}, onWritten };
}

/** Notes what it is given, and how much was under way at once; `failing`: keys whose write fails. */
class NotingWriter implements Writer {
  readonly written: string[] = [];
  mostAtOnce = 0;
  mostBytesAtOnce = 0;
  readonly #failing: readonly string[];
  #atOnce = 0;
  #bytesAtOnce = 0;

  constructor(failing: readonly string[] = []) {
    this.#failing = failing;
  }

  async put(key: Uint8Array, value: Uint8Array): Promise<DetailedWriteAnswer> {
    return this.#write(name(key), `${name(key)}=${value.length > 100 ? value.length : name(value)}`, key.length + value.length);
  }

  async delete(key: Uint8Array): Promise<DetailedWriteAnswer> {
    return this.#write(name(key), `-${name(key)}`, key.length);
  }

  /** Noted with a star, as one that wants to know. */
  async putWithDetail(key: Uint8Array, value: Uint8Array): Promise<DetailedWriteAnswer> {
    return this.#write(name(key), `*${name(key)}=${name(value)}`, key.length + value.length);
  }

  async deleteWithDetail(key: Uint8Array): Promise<DetailedWriteAnswer> {
    return this.#write(name(key), `*-${name(key)}`, key.length);
  }

  async #write(key: string, note: string, size: number): Promise<DetailedWriteAnswer> {
    this.written.push(note);
    this.#atOnce += 1;
    this.#bytesAtOnce += size;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#atOnce);
    this.mostBytesAtOnce = Math.max(this.mostBytesAtOnce, this.#bytesAtOnce);
    await Promise.resolve();
    this.#atOnce -= 1;
    this.#bytesAtOnce -= size;
    if (this.#failing.includes(key)) throw new Error(`of ${key}`);
    return ANSWER;
  }
}

describe('a batch of writes', () => {
  it('sends only the last operation of each key', async () => {
    const writer = new NotingWriter();
    const told: string[] = [];
    await writeAll(writer, [operation('a', '1', () => told.push('a1')), operation('b', '1'), operation('a', null, () => told.push('a2')), operation('b', '2'), operation('c', '1')]);
    expect(writer.written).toStrictEqual(['*-a', 'b=2', 'c=1']);
    expect(told).toStrictEqual(['a1', 'a2']);
  });

  it('sends all that is allowed at once in one go, and the rest after it', async () => {
    const writer = new NotingWriter();
    await writeAll(writer, Array.from({ length: 3_000 }, (_, index) => operation(String(index))));
    expect(writer.written).toHaveLength(3_000);
    expect(writer.mostAtOnce).toBe(1_024);
    const large = new NotingWriter();
    await writeAll(large, Array.from({ length: 20 }, (_, index) => operation(String(index), 'x'.repeat(1_048_576))));
    expect(large.written).toHaveLength(20);
    expect(large.mostBytesAtOnce).toBeGreaterThan(7 * 1_048_576);
    expect(large.mostBytesAtOnce).toBeLessThan(9.1 * 1_048_576);
  });

  it('rejects with the first failure in their order when all have settled, and sends no more', async () => {
    const writer = new NotingWriter(['3', '5']);
    const operations = Array.from({ length: 2_000 }, (_, index) => operation(String(index)));
    await expect(writeAll(writer, operations)).rejects.toThrow('of 3');
    expect(writer.written).toHaveLength(1_024);
  });

  it('sends nothing when a value is too large', async () => {
    const writer = new NotingWriter();
    await expect(writeAll(writer, [operation('a'), operation('b', 'x'.repeat(1_048_577))])).rejects.toThrow(expect.objectContaining({ code: 'RING_VALUE_TOO_LARGE' }));
    expect(writer.written).toStrictEqual([]);
  });
});
