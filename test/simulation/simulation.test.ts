/** A fixed slice of the simulation for every run of the tests; `npm run sim` does thousands. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Coverage, REQUIRED } from './coverage.ts';
import { PLANTED_BUGS } from './planted-bugs.ts';
import { simulate } from './simulation.ts';

const SEEDS = 60;
const SEEDS_RUN_TWICE = 4;
/** Too rare for so few seeds; `npm run sim` demands them. */
const RARE: ReadonlySet<string> = new Set(['damagedAnswered', 'damagedHealed']);
const TIMEOUT_MS = 240_000;

describe('the simulation', () => {
  it(`breaks no promise in seeds 1 to ${SEEDS}, and nearly every fault and way of recovery happens in them`, { timeout: TIMEOUT_MS }, async () => {
    const coverage = new Coverage();
    for (let seed = 1; seed <= SEEDS; seed++) {
      const result = await simulate(seed);
      expect(result.violations, `npm run sim -- --seed ${seed}`).toStrictEqual([]);
      coverage.merge(result.coverage);
    }
    expect(coverage.missing(REQUIRED.filter((name) => !RARE.has(name)))).toStrictEqual([]);
  });

  it('gives the same digest for the same seed', { timeout: TIMEOUT_MS }, async () => {
    for (let seed = 1; seed <= SEEDS_RUN_TWICE; seed++) {
      const [first, second] = [await simulate(seed), await simulate(seed)];
      expect([second.digest, second.events, second.coverage.toJSON()]).toStrictEqual([first.digest, first.events, first.coverage.toJSON()]);
    }
    expect((await simulate(1)).digest).not.toBe((await simulate(2)).digest);
  });
});

describe('each planted bug', () => {
  it.each(PLANTED_BUGS.map((bug) => [bug.name, bug] as const))('%s: still fits the source', (_, { file, find, replace }) => {
    const text = readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url)), 'utf8');
    expect(text.split(find)).toHaveLength(2);
    expect(replace).not.toBe(find);
  });
});
