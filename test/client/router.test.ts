import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Router, type Member, type RoutedLane } from '../../client/router.ts';
import { Placement } from '../../coordinator/index.ts';
import { epoch, nodeId } from '../../data/index.ts';
import type { TopologyAnswer } from '../../wire/index.ts';

type Readiness = RoutedLane['readiness'];

class Lane implements RoutedLane {
  readonly name: string;
  readiness: Readiness = 'none';
  inFlight = 0;
  openings = 0;

  constructor(name: string) {
    this.name = name;
  }

  open(): void {
    this.openings += 1;
  }
}

/** A router with its lanes by member; the primary leads to the member that told the topology. */
function routerOf(topology: TopologyAnswer, busyInFlight = 0): { readonly router: Router<Lane>; readonly primary: Lane; readonly laneOf: (id: number) => Lane | undefined } {
  const made = new Map<number, Lane>();
  const primary = new Lane('primary');
  const router = new Router(primary, ({ id }: Member) => {
    const lane = new Lane(`to ${id}`);
    made.set(id, lane);
    return lane;
  }, busyInFlight);
  router.adopt(topology);
  return { router, primary, laneOf: (id) => (id === topology.node ? primary : made.get(id)) };
}

function read(key: Uint8Array): { readonly key: Uint8Array; readonly kind: 'repeatable' } {
  return { key, kind: 'repeatable' };
}

const NO_KEY = new Uint8Array(0);
const readiness = fc.constantFrom<Readiness>('ready', 'suspect', 'none');

/** Any table of partitions, not only the first one of a cluster. */
const topologies: fc.Arbitrary<TopologyAnswer> = fc
  .record({ ids: fc.uniqueArray(fc.nat(4095), { minLength: 1, maxLength: 7 }), partitionCount: fc.integer({ min: 1, max: 40 }), hashSeed: fc.nat(0xffff_ffff) })
  .chain(({ ids, partitionCount, hashSeed }) =>
    fc.integer({ min: 1, max: ids.length }).chain((replicationFactor) =>
      fc.record({
        clusterId: fc.constant('c'),
        node: fc.constantFrom(...ids),
        epoch: fc.constant(1),
        hashSeed: fc.constant(hashSeed),
        partitionCount: fc.constant(partitionCount),
        replicationFactor: fc.constant(replicationFactor),
        members: fc.constant(ids.toSorted((a, b) => a - b).map((id) => ({ id, address: `ws://10.0.0.1:${id + 1}` }))),
        replicas: fc.array(fc.shuffledSubarray(ids, { minLength: replicationFactor, maxLength: replicationFactor }), { minLength: partitionCount, maxLength: partitionCount }),
      }),
    ),
  );

function placementOf(topology: TopologyAnswer): Placement {
  return new Placement({
    ...topology,
    epoch: epoch(topology.epoch),
    members: topology.members.map(({ id, address }) => ({ id: nodeId(id), address })),
    replicas: topology.replicas.map((nodes) => nodes.map((id) => nodeId(id))),
  });
}

describe('the router', () => {
  test('takes the first replica, as the placement orders them, whose lane is ready', () => {
    let routed = 0;
    fc.assert(fc.property(topologies, fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 20 }), fc.array(readiness, { minLength: 8, maxLength: 8 }), (topology, keys, states) => {
      const { router, primary, laneOf } = routerOf(topology);
      const placement = placementOf(topology);
      // The first time each lane is only told to open.
      for (const key of keys) router.laneFor(read(key), 0);
      for (const [index, { id }] of topology.members.entries()) {
        const lane = laneOf(id);
        if (lane !== undefined) lane.readiness = states[index] ?? 'none';
      }
      for (const key of keys) {
        const { replicas } = placement.ofKey(key);
        const home = replicas.map((id) => laneOf(id)).find((lane) => lane?.readiness === 'ready');
        expect(router.laneFor(read(key), 0)).toBe(home ?? router.anyLane());
        if (home !== undefined && home !== primary) routed += 1;
      }
    }));
    expect(routed).toBeGreaterThan(50);
  });

  test('never comes back without a lane while one is ready, nor with a suspect one then', () => {
    fc.assert(fc.property(topologies, fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.array(readiness, { minLength: 8, maxLength: 8 }), (topology, key, states) => {
      const { router, primary, laneOf } = routerOf(topology);
      router.laneFor(read(key), 0);
      const lanes = topology.members.flatMap(({ id }) => laneOf(id) ?? []);
      for (const [index, lane] of lanes.entries()) lane.readiness = states[index] ?? 'none';
      const best = (['ready', 'suspect', 'none'] as const).find((state) => [primary, ...lanes].some((lane) => lane.readiness === state)) ?? 'none';
      for (const asked of [read(key), read(NO_KEY)]) expect(router.laneFor(asked, 0)?.readiness ?? 'none').toBe(best);
    }));
  });

  const topology: TopologyAnswer = {
    clusterId: 'c',
    node: 0,
    epoch: 1,
    hashSeed: 0,
    partitionCount: 1,
    replicationFactor: 2,
    members: [0, 1, 2].map((id) => ({ id, address: `ws://10.0.0.1:${id + 1}` })),
    replicas: [[1, 2]],
  };
  const key = Uint8Array.of(1);

  test('opens a lane when it would use it, and no other; the primary is not its to open', () => {
    const { router, primary, laneOf } = routerOf({ ...topology, replicas: [[1, 0]] });
    primary.readiness = 'ready';
    expect(router.laneFor(read(key), 0)).toBe(primary);
    expect([primary.openings, laneOf(1)?.openings, laneOf(2)]).toEqual([0, 1, undefined]);
  });

  test('stays with the primary for what it keeps, until that is busy or not ready', () => {
    const { router, primary, laneOf } = routerOf({ ...topology, replicas: [[1, 0]] }, 10);
    primary.readiness = 'ready';
    expect([router.laneFor(read(key), 0), laneOf(1)]).toEqual([primary, undefined]);
    primary.inFlight = 10;
    router.laneFor(read(key), 0);
    const home = laneOf(1);
    if (home !== undefined) home.readiness = 'ready';
    expect(router.laneFor(read(key), 0)).toBe(home);
    primary.inFlight = 9;
    expect(router.laneFor(read(key), 0)).toBe(primary);
    primary.readiness = 'suspect';
    expect(router.laneFor(read(key), 0)).toBe(home);
    const elsewhere = routerOf({ ...topology, replicas: [[1, 2]] }, 10);
    elsewhere.primary.readiness = 'ready';
    elsewhere.router.laneFor(read(key), 0);
    expect(elsewhere.laneOf(1)?.openings).toBe(1);
  });

  test('sends a control over the primary or not at all', () => {
    const { router, primary, laneOf } = routerOf(topology);
    router.laneFor(read(key), 0);
    const lane = laneOf(1);
    if (lane !== undefined) lane.readiness = 'ready';
    const control = { key: NO_KEY, kind: 'write' } as const;
    expect(router.laneFor(control, 0)).toBeNull();
    expect(router.laneFor(read(NO_KEY), 0)).toBe(lane);
    primary.readiness = 'suspect';
    expect(router.laneFor(control, 0)).toBe(primary);
  });

  test('keeps the lanes to members whose address stays and hands out the others', () => {
    const { router, primary, laneOf } = routerOf(topology);
    router.laneFor(read(key), 0);
    const [one, two] = [laneOf(1), laneOf(2)];
    expect(router.adopt({ ...topology, members: [{ id: 0, address: 'ws://10.0.0.1:1' }, { id: 1, address: 'ws://10.0.0.1:2' }, { id: 2, address: 'ws://10.0.0.9:3' }] })).toEqual([two]);
    expect(router.adopt({ ...topology, node: 1 })).toContain(one);
    primary.readiness = 'ready';
    expect(router.laneFor(read(key), 0)).toBe(primary);
  });
});
