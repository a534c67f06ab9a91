/**
 * The socket that a connection needs, whatever it runs on: `ws-socket.ts` in Node, `web-socket.ts` in a browser. Both
 * pass the suite of test/client/client-socket.contract.ts.
 *
 * Invariants
 *  S1  Neither dialling an address of `addressesFrom` nor any method throws; what goes wrong is told by `closed`.
 *  S2  No event comes while the socket is being dialled or one of its methods runs.
 *  S3  `opened` comes at most once, `received` and `drained` only after it, `closed` exactly once and last.
 *  S4  After `terminate` no event comes at all.
 */

/** Begins to connect; an attempt that takes longer than `connectTimeoutMs` ends with `closed`. */
export type Dial = (address: string, connectTimeoutMs: number, events: ClientSocketEvents) => ClientSocket;

export interface ClientSocketEvents {
  readonly opened: () => void;
  /** One frame; text comes as null, as no node sends any to a client that speaks in bytes. */
  readonly received: (frame: Uint8Array | null) => void;
  /** Comes when no more than SEND_BUFFER_LOW_BYTES wait after SEND_BUFFER_HIGH_BYTES did; it may come at other times. */
  readonly drained: () => void;
  readonly closed: (reason: string) => void;
}

export interface ClientSocket {
  /** Bytes that were sent and that the network has not taken yet. */
  readonly bufferedAmount: number;
  /** Only while it is open. The frame is not to be changed afterwards. */
  send(frame: Uint8Array): void;
  /** An orderly close: what was sent goes out, the node is told, and `closed` follows when the node agrees. */
  close(): void;
  /** Breaks it off (S4). */
  terminate(): void;
  /** Whether the open socket keeps the process alive; nothing where there is no process. */
  keepAlive(wish: 'while-open' | 'no'): void;
}
