/** Chunks of a stream into lines, as bytes. Pure. Holds no more than one line, and no line beyond its limit. */

/** Stands for a line that is longer than the limit; the bytes of it are not kept. */
export const TOO_LONG = Symbol('too long');

const LINE_END = 0x0a;
const BYTE_ORDER_MARK = Buffer.from('\uFEFF');

export class LineSplitter {
  readonly #lineBytesMax: number;
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  #isFirst = true;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  /** The lines that end in this chunk, without their line ends; views of the chunk where they can be. */
  *push(chunk: Uint8Array): Generator<Uint8Array | typeof TOO_LONG, void, undefined> {
    let from = 0;
    for (let end = chunk.indexOf(LINE_END); end !== -1; end = chunk.indexOf(LINE_END, from)) {
      const rest = chunk.subarray(from, end);
      from = end + 1;
      yield this.#finish(rest);
    }
    this.#keep(chunk.subarray(from));
  }

  /** The last line, when it has no line end; null when there is none. */
  end(): Uint8Array | typeof TOO_LONG | null {
    return this.#pieceBytes === 0 ? null : this.#finish(new Uint8Array(0));
  }

  #keep(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#pieceBytes += piece.length;
    if (this.#pieceBytes > this.#lineBytesMax) this.#pieces = [];
    else this.#pieces.push(piece);
  }

  #finish(rest: Uint8Array): Uint8Array | typeof TOO_LONG {
    const bytes = this.#pieceBytes + rest.length;
    const line = bytes > this.#lineBytesMax ? TOO_LONG : this.#pieces.length === 0 ? rest : Buffer.concat([...this.#pieces, rest]);
    this.#pieces = [];
    this.#pieceBytes = 0;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    return isFirst && line !== TOO_LONG ? withoutMark(line) : line;
  }
}

/** Some editors put a byte order mark at the beginning of a file; it is no part of the first line. */
function withoutMark(line: Uint8Array): Uint8Array {
  return BYTE_ORDER_MARK.equals(line.subarray(0, BYTE_ORDER_MARK.length)) ? line.subarray(BYTE_ORDER_MARK.length) : line;
}
