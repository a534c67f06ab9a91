/**
 * Which address to try next, and when. Pure: the caller says what time it is and brings the random numbers.
 *
 * Addresses are tried in turn. A round is one failed attempt at each since one of them last worked; within a round the
 * next address is tried at once, after it comes a pause that doubles with each round, with jitter so that many clients
 * do not come back together.
 */
import { BACKOFF_MS_MAX, BACKOFF_MS_MIN } from './options.ts';

export class AddressBook {
  readonly #addresses: readonly string[];
  readonly #random: () => number;
  #next = 0;
  #failures = 0;
  #notBeforeMs = 0;

  /** `random`: numbers from 0 to before 1. */
  constructor(addresses: readonly string[], random: () => number) {
    this.#addresses = addresses;
    this.#random = random;
  }

  /** The address to try now; null while the pause lasts. */
  take(nowMs: number): string | null {
    if (nowMs < this.#notBeforeMs) return null;
    const address = this.#addresses[this.#next] ?? null;
    this.#next = (this.#next + 1) % this.#addresses.length;
    return address;
  }

  /** An attempt failed, or its connection broke before it brought anything. True when that ends a round. */
  failed(nowMs: number): boolean {
    this.#failures += 1;
    if (this.#failures % this.#addresses.length !== 0) return false;
    const rounds = this.#failures / this.#addresses.length;
    const pauseMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(rounds - 1, 16));
    this.#notBeforeMs = nowMs + pauseMs * (0.5 + this.#random() / 2);
    return true;
  }

  /** A connection has brought an answer: the next failure begins a new round. */
  worked(): void {
    this.#failures = 0;
    this.#notBeforeMs = 0;
  }

  toString(): string {
    return this.#addresses.join(', ');
  }
}
