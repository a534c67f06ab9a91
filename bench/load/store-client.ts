/** What the load asks of a store, the same of every store that is compared. */
import { RingClient } from '../../client/index.ts';
import type { Consistency } from '../../wire/index.ts';
import { connectEtcd } from '../peers/etcd-client.ts';
import { connectRedis } from '../peers/redis-client.ts';
import type { TargetAddress } from './plan.ts';

export interface StoreClient {
  read(key: Uint8Array): Promise<Uint8Array | null>;
  write(key: Uint8Array, value: Uint8Array): Promise<unknown>;
  /** Reads up to `count` records in the order of their keys, from `from` on; how many there were. */
  scan?(from: Uint8Array, count: number): Promise<number>;
  close(): Promise<void>;
}

/** So long that a slow answer is measured and not counted as an error. */
const TIMEOUT_MS = 60_000;

/** One connection, or for ring-level one client. */
export async function connectStore(target: TargetAddress): Promise<StoreClient> {
  switch (target.store) {
    case 'ring-level':
      return connectRing(target.urls, target.consistency);
    case 'redis':
      return connectRedis(target.port, target.waitReplicas);
    case 'etcd':
      return connectEtcd(target.urls);
  }
}

/** The same store for client number `index`: clients of ring-level begin with different nodes. */
export function targetOfClient(target: TargetAddress, index: number): TargetAddress {
  if (target.store === 'redis') return target;
  const first = index % target.urls.length;
  return { ...target, urls: [...target.urls.slice(first), ...target.urls.slice(0, first)] };
}

/** Whether the store's client has range reads. */
export async function canScan(target: TargetAddress): Promise<boolean> {
  const client = await connectStore(target);
  await client.close();
  return client.scan !== undefined;
}

async function connectRing(urls: readonly string[], consistency: Consistency): Promise<StoreClient> {
  const client = new RingClient(urls, { consistency, timeoutMs: TIMEOUT_MS });
  // It connects on first use, which is not to be measured.
  await client.ping();
  return {
    read: (key) => client.get(key),
    write: (key, value) => client.put(key, value),
    scan: async (from, count) => {
      let found = 0;
      for await (const entry of client.scan({ from, limit: count })) if (entry.key.length > 0) found++;
      return found;
    },
    close: async () => client.close(),
  };
}
