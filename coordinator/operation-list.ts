/**
 * The operations in flight, in the order in which they began. A list through the operations themselves and not a `Set`,
 * for the reason that data/id-table.ts gives.
 */
export interface Listed<Self> {
  /** The list's to change. */
  before: Self | null;
  after: Self | null;
}

export class OperationList<Element extends Listed<Element>> {
  #first: Element | null = null;
  #last: Element | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** It must not be in the list. */
  add(element: Element): void {
    element.before = this.#last;
    element.after = null;
    if (this.#last === null) this.#first = element;
    else this.#last.after = element;
    this.#last = element;
    this.#size++;
  }

  /** It must be in the list. */
  remove(element: Element): void {
    if (element.before === null) this.#first = element.after;
    else element.before.after = element.after;
    if (element.after === null) this.#last = element.before;
    else element.after.before = element.before;
    element.before = null;
    element.after = null;
    this.#size--;
  }

  /** The one that is visited may be removed meanwhile; others may be added, and are visited too. */
  forEach(visit: (element: Element) => void): void {
    for (let element = this.#first; element !== null; ) {
      const { after } = element;
      visit(element);
      element = after;
    }
  }
}
