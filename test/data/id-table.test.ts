import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IdTable, type Identified } from '../../data/id-table.ts';

class Thing implements Identified<Thing> {
  readonly id: number;
  next: Thing | null = null;

  constructor(id: number) {
    this.id = id;
  }
}

describe('a table by id', () => {
  test('holds what a map would, in the order of the ids', () => {
    const id = fc.oneof(fc.nat(200), fc.nat(8).map((number) => number * 64), fc.maxSafeNat());
    fc.assert(fc.property(fc.array(fc.tuple(fc.constantFrom('add', 'delete'), id), { maxLength: 300, size: 'max' }), (steps) => {
      const table = new IdTable<Thing>();
      const model = new Map<number, Thing>();
      for (const [act, id] of steps) {
        const known = model.get(id);
        if (act === 'add' && known === undefined) {
          const added = new Thing(id);
          table.add(added);
          model.set(id, added);
        } else if (act === 'delete') {
          expect(table.delete(known ?? new Thing(id))).toBe(model.delete(id));
        }
        expect(table.get(id)).toBe(model.get(id) ?? null);
        expect(table.size).toBe(model.size);
      }
      expect(table.all()).toEqual([...model.values()].toSorted((a, b) => a.id - b.id));
    }));
  });
});
