/**
 * What waits for the store's writer, and what of it makes the next group.
 *
 * Invariants
 *  U1  Foreground writes go in the order in which they came; all that wait make one group, up to a limit of bytes.
 *  U2  Background writes (hand-off, sweep) are cut into pieces, and a group takes few of them beside others: a group is
 *      as long as its longest part, and who waits for it has not asked for those.
 *  U3  `done` is called once for each write: with one outcome for each intent, in order, when all pieces have theirs.
 */
import type { WriteIntent, WriteOutcome } from './write-group.ts';

export type Done = (outcomes: readonly WriteOutcome[]) => void;
export type WriteUrgency = 'foreground' | 'background';

export interface Waiting {
  readonly intents: readonly WriteIntent[];
  readonly bytes: number;
  readonly done: Done;
}

/** Intents of the background that a group takes beside others; also the size of a piece. */
const BACKGROUND_BESIDE = 64;
/** … and that it takes alone, when the group before had no others either. */
const BACKGROUND_ALONE = 512;

export class WriteQueue {
  readonly #groupBytesMax: number;
  #foreground: Waiting[] = [];
  readonly #background: Waiting[] = [];
  #bytes = 0;
  /** Whether the last group had foreground writes: more are likely to come while the next one is in flight. */
  #isBusy = false;

  /** `groupBytesMax`: a group takes no more after this many bytes. */
  constructor(groupBytesMax: number) {
    this.#groupBytesMax = groupBytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#foreground.length === 0 && this.#background.length === 0;
  }

  push(intents: readonly WriteIntent[], bytes: number, done: Done, urgency: WriteUrgency): void {
    this.#bytes += bytes;
    if (urgency === 'foreground' || intents.length === 0) this.#foreground.push({ intents, bytes, done });
    else this.#pushPieces(intents, done);
  }

  /** The next group, taken out; empty when nothing waits. */
  takeGroup(): readonly Waiting[] {
    const group = this.#takeForeground();
    let bytes = 0;
    for (const item of group) bytes += item.bytes;
    let room = group.length > 0 || this.#isBusy ? BACKGROUND_BESIDE : BACKGROUND_ALONE;
    this.#isBusy = group.length > 0;
    for (let piece = this.#background[0]; piece !== undefined; piece = this.#background[0]) {
      room -= piece.intents.length;
      if (room < 0 || (group.length > 0 && bytes + piece.bytes > this.#groupBytesMax)) break;
      bytes += piece.bytes;
      group.push(piece);
      this.#background.shift();
    }
    this.#bytes -= bytes;
    return group;
  }

  /** Takes everything out. */
  drain(): readonly Waiting[] {
    const all = [...this.#foreground, ...this.#background.splice(0)];
    this.#foreground = [];
    this.#bytes = 0;
    return all;
  }

  #takeForeground(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const item of this.#foreground) {
      if (count > 0 && bytes + item.bytes > this.#groupBytesMax) break;
      bytes += item.bytes;
      count++;
    }
    if (count < this.#foreground.length) return this.#foreground.splice(0, count);
    const all = this.#foreground;
    this.#foreground = [];
    return all;
  }

  #pushPieces(intents: readonly WriteIntent[], done: Done): void {
    const outcomes: WriteOutcome[] = [];
    // Pieces get their outcomes in their order.
    const pieceDone: Done = (ofPiece) => {
      outcomes.push(...ofPiece);
      if (outcomes.length === intents.length) done(outcomes);
    };
    for (let at = 0; at < intents.length; at += BACKGROUND_BESIDE) {
      const piece = intents.slice(at, at + BACKGROUND_BESIDE);
      this.#background.push({ intents: piece, bytes: bytesOfAll(piece), done: pieceDone });
    }
  }
}

/** What intents take while they wait, about. */
export function bytesOfAll(intents: readonly WriteIntent[]): number {
  let bytes = 0;
  for (const intent of intents) bytes += bytesOf(intent);
  return bytes;
}

function bytesOf(intent: WriteIntent): number {
  switch (intent.kind) {
    case 'record':
    case 'hint':
      return intent.key.length + intent.record.length + 64;
    case 'drop-hint':
      return intent.key.length + 64;
    case 'drop-damaged':
      return intent.databaseKey.length + 64;
    case 'index':
    case 'settle':
      return intent.key.length + 64;
    case 'meta':
      return intent.name.length + (intent.value?.length ?? 0);
  }
}
