/** Why a key has its value: asks every node what it has of it, and has coordinator/explain.ts decide what that means. */
import { explain, inspectionOf, parseInspection, type Liveness, type Placement, type Trust } from '../coordinator/index.ts';
import type { NodeId, Store } from '../data/index.ts';
import { TYPE, type ExplainAnswer, type KeyInspection } from '../wire/index.ts';
import { NodeError } from './errors.ts';
import type { PeerCalls } from './peer-calls.ts';
import type { Time } from './ports.ts';

export interface ExplainerPorts {
  readonly self: NodeId;
  readonly placement: Placement;
  readonly store: Store;
  readonly trust: Trust;
  readonly liveness: Liveness;
  readonly calls: PeerCalls;
  readonly time: Pick<Time, 'wallMs'>;
}

const GATHER_TIMEOUT_MS = 2_000;
/** Each asks all nodes, and each of those looks into its database. */
const EXPLAINS_IN_FLIGHT_MAX = 64;

export class Explainer {
  readonly #ports: ExplainerPorts;
  readonly #sweepIntervalMs: number;
  #inFlight = 0;

  /** `sweepIntervalMs`: this node's, for what is said of the next sweep. */
  constructor(ports: ExplainerPorts, sweepIntervalMs: number) {
    this.#ports = ports;
    this.#sweepIntervalMs = sweepIntervalMs;
  }

  /**
   * All members are asked, as any of them may keep a hint; one that does not answer in time is told as unreachable. The
   * answers are not of one moment: a write under way may show as stale. Throws `RING_OVERLOADED`.
   */
  async explain(key: Uint8Array): Promise<ExplainAnswer> {
    if (this.#inFlight >= EXPLAINS_IN_FLIGHT_MAX) throw new NodeError('RING_OVERLOADED', `${EXPLAINS_IN_FLIGHT_MAX} explains are being answered; ask for less at once`);
    this.#inFlight++;
    try {
      return await this.#gather(key);
    } finally {
      this.#inFlight--;
    }
  }

  async #gather(key: Uint8Array): Promise<ExplainAnswer> {
    const { self, placement, liveness, time } = this.#ports;
    // The key is a view into a frame, and the others answer later.
    const ownKey = Uint8Array.from(key);
    const entries = await Promise.all(placement.topology.members.map(async ({ id }): Promise<[NodeId, KeyInspection | null]> => [id, await this.#inspect(id, ownKey)]));
    return explain({
      placement,
      key: ownKey,
      askedNode: self,
      wallMs: time.wallMs(),
      sweepIntervalMs: this.#sweepIntervalMs,
      inspectionByNode: new Map(entries),
      livenessOf: (node) => liveness.state(node),
    });
  }

  async #inspect(node: NodeId, key: Uint8Array): Promise<KeyInspection | null> {
    const { self, liveness, calls, time } = this.#ports;
    if (node === self) return inspectionOf(this.#ports, key, time.wallMs());
    if (!liveness.isAlive(node)) return null;
    const reply = await calls.call(node, GATHER_TIMEOUT_MS, (id) => [TYPE.inspect, id, key]);
    return reply?.[0] === TYPE.inspected ? parseInspection(reply[2], node) : null;
  }
}
