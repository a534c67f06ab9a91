/**
 * The clients in Python, written from PROTOCOL.md alone, against a cluster of real daemons: what one language writes the
 * other reads. This is what "PROTOCOL.md is enough" rests on.
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { versionToString, type RingClient } from '../../client/index.ts';
import { TYPE } from '../../wire/index.ts';
import { ScriptedNode, answer } from '../client/scripted-node.ts';
import { requireBuild, settled, startDaemons, temporaryDirectory, type DaemonCluster } from '../support/processes.ts';
import { PYTHON_NEEDS, PythonClient, findPython, runPython } from '../support/python.ts';

const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url));
const RING_LEVEL = join(EXAMPLES, 'python', 'ring_level.py');
const JSON_FRAMES = join(EXAMPLES, 'python', 'json_frames.py');
const CHECK_VECTORS = join(EXAMPLES, 'python', 'check_vectors.py');
const VECTORS = join(EXAMPLES, 'protocol-vectors.json');
/** For thousands of requests at once, on a machine that has other work too. */
const PATIENT_MS = 50_000;
const QUORUM = { consistency: 'quorum' } as const;

const found = findPython();
if (found === null) process.stdout.write(`the examples in Python are skipped: they need ${PYTHON_NEEDS}\n`);
const python = found ?? 'python3';

const hex = (text: string): string => Buffer.from(text).toString('hex');
const text = (value: Uint8Array | null): string | null => (value === null ? null : Buffer.from(value).toString());

async function keysOf(client: RingClient, prefix: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of client.scan({ prefix, keysOnly: true, ...QUORUM })) keys.push(Buffer.from(key).toString());
  return keys;
}

describe.skipIf(found === null)('clients in Python', { timeout: 120_000 }, () => {
  let cluster: DaemonCluster;
  let client: RingClient;
  let ring: PythonClient;

  beforeAll(async () => {
    requireBuild();
    cluster = await startDaemons(3, 3);
    client = cluster.clientFrom(1);
    ring = new PythonClient(python, cluster.urls);
  }, 60_000);

  afterAll(async () => {
    // Undefined when the start failed.
    await (ring as PythonClient | undefined)?.[Symbol.asyncDispose]();
    await (cluster as DaemonCluster | undefined)?.[Symbol.asyncDispose]();
  });

  it('ring_level.py runs its example, and another client finds what it wrote', async () => {
    const { status, output } = await runPython(python, [RING_LEVEL, ...cluster.urls]);
    expect({ status, output }).toMatchObject({ status: 0 });
    expect(output).toMatch(/^user1 written: version \d{13}\.\d+-n0\.[0-9a-f]{5}, on the disks of nodes \[\d, \d(, \d)?\]$/m);
    expect(output).toContain("user1 is b'alice'");
    expect(output).toContain("fruit1 is None\nscan: b'fruit0' b'apple'\nscan: b'fruit2' b'quince'\n");
    expect(output).toContain("'hash': 3146298071, 'partition': 23");
    expect(output).toContain('not written: RING_KEY_INVALID 4 not retryable');
    expect(text(await client.get('user1', QUORUM))).toBe('alice');
    expect(await keysOf(client, 'fruit')).toEqual(['fruit0', 'fruit2']);
    const deleted = await client.getWithDetail('fruit1', QUORUM);
    expect(deleted.value).toBeNull();
    expect(deleted.version).not.toBeNull();
  });

  it('json_frames.py runs, and another client finds what it wrote', async () => {
    const { status, output } = await runPython(python, [JSON_FRAMES, cluster.urls[1] ?? '']);
    expect({ status, output }).toMatchObject({ status: 0 });
    for (const line of ['read alice', 'array [True, True, True, True]', String.raw`bytes b'\xff'`, 'deleted None True', "scan [('json1', 'alice'), ('json2', 'bob')]", 'error RING_KEY_INVALID not retryable']) {
      expect(output).toContain(`${line}\n`);
    }
    expect(text(await client.get('json2', QUORUM))).toBe('bob');
    expect(await client.get(Uint8Array.of(0, 1, 255), QUORUM)).toEqual(Uint8Array.of(255));
    expect((await client.getWithDetail('json3', QUORUM)).version).not.toBeNull();
  });

  it('what one language writes, the other reads, with its version', async () => {
    const key = Uint8Array.of(0, 0xff, 0x80, 0x0a);
    const value = Uint8Array.from({ length: 1_048_576 }, (_, index) => (index * 31) & 0xff);
    const ours = await client.put(key, value, QUORUM);
    const keyHex = Buffer.from(key).toString('hex');
    expect(await ring.ask('read', { key: keyHex, ...QUORUM })).toMatchObject({ value: Buffer.from(value).toString('hex'), version: versionToString(ours.version) });
    const theirs = (await ring.ask('put', { key: keyHex, value: '00', consistency: 'all' })) as { readonly version: string; readonly durableOn: readonly number[] };
    expect(theirs).toMatchObject({ fsync: true });
    expect(theirs.durableOn.toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
    const read = await client.getWithDetail(key, QUORUM);
    expect({ value: read.value, version: read.version === null ? null : versionToString(read.version) }).toEqual({ value: Uint8Array.of(0), version: theirs.version });
  });

  it('a tombstone has a version and no value, an absent key has neither', async () => {
    await client.put('grave', 'stone', QUORUM);
    const deleted = (await ring.ask('delete', { key: hex('grave'), ...QUORUM })) as { readonly version: string };
    expect(await ring.ask('read', { key: hex('grave'), ...QUORUM })).toMatchObject({ value: null, version: deleted.version });
    expect(await client.get('grave', QUORUM)).toBeNull();
    expect(await ring.ask('read', { key: hex('never'), ...QUORUM })).toMatchObject({ value: null, version: null });
  });

  it('a scan walks over slices, in both directions, past what was deleted', async () => {
    const names = Array.from({ length: 25 }, (_, index) => `walk${String(index).padStart(2, '0')}`);
    await Promise.all(names.map(async (name) => client.put(name, name.toUpperCase(), QUORUM)));
    await ring.ask('delete', { key: hex('walk07'), ...QUORUM });
    const left = names.filter((name) => name !== 'walk07');
    const entries = left.map((name) => [hex(name), hex(name.toUpperCase())]);
    expect(await ring.ask('scan', { prefix: 'walk', slice_entries: 4, ...QUORUM })).toEqual(entries);
    expect(await ring.ask('scan', { prefix: 'walk', slice_entries: 4, reverse: true, ...QUORUM })).toEqual(entries.toReversed());
    expect(await ring.ask('scan', { start: 'walk05', end: 'walk10', keys_only: true, ...QUORUM })).toEqual(['05', '06', '08', '09'].map((number) => [hex(`walk${number}`), null]));
    expect(await ring.ask('scan', { prefix: 'walk', limit: 9, slice_entries: 4, ...QUORUM })).toEqual(entries.slice(0, 9));
    expect(await ring.ask('scan', { prefix: 'walk', limit: 0 })).toEqual([]);
  });

  it('questions are answered', async () => {
    expect(await ring.ask('ping')).toBeNull();
    expect(await ring.ask('locate', { key: hex('user1') })).toEqual({ hash: 3_146_298_071, partition: 23, homeNode: 2, replicas: [2, 0, 1], fallbacks: [], epoch: 1 });
    expect(await ring.ask('status')).toMatchObject({ askedNode: expect.any(Number), partitions: 192, replicationFactor: 3 });
    expect(await ring.ask('topology')).toMatchObject({ node: expect.any(Number), members: [0, 1, 2].map((id) => ({ id, address: cluster.urls[id] })) });
  });

  it('errors come with code, number and whether to try again', async () => {
    const certain = { message: expect.any(String), retryable: false, required: 0, received: 0, version: null, isOutcomeUnknown: false };
    expect(await ring.errorOf('put', { key: '', value: '' })).toEqual({ code: 'RING_KEY_INVALID', number: 4, ...certain });
    expect(await ring.errorOf('put', { key: '61', value: '00'.repeat(1_048_577) })).toEqual({ code: 'RING_VALUE_TOO_LARGE', number: 5, ...certain });
    expect(await ring.errorOf('read', { key: '61', timeoutMs: 600_001 })).toEqual({ code: 'RING_BAD_REQUEST', number: 6, ...certain });
    expect(await ring.errorOf('put', { key: '61', value: '00'.repeat(8 * 1_048_576) })).toEqual({ code: 'RING_BAD_REQUEST', number: 6, ...certain });
    expect(await ring.ask('ping')).toBeNull();
  });

  it('thousands of requests at once are each answered with what is theirs', async () => {
    const count = 5_000;
    expect(await ring.ask('putMany', { prefix: 'many', count, timeoutMs: PATIENT_MS })).toBe(count);
    expect(await ring.ask('getMany', { prefix: 'many', count, timeoutMs: PATIENT_MS })).toBe(count);
    expect(text(await client.get('many4321', QUORUM))).toBe('4321');
    expect(await keysOf(client, 'many')).toHaveLength(count);
  });

  it('when its node is killed, reads go on at another one and lose none', async () => {
    await using ring = new PythonClient(python, cluster.urls);
    expect(await ring.ask('topology')).toMatchObject({ node: 0 });
    const reads = ring.ask('getMany', { prefix: 'many', count: 5_000, timeoutMs: PATIENT_MS });
    await cluster.processes.killNode(0);
    expect(await reads).toBe(5_000);
    expect(await ring.ask('topology')).toMatchObject({ node: 1 });
    const refused = await ring.errorOf('put', { key: hex('strict'), value: '01', consistency: 'all', timeoutMs: 2_000 });
    expect(refused).toMatchObject({ code: expect.stringMatching(/^RING_(?:UNAVAILABLE|UNKNOWN)$/), retryable: true, required: 3, isOutcomeUnknown: refused.code === 'RING_UNKNOWN' });
    const hinted = (await ring.ask('put', { key: hex('hinted'), value: '01' })) as { readonly hints: readonly unknown[] };
    expect(hinted.hints).toContainEqual([0, expect.any(Number)]);
    await cluster.processes.startNode(0);
    await settled(cluster);
    expect(text(await client.get('many4321', { consistency: 'all' }))).toBe('4321');
  });

  it('a write that its node does not answer has an unknown outcome', async () => {
    await using other = new PythonClient(python, [cluster.urls[2] ?? '']);
    await other.ask('ping');
    cluster.processes.pauseNode(2);
    try {
      expect(await other.errorOf('put', { key: hex('silence'), value: '01', timeoutMs: 100 })).toEqual({ code: 'RING_UNKNOWN', message: 'no answer to the write in time', number: 2, retryable: true, required: 0, received: 0, version: null, isOutcomeUnknown: true });
      expect(await other.errorOf('read', { key: hex('silence'), timeoutMs: 100 })).toMatchObject({ code: 'RING_TIMEOUT', number: 16, isOutcomeUnknown: false });
    } finally {
      cluster.processes.resumeNode(2);
    }
    await settled(cluster);
  });
});

describe.skipIf(found === null)('a client in Python and a connection that breaks', () => {
  it('sends a write that was lost on the way to no other node, and a read it does', async () => {
    const first = await ScriptedNode.start((arrival) => {
      if (arrival.request[0] === TYPE.ping) answer(arrival);
      else arrival.socket.terminate();
    });
    const second = await ScriptedNode.start();
    try {
      await using ring = new PythonClient(python, [first.url, second.url]);
      await ring.ask('ping');
      expect(await ring.errorOf('put', { key: '61', value: '62' })).toMatchObject({ code: 'RING_UNKNOWN', message: expect.stringContaining('the connection was lost'), version: null, isOutcomeUnknown: true });
      expect(first.arrivals.map(({ request }) => request[0])).toEqual([TYPE.ping, TYPE.put]);
      expect(await ring.ask('read', { key: '61' })).toMatchObject({ value: '61' });
      expect(second.arrivals.map(({ request }) => request[0])).toEqual([TYPE.get]);
    } finally {
      await Promise.all([first.stop(), second.stop()]);
    }
  });

  it('sends what one turn asks for in one frame', async () => {
    const node = await ScriptedNode.start();
    try {
      await using ring = new PythonClient(python, [node.url]);
      await ring.ask('putMany', { prefix: 'p', count: 100, timeoutMs: PATIENT_MS });
      expect(node.frameSizes).toEqual([100]);
    } finally {
      await node.stop();
    }
  });
});

describe.skipIf(found === null)('check_vectors.py', { timeout: 60_000 }, () => {
  it('agrees with every vector', async () => {
    const { status, output } = await runPython(python, [CHECK_VECTORS, VECTORS]);
    expect({ status, output }).toMatchObject({ status: 0 });
    expect(output).toMatch(/^all \d{4} agree$/m);
  });

  // Each with one digit or name changed: the check must find it, in every section.
  it.each([
    ['a hash', '"xxh32":[3146298071', '"xxh32":[3146298072', 'xxh32'],
    ['a partition', '"hash":3146298071,"partition":23', '"hash":3146298071,"partition":24', 'nodes'],
    ['a topology digest', '"topologyDigest": "', '"topologyDigest": "0', 'topology digest'],
    ['a cluster id', '"clusterId": "derived-', '"clusterId": "derived-0', 'cluster id'],
    ['the bytes of a version', '00066ada5fa00003ffe0c0de', '00066ada5fa00003ffe0c0df', 'version'],
    ['an order', '"1000.9-n0.fffff","1000.10-n4095.00000"', '"1000.10-n4095.00000","1000.9-n0.fffff"', 'order'],
    ['a request', '"level":2,"timeoutMs":1000', '"level":3,"timeoutMs":1000', 'frame'],
    ['a flag', '"level":2,"timeoutMs":0,"flags":1', '"level":2,"timeoutMs":0,"flags":0', 'frame'],
    ['a flag that a get does not have', '93920809960201c4057573657231000002920809', '93920809960201c4057573657231000001920809', 'refused'],
    ['a reply with a word that nobody says', '"said":[0,0,1,1,2,9]}\n      ],\n      "bytes": "91971110c40c00066ada5fa00003ffe0c0de9200019202030196000001010209"', '"said":[0,0,1,1,2,10]}\n      ],\n      "bytes": "91971110c40c00066ada5fa00003ffe0c0de920001920203019600000101020a"', 'reply .* can be taken'],
    ['a version that was issued', '"type":"issued","id":22,"version":{"hex":"00066ada5fa00003ffe0c0de"}', '"type":"issued","id":22,"version":{"hex":"00066ada5fa00003ffe0c0df"}', 'bytes of reply'],
    ['a word of a replica', '\\"said\\":\\"hints-full\\"', '\\"said\\":\\"refused\\"', 'reply'],
    ['a reply', '"durableOn":[0,1],"hints":[2,0]', '"durableOn":[0,1],"hints":[2,1]', 'reply'],
    ['an error of a request', '"refused":"RING_VALUE_TOO_LARGE"', '"refused":"RING_KEY_INVALID"', 'refused'],
    ['an error of a text', '"refused":"RING_UNKNOWN_OPERATION","id":2', '"refused":"RING_UNKNOWN_OPERATION","id":3', 'text'],
    ['a record', '631b5f31616c696365', '631b5f32616c696365', 'record'],
    ['a Merkle digest', 'd3a87bfd8c12d25b', 'd3a87bfd8c12d25c', 'digest'],
  ])('finds %s that is changed', async (_name, from, to, difference) => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'vectors.json');
    const vectors = readFileSync(VECTORS, 'utf8');
    expect(vectors).toContain(from);
    await writeFile(path, vectors.replace(from, to));
    const { status, output } = await runPython(python, [CHECK_VECTORS, path]);
    expect({ status, output }).toMatchObject({ status: 1, output: expect.stringMatching(new RegExp(`^DIFFERENT .*${difference}`)) });
  });
});
