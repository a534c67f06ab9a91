/** Where a great many lines go: standard output or a file, in pieces of some size, never ahead of whoever takes them. */
import { open, type FileHandle } from 'node:fs/promises';

import { CommandError, UsageError, codeOf, messageOf } from './errors.ts';
import type { Output } from './output.ts';

export interface LineSink {
  /** A promise when the caller has to wait before the next line. */
  add(line: string): Promise<void> | null;
  /** What was added is written; in a file, on the disk. */
  flush(): Promise<void>;
  /** To be called once, whatever happened. */
  close(): Promise<void>;
}

const PIECE_CHARACTERS = 65_536;

export function outputSink(output: Output): LineSink {
  return new PieceSink(async (text) => {
    output.line(text.slice(0, -1));
    await output.room?.();
  });
}

/** `new`: the file must not be there. `append`: the lines go behind what it has. */
export async function fileSink(path: string, mode: 'new' | 'append'): Promise<LineSink> {
  let handle: FileHandle;
  try {
    handle = await open(path, mode === 'new' ? 'wx' : 'a');
  } catch (error) {
    const why = codeOf(error) === 'EEXIST' ? 'it is there already; remove it, or add to it with --append' : messageOf(error);
    throw new UsageError(`dump: ${path} can't be written: ${why}`);
  }
  return new PieceSink(
    async (text) => {
      try {
        await handle.writeFile(text);
      } catch (error) {
        throw new CommandError('RING_OUTPUT_FAILED', `${path} can't be written: ${messageOf(error)}; its last line may be cut off`, { cause: error });
      }
    },
    async () => handle.sync(),
    async () => handle.close(),
  );
}

class PieceSink implements LineSink {
  readonly #write: (text: string) => Promise<void>;
  readonly #sync: () => Promise<void>;
  readonly #close: () => Promise<void>;
  #lines: string[] = [];
  #characters = 0;

  constructor(write: (text: string) => Promise<void>, sync = async () => {}, close = async () => {}) {
    this.#write = write;
    this.#sync = sync;
    this.#close = close;
  }

  add(line: string): Promise<void> | null {
    this.#lines.push(line);
    this.#characters += line.length + 1;
    return this.#characters < PIECE_CHARACTERS ? null : this.#writeOut();
  }

  async flush(): Promise<void> {
    if (this.#lines.length > 0) await this.#writeOut();
    await this.#sync();
  }

  async close(): Promise<void> {
    await this.#close();
  }

  async #writeOut(): Promise<void> {
    const text = `${this.#lines.join('\n')}\n`;
    this.#lines = [];
    this.#characters = 0;
    await this.#write(text);
  }
}
