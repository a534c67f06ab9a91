/**
 * What must hold once a cluster is healed: every key through every node, and the replicas byte for byte.
 */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { RingClient, RingError } from '../../client/index.ts';
import { Placement, firstTopology } from '../../coordinator/index.ts';
import { compareVersions, hashKey, isIntact, nodeId, openLevelKv, partitionOfHash, recordDatabaseKey, versionOf, versionToString, type OrderedKv } from '../../data/index.ts';
import { NODES, type CampaignCluster } from './campaign-cluster.ts';
import { shorten, textOf, type KeyHistory, type Level, type Load } from './load.ts';

export interface Findings {
  lost: number;
  wrong: number;
  /** Writes of unknown outcome that came after a later, acknowledged one: allowed, and told. */
  late: number;
  /** Reads at `quorum` or `all`, while one node was damaged, that missed what a quorum had acknowledged. */
  stale: number;
  errors: number;
  /** Those by level and code. */
  readonly errorsByCode: Map<string, number>;
  readonly words: string[];
}

const RECORDS = { from: Uint8Array.of(1), to: Uint8Array.of(2) };
const HINTS = { from: Uint8Array.of(3), to: Uint8Array.of(4) };
const RECORD_KEY_PREFIX_BYTES = 7;
const WORDS_MAX = 10;
const READS_AT_ONCE = 100;
const READ_TIMEOUT_MS = 10_000;
const LEVEL_OPTIONS = { cacheBytes: 8 << 20, writeBufferBytes: 4 << 20 };

export function noFindings(): Findings {
  return { lost: 0, wrong: 0, late: 0, stale: 0, errors: 0, errorsByCode: new Map(), words: [] };
}

/** Reads these keys through these nodes at these levels. Nobody may write meanwhile. */
export async function readBack(cluster: CampaignCluster, histories: readonly KeyHistory[], levels: readonly Level[], findings: Findings, nodes: readonly number[] = NODES): Promise<void> {
  for (const [node, url] of cluster.urls.entries()) {
    if (!nodes.includes(node)) continue;
    const client = new RingClient(url, { timeoutMs: READ_TIMEOUT_MS, spread: 'none' });
    for (const level of levels) {
      for (let from = 0; from < histories.length; from += READS_AT_ONCE) {
        await Promise.all(histories.slice(from, from + READS_AT_ONCE).map(async (history) => readOne(client, history, level, node, findings)));
      }
    }
    await client.close();
  }
}

async function readOne(client: RingClient, history: KeyHistory, level: Level, node: number, findings: Findings): Promise<void> {
  let text: string | null;
  try {
    text = textOf(await client.get(history.key, { consistency: level }));
  } catch (error) {
    if (!(error instanceof RingError)) throw error;
    findings.errors++;
    const name = `${level} ${error.code}`;
    findings.errorsByCode.set(name, (findings.errorsByCode.get(name) ?? 0) + 1);
    tell(findings, `read of ${history.key} through node ${node} at ${level}: ${error.code} ${error.message}`);
    return;
  }
  count(findings, history, text, `through node ${node} at ${level}`);
}

function count(findings: Findings, history: KeyHistory, text: string | null, where: string): void {
  const verdict = history.judge(text);
  if (verdict === 'right') return;
  findings[verdict]++;
  if (verdict !== 'late') tell(findings, `${verdict} ${where}: ${shorten(text)}, ${history.describe()}`);
}

function tell(findings: Findings, word: string): void {
  if (findings.words.length < WORDS_MAX) findings.words.push(word);
}

/**
 * The same while one node is damaged and not yet healed. No level may give a value that was never written; `quorum` and
 * `all` must not miss what a quorum acknowledged. An error is honest. Returns the failed reads by level and code.
 */
export async function readWhileDamaged(cluster: CampaignCluster, histories: readonly KeyHistory[], findings: Findings, nodes: readonly number[] = NODES): Promise<ReadonlyMap<string, number>> {
  const weak = noFindings();
  await readBack(cluster, histories, ['one', 'available'], weak, nodes);
  const strong = noFindings();
  await readBack(cluster, histories, ['quorum', 'all'], strong, nodes);
  findings.wrong += weak.wrong + strong.wrong;
  findings.stale += strong.lost;
  findings.late += strong.late;
  for (const word of [...(weak.wrong > 0 ? weak.words : []), ...(strong.wrong + strong.lost > 0 ? strong.words : [])]) tell(findings, `while damaged: ${word}`);
  return new Map([...weak.errorsByCode, ...strong.errorsByCode]);
}

/**
 * Opens the database of each node, all stopped, and compares: each key on exactly its replicas, the same bytes, intact,
 * what was acknowledged; no hints. Returns whether the replicas are equal.
 */
export async function compareDumps(cluster: CampaignCluster, load: Load, findings: Findings): Promise<boolean> {
  const placement = new Placement(firstTopology(cluster.urls.map((address, id) => ({ id: nodeId(id), address })), cluster.replicationFactor, 0));
  const dumps: Map<string, Uint8Array>[] = [];
  let isEqual = true;
  const differ = (word: string): void => {
    isEqual = false;
    tell(findings, word);
  };
  for (const node of NODES) {
    const kv = await openLevelKv(join(cluster.directoryOf(node), 'db'), 'must-exist', LEVEL_OPTIONS);
    try {
      dumps.push(await dump(kv));
      const hints = await kv.scan(HINTS, { entriesMax: 1000, bytesMax: 1 << 20 });
      if (hints.length > 0) differ(`node ${node} still holds ${hints.length} hints`);
    } finally {
      await kv.close();
    }
  }
  const keys = new Set(dumps.flatMap((records) => [...records.keys()]));
  for (const key of keys) {
    const databaseKey = Buffer.from(key, 'latin1');
    const userKey = databaseKey.subarray(RECORD_KEY_PREFIX_BYTES);
    if (!databaseKeyOf(userKey).equals(databaseKey)) {
      const holders = NODES.filter((node) => dumps[node]?.has(key));
      differ(`node ${holders.join(', ')} keeps ${databaseKey.toString('hex')} where no key belongs`);
      continue;
    }
    const replicas = placement.ofKey(userKey).replicas;
    const [first = 0] = replicas;
    const expected = dumps[first]?.get(key);
    for (const node of NODES) {
      const found = dumps[node]?.get(key);
      if (!replicas.includes(nodeId(node))) {
        if (found !== undefined) differ(`node ${node} keeps ${userKey.toString()} and is no replica of it`);
      } else if (found === undefined || expected === undefined || Buffer.compare(found, expected) !== 0) {
        differ(`${userKey.toString()} differs between node ${first} and node ${node}`);
      }
    }
    if (expected !== undefined && !isIntact(userKey, expected)) differ(`${userKey.toString()} is damaged on node ${first}`);
    if (!load.histories.has(userKey.toString())) {
      findings.wrong++;
      tell(findings, `invented key ${userKey.toString()}`);
    }
  }
  return isEqual;
}

/** In a cluster of NODES nodes that was never resized, with the default seed. */
function databaseKeyOf(key: Buffer): Buffer {
  const hash = hashKey(key, 0);
  return Buffer.from(recordDatabaseKey(partitionOfHash(hash, NODES.length * 64), hash, key));
}

async function dump(kv: OrderedKv): Promise<Map<string, Uint8Array>> {
  const records = new Map<string, Uint8Array>();
  for (let { from } = RECORDS; ; ) {
    const entries = await kv.scan({ from, to: RECORDS.to }, { entriesMax: 10_000, bytesMax: 64 << 20 });
    for (const { key, value } of entries) records.set(Buffer.from(key).toString('latin1'), value);
    const last = entries.at(-1);
    if (last === undefined) return records;
    from = Buffer.concat([last.key, Uint8Array.of(0)]);
  }
}

/**
 * Holds one node to what it said: each record that an acknowledgement named it for is in its database, in that version
 * or a newer one. The other replicas would hide it if it were not. The node must be down; a copy is opened.
 */
export async function checkOwnPromises(cluster: CampaignCluster, load: Load, node: number, findings: Findings): Promise<void> {
  const copy = cluster.scratch(`copy-${node}`);
  rmSync(copy, { recursive: true, force: true });
  cpSync(join(cluster.directoryOf(node), 'db'), copy, { recursive: true });
  const kv = await openLevelKv(copy, 'must-exist', LEVEL_OPTIONS);
  try {
    for (const history of load.histories.values()) {
      const promised = history.versionByNode.get(node);
      if (promised === undefined) continue;
      const key = Buffer.from(history.key);
      const record = kv.get(databaseKeyOf(key));
      if (record !== undefined && isIntact(key, record) && compareVersions(versionOf(record), promised) >= 0) continue;
      findings.lost++;
      tell(findings, `node ${node} acknowledged ${history.key} at ${versionToString(promised)} and holds ${record === undefined ? 'nothing' : 'an older or damaged record'}`);
    }
  } finally {
    await kv.close();
    rmSync(copy, { recursive: true, force: true });
  }
}
