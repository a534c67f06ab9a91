/** `explain` of each state, made for real: nodes over real sockets, with their disks in the test's hands where they must be. */
import { describe, expect, it } from 'vitest';
import { runCommandLine } from '../../cli/command-line.ts';
import { RingClient, type ExplainAnswer } from '../../client/index.ts';
import { encodeRecord, incarnation, nodeId, versionToString, writerOf, type Version } from '../../data/index.ts';
import { orderedKey } from '../../data/layout.ts';
import { createCluster, type Cluster } from '../../node/cluster.ts';
import { decodeClientReplies, encodeFrame } from '../../wire/index.ts';
import { flipKey, flipValue, hintKeyOf, put as putRaw, recordKeyOf } from '../support/damage.ts';
import { MemoryNodes, QUICK } from '../support/memory-nodes.ts';
import { eventually } from '../support/processes.ts';
import { RawSocket } from '../support/raw-socket.ts';

/** Nothing happens by itself but what a test asks for; damage is found by whoever meets it. */
const QUIET = { sweep: { intervalMs: 0 }, scrub: { intervalMs: 0 } } as const;
const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (value: Uint8Array | null): string | null => (value === null ? null : Buffer.from(value).toString());

/** `code node peer` of each. */
const named = (items: ExplainAnswer['next'] | ExplainAnswer['doubts']): readonly string[] => items.map(({ code, node, peer }) => [code, node ?? 'all', ...(peer === null ? [] : [peer])].join(' '));
const statesOf = ({ nodes }: ExplainAnswer): readonly string[] => nodes.map(({ node, copy, reachable }) => `${node} ${reachable ? (copy?.state ?? 'no replica') : 'silent'}`);

async function explainedAs(what: string, ask: () => Promise<ExplainAnswer>, codes: readonly string[]): Promise<ExplainAnswer> {
  return eventually(what, async () => {
    const answer = await ask();
    return named(answer.next).join() === codes.join() ? answer : null;
  });
}

/** A key of a cluster with these replicas. */
function keyOn(cluster: Cluster, replicas: readonly number[]): string {
  for (let number = 0; number < 100_000; number++) if (cluster.replicasOf(`key${number}`).join() === replicas.join()) return `key${number}`;
  throw new Error(`no key on ${replicas.join()}`);
}

describe('explain, of a cluster that is well', () => {
  it('tells the same of a record through every node, in binary and in JSON, and of a key that nobody has', async () => {
    await using cluster = await createCluster({ nodes: 5, replicationFactor: 3, config: QUIET });
    const key = keyOn(cluster, [3, 4, 0]);
    const written = await cluster.put(key, 'alice', { consistency: 'all' });
    const version = versionToString(written.version);
    for (const [askedNode, url] of cluster.urls.entries()) {
      await using client = new RingClient(url, { spread: 'none' });
      const answer = await client.explain(key);
      expect(answer).toMatchObject({ ...(await client.locate(key)), key, askedNode, sweepIntervalMs: 0, hints: [], doubts: [], rule: { code: 'only-version' } });
      expect(answer.winner).toMatchObject({ version, deleted: false, valueBytes: 5, replicas: [3, 4, 0], hintHolders: [] });
      expect(statesOf(answer)).toStrictEqual(['3 record', '4 record', '0 record', '1 no replica', '2 no replica']);
      expect(answer.nodes.every(({ liveness, scanned, store }) => liveness === 'alive' && scanned === true && store === 'open')).toBe(true);
      expect(named(answer.next)).toStrictEqual(['equal all']);
      await using raw = await RawSocket.open(url);
      const { id, ok, result } = await raw.json(JSON.stringify({ id: 7, op: 'explain', key }));
      expect([id, ok]).toStrictEqual([7, true]);
      expect({ ...(result as ExplainAnswer), nodes: [], winner: null, wallMs: 0 }).toStrictEqual({ ...answer, nodes: [], winner: null, wallMs: 0 });
    }
    const nothing = await cluster.explain(Uint8Array.of(0xff, 0));
    expect(nothing).toMatchObject({ key: { base64: '/wA=' }, winner: null, rule: { code: 'no-record' }, doubts: [] });
    expect(named(nothing.next)).toStrictEqual(['absent all']);
  });

  it('tells of a deleted key that a tombstone has won', async () => {
    await using cluster = await createCluster({ nodes: 3, replicationFactor: 3, config: QUIET });
    await cluster.put('k', 'v', { consistency: 'all' });
    await cluster.delete('k', { consistency: 'all' });
    const answer = await cluster.explain('k');
    expect(answer.winner).toMatchObject({ deleted: true, valueBytes: 0 });
    expect(statesOf(answer).map((state) => state.slice(2))).toStrictEqual(['tombstone', 'tombstone', 'tombstone']);
    expect(named(answer.next)).toStrictEqual(['equal all']);
  });
});

describe('explain, of a replica that missed a write', () => {
  it('tells that it is stale, and that a read repairs it, which it does', async () => {
    await using cluster = await createCluster({ nodes: 3, replicationFactor: 3, config: { ...QUICK, ...QUIET, hints: { maxBytes: 0 } } });
    const key = keyOn(cluster, [0, 1, 2]);
    const old = await cluster.put(key, 'old', { consistency: 'all' });
    await cluster.fail(2);
    const missed = await cluster.put(key, 'new', { consistency: 'quorum' });
    const lost = await cluster.explain(key);
    expect(statesOf(lost)).toStrictEqual(['0 record', '1 record', '2 silent']);
    expect(named(lost.doubts)).toStrictEqual(['unreachable 2']);
    expect(named(lost.next)[0]).toBe('unreachable 2');
    await cluster.recover(2);
    const answer = await cluster.explain(key);
    expect(answer.winner).toMatchObject({ version: versionToString(missed.version), replicas: [0, 1] });
    expect(answer.nodes[2]?.copy).toMatchObject({ state: 'record', version: versionToString(old.version) });
    expect(answer.rule).toMatchObject({ code: 'greater-timestamp' });
    expect(named(answer.next).slice(0, 1)).toStrictEqual(['stale 2 0']);
    expect(named(answer.next).slice(1).every((finding) => finding.startsWith('dirty 2 '))).toBe(true);
    // At the weakest level too.
    expect(text(await cluster.get(key, { consistency: 'available' }))).toBe('new');
    await eventually('the read has repaired it', async () => (named((await cluster.explain(key)).next)[0] === 'equal all' ? true : null));
  });

  it('tells that the next sweep repairs it, which it does, and takes the mark away', async () => {
    await using cluster = await createCluster({ nodes: 3, replicationFactor: 3, config: { ...QUICK, hints: { maxBytes: 0 }, sweep: { intervalMs: 60_000 } } });
    await cluster.fail(2);
    await cluster.put('k', 'v', { consistency: 'quorum' });
    expect(named((await cluster.explain('k')).next).filter((finding) => finding.startsWith('dirty 2'))).not.toStrictEqual([]);
    await cluster.recover(2);
    await explainedAs('a sweep has repaired it', async () => cluster.explain('k'), ['equal all']);
  });

  it('tells of the hint by reference that a replica keeps for it, and delivers it', async () => {
    await using cluster = await createCluster({ nodes: 3, replicationFactor: 3, config: { ...QUICK, ...QUIET } });
    await cluster.fail(2);
    const written = await cluster.put('k', 'alice', { consistency: 'quorum' });
    const holder = written.hints[0]?.holder ?? -1;
    const answer = await explainedAs('the hint is there', async () => cluster.explain('k'), ['unreachable 2', `hinted 2 ${holder}`]);
    expect(answer.hints).toMatchObject([{ holder, target: 2, state: 'record', reference: true, version: versionToString(written.version), valueBytes: 5 }]);
    await cluster.recover(2);
    await explainedAs('the hint was delivered', async () => cluster.explain('k'), ['equal all']);
    expect((await cluster.explain('k')).hints).toStrictEqual([]);
  });

  it('tells of hints on fallback nodes, also where the newest version lies in nothing else', async () => {
    await using cluster = await createCluster({ nodes: 5, replicationFactor: 3, config: { ...QUICK, ...QUIET } });
    const key = keyOn(cluster, [2, 3, 4]);
    await cluster.put(key, 'old', { consistency: 'all' });
    await cluster.fail(4);
    await cluster.put(key, 'newer');
    const one = await eventually('the hint is there', async () => {
      const answer = await cluster.explain(key);
      return answer.hints.length > 0 ? answer : null;
    });
    expect(one.hints).toMatchObject([{ holder: 0, target: 4, state: 'record', reference: false, valueBytes: 5 }]);
    expect(one.winner).toMatchObject({ replicas: [2, 3], hintHolders: [0] });
    expect(named(one.next)).toStrictEqual(['unreachable 4', 'hinted 4 0']);
    await cluster.fail(3);
    await cluster.fail(2);
    await eventually('node 0 goes round them', async () => ((await cluster.status()).nodes[0]?.peers.filter(({ liveness }) => liveness === 'alive').length === 1 ? true : null));
    const only = versionToString((await cluster.put(key, 'newest')).version);
    const all = await cluster.explain(key);
    expect(all.winner).toMatchObject({ version: only, replicas: [], valueBytes: 6 });
    expect(all.winner?.hintHolders.length).toBeGreaterThan(0);
    expect(all.rule.text).toContain('it lies in hints only');
    expect(named(all.doubts)).toStrictEqual(['unreachable 2', 'unreachable 3', 'unreachable 4', 'minority all']);
    for (const node of [2, 3, 4]) await cluster.recover(node);
    await explainedAs('the hints were delivered', async () => cluster.explain(key), ['equal all']);
    expect((await cluster.explain(key)).winner).toMatchObject({ version: only, replicas: [2, 3, 4] });
  });
});

describe('explain, of damage', () => {
  it.each([
    ['checksum', async (nodes: MemoryNodes, key: string) => flipValue(nodes.kv(1), recordKeyOf(nodes, bytes(key)))],
    ['vanished', async (nodes: MemoryNodes, key: string) => flipKey(nodes.kv(1), recordKeyOf(nodes, bytes(key)), -1)],
  ])('by %s sees it on the disk while the memory has the record, and has it healed', async (damage, hurt) => {
    await using cluster = await MemoryNodes.start(3, 3, QUIET);
    const { version } = await cluster.client(0).put('k', 'v', { consistency: 'all' });
    await hurt(cluster, 'k');
    expect(text(await cluster.client(1).get('k', { consistency: 'one' }))).toBe('v');
    const answer = await cluster.client(0).explain('k');
    expect(answer.nodes.find(({ node }) => node === 1)?.copy).toMatchObject({ state: 'damaged', damage, version: null, remembered: versionToString(version) });
    expect(answer.winner?.replicas).not.toContain(1);
    expect(named(answer.doubts)).toStrictEqual(['damaged 1']);
    expect(named(answer.next)).toHaveLength(1);
    expect(named(answer.next)[0]).toMatch(/^damaged 1 /);
    await explainedAs('it was healed', async () => cluster.client(0).explain('k'), ['equal all']);
  });

  it('tells of a memory that is ahead of its disk', async () => {
    await using cluster = await MemoryNodes.start(3, 3, QUIET);
    await cluster.client(0).put('k', 'new', { consistency: 'all' });
    await putRaw(cluster.kv(1), recordKeyOf(cluster, bytes('k')), encodeRecord(bytes('k'), at(5, 1), bytes('old')));
    const answer = await cluster.client(0).explain('k');
    expect(named(answer.next)).toStrictEqual(['memory-ahead 1']);
    expect(answer.winner?.replicas).not.toContain(1);
    // As the sentence says: a read does not repair it, a write does.
    await cluster.client(0).get('k', { consistency: 'all' });
    expect(named((await cluster.client(0).explain('k')).next)).toStrictEqual(['memory-ahead 1']);
    await cluster.client(0).put('k', 'newest', { consistency: 'all' });
    expect(named((await cluster.client(0).explain('k')).next)).toStrictEqual(['equal all']);
  });

  it('tells that a restart and a sweep repair what a disk lost behind its memory, which they do', async () => {
    await using cluster = await MemoryNodes.start(3, 3, { ...QUIET, sweep: { intervalMs: 60_000 } });
    await cluster.client(0).put('k', 'new', { consistency: 'all' });
    await putRaw(cluster.kv(1), recordKeyOf(cluster, bytes('k')), encodeRecord(bytes('k'), at(5, 1), bytes('old')));
    expect(named((await cluster.client(0).explain('k')).next)).toStrictEqual(['memory-ahead 1']);
    await cluster.fail(1);
    await cluster.recover(1);
    await explainedAs('a sweep has repaired it', async () => cluster.client(0).explain('k'), ['equal all']);
  });

  it('tells of a doubtful record, which replaced a damaged one while nobody could be asked, until it was compared', async () => {
    await using cluster = await MemoryNodes.start(3, 3, QUIET);
    await cluster.client(0).put('k', 'v', { consistency: 'all' });
    for (const node of [0, 2]) await cluster.fail(node);
    await flipValue(cluster.kv(1), recordKeyOf(cluster, bytes('k')));
    expect((await cluster.client(1).explain('k')).nodes.find(({ node }) => node === 1)?.copy?.state).toBe('damaged');
    await eventually('a write at available is taken', async () => cluster.client(1).put('k', 'w').then(() => true, () => null));
    const answer = await cluster.client(1).explain('k');
    expect(answer.nodes.find(({ node }) => node === 1)?.copy).toMatchObject({ state: 'record', doubtful: true });
    expect(named(answer.doubts)).toContain('doubtful 1');
    expect(named(answer.next)).toContain('doubtful 1');
    for (const node of [0, 2]) await cluster.recover(node);
    await explainedAs('it was compared', async () => cluster.client(1).explain('k'), ['equal all']);
  });

  it('tells of a hint that cannot be read, which is dropped for a sweep', async () => {
    await using cluster = await MemoryNodes.start(3, 2, QUIET);
    const key = cluster.keyOn([1, 2]);
    await cluster.fail(2);
    const written = await cluster.client(1).put(key, 'v');
    expect(written.hints).toStrictEqual([{ target: 2, holder: 0 }]);
    await flipValue(cluster.kv(0), hintKeyOf(cluster, nodeId(2), bytes(key)));
    const answer = await cluster.client(1).explain(key);
    expect(answer.hints).toStrictEqual([{ holder: 0, target: 2, state: 'damaged', reference: false, version: null, valueBytes: null, ageMs: null }]);
    expect(named(answer.next)).toStrictEqual(['unreachable 2', 'hint-damaged 2 0']);
    await explainedAs('the hint was dropped, and the partition marked', async () => cluster.client(1).explain(key), ['unreachable 2', 'dirty 2 0']);
  });
});

describe('explain, of a tie', () => {
  it.each([
    ['the lower node id', at(7, 1), at(7, 2), 'lower-node-id'],
    ['the greater incarnation', at(7, 1, 9), at(7, 1, 8), 'greater-incarnation'],
  ])('says that %s decides, as a read does', async (_, first, second, rule) => {
    await using cluster = await MemoryNodes.start(3, 3, QUIET);
    const key = cluster.keyOn([0, 1, 2]);
    for (const [node, version, value] of [[0, second, 'loses'], [1, first, 'wins']] as const) {
      await cluster.fail(node);
      await putRaw(cluster.kv(node), orderedKey(bytes(key)), Uint8Array.of(1));
      await putRaw(cluster.kv(node), recordKeyOf(cluster, bytes(key)), encodeRecord(bytes(key), version, bytes(value)));
      await cluster.recover(node);
      await cluster.acquainted();
    }
    const answer = await cluster.client(0).explain(key);
    expect(answer).toMatchObject({ rule: { code: rule }, winner: { version: versionToString(first), replicas: [1] }, doubts: [] });
    expect(named(answer.next)).toStrictEqual(['stale 0 1', 'missing 2 1']);
    expect(text(await cluster.client(0).get(key, { consistency: 'all' }))).toBe('wins');
    await explainedAs('the read has repaired both', async () => cluster.client(0).explain(key), ['equal all']);
  });
});

describe('explain, of an untrusted store', () => {
  it('says whom it waits for, and no more when it was compared', async () => {
    await using cluster = await MemoryNodes.start(3, 3, QUIET);
    await cluster.client(0).put('k', 'v', { consistency: 'all' });
    await cluster.fail(0);
    await cluster.wipe(1);
    await cluster.acquainted();
    const answer = await eventually('it was compared with node 2', async () => {
      const one = await cluster.client(2).explain('k');
      return one.nodes.find(({ node }) => node === 1)?.awaits.join() === '0' ? one : null;
    });
    expect(answer.nodes.find(({ node }) => node === 1)).toMatchObject({ untrusted: 'a new directory', awaits: [0], copy: { state: 'record' } });
    expect(named(answer.doubts).toSorted()).toStrictEqual(['minority all', 'unreachable 0', 'untrusted 1']);
    expect(named(answer.next).toSorted()).toStrictEqual(['unreachable 0', 'untrusted 1 0']);
    await cluster.recover(0);
    await explainedAs('it is trusted', async () => cluster.client(2).explain('k'), ['equal all']);
  });
});

describe('explain, asked wrongly', () => {
  it('is answered with a code, in both kinds of frames and by the client, and the connection stays', async () => {
    await using cluster = await createCluster({ nodes: 1, replicationFactor: 1, config: QUIET });
    const [url = ''] = cluster.urls;
    await using raw = await RawSocket.open(url);
    expect(await raw.json('{"id":1,"op":"explain","key":""}')).toMatchObject({ id: 1, ok: false, code: 'RING_KEY_INVALID' });
    expect(await raw.json(JSON.stringify({ id: 2, op: 'explain', key: 'x'.repeat(1_025) }))).toMatchObject({ id: 2, ok: false, code: 'RING_KEY_INVALID' });
    expect(await raw.json('{"id":3,"op":"explain"}')).toMatchObject({ id: 3, ok: false, code: 'RING_BAD_REQUEST' });
    expect(await raw.json('{"id":4,"op":"explain","key":"k","level":"all"}')).toMatchObject({ id: 4, ok: false, code: 'RING_BAD_REQUEST' });
    const codes: unknown[] = [];
    for (const key of [new Uint8Array(0), new Uint8Array(1_025), Uint8Array.of(1)]) {
      raw.binary(encodeFrame([[11, 9, key]]));
      const [reply] = decodeClientReplies((await raw.next()) ?? new Uint8Array(0));
      codes.push([reply?.[0], reply?.[2]]);
    }
    expect(codes).toMatchObject([[31, 4], [31, 4], [19, expect.stringContaining('"no-record"')]]);
    await using client = new RingClient(url);
    for (const key of ['', 'x'.repeat(1_025), '\uD800']) await expect(client.explain(key)).rejects.toMatchObject({ code: 'RING_KEY_INVALID' });
  });
});

describe('explain, asked too often', () => {
  it('refuses what is beyond its limit, answers the rest, and goes on', async () => {
    await using cluster = await createCluster({ nodes: 3, replicationFactor: 3, config: QUIET });
    await using raw = await RawSocket.open(cluster.urls[0] ?? '');
    const answers: unknown = await raw.json(JSON.stringify(Array.from({ length: 200 }, (_, id) => ({ id, op: 'explain', key: 'k' }))));
    const refused = (answers as readonly Record<string, unknown>[]).filter(({ ok }) => ok === false);
    expect(answers).toHaveLength(200);
    expect(refused).toHaveLength(200 - 64);
    for (const answer of refused) expect(answer).toMatchObject({ code: 'RING_OVERLOADED', retryable: true });
    expect(await raw.json('{"id":1,"op":"explain","key":"k"}')).toMatchObject({ ok: true });
  });
});

describe('ring-level explain', () => {
  it('prints lines for people and JSON for programs, with exit status 0 also for a key that is not there', async () => {
    await using cluster = await createCluster({ nodes: 1, replicationFactor: 1, config: QUIET });
    const { version } = await cluster.put('user1', 'alice');
    const [url = ''] = cluster.urls;
    const shown = await invoke(['explain', 'user1', '--url', url]);
    expect(shown).toMatchObject({ status: 0, problems: [] });
    const age = / {2}(\d+ ms|\d+\.\d s) {2}/;
    expect(shown.out.map((line) => line.replace(age, '  AGE  ').replaceAll(versionToString(version), 'VERSION').replace(/ +/g, ' '))).toStrictEqual([
      'key "user1": hash 3146298071, partition 23, home node 0, epoch 1',
      'preference list: replicas 0; no fallback nodes',
      '',
      'node role state version age bytes',
      '0 home record VERSION AGE 5',
      '',
      'value: 5 bytes, version VERSION',
      'rule: it is the only version that was found (only-version)',
      'what happens next:',
      ' nothing: the only replica has the record (equal)',
      '',
      'asked node 0; ages are by its clock',
    ]);
    const json = await invoke(['explain', 'never', '--json', '--url', url]);
    expect(json).toMatchObject({ status: 0, problems: [] });
    expect(json.out).toHaveLength(1);
    expect(JSON.parse(json.out[0] ?? '')).toMatchObject({ key: 'never', winner: null, rule: { code: 'no-record' } });
    expect(await invoke(['explain', '', '--url', url])).toMatchObject({ status: 2, out: [], problems: [expect.stringContaining('RING_KEY_INVALID')] });
  });
});

/** A version of old, by a node and its incarnation. */
function at(milliseconds: number, node: number, incarnationOfNode = 1): Version {
  return { timestamp: (1_764_000_000_000 + milliseconds) * 1024, writer: writerOf(nodeId(node), incarnation(incarnationOfNode)) };
}

async function invoke(args: readonly string[]): Promise<{ readonly status: number; readonly out: readonly string[]; readonly problems: readonly string[] }> {
  const out: string[] = [];
  const problems: string[] = [];
  const status = await runCommandLine(args, {
    output: { line: (line) => out.push(line), bytes: (data) => out.push(Buffer.from(data).toString()), problem: (line) => problems.push(line) },
    environment: {},
    program: { executable: 'node', leadingArguments: [], typed: 'ring-level' },
    version: '1.2.3',
  });
  return { status, out, problems };
}
