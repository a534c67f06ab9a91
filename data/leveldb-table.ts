/**
 * LevelDB's table format (.ldb), checked without LevelDB: it opens a table whose end it can read, believes what is in
 * it (ARCHITECTURE F2), and dies of one that is shorter than it was (F7).
 *
 *   file    = data blocks · filter block · metaindex block · index block · footer, without gaps
 *   block   = content · compression (1: 0 none, 1 snappy) · crc32c of both, masked (4)
 *   footer  = handle of the metaindex · handle of the index · zeros up to 40 bytes · magic number (8)
 *   handle  = offset (varint) · bytes of the content (varint)
 *   content of an index = entries: shared (varint) · own (varint) · value bytes (varint) · own key · value = handle
 *                         restart offsets (4 each) · their count (4)
 *
 * Invariants
 *  T1  Each byte of a table but the padding of its footer is under a checksum, or is fixed by where blocks must lie.
 *  T2  Any file gets a verdict: what is read is bounded by its size, since blocks follow each other without overlap.
 *  T3  A table never changes once it is written, so it may be read beside LevelDB. One that is gone is no damage:
 *      a compaction deletes what it has replaced.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { crc32c, maskCrc } from './crc32c.ts';
import { uncompressSnappy } from './leveldb-snappy.ts';
import { errorCode } from './errors.ts';
import { readFixed32, readVarint, type Varint } from './leveldb-numbers.ts';

export const TABLE_FOOTER_BYTES = 48;
export const TABLE_MAGIC = Uint8Array.of(0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb);
export const BLOCK_TRAILER_BYTES = 5;
/** Holds the index of a table of LevelDB's usual 2 MiB. */
const TAIL_BYTES = 64 * 1024;
/** Blocks are read together up to this; a larger block by itself. */
const READ_BYTES = 256 * 1024;
/** Far above any block that ring-level's values can make; beyond it is nonsense. */
const BLOCK_BYTES_MAX = 256 * 1024 * 1024;

export type TableCheck =
  | { readonly state: 'sound'; readonly bytes: number }
  | { readonly state: 'gone' }
  /** The budget said so. */
  | { readonly state: 'stopped' }
  | { readonly state: 'damaged'; readonly reason: string };

/** Awaited before each read with its size; false ends the check. */
export type ReadBudget = (bytes: number) => Promise<boolean>;

/** Checks footer, index and metaindex: what LevelDB needs to open it. `bytes`: the size that it must have, if known. */
export async function checkTableEnd(path: string, bytes: number | null): Promise<TableCheck> {
  return withTable(path, bytes, async (file, size) => {
    await readTableLayout(file, size);
    return { state: 'sound', bytes: size };
  });
}

/** Checks every block. */
export async function checkTable(path: string, bytes: number | null, budget: ReadBudget): Promise<TableCheck> {
  return withTable(path, bytes, async (file, size) => {
    if (!(await budget(Math.min(size, TAIL_BYTES)))) return { state: 'stopped' };
    const { data, meta } = await readTableLayout(file, size);
    for (const run of runsOf([...data.map(({ handle }) => handle), ...meta])) {
      if (!(await budget(run.bytes))) return { state: 'stopped' };
      const content = await readExactly(file, run.offset, run.bytes);
      const damaged = run.handles.find((handle) => !isBlockSound(content, handle.offset - run.offset, handle));
      if (damaged !== undefined) throw new TableFault(`is damaged in the block at byte ${damaged.offset}`);
    }
    return { state: 'sound', bytes: size };
  });
}

/** What is wrong with a table: never leaves the files that read tables. */
export class TableFault extends Error {}

async function withTable(path: string, bytes: number | null, check: (file: FileHandle, size: number) => Promise<TableCheck>): Promise<TableCheck> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return { state: 'gone' };
    throw error;
  }
  try {
    const { size } = await file.stat();
    if (bytes !== null && size !== bytes) throw new TableFault(`has ${size} bytes instead of ${bytes}`);
    return await check(file, size);
  } catch (error) {
    if (error instanceof TableFault) return { state: 'damaged', reason: error.message };
    if (errorCode(error) === 'EIO') return { state: 'damaged', reason: 'cannot be read (EIO)' };
    throw error;
  } finally {
    await file.close();
  }
}

export interface BlockHandle {
  readonly offset: number;
  /** Of the content. */
  readonly bytes: number;
}

export interface IndexEntry {
  readonly handle: BlockHandle;
  /** The key is so many bytes of the one before, and then these. */
  readonly shared: number;
  readonly own: Uint8Array;
}

export interface TableLayout {
  readonly data: readonly IndexEntry[];
  readonly meta: readonly BlockHandle[];
}

/** Data blocks, then those that the metaindex names, in file order: they fill the file up to the metaindex (T1). */
export async function readTableLayout(file: FileHandle, size: number): Promise<TableLayout> {
  if (size < TABLE_FOOTER_BYTES) throw new TableFault(`is cut short to ${size} bytes`);
  const tailOffset = Math.max(0, size - TAIL_BYTES);
  const tail = await readExactly(file, tailOffset, size - tailOffset);
  const { metaindex, index } = readFooter(tail.subarray(tail.length - TABLE_FOOTER_BYTES));
  if (endOf(metaindex) !== index.offset || endOf(index) !== size - TABLE_FOOTER_BYTES) throw new TableFault('has a footer that does not fit its size');
  const offset = metaindex.offset;
  if (size - offset > BLOCK_BYTES_MAX) throw new TableFault('has an index that makes no sense');
  const end = offset >= tailOffset ? tail.subarray(offset - tailOffset) : await readExactly(file, offset, size - offset);
  const data = readIndex(contentOf(end, index.offset - offset, index));
  const meta = readIndex(contentOf(end, 0, metaindex)).map(({ handle }) => handle);
  let expected = 0;
  for (const handle of [...data.map((entry) => entry.handle), ...meta]) {
    if (handle.bytes > BLOCK_BYTES_MAX) throw new TableFault(`has a block of ${handle.bytes} bytes`);
    if (handle.offset !== expected) throw new TableFault(`has an index with a gap at byte ${expected}`);
    expected = endOf(handle);
  }
  if (expected !== offset) throw new TableFault(`has an index that ends at byte ${expected}`);
  return { data, meta };
}

function readFooter(footer: Uint8Array): { readonly metaindex: BlockHandle; readonly index: BlockHandle } {
  if (!TABLE_MAGIC.every((byte, at) => footer[TABLE_FOOTER_BYTES - TABLE_MAGIC.length + at] === byte)) throw new TableFault('has no footer, or a damaged one');
  const handles = footer.subarray(0, TABLE_FOOTER_BYTES - TABLE_MAGIC.length);
  const metaindex = readHandle(handles, 0);
  const index = readHandle(handles, metaindex.next);
  return { metaindex: metaindex.handle, index: index.handle };
}

function readHandle(bytes: Uint8Array, at: number): { readonly handle: BlockHandle; readonly next: number } {
  const offset = readNumber(bytes, at);
  const size = readNumber(bytes, offset.next);
  return { handle: { offset: offset.value, bytes: size.value }, next: size.next };
}

/** An index block or metaindex block. */
function readIndex(content: Uint8Array): IndexEntry[] {
  const restarts = content.length < 4 ? -1 : readFixed32(content, content.length - 4);
  const end = content.length - 4 * (restarts + 1);
  if (restarts < 0 || end < 0) throw new TableFault('has an index that makes no sense');
  const entries: IndexEntry[] = [];
  for (let at = 0; at < end; ) {
    const shared = readNumber(content, at);
    const own = readNumber(content, shared.next);
    const valueBytes = readNumber(content, own.next);
    const value = valueBytes.next + own.value;
    at = value + valueBytes.value;
    if (at > end) throw new TableFault('has an index that makes no sense');
    entries.push({ handle: readHandle(content.subarray(value, at), 0).handle, shared: shared.value, own: content.subarray(valueBytes.next, value) });
  }
  return entries;
}

/** `at`: where the block begins in `bytes`. */
export function isBlockSound(bytes: Uint8Array, at: number, handle: BlockHandle): boolean {
  const end = at + handle.bytes + 1;
  return maskCrc(crc32c(bytes, at, end)) === readFixed32(bytes, end);
}

/** The content of a block, checked and uncompressed. */
function contentOf(bytes: Uint8Array, at: number, handle: BlockHandle): Uint8Array {
  if (!isBlockSound(bytes, at, handle)) throw new TableFault(`is damaged in the block at byte ${handle.offset}`);
  const content = bytes.subarray(at, at + handle.bytes);
  const compression = bytes[at + handle.bytes];
  const uncompressed = compression === 0 ? content : compression === 1 ? uncompressSnappy(content, BLOCK_BYTES_MAX) : null;
  if (uncompressed === null) throw new TableFault(`is damaged in the block at byte ${handle.offset}`);
  return uncompressed;
}

interface Run {
  readonly offset: number;
  readonly bytes: number;
  readonly handles: readonly BlockHandle[];
}

/** Neighbours that are read together. */
function* runsOf(handles: readonly BlockHandle[]): Generator<Run> {
  let run: BlockHandle[] = [];
  let bytes = 0;
  for (const handle of handles) {
    const size = endOf(handle) - handle.offset;
    if (run.length > 0 && bytes + size > READ_BYTES) {
      yield { offset: run[0]?.offset ?? 0, bytes, handles: run };
      run = [];
      bytes = 0;
    }
    run.push(handle);
    bytes += size;
  }
  if (run.length > 0) yield { offset: run[0]?.offset ?? 0, bytes, handles: run };
}

export function endOf(handle: BlockHandle): number {
  return handle.offset + handle.bytes + BLOCK_TRAILER_BYTES;
}

function readNumber(bytes: Uint8Array, at: number): Varint {
  const varint = readVarint(bytes, at);
  if (varint === null) throw new TableFault('has an index or a footer that makes no sense');
  return varint;
}

export async function readExactly(file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) throw new TableFault(`ends at byte ${offset + filled}`);
    filled += bytesRead;
  }
  return bytes;
}
