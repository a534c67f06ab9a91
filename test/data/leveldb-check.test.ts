/** One fear a test: files of a LevelDB database that are not what LevelDB wrote, and nobody notices. Real databases. */
import { open, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { KvBatch, inspectDatabase, openLevelKv, scrubTables, type Inspection, type OrderedKv } from '../../data/index.ts';
import { LOG_BLOCK_BYTES, readLog } from '../../data/leveldb-log.ts';
import { rebuildTable } from '../../data/leveldb-rebuild.ts';
import { uncompressSnappy } from '../../data/leveldb-snappy.ts';
import { TABLE_FOOTER_BYTES, checkTable, checkTableEnd } from '../../data/leveldb-table.ts';
import { LEVEL_OPTIONS, temporaryDirectory } from '../support/kv-places.ts';
import { SeededRandom } from '../support/seeded-random.ts';

const unlimited = async (): Promise<boolean> => true;

async function fill(kv: OrderedKv, random: SeededRandom, batches: number, valueBytesMax: number): Promise<void> {
  for (let number = 0; number < batches; number++) {
    const batch = new KvBatch();
    for (let entry = 0; entry < 3; entry++) {
      const value = Buffer.alloc(1 + random.below(valueBytesMax), 'text that compresses ');
      for (let at = 0; at < value.length; at += 3) value[at] = random.below(256);
      batch.put(Buffer.from(`key-${random.below(1_000_000)}`), value);
    }
    await kv.write(batch, 'os');
  }
}

/** A closed database with tables, and a log of some 300 KiB that is not in a table yet. */
async function usedDatabase(seed: number): Promise<{ readonly path: string } & AsyncDisposable> {
  const directory = await temporaryDirectory();
  const random = new SeededRandom(seed);
  const first = await openLevelKv(directory.path, 'create', LEVEL_OPTIONS);
  await fill(first, random, 300, 400);
  await first.close();
  const second = await openLevelKv(directory.path, 'must-exist', LEVEL_OPTIONS);
  await fill(second, random, 600, 400);
  await second.close();
  return directory;
}

async function onlyFile(directory: string, pattern: RegExp): Promise<string> {
  const names = (await readdir(directory)).filter((name) => pattern.test(name));
  expect(names).toHaveLength(1);
  return join(directory, names[0] ?? '');
}

/** Where each record begins, and where the last one ends. */
function boundariesOf(log: Uint8Array): readonly number[] {
  const boundaries: number[] = [];
  readLog(log, (_, offset) => boundaries.push(offset));
  return [...boundaries, log.length];
}

const SOUND: Inspection = { state: 'sound', findings: [], needsRepair: false, damagedTables: [], areTablesChecked: false, faultyLogs: [] };

describe('a database', () => {
  it('that LevelDB closed is sound', async () => {
    await using database = await usedDatabase(1);
    expect(await inspectDatabase(database.path)).toStrictEqual(SOUND);
    expect(await scrubTables(database.path, unlimited)).toMatchObject({ tables: 1, findings: [] });
  });

  it('has each of 200 damages of its log found, or a torn tail where only the end is hit', async () => {
    await using database = await usedDatabase(2);
    const path = await onlyFile(database.path, /\.log$/);
    const sound = await readFile(path);
    const lastRecord = boundariesOf(sound).at(-2) ?? 0;
    const seen = new Map<string, number>();
    for (let seed = 1; seed <= 200; seed++) {
      const random = new SeededRandom(seed);
      const from = random.below(sound.length);
      const to = Math.min(sound.length, from + 1 + random.below(random.isBelow(0.5) ? 200 : 60_000));
      const kind = random.pick(['flip', 'zero', 'cut out', 'cut off'] as const);
      let damaged = Buffer.from(sound);
      if (kind === 'flip') damaged.writeUInt8((damaged[from] ?? 0) ^ (1 << random.below(8)), from);
      if (kind === 'zero') damaged.fill(0, from, to);
      if (kind === 'cut out') damaged = Buffer.concat([sound.subarray(0, from), sound.subarray(to)]);
      if (kind === 'cut off') damaged = Buffer.from(sound.subarray(0, from));
      await writeFile(path, damaged);
      const { state, findings } = await inspectDatabase(database.path);
      const isAtEnd = (kind === 'flip' ? from : to) >= lastRecord;
      const isUnused = kind === 'flip' && isPadding(sound, from);
      const allowed = isUnused ? ['sound'] : kind === 'cut off' ? ['torn-tail', 'sound'] : isAtEnd ? ['torn-tail', 'damaged', kind === 'cut out' ? 'sound' : ''] : ['damaged'];
      expect({ seed, kind, from, to, allowed: allowed.includes(state), findings: findings.length > 0 || state === 'sound' }).toStrictEqual({ seed, kind, from, to, allowed: true, findings: true });
      seen.set(`${kind} ${state}`, (seen.get(`${kind} ${state}`) ?? 0) + 1);
    }
    for (const kind of ['flip damaged', 'zero damaged', 'cut out damaged', 'cut off torn-tail']) expect([kind, (seen.get(kind) ?? 0) >= 20]).toStrictEqual([kind, true]);
    await writeFile(path, sound);
    expect(await inspectDatabase(database.path)).toStrictEqual(SOUND);
  });

  it('whose log lost whole records is damaged, though all that is left is good; only those at its end cannot be missed', async () => {
    await using database = await usedDatabase(3);
    const path = await onlyFile(database.path, /\.log$/);
    const sound = await readFile(path);
    const boundaries = boundariesOf(sound).filter((offset) => offset < LOG_BLOCK_BYTES);
    const [second = 0, third = 0, last = 0] = [boundaries[1], boundaries[2], boundaries.at(-1)];
    const withoutRecords = async (from: number, to: number): Promise<Inspection> => {
      await writeFile(path, Buffer.concat([sound.subarray(0, from), sound.subarray(to, last)]));
      return inspectDatabase(database.path);
    };
    expect(await withoutRecords(0, second)).toMatchObject({ state: 'damaged', needsRepair: false });
    expect(await withoutRecords(second, third)).toMatchObject({ state: 'damaged', needsRepair: false });
    expect(await withoutRecords(third, last)).toStrictEqual(SOUND);
  });

  it.each<[string, (directory: string) => Promise<void>, RegExp]>([
    ['CURRENT is gone', async (path) => rm(join(path, 'CURRENT')), /^CURRENT: missing$/],
    ['CURRENT is empty', async (path) => truncate(join(path, 'CURRENT'), 0), /^CURRENT: names no MANIFEST$/],
    ['CURRENT has lost its newline', async (path) => truncate(join(path, 'CURRENT'), 15), /^CURRENT: names no MANIFEST$/],
    ['CURRENT names another', async (path) => writeFile(join(path, 'CURRENT'), 'MANIFEST-999999\n'), /^MANIFEST-999999: missing$/],
    ['MANIFEST is gone', async (path) => rm(await onlyFile(path, /^MANIFEST/)), /^MANIFEST-\d+: missing$/],
    ['MANIFEST is empty', async (path) => truncate(await onlyFile(path, /^MANIFEST/), 0), /^MANIFEST-\d+: incomplete$/],
    ['MANIFEST has lost its end', async (path) => truncate(await onlyFile(path, /^MANIFEST/), 60), /: (?:incomplete|missing)$/],
    ['log is gone', async (path) => rm(await onlyFile(path, /\.log$/)), /^\d+\.log: missing$/],
    ['table is gone', async (path) => rm(await onlyFile(path, /\.ldb$/)), /^\d+\.ldb: missing$/],
    ['table is empty', async (path) => truncate(await onlyFile(path, /\.ldb$/), 0), /^\d+\.ldb: has 0 bytes instead of \d+$/],
    ['table is cut short', async (path) => truncate(await onlyFile(path, /\.ldb$/), 4096), /^\d+\.ldb: has 4096 bytes instead of \d+$/],
  ])('whose %s needs a repair', async (_, harm, finding) => {
    await using database = await usedDatabase(4);
    await harm(database.path);
    const inspection = await inspectDatabase(database.path);
    expect(inspection).toMatchObject({ state: 'damaged', needsRepair: true });
    expect(inspection.findings).toContainEqual(expect.stringMatching(finding));
  });

  it('has every flipped bit of its MANIFEST found', async () => {
    await using database = await usedDatabase(5);
    const path = await onlyFile(database.path, /^MANIFEST/);
    const sound = await readFile(path);
    for (let at = 0; at < sound.length; at++) {
      const damaged = Buffer.from(sound);
      damaged.writeUInt8((sound[at] ?? 0) ^ (1 << (at % 8)), at);
      await writeFile(path, damaged);
      // Even one in the last record, which may be what a power cut left: what the record said is missed.
      const { state } = await inspectDatabase(database.path);
      expect([at, state]).toStrictEqual([at, 'damaged']);
    }
  });

  it('with a table that was being written when the power went is sound', async () => {
    await using database = await usedDatabase(6);
    await writeFile(join(database.path, '009999.ldb'), 'the beginning of a table');
    expect(await inspectDatabase(database.path)).toStrictEqual(SOUND);
    expect((await scrubTables(database.path, unlimited)).findings).toStrictEqual([]);
  });

  it('says whether all of its tables were read, as they are where they are small or anything is damaged', async () => {
    await using database = await usedDatabase(14);
    const areChecked = async (bytesMax: number): Promise<boolean> => (await inspectDatabase(database.path, bytesMax)).areTablesChecked;
    const { size } = await stat(await onlyFile(database.path, /\.ldb$/));
    expect([await areChecked(size), await areChecked(size - 1)]).toStrictEqual([true, false]);
    await rm(join(database.path, 'CURRENT'));
    expect(await areChecked(0)).toBe(true);
  });

  it('that is not there is damaged and not an error', async () => {
    await using database = await temporaryDirectory();
    expect(await inspectDatabase(join(database.path, 'nowhere'))).toMatchObject({ state: 'damaged', needsRepair: true });
  });
});

/** Bytes of a whole block in which no record fits. */
function isPadding(log: Uint8Array, at: number): boolean {
  const block = at - (at % LOG_BLOCK_BYTES);
  const end = block + LOG_BLOCK_BYTES;
  if (end > log.length) return false;
  let record = block;
  while (end - record >= 7) record += 7 + ((log[record + 4] ?? 0) | ((log[record + 5] ?? 0) << 8));
  return at >= record;
}

describe('a table', () => {
  it('has a flipped bit found in every byte but the padding of its footer', async () => {
    await using database = await usedDatabase(7);
    const path = await onlyFile(database.path, /\.ldb$/);
    const sound = await readFile(path);
    const padding = paddingOf(sound);
    expect(padding.to - padding.from).toBeGreaterThan(10);
    const file = await open(path, 'r+');
    try {
      let checked = 0;
      for (let at = 0; at < sound.length; at += at < 200 || at > sound.length - 400 ? 1 : 151) {
        // The top bit of the last handle's last byte only makes it longer by a zero of the padding.
        await file.write(Uint8Array.of((sound[at] ?? 0) ^ (1 << (at === padding.from - 1 ? 0 : at % 8))), 0, 1, at);
        const { state } = await checkTable(path, sound.length, unlimited);
        expect([at, state]).toStrictEqual([at, at >= padding.from && at < padding.to ? 'sound' : 'damaged']);
        if (at > sound.length - 400 && state === 'damaged') expect([at, (await checkTableEnd(path, null)).state]).toStrictEqual([at, 'damaged']);
        await file.write(sound, at, 1, at);
        checked += 1;
      }
      expect(checked).toBeGreaterThan(1000);
      expect(await checkTable(path, sound.length, unlimited)).toStrictEqual({ state: 'sound', bytes: sound.length });
    } finally {
      await file.close();
    }
  });

  it('cut anywhere, or of nonsense with a good magic number, is damaged; one that is gone is gone', async () => {
    await using database = await usedDatabase(8);
    const path = await onlyFile(database.path, /\.ldb$/);
    const sound = await readFile(path);
    for (let seed = 1; seed <= 150; seed++) {
      const random = new SeededRandom(seed);
      const bytes = seed % 3 === 0 ? Buffer.from(sound.subarray(0, random.below(sound.length))) : Buffer.from(Uint8Array.from({ length: 48 + random.below(3000) }, () => random.below(seed % 3 === 1 ? 256 : 40)));
      if (seed % 3 !== 0) sound.copy(bytes, bytes.length - 8, sound.length - 8);
      await writeFile(path, bytes);
      expect([seed, (await checkTable(path, null, unlimited)).state]).toStrictEqual([seed, 'damaged']);
      expect([seed, (await checkTableEnd(path, null)).state]).toStrictEqual([seed, 'damaged']);
    }
    await rm(path);
    expect(await checkTable(path, 1, unlimited)).toStrictEqual({ state: 'gone' });
  });
});

describe('a rebuilt table', () => {
  it('is a sound one of the good blocks; of none there is none', async () => {
    await using database = await usedDatabase(13);
    const path = await onlyFile(database.path, /\.ldb$/);
    const sound = await readFile(path);
    const damaged = Buffer.from(sound);
    for (const at of [500, 50_000, 120_000]) damaged.writeUInt8((damaged[at] ?? 0) ^ 1, at);
    await writeFile(path, damaged);
    const rebuilt = (await rebuildTable(path)) ?? new Uint8Array(0);
    expect([rebuilt.length < sound.length - 3 * 2000, rebuilt.length > sound.length - 3 * 8000]).toStrictEqual([true, true]);
    await writeFile(path, rebuilt);
    expect(await checkTable(path, null, unlimited)).toStrictEqual({ state: 'sound', bytes: rebuilt.length });
    expect(Buffer.from((await rebuildTable(path)) ?? []).equals(rebuilt)).toBe(true);
    await truncate(path, 1000);
    expect(await rebuildTable(path)).toBeNull();
  });
});

/** Between the handles of a footer and its magic number. */
function paddingOf(table: Uint8Array): { readonly from: number; readonly to: number } {
  let at = table.length - TABLE_FOOTER_BYTES;
  for (let numbers = 0; numbers < 4; at++) if ((table[at] ?? 0) < 0x80) numbers += 1;
  return { from: at, to: table.length - 8 };
}

describe('the scrub', () => {
  it('of a database that writes and compacts finds nothing', async () => {
    await using directory = await temporaryDirectory();
    const kv = await openLevelKv(directory.path, 'create', { cacheBytes: 1 << 20, writeBufferBytes: 1 << 16 });
    try {
      const state = { isWriting: true };
      const writing = fill(kv, new SeededRandom(9), 3000, 400).finally(() => {
        state.isWriting = false;
      });
      let rounds = 0;
      let tablesMax = 0;
      while (state.isWriting) {
        const { tables, findings } = await scrubTables(directory.path, unlimited);
        expect(findings).toStrictEqual([]);
        tablesMax = Math.max(tablesMax, tables);
        rounds += 1;
      }
      await writing;
      expect([rounds > 2, tablesMax > 1]).toStrictEqual([true, true]);
    } finally {
      await kv.close();
    }
  });

  it('of a running database finds the byte that was changed', async () => {
    await using database = await usedDatabase(12);
    const path = await onlyFile(database.path, /\.ldb$/);
    const kv = await openLevelKv(database.path, 'must-exist', LEVEL_OPTIONS);
    try {
      const file = await open(path, 'r+');
      await file.write(Uint8Array.of(0, 0, 0, 0), 0, 4, 1000);
      await file.close();
      const { tables, findings } = await scrubTables(database.path, unlimited);
      expect([tables, findings]).toStrictEqual([2, [expect.stringMatching(/^\d+\.ldb: is damaged in the block at byte 0$/)]]);
    } finally {
      await kv.close();
    }
  });

  it('stops when its budget says so, and asks before each read', async () => {
    await using database = await usedDatabase(10);
    let asked = 0;
    const counting = async (bytes: number): Promise<boolean> => {
      asked += bytes;
      return true;
    };
    const { bytes } = await scrubTables(database.path, counting);
    expect(asked).toBeGreaterThanOrEqual(bytes);
    expect(await scrubTables(database.path, async () => false)).toStrictEqual({ tables: 0, bytes: 0, findings: [] });
  });

  it('says when a table or the MANIFEST is missing', async () => {
    await using database = await usedDatabase(11);
    await rm(await onlyFile(database.path, /\.ldb$/));
    expect((await scrubTables(database.path, unlimited)).findings).toStrictEqual([expect.stringMatching(/\.ldb: missing$/)]);
    await rm(await onlyFile(database.path, /^MANIFEST/));
    expect((await scrubTables(database.path, unlimited)).findings).toStrictEqual([expect.stringMatching(/^MANIFEST-\d+: missing or damaged$/)]);
  });
});

describe('snappy', () => {
  it.each<[string, string, string | null]>([
    ['a literal', '0308616263', 'abc'],
    ['a copy that reaches into itself', '0600610501', 'aaaaaa'],
    ['a length that is too long', '0408616263', null],
    ['a length that is too short', '0208616263', null],
    ['a copy from before the beginning', '06006105ff', null],
    ['a copy from nowhere', '0600610500', null],
    ['a literal without its end', '03086162', null],
    ['a promise of gigabytes', 'ffffffff0f0861', null],
    ['nothing', '', null],
  ])('with %s', (_, hex, expected) => {
    const output = uncompressSnappy(Buffer.from(hex, 'hex'), 1 << 20);
    expect(output === null ? null : Buffer.from(output).toString()).toBe(expected);
  });
});
