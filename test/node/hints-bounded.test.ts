/** Hints have a limit: past it the sweep is told what to look at, and no write fails for it. */
import { describe, expect, it } from 'vitest';
import { createCluster } from '../../node/cluster.ts';
import { convergedAt, eventually, temporaryDirectory } from '../support/processes.ts';

const RECORDS = 1_000;

describe('a node that may keep few hints', () => {
  it.each([20_000, 0])('with hints.maxBytes %i acknowledges every write, marks partitions dirty, and the sweep makes the returning node equal', async (maxBytes) => {
    await using directory = await temporaryDirectory();
    await using cluster = await createCluster({ nodes: 3, replicationFactor: 3, dir: directory.path, config: { hints: { maxBytes, ...(maxBytes === 0 ? {} : { batchBytes: 8_000 }) }, sweep: { intervalMs: 300 } } });
    await cluster.fail(2);
    const answers = await Promise.all(Array.from({ length: RECORDS }, async (_, number) => cluster.put(`key${number}`, 'v'.repeat(100))));
    expect(answers.every(({ durableOn }) => durableOn.length === 2)).toBe(true);
    const views = (await cluster.status()).nodes.map((node) => node?.peers.find((peer) => peer.node === 2));
    const bytes = views.map((view) => view?.hintBytes ?? 0);
    expect(Math.max(...bytes)).toBeLessThanOrEqual(maxBytes);
    expect(views.some((view) => (view?.hintsWaiting ?? 0) > 0)).toBe(maxBytes > 0);
    expect(views.some((view) => (view?.dirtyPartitions ?? 0) > 0)).toBe(true);
    // The dirty partitions are on disk: a holder that crashes meanwhile still knows.
    const dirty = views.map((view) => view?.dirtyPartitions ?? 0);
    await cluster.fail(0);
    await cluster.recover(0);
    await eventually('node 0 knows its dirty partitions again', async () => {
      const view = (await cluster.status()).nodes[0]?.peers.find((peer) => peer.node === 2);
      return view?.dirtyPartitions === dirty[0] ? true : null;
    });
    await cluster.recover(2);
    await convergedAt(cluster);
    await eventually('no partition is dirty any more', async () => {
      const { nodes } = await cluster.status();
      const peers = nodes.flatMap((node) => node?.peers ?? []);
      return nodes.every((node) => node?.records === RECORDS) && peers.every((peer) => peer.dirtyPartitions === 0 && peer.hintsWaiting === 0) ? true : null;
    });
    await cluster.fail(0);
    await cluster.fail(1);
    for (let number = 0; number < RECORDS; number += 50) expect((await cluster.get(`key${number}`))?.length).toBe(100);
  });

  it('without a fallback node a write of two replicas still rests on as many disks as live', async () => {
    await using cluster = await createCluster({ nodes: 2, replicationFactor: 2, config: { hints: { maxBytes: 0 } } });
    await cluster.fail(1);
    expect((await cluster.put('k', 'v')).durableOn).toStrictEqual([0]);
    await cluster.recover(1);
    await convergedAt(cluster);
    await cluster.fail(0);
    expect(Buffer.from((await cluster.get('k')) ?? '').toString()).toBe('v');
  });
});
