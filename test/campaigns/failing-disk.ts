/** A disk that refuses: the Nth write or fsync fails, or there is no space for a while. */
import { setTimeout as delay } from 'node:timers/promises';
import { add, type Campaign, type CycleContext } from './campaign.ts';
import { NODES, until } from './campaign-cluster.ts';
import { describeExit, type Exit } from './daemon-process.ts';
import type { Fault } from './shim.ts';

const OPERATIONS = ['write', 'fsync'] as const;
const KINDS = { write: ['EIO', 'ENOSPC', 'short'], fsync: ['EIO', 'ENOSPC'] } as const;
/** So many calls further the first fault of a round may be; then it starts at 1 again. */
const AT_MAX = 40;
const EFFECT_MS = 10_000;
const AFTER_MS = 400;
const OPEN_MS = 15_000;
const FULL_MS = 1_500;
const LASTS_SHARE = 0.25;

export const failNth: Campaign = {
  name: 'fail-nth',
  promise: 'the Nth write or fsync fails (EIO, ENOSPC, short): the node ends with a clear last line or goes on; what it acknowledged, before and after, is on its disk',
  cycles: 100,
  level: 'quorum',
  async cycle(context, number) {
    const { cluster, random, tally } = context;
    const node = random.pick(NODES);
    const shim = cluster.shimOf(node);
    const fault = faultOf(number, random.isBelow(LASTS_SHARE) ? 'from then on' : 'once');
    shim.arm(fault);
    await until(`${fault.operation} ${fault.at} is reached`, EFFECT_MS, async () => shim.failed > 0 || !cluster.isRunning(node));
    if (shim.failed > 0) tally.faults++;
    add(tally, `${fault.operation} ${fault.kind}`, 1);
    // Writes that are acknowledged now are what LevelDB would lose.
    await delay(random.next() * AFTER_MS);
    shim.disarm();
    if (cluster.isRunning(node) && random.isBelow(0.5)) await opens(context, node);
    await endAndCheck(context, node);
    await cluster.startNodePatiently(node);
  },
};

export const diskFull: Campaign = {
  name: 'disk-full',
  promise: 'a full disk on one, two or all nodes, then space again: the same processes take writes again, nothing acknowledged is lost',
  cycles: 40,
  level: 'quorum',
  async cycle(context, number) {
    const { cluster, load, random, tally } = context;
    const full = NODES.filter((node) => number % 4 === 3 || node === random.below(NODES.length));
    const nodes = full.length > 0 ? full : [number % NODES.length];
    await delay(random.next() * AFTER_MS);
    for (const node of nodes) cluster.shimOf(node).setDisk('full');
    await until('the full disk refuses something', EFFECT_MS, async () => nodes.every((node) => cluster.shimOf(node).refused > 0));
    tally.faults++;
    add(tally, 'nodesFull', nodes.length);
    await delay(random.next() * FULL_MS);
    for (const node of nodes) cluster.shimOf(node).setDisk('free');
    for (const node of nodes) await opens(context, node);
    const goal = load.counts.acknowledged + 100;
    await until('writes are acknowledged again', OPEN_MS, async () => load.counts.acknowledged >= goal);
    const [checked] = nodes;
    if (checked === undefined || number % 2 === 0) return;
    await endAndCheck(context, checked);
    await cluster.startNode(checked);
  },
};

/** Goes through operations and kinds first and then further in: 1, 1, 1, 1, 1, 2, 2, … */
function faultOf(number: number, lasts: Fault['lasts']): Fault {
  const choices = OPERATIONS.flatMap((operation) => KINDS[operation].map((kind) => ({ operation, kind })));
  const choice = choices[number % choices.length];
  if (choice === undefined) throw new RangeError('no fault');
  return { ...choice, at: 1 + (Math.floor(number / choices.length) % AT_MAX), lasts };
}

/** Without a restart, or it ended with a last line that says why. */
async function opens({ cluster, tally }: CycleContext, node: number): Promise<void> {
  await until(`the store of node ${node} opens again`, OPEN_MS, async () => !cluster.isRunning(node) || (await cluster.status()).nodes[node]?.store === 'open');
  if (cluster.isRunning(node)) add(tally, 'reopened', 1);
}

/** Half of the time the power goes, too. Then the node must have what it said it had. */
async function endAndCheck(context: CycleContext, node: number): Promise<void> {
  const { cluster, random, tally, findings } = context;
  const ended = cluster.daemonOf(node)?.ended ?? null;
  if (ended !== null) {
    add(tally, 'endedByItself', 1);
    if (!hasClearLastLine(ended)) {
      findings.errors++;
      findings.words.push(`node ${node} ended without a clear last line: ${describeExit(ended)}`);
    }
  }
  if (random.isBelow(0.5)) await cluster.cutPower([node], random);
  else await cluster.kill([node]);
  await context.checkNode(node);
}

function hasClearLastLine({ lines }: Exit): boolean {
  return (lines.at(-1) ?? '').startsWith('ring-level: ');
}
