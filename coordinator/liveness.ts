/**
 * Liveness: what this node believes of the others. A hint to routing, never a matter of correctness.
 *
 *   alive     the link is up and something was heard within `suspectAfterMs`
 *   suspect   the link broke, or silence for longer than that; asked no more, its writes get hints
 *   dead      suspect for `deadAfterMs`; its link is made anew
 *
 * Time is what the caller says it is. A gap between two ticks (this process was stopped) is nobody else's silence.
 */
import type { NodeId } from '../data/index.ts';

export type LivenessState = 'alive' | 'suspect' | 'dead';

export interface LivenessOptions {
  readonly suspectAfterMs: number;
  readonly deadAfterMs: number;
}

interface PeerRecord {
  state: LivenessState;
  linked: boolean;
  heardAt: number;
}

export interface LivenessChange {
  readonly node: NodeId;
  readonly state: LivenessState;
}

export class Liveness {
  readonly #self: NodeId;
  readonly #options: LivenessOptions;
  readonly #peers = new Map<NodeId, PeerRecord>();
  #tickedAt: number;

  constructor(self: NodeId, peers: readonly NodeId[], options: LivenessOptions, nowMs: number) {
    this.#self = self;
    this.#options = options;
    this.#tickedAt = nowMs;
    for (const node of peers) this.#peers.set(node, { state: 'suspect', linked: false, heardAt: nowMs });
  }

  isAlive(node: NodeId): boolean {
    return node === this.#self || this.#peers.get(node)?.state === 'alive';
  }

  state(node: NodeId): LivenessState {
    return node === this.#self ? 'alive' : (this.#peers.get(node)?.state ?? 'dead');
  }

  /** The link is ready for requests. */
  linkUp(node: NodeId, nowMs: number): LivenessChange | null {
    const peer = this.#peers.get(node);
    if (peer === undefined) return null;
    peer.linked = true;
    peer.heardAt = nowMs;
    return this.#set(node, peer, 'alive');
  }

  linkDown(node: NodeId): LivenessChange | null {
    const peer = this.#peers.get(node);
    if (peer === undefined) return null;
    peer.linked = false;
    return peer.state === 'alive' ? this.#set(node, peer, 'suspect') : null;
  }

  /** A frame came in over the link. */
  heard(node: NodeId, nowMs: number): LivenessChange | null {
    const peer = this.#peers.get(node);
    if (peer === undefined) return null;
    peer.heardAt = nowMs;
    return peer.linked && peer.state !== 'alive' ? this.#set(node, peer, 'alive') : null;
  }

  /** What changed by the passing of time. */
  tick(nowMs: number): readonly LivenessChange[] {
    const gap = nowMs - this.#tickedAt;
    this.#tickedAt = nowMs;
    const changes: LivenessChange[] = [];
    for (const [node, peer] of this.#peers) {
      // A peer that was heard since the gap is not believed to have been heard in the future.
      if (gap > this.#options.suspectAfterMs / 2) peer.heardAt = Math.min(nowMs, peer.heardAt + gap);
      const silence = nowMs - peer.heardAt;
      let change: LivenessChange | null = null;
      if (peer.state === 'alive' && silence >= this.#options.suspectAfterMs) change = this.#set(node, peer, 'suspect');
      else if (peer.state === 'suspect' && silence >= this.#options.deadAfterMs) change = this.#set(node, peer, 'dead');
      if (change !== null) changes.push(change);
    }
    return changes;
  }

  #set(node: NodeId, peer: PeerRecord, state: LivenessState): LivenessChange | null {
    if (peer.state === state) return null;
    peer.state = state;
    return { node, state };
  }
}
