/** Clients whose nodes are killed under them, in turn, and come back: what becomes of the writes that they had in hand. */
import { beforeAll, describe, expect, it } from 'vitest';
import { RingClient, RingError, type RingClientOptions } from '../../client/index.ts';
import { eventually, requireBuild, settled, startDaemons, type DaemonCluster } from '../support/processes.ts';

beforeAll(requireBuild);

const WRITERS = 8;
const ROUNDS = 3;

interface Tally {
  readonly acknowledged: Map<string, string>;
  readonly codes: Map<string, number>;
}

/** Writes each key once: whatever is acknowledged must be there. */
async function write(client: RingClient, name: string, tally: Tally, isOver: () => boolean): Promise<void> {
  for (let number = 0; !isOver(); number++) {
    const key = `${name}-${number}`;
    try {
      // One after the other: each is in the hands of the node that is killed, or of another.
      // oxlint-disable-next-line no-await-in-loop
      await client.put(key, `value of ${key}`, { consistency: 'quorum' });
      tally.acknowledged.set(key, `value of ${key}`);
    } catch (error) {
      const code = error instanceof RingError ? error.code : String(error);
      tally.codes.set(code, (tally.codes.get(code) ?? 0) + 1);
    }
  }
}

/** Kills node after node while the writers write, and goes on when each is back. */
async function writeThroughKills(cluster: DaemonCluster, retryWrites: NonNullable<RingClientOptions['retryWrites']>): Promise<Tally> {
  const tally: Tally = { acknowledged: new Map(), codes: new Map() };
  const clients = Array.from({ length: WRITERS }, (_, index) => new RingClient(cluster.urls.map((_url, at) => cluster.urls[(at + index) % cluster.urls.length] ?? ''), { retryWrites, timeoutMs: 20_000 }));
  let isOver = false;
  const writing = Promise.all(clients.map(async (client, index) => write(client, `${retryWrites}-${index}`, tally, () => isOver)));
  const progress = async (count: number): Promise<void> => {
    const goal = tally.acknowledged.size + count;
    await eventually(`${count} more acknowledgements`, async () => (tally.acknowledged.size >= goal ? true : null));
  };
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const node = round % cluster.urls.length;
      await progress(200);
      await cluster.processes.killNode(node);
      await progress(200);
      await cluster.processes.startNode(node);
      await settled(cluster);
    }
  } finally {
    isOver = true;
    await writing;
    await Promise.all(clients.map(async (client) => client.close()));
  }
  return tally;
}

describe('writes while nodes are killed and restarted in turn', () => {
  it.each(['same-version', 'always'] as const)('that are acknowledged with `%s` are all there, and all others end unknown or superseded', { timeout: 60_000 }, async (retryWrites) => {
    await using cluster = await startDaemons(3, 3);
    const { acknowledged, codes } = await writeThroughKills(cluster, retryWrites);
    process.stdout.write(`retryWrites ${retryWrites}: ${acknowledged.size} acknowledged, rejected: ${JSON.stringify(Object.fromEntries(codes))}\n`);
    const reader = cluster.clientFrom(0);
    const lost: string[] = [];
    await Promise.all([...acknowledged].map(async ([key, value]) => {
      const found = await reader.get(key, { consistency: 'quorum', timeoutMs: 20_000 });
      if (found === null || Buffer.from(found).toString() !== value) lost.push(key);
    }));
    expect(lost).toStrictEqual([]);
    const unexpected = [...codes.keys()].filter((code) => retryWrites === 'always' || !['RING_UNKNOWN', 'RING_SUPERSEDED'].includes(code));
    expect(unexpected).toStrictEqual([]);
  });
});
