/** Real daemons that are killed and stopped in the middle of their work. What was acknowledged is there in the end. */
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { RingClient, RingError } from '../../client/index.ts';
import { Placement, firstTopology } from '../../coordinator/index.ts';
import { nodeId } from '../../data/index.ts';
import { convergedAt, eventually, freePort, loneNodeArguments, requireBuild, settled, startDaemon, startDaemons, temporaryDirectory, type DaemonCluster } from '../support/processes.ts';

beforeAll(requireBuild);

const NODES = [0, 1, 2];
const HONEST = new Set(['RING_UNKNOWN', 'RING_UNAVAILABLE', 'RING_TIMEOUT', 'RING_OVERLOADED', 'RING_STORE_UNAVAILABLE']);

/**
 * Writes rising numbers to keys of its own. A key whose write had an unknown outcome is left alone from then on: such a
 * write may surface later, and no order between it and a later one was promised.
 */
class Writer {
  /** Key → the last number that was acknowledged. */
  readonly acknowledged = new Map<string, number>();
  readonly codes = new Map<string, number>();
  writes = 0;
  readonly #client: RingClient;
  readonly #name: string;
  #generation = 0;
  #isStopped = false;

  constructor(client: RingClient, name: string) {
    this.#client = client;
    this.#name = name;
  }

  stop(): void {
    this.#isStopped = true;
  }

  async run(): Promise<void> {
    const numbers = new Map<number, { key: string; number: number }>();
    for (let turn = 0; !this.#isStopped; turn = (turn + 1) % 10) {
      const slot = numbers.get(turn) ?? { key: `${this.#name}-${this.#generation++}`, number: 0 };
      slot.number++;
      numbers.set(turn, slot);
      try {
        await this.#client.put(slot.key, String(slot.number), { timeoutMs: 4_000 });
        this.acknowledged.set(slot.key, slot.number);
        this.writes++;
      } catch (error) {
        const code = error instanceof RingError ? error.code : String(error);
        this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
        numbers.delete(turn);
        await delay(5);
      }
    }
  }
}

async function withWriters(cluster: DaemonCluster, work: (acknowledged: () => number) => Promise<void>): Promise<readonly Writer[]> {
  const writers = Array.from({ length: 6 }, (_, index) => new Writer(cluster.clientFrom(index % NODES.length), `writer${index}`));
  const running = Promise.all(writers.map(async (writer) => writer.run()));
  try {
    await work(() => writers.reduce((sum, writer) => sum + writer.writes, 0));
  } finally {
    for (const writer of writers) writer.stop();
    await running;
  }
  return writers;
}

/** Lets the writers get on by so many acknowledgements. */
async function progress(acknowledged: () => number, count: number): Promise<void> {
  const goal = acknowledged() + count;
  await eventually(`${count} more acknowledgements`, async () => (acknowledged() >= goal ? true : null));
}

async function expectAllThere(cluster: DaemonCluster, writers: readonly Writer[]): Promise<void> {
  for (const client of cluster.clients) {
    for (const writer of writers) {
      const lost: string[] = [];
      await Promise.all(
        [...writer.acknowledged].map(async ([key, number]) => {
          const value = await client.get(key);
          if (value === null || Number(Buffer.from(value).toString()) < number) lost.push(`${key}: acknowledged ${number}, read ${value === null ? 'nothing' : Buffer.from(value).toString()}`);
        }),
      );
      expect(lost).toStrictEqual([]);
    }
  }
}

function unexpectedCodes(writers: readonly Writer[]): readonly string[] {
  return writers.flatMap((writer) => [...writer.codes.keys()]).filter((code) => !HONEST.has(code));
}

describe('three daemons', () => {
  it('lose nothing acknowledged while one after the other is killed and restarted, and then all at once', async () => {
    await using cluster = await startDaemons(3, 3, ['--set', 'sweep.intervalMs=1000']);
    let kills = 0;
    const writers = await withWriters(cluster, async (acknowledged) => {
      for (let cycle = 0; cycle < 6; cycle++) {
        const node = cycle % NODES.length;
        await progress(acknowledged, 100);
        await cluster.processes.killNode(node);
        kills++;
        await progress(acknowledged, 100);
        await cluster.processes.startNode(node);
        await settled(cluster);
      }
      await progress(acknowledged, 100);
      await Promise.all(NODES.map(async (node) => cluster.processes.killNode(node)));
    });
    await Promise.all(NODES.map(async (node) => cluster.processes.startNode(node)));
    await settled(cluster);
    await convergedAt(cluster.clients[0] ?? cluster.clientFrom(0));
    expect(kills).toBe(6);
    expect(unexpectedCodes(writers)).toStrictEqual([]);
    expect(writers.reduce((sum, writer) => sum + writer.writes, 0)).toBeGreaterThan(1_000);
    await expectAllThere(cluster, writers);
  }, 90_000);

  it('go on while one of them is stopped in the middle of writes, and are equal when it goes on', async () => {
    await using cluster = await startDaemons(3, 3, ['--set', 'sweep.intervalMs=1000']);
    const [first] = cluster.clients;
    if (first === undefined) throw new Error('no client');
    const writer = new Writer(new RingClient(cluster.urls.slice(0, 2), { spread: 'none' }), 'only');
    const other = new Writer(new RingClient(cluster.urls.slice(1, 2), { spread: 'none' }), 'other');
    const running = Promise.all([writer.run(), other.run()]);
    const acknowledged = (): number => writer.writes + other.writes;
    try {
      await progress(acknowledged, 100);
      cluster.processes.pauseNode(2);
      await progress(acknowledged, 300);
      const view = (await first.status()).nodes[0]?.peers.find((peer) => peer.node === 2);
      expect(view?.liveness).not.toBe('alive');
      cluster.processes.resumeNode(2);
      await progress(acknowledged, 100);
    } finally {
      cluster.processes.resumeNode(2);
      writer.stop();
      other.stop();
      await running;
    }
    // Two of three live all the time: each request was answered, and none by its deadline.
    expect([...writer.codes, ...other.codes]).toStrictEqual([]);
    await settled(cluster);
    await convergedAt(first);
    await expectAllThere(cluster, [writer, other]);
  }, 60_000);

  it('deliver every hint in the end though holder and target are killed in the middle, with neither sweep nor reads to help', async () => {
    const keysWanted = 5_000;
    // Slow delivery in small batches, so that a kill can hit it.
    await using cluster = await startDaemons(3, 2, ['--set', 'sweep.intervalMs=86400000', '--set', 'sweep.maxBytesPerSecond=300000', '--set', 'hints.batchBytes=2048']);
    const placement = new Placement(
      firstTopology(
        cluster.urls.map((address, id) => ({ id: nodeId(id), address })),
        2,
        0,
      ),
    );
    // Replicas are 1 and 2, so node 0 keeps nothing of them but hints: what node 1 has in the end came from those.
    const keys: string[] = [];
    for (let number = 0; keys.length < keysWanted; number++) {
      if (placement.ofKey(Buffer.from(`key${number}`)).replicas.join() === '1,2') keys.push(`key${number}`);
    }
    const [holder] = cluster.clients;
    if (holder === undefined) throw new Error('no client');
    await cluster.processes.killNode(1);
    await cluster.processes.killNode(2);
    const answers = await Promise.all(keys.map(async (key) => holder.put(key, `value of ${key}`, { timeoutMs: 20_000 })));
    expect(answers.every(({ durableOn, hints }) => durableOn.length === 0 && hints.length > 0)).toBe(true);
    const waiting = async (target: number): Promise<number> => (await holder.status()).nodes[0]?.peers.find((peer) => peer.node === target)?.hintsWaiting ?? Number.NaN;
    expect([await waiting(1), await waiting(2)]).toStrictEqual([keysWanted, keysWanted]);

    const inTheMiddle = async (target: number, below: number): Promise<number> =>
      eventually('delivery is going on', async () => {
        const left = await waiting(target);
        return left < below && left > 0 ? left : null;
      });
    await cluster.processes.startNode(1);
    const atFirstKill = await inTheMiddle(1, keysWanted);
    await cluster.processes.killNode(0);
    await cluster.processes.startNode(0);
    const atSecondKill = await inTheMiddle(1, atFirstKill);
    await cluster.processes.killNode(1);
    await cluster.processes.startNode(1);
    await inTheMiddle(1, atSecondKill);
    await Promise.all([cluster.processes.killNode(0), cluster.processes.killNode(1)]);
    await Promise.all([cluster.processes.startNode(0), cluster.processes.startNode(1)]);
    await eventually('all hints for node 1 are delivered', async () => ((await waiting(1)) === 0 ? true : null), 40_000);
    const { nodes } = await holder.status();
    expect(nodes[1]?.records).toBe(keysWanted);
    expect(await waiting(2)).toBe(keysWanted);
    await cluster.processes.startNode(2);
    await eventually('all hints for node 2 are delivered', async () => ((await waiting(2)) === 0 ? true : null), 40_000);
    await convergedAt(holder);
    await cluster.processes.killNode(0);
    await cluster.processes.killNode(1);
    const survivor = cluster.clients[2];
    const values = await Promise.all(keys.map(async (key) => survivor?.get(key, { timeoutMs: 20_000 })));
    expect(values.every((value, index) => Buffer.from(value ?? '').toString() === `value of ${keys[index] ?? ''}`)).toBe(true);
  }, 90_000);
});

describe('one daemon', () => {
  it('takes requests again after SIGKILL on an empty store', async () => {
    await using directory = await temporaryDirectory();
    const args = loneNodeArguments(directory.path, await freePort());
    {
      await using node = await startDaemon(args);
      await node.kill();
    }
    const startedMs = performance.now();
    await using again = await startDaemon(args);
    process.stdout.write(`ready again ${Math.round(performance.now() - startedMs)} ms after its start\n`);
    await again.client.put('k', 'v');
    expect(Buffer.from((await again.client.get('k')) ?? '').toString()).toBe('v');
  });
});
