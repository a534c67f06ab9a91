/** SIGKILL, power cuts, SIGSTOP: a node, or all of them, at any moment, the start included. */
import { setTimeout as delay } from 'node:timers/promises';
import { add, type Campaign, type CycleContext } from './campaign.ts';
import { NODES, StartFailed, until } from './campaign-cluster.ts';
import type { Load } from './load.ts';
import type { PowerCut } from './power.ts';

const BEFORE_MS = 400;
const DOWN_MS = 200;
/** From the start of a process to its ready line, about. */
const START_MS = 600;
const DURING_START_SHARE = 0.15;
const ACKNOWLEDGED_MIN = 50;
const LOAD_MS = 30_000;
const PAUSE_MS = 3_000;
/** The cycles after which a node is held to what it said: the copy of its database takes its time. */
const CHECK_NODE_EVERY = 4;

export const killOne: Campaign = {
  name: 'kill-one',
  promise: 'SIGKILL of one node: nothing acknowledged is lost, and requests go on',
  cycles: 100,
  level: 'available',
  async cycle(context) {
    const { cluster, random } = context;
    const node = random.pick(NODES);
    await delay(random.next() * BEFORE_MS);
    await kill(context, [node]);
    await delay(random.next() * DOWN_MS);
    await killInItsStart(context, [node], async () => kill(context, [node]));
    await cluster.startNode(node);
  },
};

export const killAll: Campaign = {
  name: 'kill-all',
  promise: 'SIGKILL of all nodes at once: nothing acknowledged is lost',
  cycles: 100,
  level: 'quorum',
  async cycle(context) {
    const { cluster, load, random } = context;
    await underLoad(load, random.next() * BEFORE_MS);
    await kill(context, NODES);
    await killInItsStart(context, NODES, async () => kill(context, NODES));
    await cluster.startAll();
  },
};

export const powerOne: Campaign = {
  name: 'power-one',
  promise: 'power cut of one node: what it said to have on disk is there',
  cycles: 100,
  level: 'available',
  async cycle(context, number) {
    const { cluster, random } = context;
    const node = random.pick(NODES);
    await delay(random.next() * BEFORE_MS);
    const cut = async (): Promise<void> => count(context, await cluster.cutPower([node], random));
    await cut();
    if (number % CHECK_NODE_EVERY === 0) await context.checkNode(node);
    await delay(random.next() * DOWN_MS);
    await killInItsStart(context, [node], cut);
    await cluster.startNode(node);
  },
};

export const powerAll: Campaign = {
  name: 'power-all',
  promise: 'power cut of all nodes at once: nothing acknowledged with an fsync is lost',
  cycles: 100,
  level: 'quorum',
  cycle: cutAll,
};

export const powerAllControl: Campaign = {
  name: 'power-all-control',
  promise: 'the control: with durability `os` the same power cuts lose something',
  cycles: 5,
  level: 'quorum',
  flags: ['--durability', 'os'],
  reads: 'values only',
  expected: 'loses',
  cycle: cutAll,
};

export const pause: Campaign = {
  name: 'pause',
  promise: 'SIGSTOP of one node for seconds: requests go on, nothing is lost',
  cycles: 10,
  level: 'quorum',
  async cycle({ cluster, random, tally }) {
    const node = random.pick(NODES);
    await delay(random.next() * BEFORE_MS);
    cluster.pause(node);
    tally.faults++;
    await delay(random.next() * PAUSE_MS);
    cluster.resume(node);
  },
};

async function cutAll(context: CycleContext, number: number): Promise<void> {
  const { cluster, load, random } = context;
  await underLoad(load, random.next() * BEFORE_MS);
  const cut = async (): Promise<void> => count(context, await cluster.cutPower(NODES, random));
  await cut();
  if (number % CHECK_NODE_EVERY === 0) await context.checkNode(random.pick(NODES));
  await killInItsStart(context, NODES, cut);
  await cluster.startAll();
}

async function kill({ cluster, tally }: CycleContext, nodes: readonly number[]): Promise<void> {
  await cluster.kill(nodes);
  tally.faults++;
}

/** Clients need a moment to find their way back; a fault that comes before they do hits an idle cluster. */
async function underLoad(load: Load, milliseconds: number): Promise<void> {
  const goal = load.counts.acknowledged + ACKNOWLEDGED_MIN;
  await until('writes are acknowledged', LOAD_MS, async () => load.counts.acknowledged >= goal);
  await delay(milliseconds);
}

/** Sometimes the next fault hits a node that is about to come back. */
async function killInItsStart({ cluster, random, tally }: CycleContext, nodes: readonly number[], kill: () => Promise<void>): Promise<void> {
  if (!random.isBelow(DURING_START_SHARE)) return;
  const starting = nodes.map((node) => cluster.spawn(node));
  await delay(random.next() * START_MS);
  const early = starting.map((daemon) => daemon.ended).find((exit) => exit !== null);
  if (early !== undefined) throw new StartFailed(nodes[0] ?? 0, early);
  await kill();
  add(tally, 'inStart', 1);
}

function count({ tally }: CycleContext, cuts: readonly PowerCut[]): void {
  tally.faults++;
  for (const cut of cuts) {
    add(tally, 'bytesCut', cut.bytesLost);
    add(tally, 'filesCut', cut.filesLost);
    add(tally, 'namesUndone', cut.namesUndone);
    add(tally, 'cutsThatCut', cut.bytesLost + cut.namesUndone > 0 ? 1 : 0);
  }
}
