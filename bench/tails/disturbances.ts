/**
 * What happens in the background of a cluster that has work to do. Each begins when a load is about to be measured and
 * goes on until it is over by itself, or the load is; then all is as before.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { fillRecords, runLoad } from '../load/load-process.ts';
import type { Evidence, Side } from './result.ts';
import type { Stage } from './stage.ts';

export interface Disturbance {
  readonly name: string;
  readonly nodeFlags: readonly string[];
  /** Where clients are connected, each measured by itself. */
  readonly sides: readonly Side[];
  readonly needsSlowFsync: boolean;
  /** What must have happened before; nothing is measured meanwhile. */
  prepare(stage: Stage): Promise<void>;
  /** Begins at once. `over`: the load has ended. */
  run(stage: Stage, over: Promise<void>): Promise<Evidence>;
}

const FSYNC_MS = 200;
const PAUSE_AFTER_MS = 1000;
/** These, as long as there are so many records. */
const SWEEP_DIFFERENCES = 100_000;
const HINTS = 200_000;
/** Written while a node is stopped that comes back: about what a load does in some seconds. */
const RETURN_MISSED = 20_000;
const MIB = 1_048_576;
const COMPACTED_VALUE_BYTES = 16 * 1024;
const COMPACTED_RECORDS = 6_400;
/** How often all of them are written before. */
const OVERWRITTEN = 2;
const COMPACTED_BYTES = OVERWRITTEN * COMPACTED_RECORDS * COMPACTED_VALUE_BYTES;
/** 4 MiB a second. */
const OVERWRITES_PER_SECOND = 256;

const THE_REST: readonly Side[] = ['the rest'];
const BOTH: readonly Side[] = ['the rest', 'the disturbed node'];
const NO_HINTS = ['--set', 'hints.maxBytes=0'];
const NO_SWEEPS = ['--set', 'sweep.intervalMs=0'];

/** What the same measurement says when nothing happens: how far a ratio is off by chance. */
const nothing: Disturbance = {
  name: 'nothing (control)',
  nodeFlags: [],
  sides: THE_REST,
  needsSlowFsync: false,
  prepare: noPreparation,
  async run(_stage, over) {
    return { activeSeconds: await secondsUntil(over) };
  },
};

const slowFsync: Disturbance = {
  name: `fsync of one node takes ${FSYNC_MS} ms more`,
  nodeFlags: [],
  sides: BOTH,
  needsSlowFsync: true,
  prepare: noPreparation,
  async run({ slowFsync }, over) {
    const before = slowFsync?.delayed ?? 0;
    slowFsync?.setDelay(FSYNC_MS);
    const activeSeconds = await secondsUntil(over);
    slowFsync?.setDelay(0);
    return { activeSeconds, delayedFsyncs: (slowFsync?.delayed ?? 0) - before };
  },
};

const paused: Disturbance = {
  name: 'one node stands still (SIGSTOP)',
  nodeFlags: [],
  sides: BOTH,
  needsSlowFsync: false,
  prepare: noPreparation,
  async run(stage, over) {
    await Promise.race([delay(PAUSE_AFTER_MS), over]);
    stage.cluster.pause(stage.node);
    const activeSeconds = await secondsUntil(over);
    stage.cluster.resume(stage.node);
    return { activeSeconds };
  },
};

const returned: Disturbance = {
  name: `it goes on (SIGCONT), ${RETURN_MISSED} writes later`,
  nodeFlags: [],
  sides: THE_REST,
  needsSlowFsync: false,
  prepare: async (stage) => writeWithout(stage, RETURN_MISSED),
  run: async (stage, over) => healing(stage, over),
};

/** What was overwritten faster than LevelDB could sort it in; it goes on slowly, as LevelDB looks for work when it writes. */
const compaction: Disturbance = {
  name: `compaction of ${COMPACTED_BYTES / MIB} MiB that were overwritten`,
  nodeFlags: [],
  sides: THE_REST,
  needsSlowFsync: false,
  async prepare(stage) {
    for (let round = 0; round < OVERWRITTEN; round++) await fillRecords(stage.target('the rest'), COMPACTED_RECORDS, stage.keyBytes + 1, COMPACTED_VALUE_BYTES);
  },
  async run(stage, over) {
    const before = await stage.compactions();
    const overwriting = runLoad({
      target: stage.target('the rest'),
      workload: 'put',
      records: COMPACTED_RECORDS,
      keyBytes: stage.keyBytes + 1,
      valueBytes: COMPACTED_VALUE_BYTES,
      clients: 1,
      inFlight: 1,
      warmUpSeconds: 0,
      seconds: stage.seconds,
      ratePerSecond: OVERWRITES_PER_SECOND,
      seed: 1,
    });
    const activeSeconds = await secondsUntil(over);
    const { operations } = await overwriting;
    return { activeSeconds, overwrittenBytes: operations * COMPACTED_VALUE_BYTES, compactions: (await stage.compactions()) - before };
  },
};

const sweep: Disturbance = {
  name: `sweep with ${SWEEP_DIFFERENCES} differences`,
  nodeFlags: NO_HINTS,
  sides: THE_REST,
  needsSlowFsync: false,
  prepare: async (stage) => writeWithout(stage, SWEEP_DIFFERENCES),
  run: async (stage, over) => healing(stage, over),
};

const handOff: Disturbance = {
  name: `delivery of ${HINTS} hints`,
  nodeFlags: NO_SWEEPS,
  sides: THE_REST,
  needsSlowFsync: false,
  prepare: async (stage) => writeWithout(stage, HINTS),
  run: async (stage, over) => healing(stage, over),
};

const refill: Disturbance = {
  name: 'a wiped node is filled again',
  nodeFlags: [],
  sides: THE_REST,
  needsSlowFsync: false,
  prepare: async (stage) => stage.mark(),
  async run(stage, over) {
    stage.markWiped();
    return untilSettled(stage, over, async () => stage.cluster.wipe(stage.node));
  },
};

export const DISTURBANCES: Readonly<Record<string, Disturbance>> = { nothing, fsync: slowFsync, pause: paused, return: returned, compaction, sweep, hints: handOff, refill };

async function noPreparation(): Promise<void> {
  // It can begin at any time.
}

async function writeWithout(stage: Stage, count: number): Promise<void> {
  await stage.mark();
  stage.cluster.pause(stage.node);
  await stage.cluster.waitUntilUnheard(stage.node);
  await stage.write(Math.min(count, stage.records));
}

/** The node goes on, and what it missed comes to it. */
async function healing(stage: Stage, over: Promise<void>): Promise<Evidence> {
  return untilSettled(stage, over, async () => stage.cluster.resume(stage.node));
}

/** Until all replicas are equal again, with what the nodes counted meanwhile. */
async function untilSettled(stage: Stage, over: Promise<void>, begin: () => Promise<void>): Promise<Evidence> {
  const started = performance.now();
  await begin();
  const settled = stage.settle();
  const activeSeconds = await secondsUntil(Promise.race([settled, over]), started);
  await settled;
  const { hintsDelivered, sweepRecords } = await stage.sinceMark();
  return { activeSeconds, hintsDelivered, sweepRecords };
}

async function secondsUntil(end: Promise<void>, started = performance.now()): Promise<number> {
  await end;
  return (performance.now() - started) / 1000;
}
