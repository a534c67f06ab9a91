/**
 * A Redis client for a benchmark: GET, and SET that WAIT acknowledges.
 *
 * Our own RESP, not `redis` or `ioredis`: those keep a queue entry, a promise and an encoding for every SET of a batch,
 * which would be measured as Redis, while one WAIT acknowledges them all.
 *
 * What one turn of the event loop collects goes out as one write: SET … SET WAIT, all acknowledged by that WAIT. Redis
 * takes nothing else from a connection that waits. So at most `BATCHES_MAX` such batches are under way, one that waits
 * and one that lies ready in Redis' socket; what comes meanwhile makes one larger batch instead of many small ones.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { StoreClient } from '../load/store-client.ts';
import { PeerError } from './errors.ts';
import { ReplyReader, encodeReads, encodeWrites, type Reply, type Write } from './resp.ts';

const BATCHES_MAX = 2;
const WAIT_MS = 1000;

interface PendingRead {
  readonly key: Uint8Array;
  resolve(value: Uint8Array | null): void;
  reject(error: Error): void;
}

interface PendingWrite extends Write {
  resolve(): void;
  reject(error: Error): void;
}

/** What Redis owes an answer, in the order in which it was sent. */
type Sent = { readonly kind: 'reads'; readonly reads: readonly PendingRead[] } | { readonly kind: 'writes'; readonly writes: readonly PendingWrite[] };

export async function connectRedis(port: number, waitReplicas: number): Promise<StoreClient> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return new RedisClient(socket, waitReplicas);
}

class RedisClient implements StoreClient {
  readonly #socket: Socket;
  readonly #waitReplicas: number;
  readonly #replies = new ReplyReader((reply) => this.#onReply(reply));
  #reads: PendingRead[] = [];
  #writes: PendingWrite[] = [];
  #isFlushDue = false;
  #closed: PeerError | null = null;
  readonly #sent: Sent[] = [];
  /** Replies that came for the first of `#sent`. */
  #repliesOfFirst = 0;
  #batchesUnderWay = 0;

  constructor(socket: Socket, waitReplicas: number) {
    this.#socket = socket;
    this.#waitReplicas = waitReplicas;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#fail(error.message));
    socket.on('close', () => this.#fail('the connection ended'));
  }

  read(key: Uint8Array): Promise<Uint8Array | null> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== null) return reject(this.#closed);
      this.#reads.push({ key, resolve, reject });
      this.#flushSoon();
    });
  }

  write(key: Uint8Array, value: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== null) return reject(this.#closed);
      this.#writes.push({ key, value, resolve, reject });
      this.#flushSoon();
    });
  }

  async close(): Promise<void> {
    if (this.#socket.closed) return;
    const closed = once(this.#socket, 'close');
    this.#socket.destroy();
    await closed;
  }

  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    // After all that the replies of one chunk woke up.
    process.nextTick(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#closed !== null) return;
    if (this.#reads.length > 0) {
      this.#sent.push({ kind: 'reads', reads: this.#reads });
      this.#socket.write(encodeReads(this.#reads.map(({ key }) => key)));
      this.#reads = [];
    }
    if (this.#writes.length > 0 && this.#batchesUnderWay < BATCHES_MAX) {
      this.#batchesUnderWay++;
      this.#sent.push({ kind: 'writes', writes: this.#writes });
      this.#socket.write(encodeWrites(this.#writes, this.#waitReplicas, WAIT_MS));
      this.#writes = [];
    }
  }

  #receive(chunk: Buffer): void {
    try {
      this.#replies.add(chunk);
    } catch (error) {
      this.#socket.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #onReply(reply: Reply): void {
    const first = this.#sent[0];
    if (first === undefined) throw new Error('a reply that nothing was sent for');
    const index = this.#repliesOfFirst++;
    const isLast = first.kind === 'reads' ? takeReadReply(first.reads, index, reply) : takeWriteReply(first.writes, index, reply, this.#waitReplicas);
    if (!isLast) return;
    this.#sent.shift();
    this.#repliesOfFirst = 0;
    if (first.kind === 'reads') return;
    this.#batchesUnderWay--;
    if (this.#writes.length > 0) this.#flushSoon();
  }

  #fail(reason: string): void {
    if (this.#closed !== null) return;
    const error = new PeerError('PEER_CLOSED', reason);
    this.#closed = error;
    for (const sent of this.#sent) for (const pending of sent.kind === 'reads' ? sent.reads : sent.writes) pending.reject(error);
    for (const pending of [...this.#reads, ...this.#writes]) pending.reject(error);
  }
}

/** Whether it was the last one of the reads. */
function takeReadReply(reads: readonly PendingRead[], index: number, reply: Reply): boolean {
  if (reply.kind === 'bulk') reads[index]?.resolve(reply.bytes);
  else reads[index]?.reject(new PeerError('PEER_REFUSED', reply.text));
  return index === reads.length - 1;
}

/** Whether it was that of the WAIT, which settles all the writes that no error has. */
function takeWriteReply(writes: readonly PendingWrite[], index: number, reply: Reply, waitReplicas: number): boolean {
  if (index < writes.length) {
    if (reply.kind === 'error') writes[index]?.reject(new PeerError('PEER_REFUSED', reply.text));
    return false;
  }
  const acks = reply.kind === 'text' ? Number(reply.text) : 0;
  for (const write of writes) {
    if (acks >= waitReplicas) write.resolve();
    else write.reject(new PeerError('PEER_NOT_REPLICATED', `${acks} replicas in ${WAIT_MS} ms`));
  }
  return true;
}
