import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PARTITIONS_PER_NODE, Placement, decodeTopology, encodeTopology, firstTopology, topologyDigest, type Member, type Topology } from '../../coordinator/index.ts';
import { epoch, nodeId } from '../../data/index.ts';
import { textBytes } from '../support/pure-cluster.ts';

const members = (n: number): Member[] => Array.from({ length: n }, (_, index) => ({ id: nodeId(index), address: `ws://127.0.0.1:${7400 + index}` }));
const placementOf = (n: number, replicationFactor: number): Placement => new Placement(firstTopology(members(n), replicationFactor, 0));
const shapes = fc.integer({ min: 1, max: 16 }).chain((n) => fc.tuple(fc.constant(n), fc.integer({ min: 1, max: n })));
const INVALID = expect.objectContaining({ code: 'RING_TOPOLOGY_INVALID' });

describe('placement', () => {
  it('of three nodes and two replicas puts hash 1 on nodes 1 and 2, with node 0 as fallback', () => {
    const placement = placementOf(3, 2);
    expect(placement.ofHash(1)).toStrictEqual({ partition: 1, replicas: [1, 2], fallbacks: [0] });
    expect(placement.ofHash(2)).toMatchObject({ replicas: [2, 0], fallbacks: [1] });
    expect(placement.majority).toBe(2);
  });

  it('has hash % n as the home node, for any hash and number of nodes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), shapes, (hash, [n, replicationFactor]) => {
        expect(placementOf(n, replicationFactor).ofHash(hash).replicas[0]).toBe(hash % n);
      }),
    );
  });

  it('gives every partition its replicas in circular order, and every member once in the preference list', () => {
    fc.assert(
      fc.property(shapes, ([n, replicationFactor]) => {
        const placement = placementOf(n, replicationFactor);
        expect(placement.topology.partitionCount).toBe(n * PARTITIONS_PER_NODE);
        for (let number = 0; number < placement.topology.partitionCount; number++) {
          const { partition, replicas, fallbacks } = placement.ofHash(number);
          expect(partition).toBe(number);
          expect(replicas).toHaveLength(replicationFactor);
          expect([...replicas, ...fallbacks]).toStrictEqual(Array.from({ length: n }, (_, i) => (number + i) % n));
        }
      }),
      { numRuns: 40 },
    );
  });

  it('of one node has that node everywhere, and no fallback', () => {
    expect(placementOf(1, 1).ofHash(123)).toMatchObject({ replicas: [0], fallbacks: [] });
  });

  it('shares a partition between nodes exactly when all of them are its replicas', () => {
    const placement = placementOf(4, 2);
    const homes = placement.sharedPartitions([nodeId(1), nodeId(2)]).map((partition) => partition % 4);
    expect(new Set(homes)).toStrictEqual(new Set([1]));
    expect(placement.sharedPartitions([nodeId(0), nodeId(2)])).toStrictEqual([]);
    expect(placementOf(4, 4).sharedPartitions([nodeId(0), nodeId(2)])).toHaveLength(4 * PARTITIONS_PER_NODE);
  });
});

describe('a topology', () => {
  it('is refused with fewer nodes than replicas, without nodes, and with gaps in their numbers', () => {
    for (const [list, replicationFactor] of [
      [members(2), 3],
      [members(3), 0],
      [members(3), 1.5],
      [[], 1],
      [members(3).slice(1), 1],
      [[...members(2), ...members(1)], 1],
    ] as const) {
      expect(() => firstTopology(list, replicationFactor, 0)).toThrow(INVALID);
    }
  });

  it('does not depend on the order in which its members are given', () => {
    expect(firstTopology(members(5).toReversed(), 3, 0)).toStrictEqual(firstTopology(members(5), 3, 0));
  });

  it('is read back as it was stored', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 0, max: 0xffff_ffff }), ([n, replicationFactor], seed) => {
        const topology = firstTopology(members(n), replicationFactor, seed);
        expect(decodeTopology(encodeTopology(topology))).toStrictEqual(topology);
      }),
    );
  });

  it('has another digest when anything but an address differs', () => {
    const base = firstTopology(members(4), 2, 5);
    const others: Topology[] = [
      { ...base, epoch: epoch(2) },
      { ...base, hashSeed: 6 },
      { ...base, members: members(5) },
      { ...base, partitionCount: base.partitionCount + 1 },
      { ...base, replicas: base.replicas.toReversed() },
      firstTopology(members(4), 3, 5),
      firstTopology(members(3), 2, 5),
    ];
    const digests = [base, ...others].map(topologyDigest);
    expect(new Set(digests).size).toBe(digests.length);
    for (const digest of digests) expect(digest).toMatch(/^[0-9a-f]{16}$/);
    const moved = base.members.map((member) => ({ ...member, address: 'ws://10.0.0.1:1' }));
    expect(topologyDigest({ ...base, members: moved })).toBe(topologyDigest(base));
  });

  it('that is stored wrongly is an error, and is not used', () => {
    const base = firstTopology(members(3), 2, 0);
    const wrong: unknown[] = [
      null,
      [],
      {},
      { ...base, epoch: 0 },
      { ...base, members: [{ id: 0 }] },
      { ...base, members: [] },
      { ...base, replicationFactor: 3 },
      { ...base, hashSeed: 'x' },
      { ...base, partitionCount: 7 },
      { ...base, partitionCount: 0, replicas: [] },
      { ...base, replicas: base.replicas.map(() => [0, 7]) },
      { ...base, replicas: base.replicas.map(() => [1, 1]) },
      { ...base, replicationFactor: 0, replicas: base.replicas.map(() => []) },
    ];
    for (const value of wrong) expect(() => decodeTopology(textBytes(JSON.stringify(value)))).toThrow(INVALID);
    expect(() => decodeTopology(textBytes('{"epoch":'))).toThrow(INVALID);
  });

  it('is not believed when a bit of it was flipped, though it may still be JSON', () => {
    const topology = firstTopology(members(3), 2, 5);
    const encoded = encodeTopology(topology);
    let misread = 0;
    for (let bit = 0; bit < encoded.length * 8; bit += 7) {
      const flipped = Uint8Array.from(encoded);
      flipped[bit >>> 3] = (flipped[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      try {
        // An address is where a member is reached, not who it is.
        expect(topologyDigest(decodeTopology(flipped))).toBe(topologyDigest(topology));
      } catch (error) {
        expect(error).toStrictEqual(INVALID);
        misread++;
      }
    }
    expect(misread).toBeGreaterThan(encoded.length);
  });
});
