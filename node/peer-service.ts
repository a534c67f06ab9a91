/** The peer requests that are not of the hot path: sweeps, roots, status, heartbeats, and looks at one key. */
import {
  STRETCH_LIMITS,
  compareStretch,
  databaseKeyIn,
  differingPartitions,
  encodeRoots,
  inspectionOf,
  pairsOfRecords,
  type Placement,
  type Trust,
} from '../coordinator/index.ts';
import { compareBytes, partitionRange, type NodeId, type Store } from '../data/index.ts';
import { TYPE, type NodeStatus, type PeerReply, type PeerRequest, type SweepVersionsMessage } from '../wire/index.ts';
import type { Time } from './ports.ts';

type ServedElsewhere = typeof TYPE.hello | typeof TYPE.write | typeof TYPE.hint | typeof TYPE.read | typeof TYPE.handOff | typeof TYPE.sweepRecords | typeof TYPE.range;
export type ServiceRequest = Exclude<PeerRequest, { readonly 0: ServedElsewhere }>;

export interface PeerServicePorts {
  readonly self: NodeId;
  readonly placement: Placement;
  readonly store: Store;
  readonly trust: Trust;
  readonly time: Pick<Time, 'wallMs'>;
  nodeStatus(): NodeStatus;
  /** An exchange with this peer goes on; the node's own one can wait. */
  sweptBy(peer: NodeId): void;
  report(error: unknown): void;
}

const EMPTY = new Uint8Array(0);

export class PeerService {
  readonly #ports: PeerServicePorts;

  constructor(ports: PeerServicePorts) {
    this.#ports = ports;
  }

  /** null: no answer can be given; the peer's call runs into its deadline. */
  async serve(peer: NodeId, request: ServiceRequest): Promise<PeerReply | null> {
    const { placement, store, self, time, trust } = this.#ports;
    switch (request[0]) {
      case TYPE.heartbeat:
        return [TYPE.heartbeatReply, request[1], time.wallMs()];
      case TYPE.sweepRoots:
        if (!store.isScanned) return [TYPE.differing, request[1], 0, EMPTY];
        this.#ports.sweptBy(peer);
        return [TYPE.differing, request[1], 1, differingPartitions(store.trees, placement.sharedPartitions([self, peer]), request[2])];
      case TYPE.sweepLeaves:
        this.#ports.sweptBy(peer);
        return [TYPE.leaves, request[1], store.isScanned ? store.trees.leaves(request[2]) : EMPTY];
      case TYPE.sweepVersions:
        this.#ports.sweptBy(peer);
        return this.#compare(request);
      case TYPE.roots:
        return [TYPE.rootList, request[1], store.isScanned ? 1 : 0, encodeRoots(store.trees, placement.sharedPartitions([self])), store.ledger.countAll(), trust.reason === null ? 1 : 0];
      case TYPE.inspect:
        return [TYPE.inspected, request[1], JSON.stringify(inspectionOf(this.#ports, request[2], time.wallMs()))];
      case TYPE.nodeStatus:
        return [TYPE.nodeStatusReply, request[1], JSON.stringify(this.#ports.nodeStatus())];
    }
  }

  failed(error: unknown): void {
    this.#ports.report(error);
  }

  async #compare([, id, number, , from, to, versions]: SweepVersionsMessage): Promise<PeerReply | null> {
    const { store } = this.#ports;
    const bounds = partitionRange(number, 0, 255);
    if (compareBytes(from, bounds.from) < 0 || compareBytes(to, bounds.to) > 0) return null;
    const slice = await store.recordSlice({ from, to }, STRETCH_LIMITS);
    const databaseKeyOf = databaseKeyIn(number, (key) => store.hashOf(key));
    const { newer, wanted } = compareStretch(slice.records, versions, databaseKeyOf, slice.next);
    return [TYPE.newer, id, pairsOfRecords(newer), wanted, slice.next];
  }
}
