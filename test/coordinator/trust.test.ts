import { describe, expect, it } from 'vitest';
import { Trust, type DistrustReason } from '../../coordinator/index.ts';
import { nodeId } from '../../data/index.ts';
import { placementOf, settle } from '../support/store-node.ts';

const SELF = nodeId(0);
const NEW: DistrustReason = { kind: 'new' };
const DAMAGED: DistrustReason = { kind: 'damaged', text: 'a table is missing' };

/** How many of the other replicas of one partition must be compared with before it is trusted; null: it never is. */
function exchangesNeeded(nodes: number, replicationFactor: number, reason: DistrustReason): number | null {
  const placement = placementOf(nodes, replicationFactor);
  const trust = new Trust(SELF, placement, reason);
  const [shared] = placement.sharedPartitions([SELF]);
  if (shared === undefined) throw new Error('node 0 keeps nothing');
  const others = placement.ofPartition(shared).replicas.filter((node) => node !== SELF);
  for (const [count, other] of others.entries()) {
    if (trust.isTrusted(shared)) return count;
    trust.exchanged(other, trust.generation, 'trusted');
  }
  return trust.isTrusted(shared) ? others.length : null;
}

describe('an untrusted store', () => {
  // A write that a majority acknowledged, this store among them, must be met on one of those compared with.
  it.each([
    [1, 0],
    [2, 1],
    [3, 2],
    [4, 2],
    [5, 3],
  ])('of replication factor %i is trusted again after %i exchanges', (replicationFactor, needed) => {
    expect(exchangesNeeded(5, replicationFactor, NEW)).toBe(needed);
    if (replicationFactor > 1) expect(exchangesNeeded(5, replicationFactor, DAMAGED)).toBe(needed);
    const majority = Math.floor(replicationFactor / 2) + 1;
    // The others that need not have an acknowledged write are fewer than those compared with, or there are no more.
    const without = replicationFactor - 1 - (majority - 1);
    if (majority > 1) expect(needed).toBeGreaterThan(Math.min(without, replicationFactor - 2));
  });

  it('that nobody else could heal is trusted at once when it is new, and never when it is damaged', () => {
    const placement = placementOf(3, 1);
    const fresh = new Trust(SELF, placement, NEW);
    expect([fresh.reason, placement.sharedPartitions([SELF]).every((number) => fresh.isTrusted(number))]).toStrictEqual([null, true]);
    const damaged = new Trust(SELF, placement, DAMAGED);
    for (const peer of [1, 2]) expect(damaged.exchanged(nodeId(peer), damaged.generation, 'trusted')).toBe(false);
    expect(damaged.reason).toStrictEqual(DAMAGED);
  });

  it('is trusted partition by partition, and as a whole when all are', () => {
    const placement = placementOf(3, 2);
    const trust = new Trust(SELF, placement, NEW);
    const [withOne, withTwo] = [1, 2].map((peer) => placement.sharedPartitions([SELF, nodeId(peer)]));
    if (withOne === undefined || withTwo === undefined) throw new Error('no shared partitions');
    expect(withOne.some((number) => trust.isTrusted(number))).toBe(false);
    expect(trust.exchanged(nodeId(1), trust.generation, 'trusted')).toBe(false);
    expect(withOne.every((number) => trust.isTrusted(number))).toBe(true);
    expect(withTwo.some((number) => trust.isTrusted(number))).toBe(false);
    expect([trust.awaits(nodeId(1)), trust.awaits(nodeId(2)), trust.reason]).toStrictEqual([false, true, NEW]);
    expect(trust.exchanged(nodeId(2), trust.generation, 'trusted')).toBe(true);
    expect([trust.awaits(nodeId(2)), trust.reason]).toStrictEqual([false, null]);
    expect(withTwo.every((number) => trust.isTrusted(number))).toBe(true);
  });

  it('does not count a peer that is untrusted itself, unless all have been met', () => {
    const trust = new Trust(SELF, placementOf(5, 5), NEW);
    for (const peer of [1, 2, 3]) expect(trust.exchanged(nodeId(peer), trust.generation, peer === 1 ? 'untrusted' : 'trusted')).toBe(false);
    expect([trust.awaits(nodeId(1)), trust.awaits(nodeId(2)), trust.awaits(nodeId(4))]).toStrictEqual([true, false, true]);
    expect(trust.exchanged(nodeId(1), trust.generation, 'trusted')).toBe(true);
    const lone = new Trust(SELF, placementOf(5, 5), NEW);
    for (const peer of [1, 2, 3]) expect(lone.exchanged(nodeId(peer), lone.generation, 'untrusted')).toBe(false);
    expect(lone.exchanged(nodeId(4), lone.generation, 'untrusted')).toBe(true);
  });

  it('counts a peer once, and no exchange that began before it was distrusted anew', () => {
    const trust = new Trust(SELF, placementOf(3, 3), NEW);
    const before = trust.generation;
    expect(trust.exchanged(nodeId(1), before, 'trusted')).toBe(false);
    expect(trust.exchanged(nodeId(1), before, 'trusted')).toBe(false);
    trust.distrust('an old copy was put back');
    expect(trust.generation).not.toBe(before);
    for (const peer of [1, 2]) expect(trust.exchanged(nodeId(peer), before, 'trusted')).toBe(false);
    expect([trust.awaits(nodeId(1)), trust.awaits(nodeId(2))]).toStrictEqual([true, true]);
    expect(trust.exchanged(nodeId(1), trust.generation, 'trusted')).toBe(false);
    expect(trust.exchanged(nodeId(2), trust.generation, 'trusted')).toBe(true);
    expect(trust.exchanged(nodeId(2), trust.generation, 'trusted')).toBe(false);
  });

  it('that was trusted is distrusted with its reason, and awaits every peer', () => {
    const placement = placementOf(3, 3);
    const trust = new Trust(SELF, placement, null);
    expect([trust.reason, trust.awaits(nodeId(1)), trust.exchanged(nodeId(1), trust.generation, 'trusted')]).toStrictEqual([null, false, false]);
    trust.distrust('a file is damaged');
    expect(trust.reason).toStrictEqual({ kind: 'damaged', text: 'a file is damaged' });
    expect(placement.sharedPartitions([SELF]).some((number) => trust.isTrusted(number))).toBe(false);
    expect([trust.awaits(nodeId(1)), trust.awaits(nodeId(2))]).toStrictEqual([true, true]);
  });

  it('settles when it is trusted for the first time, at once when it is from the start', async () => {
    let settledEarly = false;
    const placement = placementOf(3, 3);
    await new Trust(SELF, placement, null).settled;
    await new Trust(SELF, placementOf(3, 1), NEW).settled;
    const trust = new Trust(SELF, placement, NEW);
    trust.settled.then(
      () => (settledEarly = true),
      () => undefined,
    );
    trust.exchanged(nodeId(1), trust.generation, 'trusted');
    await settle();
    expect(settledEarly).toBe(false);
    trust.exchanged(nodeId(2), trust.generation, 'trusted');
    await trust.settled;
  });
});
