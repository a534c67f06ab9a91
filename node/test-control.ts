/**
 * Test controls: a partition, a crooked clock. Off unless the daemon was started with them; there is no way to turn
 * them on from outside.
 *
 *   {"partition": [[0, 1], [2]]}   nodes of different groups no longer hear each other; those of no group hear all
 *   {"heal": true}                 undoes it
 *   {"skewMs": -3600000}           the wall clock is off by so much
 */
import type { NodeTime } from './time.ts';

export class TestControl {
  readonly #self: number;
  readonly #mode: 'on' | 'off';
  readonly #time: NodeTime;
  #cut: ReadonlySet<number> = new Set();

  constructor(self: number, mode: 'on' | 'off', time: NodeTime) {
    this.#self = self;
    this.#mode = mode;
    this.#time = time;
  }

  isCut(node: number): boolean {
    return this.#cut.size > 0 && this.#cut.has(node);
  }

  /** `text`: one of the commands above, as JSON. Throws `RING_NOT_ALLOWED`, or an Error that says what is allowed. */
  apply(text: string): { readonly applied: true } {
    if (this.#mode === 'off') throw new NotAllowed('test controls are off on this node; they are on only when it was started with --test-control');
    const command: unknown = JSON.parse(text);
    if (typeof command !== 'object' || command === null) throw new TypeError('a control is an object');
    const { partition, heal, skewMs } = command as Record<'partition' | 'heal' | 'skewMs', unknown>;
    if (isGroups(partition)) this.partition(partition);
    else if (heal === true) this.heal();
    else if (typeof skewMs === 'number' && Number.isSafeInteger(skewMs)) this.#time.skew(skewMs);
    else throw new TypeError('a control is {"partition": [[0,1],[2]]}, {"heal": true} or {"skewMs": 1000}');
    return { applied: true };
  }

  partition(groups: readonly (readonly number[])[]): void {
    const own = groups.find((group) => group.includes(this.#self));
    this.#cut = new Set(own === undefined ? [] : groups.filter((group) => group !== own).flat());
  }

  heal(): void {
    this.#cut = new Set();
  }
}

class NotAllowed extends Error {
  readonly code = 'RING_NOT_ALLOWED';
}

function isGroups(value: unknown): value is readonly (readonly number[])[] {
  return Array.isArray(value) && value.every((group: unknown) => Array.isArray(group) && group.every((node) => Number.isInteger(node)));
}

