/**
 * The check of a running database's tables, every block of them, as slowly as the caller wants: LevelDB checks none
 * when it reads (ARCHITECTURE F2), and the records' own checksums say nothing about those that an index lost.
 * Which files must be left alone, and why the MANIFEST is asked: data/leveldb-check.ts, C1 and C2.
 */
import { join } from 'node:path';
import { fileName, manifestName, readNames, readWhole, tableNames, unreadable } from './leveldb-files.ts';
import { readManifest, type Manifest } from './leveldb-manifest.ts';
import { checkTable, type ReadBudget } from './leveldb-table.ts';

export interface TableScrub {
  /** How many were checked to their end. */
  readonly tables: number;
  readonly bytes: number;
  /** One sentence each. */
  readonly findings: readonly string[];
}

/**
 * Checks every block of the database's tables, beside a running LevelDB. `budget` is awaited before each read; false
 * ends the check. Throws `RING_STORE_UNAVAILABLE`.
 */
export async function scrubTables(directory: string, budget: ReadBudget): Promise<TableScrub> {
  const findings: string[] = [];
  let tables = 0;
  let bytes = 0;
  const gone: number[] = [];
  try {
    const named = await readCurrentManifest(directory, findings);
    const nameByTable = tableNames(await readNames(directory));
    for (const [table, size] of named?.bytesByTable ?? []) {
      const name = nameByTable.get(table);
      const check = name === undefined ? ({ state: 'gone' } as const) : await checkTable(join(directory, name), size, budget);
      if (check.state === 'stopped') return { tables, bytes, findings };
      if (check.state === 'gone') gone.push(table);
      else tables += 1;
      if (check.state === 'sound') bytes += check.bytes;
      if (check.state === 'damaged') findings.push(`${name ?? table}: ${check.reason}`);
    }
    if (gone.length > 0) findings.push(...(await missingTables(directory, gone)));
    return { tables, bytes, findings };
  } catch (error) {
    throw unreadable(directory, error);
  }
}

/** null, with a finding, when it cannot be used; its last record may be one that is just being written. */
async function readCurrentManifest(directory: string, findings: string[]): Promise<Manifest | null> {
  const current = await readWhole(join(directory, 'CURRENT'));
  const name = current === null ? null : manifestName(current);
  const bytes = name === null ? null : await readWhole(join(directory, name));
  const manifest = bytes === null ? null : readManifest(bytes).manifest;
  if (manifest === null) findings.push(`${name ?? 'CURRENT'}: missing or damaged`);
  return manifest;
}

/** Of tables that were named and not there: those that are named still, and still not there. */
async function missingTables(directory: string, tables: readonly number[]): Promise<string[]> {
  const findings: string[] = [];
  const manifest = await readCurrentManifest(directory, findings);
  const nameByTable = tableNames(await readNames(directory));
  const missing = tables.filter((table) => manifest?.bytesByTable.has(table) === true && !nameByTable.has(table));
  return [...findings, ...missing.map((table) => `${fileName(table, 'ldb')}: missing`)];
}
