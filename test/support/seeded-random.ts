/** The small random source of the load generator, with what simulations draw besides numbers. */
import { SeededRandom as NumberSource } from '../../bench/load/random.ts';

export class SeededRandom extends NumberSource {
  isBelow(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }
}
