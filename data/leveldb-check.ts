/**
 * Whether the files of a LevelDB database are what LevelDB wrote. LevelDB itself drops damaged log records in silence
 * (ARCHITECTURE F3), checks no block on a read (F2), believes a MANIFEST that lost its end, and deletes every table
 * that the MANIFEST does not name.
 *
 *   what                                   found by                                      what LevelDB would do
 *   log record damaged, range zeroed       checksums of the log                          open without the records
 *   log cut at a record's end, hole        sequence numbers, which follow each other     open without the records
 *   log gone                               the MANIFEST's log number                     open without the records
 *   log's end bad, nothing follows         a torn tail: normal after a power cut         open
 *   CURRENT or MANIFEST gone or damaged    checksums, fields that must be there          not open
 *   table gone, cut short, end damaged     size in the MANIFEST, footer, index           not open, or die later
 *   block of a table damaged               its checksum: `tableBytesMax`, `scrubTables`  open; lie; die of a compaction
 *
 * Invariants
 *  C1  LevelDB's file LOCK is never opened: closing it would give up LevelDB's lock (F8).
 *  C2  Only tables that the MANIFEST names count. One that is being written, or was when the power went, is none.
 *  C3  Nothing is written here.
 */
import { join } from 'node:path';
import { fileName, logFiles, manifestName, readNames, readWhole, tableNames, unreadable } from './leveldb-files.ts';
import type { ByteRange } from './leveldb-log.ts';
import { readManifest, type Manifest } from './leveldb-manifest.ts';
import { checkTable, checkTableEnd, type TableCheck } from './leveldb-table.ts';
import { SequenceOrder, readWriteLog } from './leveldb-write-log.ts';

export interface Inspection {
  /** `torn-tail`: nothing that was synced is missing. */
  readonly state: 'sound' | 'torn-tail' | 'damaged';
  /** One sentence each, for the operator; also where the tail is torn. */
  readonly findings: readonly string[];
  /** LevelDB could not open it, or would delete tables that hold what is lost elsewhere. */
  readonly needsRepair: boolean;
  /** Names of tables that a repair must not meet as they are. */
  readonly damagedTables: readonly string[];
  /** Every block of every table that the MANIFEST names was read; false where that would have taken too long. */
  readonly areTablesChecked: boolean;
  /** With torn ones. */
  readonly faultyLogs: readonly FaultyLog[];
}

export interface FaultyLog {
  readonly name: string;
  readonly unreadable: readonly ByteRange[];
}

const TABLES_AT_ONCE = 8;

/**
 * Checks a database that is not open: CURRENT, MANIFEST, the logs, and of every table its end; the tables' data only
 * when they are no more than `tableBytesMax` together, or when anything else is damaged. Throws
 * `RING_STORE_UNAVAILABLE` when files cannot be read for a reason that is no damage.
 */
export async function inspectDatabase(directory: string, tableBytesMax = 0): Promise<Inspection> {
  try {
    const inspector = new Inspector(directory, await readNames(directory), tableBytesMax);
    return await inspector.inspect();
  } catch (error) {
    throw unreadable(directory, error);
  }
}

class Inspector {
  readonly #directory: string;
  readonly #names: readonly string[];
  readonly #findings: string[] = [];
  readonly #torn: string[] = [];
  readonly #damagedTables: string[] = [];
  readonly #faultyLogs: FaultyLog[] = [];
  readonly #tableBytesMax: number;
  #needsRepair = false;
  #areTablesChecked = false;

  constructor(directory: string, names: readonly string[], tableBytesMax: number) {
    this.#directory = directory;
    this.#tableBytesMax = tableBytesMax;
    this.#names = names;
  }

  async inspect(): Promise<Inspection> {
    const manifest = await this.#readManifest();
    await this.#checkLogs(manifest);
    await this.#checkTables(manifest);
    const state = this.#findings.length > 0 ? 'damaged' : this.#torn.length > 0 ? 'torn-tail' : 'sound';
    return {
      state,
      findings: [...this.#findings, ...this.#torn],
      needsRepair: this.#needsRepair,
      damagedTables: this.#damagedTables,
      areTablesChecked: this.#areTablesChecked,
      faultyLogs: this.#faultyLogs,
    };
  }

  #mustRepair(finding: string): void {
    this.#findings.push(finding);
    this.#needsRepair = true;
  }

  async #readManifest(): Promise<Manifest | null> {
    const current = await readWhole(join(this.#directory, 'CURRENT'));
    if (current === null) {
      this.#mustRepair('CURRENT: missing');
      return null;
    }
    const name = manifestName(current);
    if (name === null) {
      this.#mustRepair('CURRENT: names no MANIFEST');
      return null;
    }
    const bytes = await readWhole(join(this.#directory, name));
    if (bytes === null) {
      this.#mustRepair(`${name}: missing`);
      return null;
    }
    const { check, manifest } = readManifest(bytes);
    if (check.state === 'damaged') this.#mustRepair(describeDamage(name, check.offset, check.reason));
    else if (manifest === null) this.#mustRepair(`${name}: incomplete`);
    else if (check.state === 'torn-tail') this.#torn.push(describeTorn(name, check.offset));
    return manifest;
  }

  /** Those that LevelDB would replay; all, where no MANIFEST says which. */
  async #checkLogs(manifest: Manifest | null): Promise<void> {
    const first = manifest?.logNumber ?? 0;
    const logs = logFiles(this.#names).filter(({ number }) => number >= first);
    if (first > 0 && logs[0]?.number !== first) this.#mustRepair(`${fileName(first, 'log')}: missing`);
    const order = new SequenceOrder(manifest?.lastSequence ?? null);
    let torn: { readonly name: string; readonly offset: number } | null = null;
    for (const { name } of logs) {
      const bytes = await readWhole(join(this.#directory, name));
      if (bytes === null) {
        this.#findings.push(`${name}: cannot be read`);
        this.#faultyLogs.push({ name, unreadable: [] });
        order.forget();
        continue;
      }
      const { check, unreadable, batches } = readWriteLog(bytes, order);
      if (check.state !== 'sound') this.#faultyLogs.push({ name, unreadable });
      if (torn !== null && batches > 0) {
        this.#findings.push(describeDamage(torn.name, torn.offset, `the rest is missing, though ${name} follows`));
        torn = null;
      }
      if (check.state === 'damaged') this.#findings.push(describeDamage(name, check.offset, check.reason));
      if (check.state === 'torn-tail') torn = { name, offset: check.offset };
    }
    if (torn !== null) this.#torn.push(describeTorn(torn.name, torn.offset));
  }

  async #checkTables(manifest: Manifest | null): Promise<void> {
    const nameByTable = tableNames(this.#names);
    const named: TableFile[] = [];
    for (const [table, bytes] of manifest?.bytesByTable ?? []) {
      const name = nameByTable.get(table);
      if (name === undefined) this.#mustRepair(`${fileName(table, 'ldb')}: missing`);
      else named.push([name, bytes]);
    }
    const bytes = named.reduce((sum, [, size]) => sum + (size ?? 0), 0);
    const check = bytes <= this.#tableBytesMax || this.#findings.length > 0 ? checkBlocks : checkTableEnd;
    await this.#checkEach(named, check, (finding) => this.#mustRepair(finding));
    this.#areTablesChecked = check === checkBlocks || this.#needsRepair;
    if (!this.#needsRepair) return;
    // A repair takes every table that it finds, and every block. One without an end may never have had one (C2).
    const left = check === checkBlocks ? [] : named.filter(([name]) => !this.#damagedTables.includes(name));
    await this.#checkEach(left, checkBlocks, (finding) => this.#findings.push(finding));
    const others = [...nameByTable.values()].filter((name) => !named.some(([known]) => known === name));
    const isKnown = manifest !== null;
    await this.#checkEach(others.map((name) => [name, null] as const), checkBlocks, (finding) => (isKnown ? 0 : this.#findings.push(finding)));
  }

  async #checkEach(tables: readonly TableFile[], check: (path: string, bytes: number | null) => Promise<TableCheck>, report: (finding: string) => void): Promise<void> {
    const waiting = tables.values();
    const work = async (): Promise<void> => {
      for (const [name, bytes] of waiting) {
        const result = await check(join(this.#directory, name), bytes);
        if (result.state !== 'damaged') continue;
        report(`${name}: ${result.reason}`);
        this.#damagedTables.push(name);
      }
    };
    await Promise.all(Array.from({ length: TABLES_AT_ONCE }, work));
  }
}

type TableFile = readonly [name: string, bytes: number | null];

async function checkBlocks(path: string, bytes: number | null): Promise<TableCheck> {
  return checkTable(path, bytes, async () => true);
}

function describeDamage(name: string, offset: number, reason: string): string {
  return `${name}: damaged at byte ${offset} (${reason})`;
}

function describeTorn(name: string, offset: number): string {
  return `${name}: ends in the middle of a record at byte ${offset}, as after a power cut`;
}
