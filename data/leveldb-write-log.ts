/**
 * A LevelDB write-ahead log: its records are batches, and a batch begins with the sequence number of its first entry
 * (8 bytes) and its number of entries (4). Sequence numbers follow each other over all logs that are there, because
 * they are all of one run: so a log that lost records in one piece, leaving no trace in its format, is found, too.
 */
import { readLog, type LogReading } from './leveldb-log.ts';
import { readFixed32 } from './leveldb-numbers.ts';

const BATCH_HEADER_BYTES = 12;
const TWO_POW_32 = 0x1_0000_0000;

export interface WriteLogReading extends LogReading {
  readonly batches: number;
}

/** `order` is carried from log to log, in the order of their numbers. */
export function readWriteLog(bytes: Uint8Array, order: SequenceOrder): WriteLogReading {
  let batches = 0;
  let gap: number | null = null;
  const { check, unreadable } = readLog(bytes, (batch, offset) => {
    batches += 1;
    if (!order.follows(batch)) gap ??= offset;
  });
  if (check.state !== 'sound') order.forget();
  if (check.state === 'damaged' || gap === null) return { check, unreadable, batches };
  return { check: { state: 'damaged', offset: gap, reason: 'what was written before is missing' }, unreadable, batches };
}

export class SequenceOrder {
  /** Sequence numbers that the next batch may begin with. */
  #lowest = 0;
  #highest: number;

  /** `lastSequence`: the MANIFEST's, null where unknown. The first batch may lie before it, and be in a table already. */
  constructor(lastSequence: number | null) {
    this.#highest = lastSequence === null ? Number.MAX_SAFE_INTEGER : lastSequence + 1;
  }

  follows(batch: Uint8Array): boolean {
    if (batch.length < BATCH_HEADER_BYTES) return false;
    const sequence = readFixed32(batch, 0) + readFixed32(batch, 4) * TWO_POW_32;
    const follows = sequence >= this.#lowest && sequence <= this.#highest;
    this.#lowest = sequence + readFixed32(batch, 8);
    this.#highest = this.#lowest;
    return follows;
  }

  /** After damage that is known, the next batch may be any. */
  forget(): void {
    this.#lowest = 0;
    this.#highest = Number.MAX_SAFE_INTEGER;
  }
}
