import { describe, expect, it } from 'vitest';
import { Liveness } from '../../coordinator/index.ts';
import { nodeId } from '../../data/index.ts';

const [SELF, ONE, TWO] = [nodeId(0), nodeId(1), nodeId(2)];
const STEP_MS = 100;

const start = (): Liveness => new Liveness(SELF, [ONE, TWO], { suspectAfterMs: 1_000, deadAfterMs: 5_000 }, 0);

/** Ticks every 100 ms from `from` to `to`; returns what changed and when. */
function pass(liveness: Liveness, from: number, to: number): string[] {
  const changes: string[] = [];
  for (let now = from + STEP_MS; now <= to; now += STEP_MS) {
    for (const { node, state } of liveness.tick(now)) changes.push(`${now}: ${node} ${state}`);
  }
  return changes;
}

describe('liveness', () => {
  it('believes in itself, and in no other before its link is up', () => {
    const liveness = start();
    expect([liveness.isAlive(SELF), liveness.isAlive(ONE), liveness.state(nodeId(9))]).toStrictEqual([true, false, 'dead']);
    expect(liveness.linkUp(ONE, 0)).toStrictEqual({ node: 1, state: 'alive' });
    expect(liveness.linkUp(ONE, 1)).toBeNull();
    expect(liveness.isAlive(ONE)).toBe(true);
  });

  it('suspects a silent node, then takes it for dead, and believes in it again when it is heard', () => {
    const liveness = start();
    liveness.linkUp(ONE, 0);
    liveness.linkUp(TWO, 0);
    expect(pass(liveness, 0, 500)).toStrictEqual([]);
    liveness.heard(TWO, 500);
    expect(pass(liveness, 500, 1_400)).toStrictEqual(['1000: 1 suspect']);
    liveness.heard(TWO, 1_400);
    expect(liveness.heard(ONE, 1_400)).toStrictEqual({ node: 1, state: 'alive' });
    expect(pass(liveness, 1_400, 6_400)).toStrictEqual(['2400: 1 suspect', '2400: 2 suspect', '6400: 1 dead', '6400: 2 dead']);
    expect(liveness.linkUp(ONE, 6_500)).toStrictEqual({ node: 1, state: 'alive' });
  });

  it('suspects a node at once when its link breaks, and hears nothing of it without one', () => {
    const liveness = start();
    liveness.linkUp(ONE, 0);
    expect(liveness.linkDown(ONE)).toStrictEqual({ node: 1, state: 'suspect' });
    expect(liveness.linkDown(ONE)).toBeNull();
    expect([liveness.heard(ONE, 10), liveness.isAlive(ONE)]).toStrictEqual([null, false]);
  });

  it('takes its own stall for nobody else’s silence', () => {
    const liveness = start();
    liveness.linkUp(ONE, 0);
    pass(liveness, 0, 600);
    expect(liveness.tick(60_600)).toStrictEqual([]);
    // Of the second that it may be silent, 600 ms had passed before the stall.
    expect(pass(liveness, 60_600, 61_500)).toStrictEqual(['61000: 1 suspect']);
  });

  it('does not believe for longer in a node that it heard between its stall and its next tick', () => {
    const liveness = start();
    liveness.linkUp(ONE, 0);
    pass(liveness, 0, 100);
    liveness.heard(ONE, 60_000);
    liveness.tick(60_000);
    expect(pass(liveness, 60_000, 61_500)).toStrictEqual(['61000: 1 suspect']);
  });

  it('knows nothing of nodes that are no members', () => {
    const liveness = start();
    const stranger = nodeId(9);
    expect([liveness.linkUp(stranger, 0), liveness.linkDown(stranger), liveness.heard(stranger, 0)]).toStrictEqual([null, null, null]);
  });
});
