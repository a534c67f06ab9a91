/**
 * How much memory a node may take under any load: the sum of what its limits allow to be held at once.
 *
 * Each term is a limit with a name, from the configuration or from wire/limits.ts. Two things have no limit of their own
 * and are counted with a figure: the objects around one request, and the process at rest, which is measured. What the
 * garbage collector has not yet taken away comes on top; a reading far above the sum means that something has no limit.
 */
import type { NodeConfig } from '../../config/index.ts';
import { FRAME_BYTES_MAX, SEND_BUFFER_BYTES_MAX, SEND_BUFFER_HIGH_BYTES, VALUE_BYTES_MAX } from '../../wire/index.ts';

export interface BoundTerm {
  readonly what: string;
  readonly bytes: number;
}

/** Who is connected to the node. */
export interface Crowd {
  readonly clients: number;
  readonly peers: number;
}

/** An operation, its sub-requests, their places in maps and the closures around them; generous. */
export const REQUEST_OVERHEAD_BYTES = 4096;
/** LevelDB keeps one buffer for writing and one that is being written out. */
const WRITE_BUFFERS = 2;
/** A group stands in memory as records and as the batch that LevelDB gets. */
const GROUP_COPIES = 2;

/** Takes the part of a configuration that limits memory. */
export function memoryBound({ store, limits }: Pick<NodeConfig, 'store' | 'limits'>, { clients, peers }: Crowd, atRestBytes: number): readonly BoundTerm[] {
  return [
    { what: 'the process at rest (measured)', bytes: atRestBytes },
    { what: 'store.cacheBytes', bytes: store.cacheBytes },
    { what: `${WRITE_BUFFERS} × store.writeBufferBytes`, bytes: WRITE_BUFFERS * store.writeBufferBytes },
    { what: 'store.queueBytesMax', bytes: store.queueBytesMax },
    { what: `${GROUP_COPIES} × store.groupBytesMax`, bytes: GROUP_COPIES * store.groupBytesMax },
    { what: 'limits.requestBytesInFlightMax, and the value that passes it', bytes: limits.requestBytesInFlightMax + VALUE_BYTES_MAX },
    { what: `limits.requestsInFlightMax × ${REQUEST_OVERHEAD_BYTES} bytes`, bytes: limits.requestsInFlightMax * REQUEST_OVERHEAD_BYTES },
    { what: `answers to ${clients} client(s) at SEND_BUFFER_BYTES_MAX`, bytes: clients * SEND_BUFFER_BYTES_MAX },
    { what: `a frame from each client at FRAME_BYTES_MAX`, bytes: clients * FRAME_BYTES_MAX },
    { what: `requests to ${peers} peer(s) at SEND_BUFFER_BYTES_MAX`, bytes: peers * SEND_BUFFER_BYTES_MAX },
    { what: 'replies to the peers at SEND_BUFFER_HIGH_BYTES, and a frame', bytes: peers * (SEND_BUFFER_HIGH_BYTES + FRAME_BYTES_MAX) },
    { what: 'a frame each way from each peer at FRAME_BYTES_MAX', bytes: 2 * peers * FRAME_BYTES_MAX },
  ];
}

export function sumOf(terms: readonly BoundTerm[]): number {
  return terms.reduce((sum, { bytes }) => sum + bytes, 0);
}
