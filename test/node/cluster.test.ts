/** createCluster, as a program that embeds it or tests against it sees it. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { createCluster, type Cluster } from '../../node/cluster.ts';
import { convergedAt, eventually, requireBuild, runToEnd, temporaryDirectory } from '../support/processes.ts';

beforeAll(requireBuild);

const QUICK = { heartbeat: { intervalMs: 50, suspectAfterMs: 300, deadAfterMs: 2_000 }, sweep: { intervalMs: 300 } };
const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString());

/** A key that has these nodes as its replicas. */
function keyOn(cluster: Cluster, replicas: readonly number[]): string {
  for (let number = 0; number < 10_000; number++) {
    if (cluster.replicasOf(`key${number}`).every((id) => replicas.includes(id))) return `key${number}`;
  }
  throw new Error(`no key on ${replicas.join()}`);
}

async function holds(cluster: Cluster, what: string, look: (nodes: Awaited<ReturnType<Cluster['status']>>['nodes']) => boolean): Promise<void> {
  await eventually(what, async () => (look((await cluster.status()).nodes) ? true : null));
}

describe.each(['memory', 'a directory'] as const)('a cluster of three with two replicas in %s', (place) => {
  async function run(story: (cluster: Cluster) => Promise<void>): Promise<void> {
    await using directory = await temporaryDirectory();
    await using cluster = await createCluster({ nodes: 3, replicationFactor: 2, config: QUICK, ...(place === 'memory' ? {} : { dir: directory.path }) });
    await story(cluster);
    if (place !== 'memory') expect((await readdir(directory.path)).toSorted()).toStrictEqual(['node-0', 'node-1', 'node-2']);
  }

  it('puts, gets and deletes text and bytes', async () => {
    await run(async (cluster) => {
      const bytes = Uint8Array.from([0, 255, 128, 10]);
      const written = await cluster.put('text', 'välue');
      expect(written.durableOn.length + written.hints.length).toBeGreaterThanOrEqual(2);
      await cluster.put(bytes, bytes);
      await cluster.put('empty', '');
      expect(text(await cluster.get('text'))).toBe('välue');
      expect(Uint8Array.from((await cluster.get(bytes)) ?? [])).toStrictEqual(bytes);
      expect(text(await cluster.get('empty'))).toBe('');
      await cluster.delete('text');
      expect(await cluster.get('text')).toBeNull();
      expect(await cluster.get('never')).toBeNull();
      expect(cluster.replicasOf('text')).toStrictEqual(cluster.replicasOf(Buffer.from('text')));
    });
  });

  it('goes on with a failed node, and the node has what it missed when it is recovered', async () => {
    await run(async (cluster) => {
      const key = keyOn(cluster, [1, 2]);
      await cluster.put(key, 'old');
      await cluster.fail(2);
      await cluster.fail(2);
      const written = await cluster.put(key, 'new');
      expect(written.durableOn).toContain(1);
      expect(text(await cluster.get(key))).toBe('new');
      await cluster.recover(2);
      await cluster.recover(2);
      await convergedAt(cluster);
      await cluster.fail(1);
      expect(text(await cluster.get(key))).toBe('new');
    });
  });

  it('goes round a paused node, which catches up when it is resumed', async () => {
    await run(async (cluster) => {
      const key = keyOn(cluster, [1, 2]);
      await cluster.put(key, 'old');
      await cluster.pause(1);
      await cluster.put(key, 'new');
      expect(text(await cluster.get(key))).toBe('new');
      await cluster.resume(1);
      await convergedAt(cluster);
      await cluster.fail(2);
      expect(text(await cluster.get(key))).toBe('new');
    });
  });

  it('makes a wiped node whole again', async () => {
    await run(async (cluster) => {
      const key = keyOn(cluster, [2, 0]);
      await cluster.put(key, 'kept');
      await cluster.wipe(2);
      await convergedAt(cluster);
      await cluster.fail(0);
      expect(text(await cluster.get(key))).toBe('kept');
    });
  });

  it('takes writes on both sides of a partition, and one of them wins everywhere when it heals', async () => {
    await run(async (cluster) => {
      const key = keyOn(cluster, [0, 2]);
      await cluster.partition([[0, 1], [2]]);
      await holds(cluster, 'node 0 no longer hears node 2', (nodes) => nodes[0]?.peers.find((peer) => peer.node === 2)?.liveness !== 'alive');
      await cluster.put(key, 'from the larger side');
      await cluster.fail(0);
      await cluster.fail(1);
      await cluster.put(key, 'from the smaller side');
      await cluster.heal();
      await cluster.recover(0);
      await cluster.recover(1);
      await convergedAt(cluster);
      const answers = [text(await cluster.get(key, { consistency: 'all' }))];
      for (const alone of [0, 2]) {
        await cluster.fail(alone);
        answers.push(text(await cluster.get(key)));
        await cluster.recover(alone);
      }
      expect(new Set(answers)).toStrictEqual(new Set(['from the smaller side']));
    });
  });

  it('lets the later write win though the clock of its coordinator is an hour behind', async () => {
    await run(async (cluster) => {
      await cluster.skew(0, 3_600_000);
      await cluster.put('k', 'first');
      await cluster.skew(0, -3_600_000);
      await cluster.fail(0);
      await cluster.recover(0);
      await cluster.put('k', 'second');
      expect(text(await cluster.get('k'))).toBe('second');
    });
  });

  it('answers null to a get, and fails a put, when no node is left', async () => {
    await run(async (cluster) => {
      await cluster.put('k', 'v');
      for (const id of [0, 1, 2]) await cluster.fail(id);
      expect(await cluster.get('k')).toBeNull();
      await expect(cluster.get('k', { consistency: 'one' })).rejects.toMatchObject({ code: 'RING_UNAVAILABLE' });
      await expect(cluster.put('k', 'v')).rejects.toMatchObject({ code: 'RING_UNAVAILABLE' });
      expect((await cluster.converged()).converged).toBe(false);
      for (const id of [0, 1, 2]) await cluster.recover(id);
      expect(text(await cluster.get('k'))).toBe('v');
    });
  });
});

describe('clusters of other sizes', () => {
  it('one node with one replica keeps everything', async () => {
    await using cluster = await createCluster({ nodes: 1, replicationFactor: 1 });
    expect((await cluster.put('k', 'v')).durableOn).toStrictEqual([0]);
    expect(text(await cluster.get('k', { consistency: 'all' }))).toBe('v');
    expect(await cluster.converged()).toStrictEqual({ converged: true, reasons: [] });
  });

  it('sixteen nodes with three replicas each put every key on three of them', async () => {
    await using cluster = await createCluster({ nodes: 16, replicationFactor: 3 });
    for (let number = 0; number < 200; number++) await cluster.put(`key${number}`, `value${number}`, { consistency: 'all' });
    await convergedAt(cluster);
    const { nodes } = await cluster.status();
    expect(nodes.reduce((sum, node) => sum + (node?.records ?? 0), 0)).toBe(600);
    for (const id of cluster.replicasOf('key7').slice(0, 2)) await cluster.fail(id);
    expect(text(await cluster.get('key7'))).toBe('value7');
  });

  it.each([
    [2, 3],
    [1, 0],
    [0, 1],
  ])('%i nodes with %i replicas are refused with words that say what is allowed', async (nodes, replicationFactor) => {
    await expect(createCluster({ nodes, replicationFactor })).rejects.toThrow(/replication|member|node/i);
  });

  it('an unknown node id is a RangeError', async () => {
    await using cluster = await createCluster({ nodes: 1, replicationFactor: 1 });
    await expect(cluster.fail(1)).rejects.toThrow(RangeError);
    await expect(cluster.skew(-1, 5)).rejects.toThrow(RangeError);
  });
});

describe('after close', () => {
  it('everything is released: a program that created, used and closed a cluster ends by itself', async () => {
    await using directory = await temporaryDirectory();
    const module = fileURLToPath(new URL('../../dist/node/cluster.js', import.meta.url));
    const script = join(directory.path, 'program.mjs');
    await mkdir(join(directory.path, 'data'));
    await writeFile(
      script,
      `import { createCluster } from ${JSON.stringify(module)};
       for (const dir of [undefined, ${JSON.stringify(join(directory.path, 'data'))}]) {
         const cluster = await createCluster({ nodes: 3, replicationFactor: 2, ...(dir === undefined ? {} : { dir }) });
         await cluster.put('k', 'v');
         await cluster.fail(1);
         await cluster.put('k', 'w');
         await cluster.pause(2);
         await cluster.close();
         await cluster.close();
       }
       console.log('done');`,
    );
    expect(await runToEnd([script])).toStrictEqual({ status: 0, signal: null, output: 'done\n' });
  });

  it('a directory can be opened by another cluster, which finds what was kept', async () => {
    await using directory = await temporaryDirectory();
    const options = { nodes: 2, replicationFactor: 2, dir: directory.path };
    for (let round = 0; round < 2; round++) {
      const cluster = await createCluster(options);
      if (round === 1) expect(text(await cluster.get('k'))).toBe('v');
      await cluster.put('k', 'v');
      await cluster.close();
      expect((await cluster.converged()).converged).toBe(false);
    }
  });
});
