/**
 * Files of one node that were damaged: flipped bits, ranges of zeros, cut off, deleted. One node at a time, healed before
 * the next is hit, so everything that two nodes had on disk must survive, and heal without an operator.
 */
import { closeSync, existsSync, openSync, readSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { SeededRandom } from '../support/seeded-random.ts';
import { add, addErrors, type Campaign, type CycleContext } from './campaign.ts';
import { NODES, StartFailed, until, type CampaignCluster } from './campaign-cluster.ts';
import { readWhileDamaged } from './check.ts';
import { describeExit } from './daemon-process.ts';
import { sizesOf } from './shim.ts';

const BEFORE_MS = 400;
const HEAL_MS = 60_000;
const SCRUBS = 2;
const FLIPS_MAX = 500;
const KEYS_READ = 120;
const LIVE_SHARE = 0.3;
const ONE_FILE_SHARE = 0.15;
const FEW_FLIPS_MAX = 10;
const STARTS_MAX = 10;
const LINES_TOLD = 4;
const DESTRUCTION = { level: 'quorum', durableNodes: 2, reads: 'values only', end: 'restart' } as const;

export const bitFlips: Campaign = {
  name: 'bit-flips',
  promise: 'random bits of one node flipped, while it is down or while it runs: no wrong value is served or spread, and it heals by itself',
  cycles: 100,
  ...DESTRUCTION,
  faultsPerCycle: 0.7,
  async cycle(context) {
    const { cluster, random, tally } = context;
    const node = random.pick(NODES);
    await delay(random.next() * BEFORE_MS);
    const isLive = random.isBelow(LIVE_SHARE);
    if (!isLive) await cluster.kill([node]);
    const files = filesOf(cluster, node).filter(([path]) => !isLive || path.endsWith('.ldb'));
    // Mostly where the bytes are; sometimes a few in one file, any, so that small ones are hit as well. The identity file
    // is not hit together with the database, which keeps the copy that it is restored from.
    const one = random.isBelow(ONE_FILE_SHARE) && files.length > 0 ? random.pick(files) : null;
    const inDatabase = files.filter(([path]) => path.startsWith('db/'));
    const flips = files.length === 0 ? 0 : 1 + random.below(one === null && random.isBelow(0.5) ? FLIPS_MAX : FEW_FLIPS_MAX);
    let flipped = 0;
    for (let count = 0; count < flips; count++) flipped += flipBit(cluster.directoryOf(node), one ?? pickBySize(inDatabase, random), random);
    if (flipped > 0) tally.faults++;
    add(tally, isLive ? 'flipsLive' : 'flips', flipped);
    await healFrom(context, node, isLive ? 'bits flipped live' : 'bits flipped');
  },
};

const KINDS = ['.log', '.ldb', 'MANIFEST', 'CURRENT', 'LOG', 'identity.json', 'owner.json', 'node.lock'] as const;
const DAMAGES = ['zeroed', 'truncated', 'deleted', 'truncated live'] as const;
type Kind = (typeof KINDS)[number];
type Damage = (typeof DAMAGES)[number];

const COMBINATIONS: readonly (readonly [Kind, Damage])[] = KINDS.flatMap((kind) => DAMAGES.filter((damage) => isPossible(kind, damage)).map((damage) => [kind, damage] as const));

export const damageFiles: Campaign = {
  name: 'damage-files',
  promise: 'every kind of file of one node zeroed in part, cut off or deleted, then of another: it starts, no wrong value is served, it heals by itself',
  cycles: 2 * COMBINATIONS.length,
  ...DESTRUCTION,
  async cycle(context, number) {
    const { cluster, random, tally } = context;
    const [kind, damage] = COMBINATIONS[number % COMBINATIONS.length] ?? ['.log', 'zeroed'];
    // Each combination hits another node in the second round.
    const node = (number + Math.floor(number / COMBINATIONS.length)) % NODES.length;
    await delay(random.next() * BEFORE_MS);
    if (damage !== 'truncated live') await cluster.kill([node]);
    const path = pick(cluster, node, kind, random);
    if (path === null) {
      add(tally, `no ${kind}`, 1);
    } else {
      damageFile(join(cluster.directoryOf(node), path), damage, random);
      tally.faults++;
    }
    await healFrom(context, node, `${kind} ${damage}`);
  },
  faultsPerCycle: 0.8,
};

/** Starts the node, reads everything while it is damaged, waits until it is healed; by hand where it is not. */
async function healFrom(context: CycleContext, node: number, what: string): Promise<void> {
  const { cluster, load, random, findings, tally } = context;
  const started = new Supervised(context, node, what);
  await started.keepRunning();
  await load.pause();
  const histories = [...load.histories.values()].slice(0, KEYS_READ);
  addErrors(tally, await readWhileDamaged(cluster, histories, findings));
  // Some of the healing under load; but replicas that are written to are equal by chance only.
  load.go();
  await delay(random.next() * BEFORE_MS);
  await load.pause();
  // What nobody has read yet is found by the scrub: two whole rounds of it belong to the healing.
  let before: readonly number[] | null = null;
  try {
    await until(
      'all replicas are equal',
      HEAL_MS,
      async () => {
        await started.keepRunning();
        if (!(await cluster.isConverged())) return false;
        const scrubs = await cluster.scrubs();
        // A node that was started again counts from 0.
        if (before === null || scrubs.some((count, id) => count < (before?.[id] ?? 0))) before = scrubs;
        return scrubs.every((count, id) => count >= (before?.[id] ?? 0) + SCRUBS);
      },
      () => cluster.whyNotConverged,
    );
  } catch (error) {
    await started.byHand(error instanceof Error ? error.message : String(error));
    await cluster.converged(HEAL_MS);
  }
}

/** A node that is started again whenever it has ended, as a service manager does. A table cut off under it ends it (SIGBUS). */
class Supervised {
  readonly #context: CycleContext;
  readonly #node: number;
  readonly #what: string;
  #starts = 0;

  constructor(context: CycleContext, node: number, what: string) {
    this.#context = context;
    this.#node = node;
    this.#what = what;
  }

  async keepRunning(): Promise<void> {
    const { cluster, tally } = this.#context;
    if (cluster.isRunning(this.#node)) return;
    const exit = cluster.daemonOf(this.#node)?.ended ?? null;
    if (exit !== null && exit.signal !== 'SIGKILL') {
      add(tally, `ended: ${exit.signal ?? `status ${exit.code ?? 'none'}`}`, 1);
      tally.notes.push(`${this.#what}: node ${this.#node} ended by itself: ${describeExit(exit)}`);
    }
    if (++this.#starts > STARTS_MAX) {
      await this.byHand(`it ended ${STARTS_MAX} times: ${exit === null ? '' : describeExit(exit)}`);
      return;
    }
    try {
      if ((await cluster.startNodePatiently(this.#node)) > 0) add(tally, `waited for the lock: ${this.#what}`, 1);
    } catch (error) {
      if (!(error instanceof StartFailed)) throw error;
      await this.byHand(error.message);
    }
  }

  async byHand(why: string): Promise<void> {
    const { cluster, findings, tally } = this.#context;
    tally.operator++;
    add(tally, `byHand ${this.#what}`, 1);
    const lines = cluster.daemonOf(this.#node)?.lines.slice(-LINES_TOLD) ?? [];
    findings.words.push(`${this.#what}: ${why.slice(0, 400)}`, ...lines.map((line) => `  its log: ${line.slice(0, 400)}`));
    await cluster.wipe(this.#node);
  }
}

type Files = readonly (readonly [path: string, size: number])[];

/** With content, and not a file of LevelDB's that is only a lock. */
function filesOf(cluster: CampaignCluster, node: number): Files {
  return [...sizesOf(cluster.directoryOf(node))].filter(([path, size]) => size > 0 && !path.endsWith('/LOCK'));
}

/** Returns the bits that were flipped: none when a running daemon has removed the file meanwhile. */
export function flipBit(directory: string, [path, size]: Files[number], random: SeededRandom): 0 | 1 {
  const at = random.below(size);
  if (!existsSync(join(directory, path))) return 0;
  const file = openSync(join(directory, path), 'r+');
  try {
    const byte = new Uint8Array(1);
    readSync(file, byte, 0, 1, at);
    byte[0] = (byte[0] ?? 0) ^ (1 << random.below(8));
    writeSync(file, byte, 0, 1, at);
    return 1;
  } finally {
    closeSync(file);
  }
}

function pickBySize(files: Files, random: SeededRandom): Files[number] {
  let at = random.below(files.reduce((sum, [, size]) => sum + size, 0));
  for (const file of files) {
    if (at < file[1]) return file;
    at -= file[1];
  }
  return random.pick(files);
}

function isPossible(kind: Kind, damage: Damage): boolean {
  if (damage === 'truncated live') return kind === '.ldb';
  return kind !== 'node.lock' || damage === 'deleted';
}

function pick(cluster: CampaignCluster, node: number, kind: Kind, random: SeededRandom): string | null {
  if (kind === 'node.lock') return kind;
  const matches = [...sizesOf(cluster.directoryOf(node)).keys()].filter((path) => {
    const name = path.replace(/^db\//, '');
    return kind.startsWith('.') ? name.endsWith(kind) : kind === 'MANIFEST' ? name.startsWith('MANIFEST-') : name === kind;
  });
  return matches.length === 0 ? null : random.pick(matches);
}

export function damageFile(path: string, damage: Damage, random: SeededRandom): void {
  if (damage === 'deleted') {
    rmSync(path, { recursive: true, force: true });
    return;
  }
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) return;
  const at = random.below(Math.max(1, size));
  if (damage !== 'zeroed') {
    truncateSync(path, at);
    return;
  }
  const length = 1 + random.below(Math.max(1, size - at));
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(length), 0, length, at);
  closeSync(file);
}
