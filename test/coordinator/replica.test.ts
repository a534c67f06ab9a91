import { describe, expect, it } from 'vitest';
import { incarnation, nodeId, writerOf, type WriteOutcome } from '../../data/index.ts';
import { isKept } from '../../coordinator/index.ts';
import { TYPE, type PeerReply } from '../../wire/index.ts';
import { PureCluster } from '../support/pure-cluster.ts';
import { settle } from '../support/store-node.ts';

describe('an outcome of the store', () => {
  const version = { timestamp: 5, writer: writerOf(nodeId(0), incarnation(1)) };

  it.each<readonly [WriteOutcome, boolean]>([
    [{ status: 'applied' }, true],
    [{ status: 'present' }, true],
    [{ status: 'superseded', version }, true],
    [{ status: 'refused', reason: 'overloaded' }, false],
    [{ status: 'unknown' }, false],
  ])('%j is on disk: %s', (outcome, expected) => {
    expect(isKept(outcome)).toBe(expected);
  });
});

describe('what is handed over in bulk', () => {
  it('is kept by a replica of the key, and taken but not kept by any other node: its hint named the wrong target', async () => {
    const cluster = await PureCluster.start({ nodes: 3, replicationFactor: 2 });
    const [mine, theirs] = [cluster.keyAt(0), cluster.keyAt(1)];
    const source = await PureCluster.start({ nodes: 1, replicationFactor: 1 });
    const pairs: Uint8Array[] = [];
    for (const key of [mine, theirs]) {
      const written = source.put(0, key, 'v');
      await source.deliver();
      expect(written.isWritten).toBe(true);
      const record = source.node(0).store.read(key);
      if (record === null || record === 'damaged') throw new Error('it was not kept');
      pairs.push(key, record);
    }
    for (const type of [TYPE.handOff, TYPE.sweepRecords] as const) {
      const replies: PeerReply[] = [];
      cluster.node(0).replica.serve([[type, 2, pairs]], (some) => replies.push(...some));
      await settle();
      expect(replies).toStrictEqual([[TYPE.handedOff, 2, 1]]);
    }
    expect([cluster.stored(0, mine), cluster.stored(0, theirs)]).toMatchObject([{ value: 'v' }, null]);
  });
});
