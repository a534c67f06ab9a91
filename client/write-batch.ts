/**
 * Many writes as the caller's one: not atomic, bounded, and the last one of each key wins.
 *
 * Invariants
 *  B1  Of several operations on one key only the last is sent, as the requests of one frame are concurrent.
 *  B2  At most OPERATIONS_AT_ONCE_MAX operations and about BYTES_AT_ONCE_MAX bytes are under way at once; the rest is
 *      sent when all of these are settled, and not at all when one of them failed.
 */
import { VALUE_BYTES_MAX, type DetailedWriteAnswer, type WriteAnswer } from '../wire/index.ts';
import { RingError } from './errors.ts';
import type { RequestOptions } from './options.ts';

/** Few enough that each has its time, also where a node writes some hundred a second; more at once are hardly faster. */
export const OPERATIONS_AT_ONCE_MAX = 1_024;
const BYTES_AT_ONCE_MAX = 8 * 1_048_576;

export interface WriteOperation {
  /** As it is stored. */
  readonly key: Uint8Array;
  /** null: delete. */
  readonly value: Uint8Array | null;
  readonly options: RequestOptions;
  /** Told the answer. */
  readonly onWritten?: ((answer: DetailedWriteAnswer) => void) | undefined;
}

export interface Writer {
  put(key: Uint8Array, value: Uint8Array, options: RequestOptions): Promise<WriteAnswer>;
  delete(key: Uint8Array, options: RequestOptions): Promise<WriteAnswer>;
  putWithDetail(key: Uint8Array, value: Uint8Array, options: RequestOptions): Promise<DetailedWriteAnswer>;
  deleteWithDetail(key: Uint8Array, options: RequestOptions): Promise<DetailedWriteAnswer>;
}

/**
 * Resolves when every operation is acknowledged. Rejects with the failure of the first operation, in their order, that
 * failed, after all that were sent have settled: any of the others may have been written. Nothing is sent when a value
 * is too large (`RING_VALUE_TOO_LARGE`).
 */
export async function writeAll(writer: Writer, operations: readonly WriteOperation[]): Promise<void> {
  for (const { value } of operations) {
    if (value !== null && value.length > VALUE_BYTES_MAX) {
      throw new RingError('RING_VALUE_TOO_LARGE', `a value has at most ${VALUE_BYTES_MAX} bytes, this one has ${value.length}`);
    }
  }
  const last = lastOfEachKey(operations);
  for (let start = 0; start < last.length; ) {
    const end = endOfGroup(last, start);
    await settled(last.slice(start, end).map(async (operation) => write(writer, operation)));
    start = end;
  }
}

/** All results; rejects with the first failure in their order when all have settled. */
export async function settled<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(promises);
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}

async function write(writer: Writer, { key, value, options, onWritten }: WriteOperation): Promise<void> {
  if (onWritten === undefined) await (value === null ? writer.delete(key, options) : writer.put(key, value, options));
  else onWritten(await (value === null ? writer.deleteWithDetail(key, options) : writer.putWithDetail(key, value, options)));
}

/** B1. Whoever asked for one that is left out is told of the one that took its place. */
function lastOfEachKey(operations: readonly WriteOperation[]): readonly WriteOperation[] {
  if (operations.length < 2) return operations;
  const lastByKey = new Map<string, WriteOperation>();
  for (const operation of operations) {
    const name = String.fromCharCode(...operation.key);
    const replaced = lastByKey.get(name);
    lastByKey.delete(name);
    lastByKey.set(name, replaced?.onWritten === undefined ? operation : toldWith(replaced.onWritten, operation));
  }
  return [...lastByKey.values()];
}

function toldWith(first: (answer: DetailedWriteAnswer) => void, operation: WriteOperation): WriteOperation {
  return {
    ...operation,
    onWritten: (answer) => {
      first(answer);
      operation.onWritten?.(answer);
    },
  };
}

/** B2. */
function endOfGroup(operations: readonly WriteOperation[], start: number): number {
  let end = start;
  for (let bytes = 0; end < operations.length && end - start < OPERATIONS_AT_ONCE_MAX && bytes < BYTES_AT_ONCE_MAX; end += 1) {
    const operation = operations[end];
    bytes += (operation?.key.length ?? 0) + (operation?.value?.length ?? 0);
  }
  return end;
}
