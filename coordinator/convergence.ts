/**
 * `converged`: whether all replicas of all partitions have equal roots, and no hint waits that could still change them.
 * Decided from what every node said of itself.
 */
import { equalBytes, type NodeId, type Partition } from '../data/index.ts';
import type { ConvergedAnswer } from '../wire/index.ts';
import type { Placement } from './placement.ts';

export interface NodeRoots {
  /** Whether all its trees are built. */
  readonly complete: boolean;
  readonly roots: ReadonlyMap<Partition, Uint8Array>;
  /** Hints that it still has to deliver: replicas with equal roots may yet get something newer from them. */
  readonly hints: number;
  /** Whether its silence counts. */
  readonly trusted: boolean;
}

const REASONS_MAX = 10;

/** `rootsByNode`: null for a node that did not answer. */
export function decideConverged(placement: Placement, rootsByNode: ReadonlyMap<NodeId, NodeRoots | null>): ConvergedAnswer {
  const reasons: string[] = [];
  for (const { id } of placement.topology.members) {
    const roots = rootsByNode.get(id) ?? null;
    if (roots === null) reasons.push(`node ${id} cannot be reached`);
    else if (!roots.complete) reasons.push(`node ${id} is still reading its records`);
    else if (!roots.trusted) reasons.push(`node ${id} does not trust its store yet`);
    else if (roots.hints > 0) reasons.push(`node ${id} still has ${roots.hints} hints to deliver`);
  }
  let differing = 0;
  for (let number = 0; number < placement.topology.partitionCount; number++) {
    const { partition, replicas } = placement.ofHash(number);
    const roots = replicas.map((node) => rootsByNode.get(node)?.roots.get(partition));
    const [first] = roots;
    if (first !== undefined && roots.some((root) => root !== undefined && !equalBytes(root, first))) {
      differing++;
      if (differing <= REASONS_MAX) reasons.push(`partition ${partition} differs between nodes ${replicas.join(', ')}`);
    }
  }
  if (differing > REASONS_MAX) reasons.push(`${differing} partitions differ in all`);
  return { converged: reasons.length === 0, reasons };
}
