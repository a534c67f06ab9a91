/** Links that are cut, one-way, slow or broken in the middle of a frame; clocks that jump. */
import { setTimeout as delay } from 'node:timers/promises';
import { add, type Campaign } from './campaign.ts';
import { NODES, until, type CampaignCluster } from './campaign-cluster.ts';
import type { LinkMode } from './proxy.ts';
import type { SeededRandom } from '../support/seeded-random.ts';

const BEFORE_MS = 300;
const CUT_MS = 2_500;
const SLOW_MS = 400;
const TEARS = 5;
const JUMPS_MS = [3_600_000, -3_600_000, 0, 60_000, -60_000] as const;
/** A jump counts when a peer's estimate has moved so far towards it. */
const SEEN_SHARE = 0.9;
const SEEN_MS = 10_000;

const SHAPES = ['isolated', 'bridge', 'one-way', 'silent', 'slow', 'torn'] as const;

export const partition: Campaign = {
  name: 'partition',
  promise: 'links cut, one-way, silent, slow or broken in the middle of a frame: writes acknowledged at a quorum are never lost, refused ones never appear',
  cycles: 60,
  level: 'quorum',
  network: 'proxied',
  async cycle({ cluster, random, tally }, number) {
    const shape = SHAPES[number % SHAPES.length] ?? 'isolated';
    const before = cluster.links.disturbed;
    await delay(random.next() * BEFORE_MS);
    if (shape === 'torn') await tear(cluster, random);
    else disturb(cluster, shape, random);
    await until('the fault meets bytes', SEEN_MS, async () => cluster.links.disturbed > before);
    await delay(random.next() * CUT_MS);
    cluster.links.heal();
    tally.faults++;
    add(tally, shape, 1);
    await until('nodes hear each other', 30_000, async () => (await cluster.status()).nodes.every((node) => node?.peers.every((peer) => peer.liveness === 'alive') ?? false));
  },
};

export const clock: Campaign = {
  name: 'clock',
  promise: 'live jumps of the wall clock by up to an hour, both ways, over restarts too: a later write at a quorum wins, nothing acknowledged is lost',
  cycles: 30,
  level: 'quorum',
  async cycle({ cluster, random, tally }) {
    const node = random.pick(NODES);
    const jumpMs = random.pick(JUMPS_MS);
    await delay(random.next() * BEFORE_MS);
    cluster.shimOf(node).setClockOffset(jumpMs);
    await until('its peers see the jump', SEEN_MS, async () => isSeen(cluster, node));
    tally.faults++;
    add(tally, `jump ${jumpMs / 1000} s`, 1);
    if (!random.isBelow(0.3)) return;
    await cluster.kill([node]);
    await cluster.startNode(node);
    add(tally, 'restarts', 1);
  },
};

async function isSeen(cluster: CampaignCluster, node: number): Promise<boolean> {
  const { nodes } = await cluster.status();
  return NODES.filter((other) => other !== node).every((other) => {
    const seenMs = nodes[other]?.peers.find((peer) => peer.node === node)?.clockOffsetMs;
    const wantedMs = cluster.shimOf(node).clockOffsetMs - cluster.shimOf(other).clockOffsetMs;
    return seenMs !== undefined && seenMs !== null && Math.abs(seenMs - wantedMs) <= Math.max(5_000, Math.abs(wantedMs) * (1 - SEEN_SHARE));
  });
}

function disturb({ links }: CampaignCluster, shape: 'isolated' | 'bridge' | 'one-way' | 'silent' | 'slow', random: SeededRandom): void {
  const node = random.pick(NODES);
  const [left = 0, right = 0] = NODES.filter((other) => other !== node);
  const both = (a: number, b: number, mode: LinkMode): void => {
    links.of(a, b).set(mode);
    links.of(b, a).set(mode);
  };
  switch (shape) {
    case 'isolated':
      for (const other of [left, right]) both(node, other, { mode: 'cut' });
      return;
    case 'bridge':
      // The two others hear each other only through what this node does for them.
      both(left, right, { mode: 'cut' });
      return;
    case 'one-way':
      // It hears requests and its answers vanish, or the other way round.
      for (const other of [left, right]) links.of(other, node).set({ mode: 'silent', lost: random.isBelow(0.5) ? 'requests' : 'replies' });
      return;
    case 'silent':
      for (const other of [left, right]) both(node, other, { mode: 'silent', lost: 'both' });
      return;
    case 'slow':
      both(node, random.isBelow(0.5) ? left : right, { mode: 'slow', milliseconds: 1 + random.below(SLOW_MS) });
  }
}

async function tear({ links }: CampaignCluster, random: SeededRandom): Promise<void> {
  for (let count = 0; count < TEARS; count++) {
    const from = random.pick(NODES);
    const to = random.pick(NODES.filter((node) => node !== from));
    links.of(from, to).set({ mode: 'tear', share: random.next() });
    await delay(random.next() * BEFORE_MS);
  }
}
