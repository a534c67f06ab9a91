/**
 * Whether this node's store may speak for what was acknowledged: its silence about a key, or an older record, is
 * evidence only while nothing that it once kept can have been lost.
 *
 *   new or damaged ──exchanged with enough peers──► trusted ──damage, rollback──► untrusted
 *
 * Invariants
 *  T1  A write that was acknowledged on a majority of the replicas, this node among them, lies on at least
 *      `majority - 1` others. Whoever has been compared with `replicationFactor - majority + 1` of the others has met
 *      one of those. A partition is trusted again when so many complete exchanges with its other replicas, begun
 *      since the store was distrusted, have come to their end. A replica that was itself untrusted then may have lost
 *      the write too: it is not counted, unless all others have been met. Then there is nobody left to ask.
 *  T2  A new directory of a partition that nobody else keeps is trusted at once: there is nobody to ask. A damaged
 *      one of such a partition never is.
 *  T3  An untrusted store takes writes and answers with what it has; its replies are marked, and no strict quorum
 *      counts them.
 */
import type { NodeId, Partition } from '../data/index.ts';
import type { Placement } from './placement.ts';

/** `new`: nothing was ever kept here. */
export type DistrustReason = { readonly kind: 'new' } | { readonly kind: 'damaged'; readonly text: string };

/** For people; null: there is no reason. */
export function distrustText(reason: DistrustReason | null): string | null {
  if (reason === null) return null;
  return reason.kind === 'new' ? 'a new directory' : reason.text;
}

/** Whether the whole store of a peer was trusted by the peer itself. */
export type PeerStanding = 'trusted' | 'untrusted';

export class Trust {
  readonly #self: NodeId;
  readonly #placement: Placement;
  #reason: DistrustReason | null = null;
  #generation = 0;
  /** Peers compared with since, and how they stood when that began. */
  #exchanged = new Map<NodeId, PeerStanding>();
  /** Partitions that are not trusted; null: none. */
  #untrusted: Set<Partition> | null = null;
  #settle: () => void = () => undefined;
  /** Resolves when the store is trusted for the first time. */
  readonly settled: Promise<void>;

  constructor(self: NodeId, placement: Placement, reason: DistrustReason | null) {
    this.#self = self;
    this.#placement = placement;
    this.settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
    if (reason === null) this.#settle();
    else this.#begin(reason);
  }

  /** Why the store is untrusted; null when it is trusted as a whole. */
  get reason(): DistrustReason | null {
    return this.#reason;
  }

  /** Named by an exchange when it begins; one that began before the last `distrust` proves nothing (T1). */
  get generation(): number {
    return this.#generation;
  }

  isTrusted(partition: Partition): boolean {
    return this.#untrusted === null || !this.#untrusted.has(partition);
  }

  /** Whether this peer has not been compared with since the store became untrusted, or was untrusted itself. */
  awaits(peer: NodeId): boolean {
    return this.#reason !== null && this.#exchanged.get(peer) !== 'trusted';
  }

  distrust(text: string): void {
    this.#begin({ kind: 'damaged', text });
  }

  /** A complete exchange with `peer` came to its end. True when the whole store is trusted by that. */
  exchanged(peer: NodeId, generation: number, standing: PeerStanding): boolean {
    if (this.#untrusted === null || generation !== this.#generation || !this.awaits(peer)) return false;
    this.#exchanged.set(peer, standing);
    return this.#review();
  }

  #begin(reason: DistrustReason): void {
    this.#reason = reason;
    this.#generation++;
    this.#exchanged = new Map();
    this.#untrusted = new Set(this.#placement.sharedPartitions([this.#self]));
    this.#review();
  }

  /** T1, T2. */
  #review(): boolean {
    const untrusted = this.#untrusted;
    if (untrusted === null) return false;
    const { topology, majority } = this.#placement;
    const needed = Math.min(topology.replicationFactor - majority + 1, topology.replicationFactor - 1);
    for (const partition of untrusted) {
      const others = this.#placement.ofPartition(partition).replicas.filter((node) => node !== this.#self);
      const isAlone = others.length === 0;
      const isEnough = others.filter((node) => this.#exchanged.get(node) === 'trusted').length >= needed || others.every((node) => this.#exchanged.has(node));
      if (isAlone ? this.#reason?.kind === 'new' : isEnough) untrusted.delete(partition);
    }
    if (untrusted.size > 0) return false;
    this.#untrusted = null;
    this.#reason = null;
    this.#settle();
    return true;
  }
}
