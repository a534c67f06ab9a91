/**
 * What is known of the stored hints without reading them: how many, and how many bytes, for each target; and the
 * partitions of a target for which hints were given up for want of room, which the sweep must look at instead.
 * Kept up to date by the store's writer; counted anew by its scan after a start.
 */
import { partition, type NodeId, type Partition } from './identifiers.ts';

export interface HintCount {
  readonly hints: number;
  readonly bytes: number;
}

const NONE: HintCount = { hints: 0, bytes: 0 };

export class HintLedger {
  readonly #countByTarget = new Map<NodeId, HintCount>();
  readonly #dirtyByTarget = new Map<NodeId, Set<Partition>>();
  #bytes = 0;

  /** Bytes of all hints, for the bound `hints.maxBytes`. */
  get bytes(): number {
    return this.#bytes;
  }

  adjust(target: NodeId, hints: number, bytes: number): void {
    const before = this.#countByTarget.get(target) ?? NONE;
    const after = { hints: before.hints + hints, bytes: before.bytes + bytes };
    if (after.hints === 0) this.#countByTarget.delete(target);
    else this.#countByTarget.set(target, after);
    this.#bytes += bytes;
  }

  count(target: NodeId): HintCount {
    return this.#countByTarget.get(target) ?? NONE;
  }

  targets(): readonly NodeId[] {
    return [...this.#countByTarget.keys()];
  }

  /** Hints for all targets together. */
  countAll(): number {
    let sum = 0;
    for (const { hints } of this.#countByTarget.values()) sum += hints;
    return sum;
  }

  markDirty(target: NodeId, partitionOfKey: Partition): void {
    const partitions = this.#dirtyByTarget.get(target);
    if (partitions === undefined) this.#dirtyByTarget.set(target, new Set([partitionOfKey]));
    else partitions.add(partitionOfKey);
  }

  isDirty(target: NodeId, partitionOfKey: Partition): boolean {
    return this.#dirtyByTarget.get(target)?.has(partitionOfKey) ?? false;
  }

  clearDirty(target: NodeId, partitionOfKey: Partition): void {
    this.#dirtyByTarget.get(target)?.delete(partitionOfKey);
  }

  dirtyPartitions(target: NodeId): readonly Partition[] {
    return [...(this.#dirtyByTarget.get(target) ?? [])].toSorted((a, b) => a - b).map(partition);
  }

  /** Forgets the dirty partitions, before they are read anew. */
  clearAllDirty(): void {
    this.#dirtyByTarget.clear();
  }

  /** Forgets the counts (not the dirty partitions), before they are counted anew. */
  clearCounts(): void {
    this.#countByTarget.clear();
    this.#bytes = 0;
  }
}
