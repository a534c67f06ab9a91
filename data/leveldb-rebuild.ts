/**
 * What is good in a table, as a new table. LevelDB's repair reads tables without a look at their checksums; one whose
 * keys come out of order ends the process in an assertion (LevelDB 1.20, table/table_builder.cc), at each start anew.
 * So a table with damaged blocks is given to a repair without them. Blocks are taken as they are; the filter is left
 * out, since it goes by the places of blocks: such a table is read without one until a compaction replaces it.
 */
import { open } from 'node:fs/promises';
import { crc32c, maskCrc } from './crc32c.ts';
import { errorCode } from './errors.ts';
import { BLOCK_TRAILER_BYTES, TABLE_FOOTER_BYTES, TABLE_MAGIC, TableFault, endOf, isBlockSound, readExactly, readTableLayout, type BlockHandle } from './leveldb-table.ts';

/** null when nothing in it can be used. */
export async function rebuildTable(path: string): Promise<Uint8Array | null> {
  const file = await open(path, 'r');
  try {
    const { data } = await readTableLayout(file, (await file.stat()).size);
    const table = new TableBuilder();
    let key: Uint8Array = new Uint8Array(0);
    for (const { handle, shared, own } of data) {
      key = Buffer.concat([key.subarray(0, shared), own]);
      const block = await readExactly(file, handle.offset, endOf(handle) - handle.offset);
      if (isBlockSound(block, 0, handle)) table.add(key, block);
    }
    return table.finish();
  } catch (error) {
    if (error instanceof TableFault || errorCode(error) === 'EIO') return null;
    throw error;
  } finally {
    await file.close();
  }
}

class TableBuilder {
  readonly #parts: Uint8Array[] = [];
  readonly #index: Uint8Array[] = [];
  #bytes = 0;

  /** `block`: with its trailer. */
  add(key: Uint8Array, block: Uint8Array): void {
    const handle = encodeHandle(this.#append(block));
    this.#index.push(Buffer.concat([varint(0), varint(key.length), varint(handle.length), key, handle]));
  }

  /** null when it has no blocks. */
  finish(): Uint8Array | null {
    if (this.#index.length === 0) return null;
    const metaindex = this.#append(indexBlock([]));
    const index = this.#append(indexBlock(this.#index));
    const footer = Buffer.alloc(TABLE_FOOTER_BYTES);
    footer.set(Buffer.concat([encodeHandle(metaindex), encodeHandle(index)]));
    footer.set(TABLE_MAGIC, TABLE_FOOTER_BYTES - TABLE_MAGIC.length);
    return Buffer.concat([...this.#parts, footer]);
  }

  #append(block: Uint8Array): BlockHandle {
    const handle = { offset: this.#bytes, bytes: block.length - BLOCK_TRAILER_BYTES };
    this.#parts.push(block);
    this.#bytes += block.length;
    return handle;
  }
}

/** Each entry a restart, as LevelDB has it in its indexes; one restart at 0 where there is none. With its trailer. */
function indexBlock(entries: readonly Uint8Array[]): Uint8Array {
  const restarts: number[] = entries.length === 0 ? [0] : [];
  let at = 0;
  for (const entry of entries) {
    restarts.push(at);
    at += entry.length;
  }
  const block = Buffer.alloc(at + 4 * (restarts.length + 1) + BLOCK_TRAILER_BYTES);
  block.set(Buffer.concat(entries));
  for (const restart of [...restarts, restarts.length]) at = block.writeUInt32LE(restart, at);
  // No compression: its byte is 0.
  block.writeUInt32LE(maskCrc(crc32c(block, 0, at + 1)), at + 1);
  return block;
}

function encodeHandle(handle: BlockHandle): Uint8Array {
  return Buffer.concat([varint(handle.offset), varint(handle.bytes)]);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Uint8Array.from([...bytes, rest]);
}
