/**
 * Which lane a request goes over. Pure: from the topology and the states of the lanes to a lane.
 *
 * | request                  | first                         | then                                          |
 * |--------------------------|-------------------------------|-----------------------------------------------|
 * | put, get, delete, locate, explain | a replica of the key that is ready: the primary until it is busy, the home node, others | any lane |
 * | scan                     | the same, of the key that it begins with, so that scans spread over the nodes | any lane |
 * | status, converged, ping  |                               | any lane                                      |
 * | control                  |                               | the primary: it is meant for the node that was named |
 *
 * "Any lane" is the primary if it is ready, else another that is ready, else the primary or another that is suspect.
 *
 * Invariants
 *  T1  A request never waits for a lane: one that is not open is told to open, and the next in order is looked at.
 *  T2  The node that told the topology is reached over the primary; no second lane leads to it.
 *  T3  Any node carries out any request, so a topology that is out of date costs a hop and no more.
 */
import { hashKey, partitionOfHash } from '../data/portable.ts';
import type { TopologyAnswer } from '../wire/index.ts';

export interface RoutedLane {
  /** Requests that it has taken and that have no answer yet. */
  readonly inFlight: number;
  /** `ready`: takes requests. `suspect`: would take them, but nothing was heard from it for a while. */
  readonly readiness: 'ready' | 'suspect' | 'none';
  /** Begins to connect, unless it does or is, or its pause after a failure lasts. */
  open(nowMs: number): void;
}

export interface RoutedRequest {
  /** Empty for one that is about no key. */
  readonly key: Uint8Array;
  readonly kind: 'write' | 'repeatable';
}

export type Member = TopologyAnswer['members'][number];

export class Router<Lane extends RoutedLane> {
  readonly #primary: Lane;
  readonly #makeLane: (member: Member) => Lane;
  readonly #busyInFlight: number;
  #topology: TopologyAnswer | null = null;
  /** Member → the lane to it; no lane before the first request for it. */
  #lanes = new Map<number, { readonly member: Member; lane: Lane | null }>();

  /** `busyInFlight`: from so many requests in flight on the primary on, replicas are taken as they come. */
  constructor(primary: Lane, makeLane: (member: Member) => Lane, busyInFlight = 0) {
    this.#primary = primary;
    this.#makeLane = makeLane;
    this.#busyInFlight = busyInFlight;
  }

  get topology(): TopologyAnswer | null {
    return this.#topology;
  }

  /** Routes by this topology from now on. The lanes that lead nowhere any more are handed out. */
  adopt(topology: TopologyAnswer): readonly Lane[] {
    const before = this.#lanes;
    const retired = new Set<Lane>();
    for (const { lane } of before.values()) if (lane !== null && lane !== this.#primary) retired.add(lane);
    this.#topology = topology;
    this.#lanes = new Map();
    for (const member of topology.members) {
      const known = before.get(member.id);
      const isKept = known !== undefined && known.member.address === member.address && known.lane !== this.#primary;
      const lane = member.id === topology.node ? this.#primary : isKept ? known.lane : null;
      if (lane !== null) retired.delete(lane);
      this.#lanes.set(member.id, { member, lane });
    }
    return [...retired];
  }

  /** The lane that takes this request now; null when none does. */
  laneFor(request: RoutedRequest, nowMs: number): Lane | null {
    if (request.key.length > 0) return this.#replicaLane(request.key, nowMs) ?? this.anyLane();
    if (request.kind === 'repeatable') return this.anyLane();
    return this.#primary.readiness === 'none' ? null : this.#primary;
  }

  /** The lane that takes a request that is for no node in particular; null when none does. */
  anyLane(): Lane | null {
    if (this.#primary.readiness === 'ready') return this.#primary;
    let suspect = this.#primary.readiness === 'suspect' ? this.#primary : null;
    for (const { lane } of this.#lanes.values()) {
      if (lane?.readiness === 'ready') return lane;
      if (lane?.readiness === 'suspect') suspect ??= lane;
    }
    return suspect;
  }

  #replicaLane(key: Uint8Array, nowMs: number): Lane | null {
    const topology = this.#topology;
    if (topology === null) return null;
    const replicas = topology.replicas[partitionOfHash(hashKey(key, topology.hashSeed), topology.partitionCount)] ?? [];
    const isIdle = this.#primary.readiness === 'ready' && this.#primary.inFlight < this.#busyInFlight;
    if (isIdle && replicas.includes(topology.node)) return this.#primary;
    for (const id of replicas) {
      const way = this.#lanes.get(id);
      if (way === undefined) continue;
      way.lane ??= this.#makeLane(way.member);
      if (way.lane.readiness === 'ready') return way.lane;
      // The primary is connected by whoever owns it, as its address is not this member's alone.
      if (way.lane !== this.#primary) way.lane.open(nowMs);
    }
    return null;
  }
}
