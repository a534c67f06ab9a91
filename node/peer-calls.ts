/**
 * Calls of the background work: one request to a peer, one promise for its reply. Not for the hot path.
 * Ids are odd; the coordinator's are even, so that one link carries both.
 */
import type { NodeId } from '../data/index.ts';
import type { PeerReply, PeerRequest } from '../wire/index.ts';

interface Call {
  readonly node: NodeId;
  readonly deadlineMs: number;
  readonly resolve: (reply: PeerReply | null) => void;
}

const ID_MAX = 0x7fff_fffd;

export class PeerCalls {
  readonly #send: (node: NodeId, request: PeerRequest) => boolean;
  readonly #nowMs: () => number;
  readonly #calls = new Map<number, Call>();
  #lastId = -1;

  constructor(send: (node: NodeId, request: PeerRequest) => boolean, nowMs: () => number) {
    this.#send = send;
    this.#nowMs = nowMs;
  }

  /** null when the link is down, breaks, or gives no reply in time. */
  async call(node: NodeId, timeoutMs: number, build: (id: number) => PeerRequest): Promise<PeerReply | null> {
    this.#lastId = this.#lastId >= ID_MAX ? 1 : this.#lastId + 2;
    const id = this.#lastId;
    return new Promise((resolve) => {
      this.#calls.set(id, { node, deadlineMs: this.#nowMs() + timeoutMs, resolve });
      if (!this.#send(node, build(id))) this.#settle(id, null);
    });
  }

  /** Whether the reply was to a call. */
  onReply(reply: PeerReply): boolean {
    return this.#settle(reply[1], reply);
  }

  onNodeLost(node: NodeId): void {
    for (const [id, call] of this.#calls) if (call.node === node) this.#settle(id, null);
  }

  tick(): void {
    if (this.#calls.size === 0) return;
    const now = this.#nowMs();
    for (const [id, call] of this.#calls) if (now >= call.deadlineMs) this.#settle(id, null);
  }

  close(): void {
    for (const id of this.#calls.keys()) this.#settle(id, null);
  }

  #settle(id: number, reply: PeerReply | null): boolean {
    const call = this.#calls.get(id);
    if (call === undefined) return false;
    this.#calls.delete(id);
    call.resolve(reply);
    return true;
  }
}
