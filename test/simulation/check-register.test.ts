/** The checker against a store that is known to be right, and against the same store with one thing wrong. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkDumps } from './check-dumps.ts';
import { checkHistory } from './check-history.ts';
import { FIVE_NODES, FLAWS, runRegister, type Flaw, type RunOptions } from './model-register.ts';
import type { Rule, Violation } from './violation.ts';

const SHAPE = { operations: 150, keys: 4, clients: 6, flaw: null } as const;

function check(options: RunOptions): readonly Violation[] {
  const { history, dumps } = runRegister(options);
  return [...checkHistory(history, FIVE_NODES), ...checkDumps(history, dumps, FIVE_NODES)];
}

/** What must be among the rules that accuse each flaw. */
const RULES_BY_FLAW: Readonly<Record<Flaw, readonly Rule[]>> = {
  'stale reads': ['stale-read', 'read-backwards', 'resurrection'],
  'falling versions': ['write-order', 'write-after-read'],
  'forgotten deletes': ['resurrection'],
  'lost writes': ['stale-read', 'lost-write', 'resurrection'],
  'applied refusals': ['refused-appears'],
  'rewritten values': ['two-values'],
  'repeated versions': ['version-reused', 'two-values'],
  'short quorums': ['acknowledged-too-early'],
};

describe('the checker', () => {
  it('never accuses a correct single-copy register', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 12 }), (seed, keys, clients) => {
        expect(check({ ...SHAPE, seed, keys, clients })).toStrictEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it.each(FLAWS)('accuses a register with %s', (flaw) => {
    const found = new Set<Rule>();
    for (let seed = 0; seed < 10; seed++) for (const { rule } of check({ ...SHAPE, seed, flaw })) found.add(rule);
    for (const rule of RULES_BY_FLAW[flaw]) expect([...found]).toContain(rule);
  });
});
