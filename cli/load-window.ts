/**
 * Which changes of a load may be sent, and up to which line all is acknowledged. Pure: it is told what was read and what
 * was answered, and says what to send next.
 *
 * Requests are concurrent on the nodes, also those of one frame. So two lines of one key must not be in flight at once:
 * the later one waits for the acknowledgement of the earlier one, and wins.
 *
 * Invariants
 *  L1  At most `changesMax` changes and `bytesMax` bytes are taken and not acknowledged; one change alone may be larger.
 *  L2  Of one key at most one change is sent and not acknowledged; its changes are sent in the order of their lines.
 *  L3  Every line up to `acknowledgedThrough` is acknowledged, or blank.
 *  L4  At most `spreadMax` changes lie between the first that is not acknowledged and the last that was taken, so that
 *      one slow change does not make the list of those behind it grow for ever.
 */
import type { Change } from './json-lines.ts';

export interface WindowLimits {
  readonly changesMax: number;
  readonly bytesMax: number;
  readonly spreadMax: number;
}

/** A change that was taken. Who sends it hands it back to `acknowledge`. */
export interface Taken {
  readonly line: number;
  readonly change: Change;
  readonly keyText: string;
  readonly bytes: number;
  /** The next change of the same key. */
  next: Taken | null;
}

/** Kept of a change in the order of lines, without its bytes. */
interface Place {
  readonly line: number;
  isAcknowledged: boolean;
}

const HEAD_MAX = 4_096;

export class LoadWindow {
  readonly #limits: WindowLimits;
  /** Key → the last change of it that was taken and is not acknowledged. */
  readonly #lastByKey = new Map<string, Taken>();
  readonly #places = new Map<Taken, Place>();
  #order: Place[] = [];
  #head = 0;
  #bytes = 0;
  #lastLine: number;

  /** `skippedLines`: how many lines before the first are known to be acknowledged. */
  constructor(limits: WindowLimits, skippedLines = 0) {
    this.#limits = limits;
    this.#lastLine = skippedLines;
  }

  /** Changes that are taken and not acknowledged. */
  get open(): number {
    return this.#places.size;
  }

  get acknowledgedThrough(): number {
    const first = this.#order[this.#head];
    return first === undefined ? this.#lastLine : first.line - 1;
  }

  hasRoomFor(change: Change): boolean {
    const { changesMax, bytesMax, spreadMax } = this.#limits;
    if (this.open === 0) return true;
    return this.open < changesMax && this.#bytes + bytesOf(change) <= bytesMax && this.#order.length - this.#head < spreadMax;
  }

  /** A line that changes nothing. Lines are told in order. */
  passBlank(line: number): void {
    this.#lastLine = line;
  }

  /** The change is to be sent now; null: it waits for an earlier one of its key. Asked for only when there is room (L1). */
  take(line: number, change: Change): Taken | null {
    this.#lastLine = line;
    const keyText = Buffer.from(change.key.buffer, change.key.byteOffset, change.key.byteLength).toString('latin1');
    const taken: Taken = { line, change, keyText, bytes: bytesOf(change), next: null };
    const place: Place = { line, isAcknowledged: false };
    this.#order.push(place);
    this.#places.set(taken, place);
    this.#bytes += taken.bytes;
    const before = this.#lastByKey.get(keyText);
    this.#lastByKey.set(keyText, taken);
    if (before === undefined) return taken;
    before.next = taken; // L2
    return null;
  }

  /** The change that may be sent now that this one is acknowledged, or null. */
  acknowledge(taken: Taken): Taken | null {
    const place = this.#places.get(taken);
    if (place === undefined) throw new Error(`line ${taken.line} is acknowledged twice`);
    place.isAcknowledged = true;
    this.#places.delete(taken);
    this.#bytes -= taken.bytes;
    if (taken.next === null) this.#lastByKey.delete(taken.keyText);
    while (this.#order[this.#head]?.isAcknowledged === true) this.#head += 1;
    if (this.#head > HEAD_MAX && this.#head * 2 > this.#order.length) {
      this.#order = this.#order.slice(this.#head);
      this.#head = 0;
    }
    return taken.next;
  }
}

function bytesOf(change: Change): number {
  return change.key.length + (change.kind === 'put' ? change.value.length : 0);
}
