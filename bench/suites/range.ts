/**
 * `range`: ranges read through RingLevel, beside the same records in LevelDB inside this process, which is what `level`
 * is in Node. One reader, one range at a time; keys as text and values as bytes, RingLevel at its own level, quorum.
 */
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { withCluster } from '../bench-cluster.ts';
import { RingLevel } from '../../client/index.ts';
import { figureOf } from '../figure.ts';
import { SeededRandom } from '../load/random.ts';
import { ValueTable, keyOf } from '../load/records.ts';
import type { Figure } from '../result.ts';
import type { Settings } from '../settings.ts';
import type { Suite } from '../suite.ts';

const SUITE = 'range';
const RECORDS = 100_000;
const SHORT_ENTRIES = 100;
/** Entries of one call, as `all()` takes them. */
const PART_ENTRIES = 1_000;
const BATCH_ENTRIES = 1_000;
const ENCODINGS = { keyEncoding: 'utf8', valueEncoding: 'view' } as const;

interface Walk {
  nextv(size: number): Promise<unknown[]>;
  all(): Promise<unknown[]>;
  close(): Promise<void>;
}

/** As much of an abstract-level database as is measured. */
interface Ranges {
  iterator(options: { readonly gte?: string; readonly limit?: number }): Walk & AsyncIterable<unknown>;
}

export const rangeSuite: Suite = {
  name: SUITE,
  summary: 'range reads through RingLevel, beside the same records in level',
  async run(settings) {
    const records = settings.records ?? RECORDS;
    return withCluster(settings, async (cluster) => {
      await cluster.fill(records, settings);
      await cluster.waitConverged();
      const level = await filledLevel(records, settings);
      const ring = new RingLevel<string, Uint8Array>(cluster.urls, ENCODINGS);
      try {
        return await measured([['RingLevel', ring], ['level', level]], records, settings);
      } finally {
        await ring.close();
        await level.close();
      }
    });
  },
};

async function measured(databases: readonly (readonly [string, Ranges])[], records: number, settings: Settings): Promise<readonly Figure[]> {
  const loads: readonly (readonly [string, string, (ranges: Ranges, random: SeededRandom) => Promise<number>])[] = [
    [`ranges of ${SHORT_ENTRIES}`, 'ranges/s', async (ranges, random) => shortRangesPerSecond(ranges, records, settings, random)],
    [`a range of ${records}, in parts of ${PART_ENTRIES}`, 'entries/s', async (ranges) => perSecondInParts(ranges, records)],
    [`a range of ${records}, one by one`, 'entries/s', async (ranges) => perSecondOneByOne(ranges, records)],
  ];
  const runsByName = new Map<string, { readonly unit: string; readonly runs: number[] }>();
  // Interleaved: what the machine does meanwhile meets all alike. The run before the first warms up.
  for (let run = -1; run < settings.runs; run++) {
    for (const [name, unit, load] of loads) {
      for (const [database, ranges] of databases) {
        const perSecond = await load(ranges, new SeededRandom(settings.seed + run));
        const key = `${database}: ${name}`;
        const known = runsByName.get(key) ?? { unit, runs: [] };
        runsByName.set(key, known);
        if (run >= 0) known.runs.push(perSecond);
      }
    }
  }
  return [...runsByName].map(([name, { unit, runs }]) => figureOf(SUITE, name, unit, runs));
}

async function shortRangesPerSecond(ranges: Ranges, records: number, { keyBytes, seconds }: Settings, random: SeededRandom): Promise<number> {
  const started = performance.now();
  let count = 0;
  for (; performance.now() - started < seconds * 1_000; count++) {
    const gte = keyOf(random.below(records), keyBytes).toString();
    await ranges.iterator({ gte, limit: SHORT_ENTRIES }).all();
  }
  return count / secondsSince(started);
}

async function perSecondInParts(ranges: Ranges, records: number): Promise<number> {
  const started = performance.now();
  const iterator = ranges.iterator({});
  let count = 0;
  for (let part = await iterator.nextv(PART_ENTRIES); part.length > 0; part = await iterator.nextv(PART_ENTRIES)) count += part.length;
  await iterator.close();
  return checked(count, records) / secondsSince(started);
}

async function perSecondOneByOne(ranges: Ranges, records: number): Promise<number> {
  const started = performance.now();
  let count = 0;
  for await (const entry of ranges.iterator({})) if (entry !== undefined) count += 1;
  return checked(count, records) / secondsSince(started);
}

async function filledLevel(records: number, { directory, keyBytes, valueBytes }: Settings): Promise<ClassicLevel<string, Uint8Array>> {
  const level = new ClassicLevel<string, Uint8Array>(join(directory, 'level'), ENCODINGS);
  const values = new ValueTable(valueBytes);
  for (let start = 0; start < records; start += BATCH_ENTRIES) {
    const length = Math.min(BATCH_ENTRIES, records - start);
    await level.batch(Array.from({ length }, (_, index) => ({ type: 'put' as const, key: keyOf(start + index, keyBytes).toString(), value: values.next() })));
  }
  return level;
}

/** A walk that lost entries is no measurement. */
function checked(count: number, records: number): number {
  if (count !== records) throw new Error(`a range of ${records} entries gave ${count}`);
  return count;
}

function secondsSince(started: number): number {
  return (performance.now() - started) / 1_000;
}
