/** Waiting until nodes see each other: what comes after a start, a recovery or a healed partition. */
import { setTimeout as sleep } from 'node:timers/promises';

import type { ClusterStatus } from '../wire/index.ts';
import { messageOf } from './errors.ts';

const POLL_MS = 25;

/** What is needed of a client. */
export interface StatusSource {
  status(): Promise<ClusterStatus>;
}

/** Of each node, the client to ask it and the peers that it should believe alive. */
export type Expected = ReadonlyMap<number, { readonly client: StatusSource; readonly peers: readonly number[] }>;

/** null: everybody sees everybody. Otherwise, after `timeoutMs`, what is still missing. */
export async function waitUntilSettled(expected: Expected, timeoutMs: number): Promise<string | null> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop
    const missing = await whatIsMissing(expected);
    if (missing === null || performance.now() >= deadline) return missing;
    // oxlint-disable-next-line no-await-in-loop
    await sleep(POLL_MS);
  }
}

async function whatIsMissing(expected: Expected): Promise<string | null> {
  const answers = await Promise.all([...expected].map(([node, { client, peers }]) => unseenBy(node, client, peers)));
  return answers.find((answer) => answer !== null) ?? null;
}

async function unseenBy(node: number, client: StatusSource, peers: readonly number[]): Promise<string | null> {
  if (peers.length === 0) return null;
  try {
    const { nodes } = await client.status();
    const own = nodes[node];
    for (const peer of peers) {
      const view = own?.peers.find((candidate) => candidate.node === peer);
      if (view?.liveness !== 'alive') return `node ${node} does not see node ${peer} (${view?.refused ?? view?.liveness ?? 'unknown'})`;
    }
    return null;
  } catch (error) {
    return `node ${node}: ${messageOf(error)}`;
  }
}
