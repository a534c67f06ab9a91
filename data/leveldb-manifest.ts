/**
 * LevelDB's MANIFEST: a log of edits, from which follows which tables and logs are the database's. Read before an
 * open, because LevelDB believes a MANIFEST that lost its end and deletes what that end named; and while it runs,
 * because a table that it is still writing looks like one that was cut short.
 *
 *   edit = fields of tag (varint) and content: 1 comparator · 2 log number · 3 next file number · 4 last sequence ·
 *          5 compaction pointer (level, key) · 6 deleted file (level, number) · 7 new file (level, number, size,
 *          smallest key, largest key) · 9 previous log number
 */
import { readLog, type LogCheck } from './leveldb-log.ts';
import { readVarint } from './leveldb-numbers.ts';

export interface Manifest {
  /** Logs from this number on are replayed at an open; 0 when none is expected. */
  readonly logNumber: number;
  readonly lastSequence: number;
  /** The database's tables: their sizes in bytes by their numbers. */
  readonly bytesByTable: ReadonlyMap<number, number>;
}

const TAG = { comparator: 1, logNumber: 2, nextFile: 3, lastSequence: 4, compactPointer: 5, deletedFile: 6, newFile: 7, previousLog: 9 } as const;

/** `manifest` is null when LevelDB could not use it; a torn tail may be normal, so it is read up to there. */
export function readManifest(bytes: Uint8Array): { readonly check: LogCheck; readonly manifest: Manifest | null } {
  const state = new ManifestState();
  const { check } = readLog(bytes, (record) => state.apply(record));
  return { check, manifest: check.state === 'damaged' ? null : state.finish() };
}

class ManifestState {
  readonly #bytesByTable = new Map<number, number>();
  readonly #seen = new Set<number>();
  #logNumber = 0;
  #lastSequence = 0;
  #isBad = false;

  apply(record: Uint8Array): void {
    const fields = new Fields(record);
    while (!this.#isBad && !fields.isAtEnd) {
      const tag = fields.number();
      this.#seen.add(tag);
      this.#applyField(tag, fields);
      if (fields.isBad) this.#isBad = true;
    }
  }

  finish(): Manifest | null {
    const isWhole = [TAG.logNumber, TAG.nextFile, TAG.lastSequence].every((tag) => this.#seen.has(tag));
    if (this.#isBad || !isWhole) return null;
    return { logNumber: this.#logNumber, lastSequence: this.#lastSequence, bytesByTable: this.#bytesByTable };
  }

  #applyField(tag: number, fields: Fields): void {
    switch (tag) {
      case TAG.comparator:
        fields.skipText();
        break;
      case TAG.logNumber:
        this.#logNumber = fields.number();
        break;
      case TAG.nextFile:
      case TAG.previousLog:
        fields.number();
        break;
      case TAG.lastSequence:
        this.#lastSequence = fields.number();
        break;
      case TAG.compactPointer:
        fields.number();
        fields.skipText();
        break;
      case TAG.deletedFile:
        this.#deleteFile(fields);
        break;
      case TAG.newFile:
        this.#addFile(fields);
        break;
      default:
        this.#isBad = true;
    }
  }

  /** A file that moves to another level is deleted and added in one edit, in this order. */
  #deleteFile(fields: Fields): void {
    fields.number();
    this.#bytesByTable.delete(fields.number());
  }

  #addFile(fields: Fields): void {
    fields.number();
    const table = fields.number();
    this.#bytesByTable.set(table, fields.number());
    fields.skipText();
    fields.skipText();
  }
}

/** A cursor over an edit. After the first thing that is not there it is bad, and gives zeros. */
class Fields {
  readonly #bytes: Uint8Array;
  #at = 0;
  isBad = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  number(): number {
    const varint = readVarint(this.#bytes, this.#at);
    if (varint === null) {
      this.isBad = true;
      this.#at = this.#bytes.length;
      return 0;
    }
    this.#at = varint.next;
    return varint.value;
  }

  skipText(): void {
    const length = this.number();
    this.#at += length;
    if (this.#at > this.#bytes.length) this.isBad = true;
  }
}
