/**
 * Did the disks keep the promises? Takes what lies in every node's database after all was healed and converged.
 *
 *  D1  Every record is intact, in the place that its hash says, and on replicas of its key only.
 *  D2  All replicas of a key hold the same bytes; no hint is left; the key order has an entry for each record, no other.
 *  D3  Every acknowledged write is there, or something newer, with the value that this version was written with. It may
 *      be missing only when the disks of all who held it were destroyed (losses.ts, L1).
 *  D4  Nothing is there that nobody wrote (origins.ts).
 *
 * The layout is decoded here and not by the code that wrote it, so that both would have to be wrong alike.
 */
import {
  compareVersions,
  equalBytes,
  hashKey,
  isIntact,
  partitionOfHash,
  readU16,
  readU32,
  valueOf,
  versionOf,
  type KvEntry,
  type RecordBytes,
  type Version,
} from '../../data/index.ts';
import { completedOf, operationsByKey } from './check-history.ts';
import type { History, Operation } from './history.ts';
import { Losses } from './losses.ts';
import { Origins } from './origins.ts';
import { Findings, describe, describeSeen, type CheckedCluster, type Violation } from './violation.ts';

/** The cluster, and where it puts a key on disk. */
export interface DumpedCluster extends CheckedCluster {
  readonly partitionCount: number;
  readonly hashSeed: number;
}

/** Empty when the disks kept every promise. A node without a dump holds nothing. Keys and values are UTF-8 text. */
export function checkDumps(history: History, dumpsByNode: ReadonlyMap<number, readonly KvEntry[]>, cluster: DumpedCluster): readonly Violation[] {
  const findings = new Findings();
  const copiesByKey = new Map<string, Copy[]>();
  for (const [node, entries] of dumpsByNode) {
    for (const { key, record } of readDump(node, entries, cluster, findings)) {
      const copies = copiesByKey.get(key);
      if (copies === undefined) copiesByKey.set(key, [{ node, record }]);
      else copies.push({ node, record });
    }
  }
  const losses = new Losses(history, cluster);
  const operations = operationsByKey(history);
  for (const key of new Set([...operations.keys(), ...copiesByKey.keys()])) {
    const copies = copiesByKey.get(key) ?? [];
    checkReplicas(key, copies, cluster, findings);
    checkContents(key, copies, operations.get(key) ?? [], losses, findings);
  }
  return findings.all;
}

interface Copy {
  readonly node: number;
  readonly record: RecordBytes;
}

interface DumpedRecord {
  readonly key: string;
  readonly record: RecordBytes;
}

// --- one node ------------------------------------------------------------------------------------------------------

const [RECORD, ORDERED_KEY, HINT] = [1, 2, 3];

/** The intact records; all else about this node's entries is reported (D1, D2). */
function readDump(node: number, entries: readonly KvEntry[], cluster: DumpedCluster, findings: Findings): readonly DumpedRecord[] {
  const records: DumpedRecord[] = [];
  const [recorded, ordered] = [new Set<string>(), new Set<string>()];
  for (const { key: databaseKey, value } of entries) {
    switch (databaseKey[0]) {
      case RECORD: {
        const keyBytes = databaseKey.subarray(7);
        const key = textOf(keyBytes);
        recorded.add(key);
        checkPlace(node, databaseKey, keyBytes, key, cluster, findings);
        if (isIntact(keyBytes, value)) records.push({ key, record: value });
        else findings.add('damaged-record', key, `node ${node} holds a damaged record of ${value.length} bytes`);
        break;
      }
      case ORDERED_KEY:
        ordered.add(textOf(databaseKey.subarray(1)));
        break;
      case HINT:
        findings.add('hints-left', textOf(databaseKey.subarray(5)), `node ${node} still holds a hint for node ${readU16(databaseKey, 1)}`);
        break;
      default:
        break;
    }
  }
  for (const key of recorded) if (!ordered.has(key)) findings.add('index-differs', key, `node ${node} holds a record without an entry in the key order`);
  for (const key of ordered) if (!recorded.has(key)) findings.add('index-differs', key, `node ${node} has an entry in the key order without a record`);
  return records;
}

function checkPlace(node: number, databaseKey: Uint8Array, keyBytes: Uint8Array, key: string, cluster: DumpedCluster, findings: Findings): void {
  const hash = hashKey(keyBytes, cluster.hashSeed);
  const partition = partitionOfHash(hash, cluster.partitionCount);
  const [foundPartition, foundHash] = [readU16(databaseKey, 1), readU32(databaseKey, 3)];
  if (foundHash !== hash || foundPartition !== partition) {
    findings.add('misplaced-record', key, `node ${node} holds a record at partition ${foundPartition}, hash ${foundHash} that belongs at ${partition}, ${hash}`);
  }
  const replicas = cluster.replicasOf(key);
  if (!replicas.includes(node)) findings.add('misplaced-record', key, `node ${node} holds a record and is none of the replicas ${replicas.join(', ')}`);
}

// --- one key -------------------------------------------------------------------------------------------------------

function checkReplicas(key: string, copies: readonly Copy[], cluster: DumpedCluster, findings: Findings): void {
  const [first] = copies;
  if (first === undefined) return;
  for (const node of cluster.replicasOf(key)) {
    const copy = copies.find((copy) => copy.node === node);
    if (copy === undefined) findings.add('replicas-differ', key, `node ${node} has nothing, node ${first.node} has ${recordText(first.record)}`);
    else if (!equalBytes(copy.record, first.record)) {
      findings.add('replicas-differ', key, `node ${node} has ${recordText(copy.record)}, node ${first.node} has ${recordText(first.record)}`);
    }
  }
}

function checkContents(key: string, copies: readonly Copy[], operations: readonly Operation[], losses: Losses, findings: Findings): void {
  // What the reads tell of versions is taken in; what is wrong with them is for checkHistory to say.
  const origins = new Origins(key, operations);
  origins.seeReads(completedOf(operations), new Findings());
  for (const [index, { node, record }] of copies.entries()) {
    if (copies.findIndex((other) => equalBytes(other.record, record)) === index) {
      const [version, value] = [versionOf(record), valueTextOf(record)];
      origins.see({ version, value, sequence: Infinity, by: `the disk of node ${node}` }, findings);
    }
  }
  checkSurvival(key, newestOf(copies), operations, losses, findings);
}

/** D3: the newest acknowledged write that is missing without an excuse. */
function checkSurvival(key: string, kept: RecordBytes | null, operations: readonly Operation[], losses: Losses, findings: Findings): void {
  const keptVersion = kept === null ? null : versionOf(kept);
  let missing: { readonly write: Operation; readonly version: Version } | null = null;
  for (const write of operations) {
    const { outcome } = write;
    if (outcome.kind !== 'acknowledged') continue;
    const { version } = outcome;
    if (keptVersion !== null && compareVersions(keptVersion, version) >= 0) continue;
    if (missing !== null && compareVersions(missing.version, version) >= 0) continue;
    if (!losses.isLost(write, Infinity)) missing = { write, version };
  }
  if (missing === null) return;
  const isBack = missing.write.kind === 'delete' && kept !== null && valueOf(kept) !== null;
  const holds = kept === null ? 'no replica holds anything' : `the replicas hold no more than ${recordText(kept)}`;
  findings.add(isBack ? 'resurrection' : 'lost-write', key, `${describe(missing.write)} is gone: ${holds}`);
}

function newestOf(copies: readonly Copy[]): RecordBytes | null {
  return copies.reduce<RecordBytes | null>(
    (newest, { record }) => (newest === null || compareVersions(versionOf(record), versionOf(newest)) > 0 ? record : newest),
    null,
  );
}

function recordText(record: RecordBytes): string {
  return describeSeen(versionOf(record), valueTextOf(record));
}

function valueTextOf(record: RecordBytes): string | null {
  const value = valueOf(record);
  return value === null ? null : textOf(value);
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}
