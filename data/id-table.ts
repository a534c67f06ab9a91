/**
 * Things by their id, for ids that are given out in rising order. Not a `Map`: one whose elements come and go is
 * rehashed time and again, and V8 links each table that it gives up to the next, with the elements that it held. Once
 * such a table is in the old generation, all that came after it survives every scavenge until the next full collection;
 * for a client that was two thirds of its garbage.
 *
 * A power of two of buckets, the low bits of the id for a hash, and lists through the elements themselves: no more than
 * one element a bucket on average, and for ids in a row exactly one.
 */
export interface Identified<Self> {
  readonly id: number;
  /** The next of its bucket; the table's to change. */
  next: Self | null;
}

const BUCKETS_MIN = 64;

export class IdTable<Element extends Identified<Element>> {
  #buckets: (Element | null)[] = emptyBuckets(BUCKETS_MIN);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): Element | null {
    let element = this.#first(id);
    while (element !== null && element.id !== id) element = element.next;
    return element;
  }

  /** There must be none of this id. */
  add(element: Element): void {
    if (this.#size === this.#buckets.length) this.#grow();
    element.next = this.#first(element.id);
    this.#setFirst(element.id, element);
    this.#size += 1;
  }

  /** False when it is not there. */
  delete(element: Element): boolean {
    let at = this.#first(element.id);
    if (at === element) this.#setFirst(element.id, element.next);
    else {
      while (at !== null && at.next !== element) at = at.next;
      if (at === null) return false;
      at.next = element.next;
    }
    element.next = null;
    this.#size -= 1;
    return true;
  }

  /** All, in the order of their ids. */
  all(): Element[] {
    const all: Element[] = [];
    for (const first of this.#buckets) {
      for (let element = first; element !== null; element = element.next) all.push(element);
    }
    return all.toSorted((a, b) => a.id - b.id);
  }

  #first(id: number): Element | null {
    return this.#buckets[id & (this.#buckets.length - 1)] ?? null;
  }

  #setFirst(id: number, element: Element | null): void {
    this.#buckets[id & (this.#buckets.length - 1)] = element;
  }

  #grow(): void {
    const all = this.all();
    this.#buckets = emptyBuckets(2 * this.#buckets.length);
    for (const element of all) {
      element.next = this.#first(element.id);
      this.#setFirst(element.id, element);
    }
  }
}

function emptyBuckets<Element>(count: number): (Element | null)[] {
  return Array.from({ length: count }, () => null);
}
