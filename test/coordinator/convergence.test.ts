import { describe, expect, it } from 'vitest';
import { decideConverged, type NodeRoots } from '../../coordinator/index.ts';
import { nodeId, partition, type NodeId } from '../../data/index.ts';
import { placementOf } from '../support/store-node.ts';

const placement = placementOf(3, 2);

/** Roots of a node that is up to date; `wrong`: so many of its partitions differ. */
function rootsOf(node: number, wrong = 0, more: Partial<NodeRoots> = {}): readonly [NodeId, NodeRoots] {
  const shared = placement.sharedPartitions([nodeId(node)]);
  const roots = new Map(shared.map((number, index) => [partition(number), Uint8Array.of(index < wrong ? 1 : 0, number)]));
  return [nodeId(node), { complete: true, roots, hints: 0, trusted: true, ...more }];
}

describe('whether the cluster has converged', () => {
  it('is so when all roots are equal, all trees are built and no hint waits', () => {
    expect(decideConverged(placement, new Map([rootsOf(0), rootsOf(1), rootsOf(2)]))).toStrictEqual({ converged: true, reasons: [] });
  });

  it.each([
    ['a node does not answer', new Map<NodeId, NodeRoots | null>([rootsOf(0), rootsOf(1), [nodeId(2), null]]), 'node 2 cannot be reached'],
    ['a node is not asked', new Map([rootsOf(0), rootsOf(1)]), 'node 2 cannot be reached'],
    ['a tree is being built', new Map([rootsOf(0), rootsOf(1, 0, { complete: false }), rootsOf(2)]), 'node 1 is still reading its records'],
    ['a store is untrusted', new Map([rootsOf(0), rootsOf(1), rootsOf(2, 0, { trusted: false })]), 'node 2 does not trust its store yet'],
    ['hints wait', new Map([rootsOf(0, 0, { hints: 4 }), rootsOf(1), rootsOf(2)]), 'node 0 still has 4 hints to deliver'],
    ['a partition differs', new Map([rootsOf(0, 1), rootsOf(1), rootsOf(2)]), 'partition 0 differs between nodes 0, 1'],
  ])('is not so when %s, and the reason says it', (_name, roots, reason) => {
    const answer = decideConverged(placement, roots);
    expect(answer.converged).toBe(false);
    expect(answer.reasons).toContain(reason);
  });

  it('names a few of many differing partitions, and their number', () => {
    const { reasons } = decideConverged(placement, new Map([rootsOf(0, 50), rootsOf(1), rootsOf(2)]));
    expect(reasons).toHaveLength(11);
    expect(reasons.at(-1)).toBe('50 partitions differ in all');
  });
});
