/** Damage on the disk of a running node: found without anyone's asking, and mended by the other replicas. */
import { describe, expect, it } from 'vitest';
import { META, MemoryKv, decodeCheckedNumbers, metaKey, nodeId, type OrderedKv } from '../../data/index.ts';
import { orderedKey } from '../../data/layout.ts';
import { PeerCalls } from '../../node/peer-calls.ts';
import { Scrubber } from '../../node/scrubber.ts';
import { NodeTime } from '../../node/time.ts';
import { flipKey, flipValue, hintKeyOf, put as putRaw, recordKeyOf, removeIndexEntry } from '../support/damage.ts';
import { hint, openLoneStore, scanAll } from '../support/lone-store.ts';
import { MemoryNodes } from '../support/memory-nodes.ts';
import { eventually } from '../support/processes.ts';
import { placementOf } from '../support/store-node.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (value: Uint8Array | null): string | null => (value === null ? null : Buffer.from(value).toString());
const codeOf = async (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'answered',
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
  );

async function holds(what: string, look: () => boolean): Promise<void> {
  await eventually(what, async () => Promise.resolve(look() ? true : null));
}

/** Two whole scrubs from now on have found nothing that is still damaged. */
async function scrubbedClean(cluster: MemoryNodes, node: number): Promise<void> {
  const scrubs = (): number => cluster.status(node).counters['scrubs'] ?? 0;
  const before = scrubs();
  await holds('two more scrubs found nothing', () => scrubs() >= before + 2 && cluster.status(node).damagedRecords === 0);
}

type Hurt = (kv: OrderedKv, databaseKey: Uint8Array) => Promise<unknown>;
const HURTS: readonly (readonly [string, Hurt])[] = [
  ['a flipped value', async (kv, databaseKey) => flipValue(kv, databaseKey)],
  ['a flipped key', async (kv, databaseKey) => flipKey(kv, databaseKey, -1)],
  ['a flipped hash', async (kv, databaseKey) => flipKey(kv, databaseKey, 4)],
  ['a flipped keyspace, among the ordered keys', async (kv, databaseKey) => flipKey(kv, databaseKey, 0, 3)],
  ['a flipped keyspace, among the hints', async (kv, databaseKey) => flipKey(kv, databaseKey, 0, 2)],
];

describe('a damaged record', () => {
  it.each(HURTS)('by %s is found by the scrub, fetched anew from a peer, and leaves nothing behind', async (_name, hurt) => {
    await using cluster = await MemoryNodes.start(3, 3);
    const keys = Array.from({ length: 20 }, (_, number) => `key${number}`);
    for (const key of keys) await cluster.client(0).put(key, `value of ${key}`, { consistency: 'all' });
    const kv = cluster.kv(1);
    await hurt(kv, recordKeyOf(cluster, bytes('key7')));
    await holds('the record is damaged and was healed', () => (cluster.status(1).counters['damagedHealed'] ?? 0) > 0);
    await scrubbedClean(cluster, 1);
    await cluster.converged();
    expect(cluster.status(1).records).toBe(20);
    // What is on the disk is what the peers have: no entry too many, none too few.
    const data = async (node: number): Promise<readonly string[]> =>
      (await cluster.kv(node).scan({ from: Uint8Array.of(1), to: Uint8Array.of(4) }, { entriesMax: 1_000, bytesMax: 1 << 24 })).map(({ key, value }) => `${Buffer.from(key).toString('hex')}=${Buffer.from(value).toString('hex')}`);
    expect(await data(1)).toStrictEqual(await data(0));
    await cluster.fail(0);
    await cluster.fail(2);
    for (const key of keys) expect(text(await cluster.client(1).get(key))).toBe(`value of ${key}`);
  });

  it('of replication factor 1 is answered as damaged for ever, whether its value or its key was hit', async () => {
    await using cluster = await MemoryNodes.start(2, 1);
    const [value, vanished] = [cluster.keyOn([0], 0), cluster.keyOn([0], 1)];
    for (const key of [value, vanished]) await cluster.client(0).put(key, 'v');
    await flipValue(cluster.kv(0), recordKeyOf(cluster, bytes(value)));
    await flipKey(cluster.kv(0), recordKeyOf(cluster, bytes(vanished)), -1);
    await holds('the key that makes no sense was dropped', () => (cluster.status(0).counters['damagedDropped'] ?? 0) > 0);
    const before = cluster.status(0).counters['scrubs'] ?? 0;
    await holds('it was scrubbed again', () => (cluster.status(0).counters['scrubs'] ?? 0) >= before + 30);
    for (const key of [value, vanished]) {
      expect(await codeOf(cluster.client(0).get(key))).toBe('RING_RECORD_DAMAGED');
      expect(await codeOf(cluster.client(1).get(key))).toBe('RING_RECORD_DAMAGED');
    }
    expect(cluster.status(0).damagedRecords).toBe(2);
    await cluster.client(1).put(vanished, 'anew');
    expect(text(await cluster.client(0).get(vanished))).toBe('anew');
  });
});

describe('the ordered key index', () => {
  it('loses an entry that no replica has a record of, and gets one that is missing', async () => {
    await using cluster = await MemoryNodes.start(3, 3);
    for (const key of ['a', 'b']) await cluster.client(0).put(key, 'v', { consistency: 'all' });
    await putRaw(cluster.kv(1), orderedKey(bytes('stray')), Uint8Array.of(1));
    await removeIndexEntry(cluster.kv(1), bytes('b'));
    await holds('the stray entry is gone', () => cluster.kv(1).get(orderedKey(bytes('stray'))) === undefined);
    await holds('the missing entry is there', () => cluster.kv(1).get(orderedKey(bytes('b'))) !== undefined);
    await scrubbedClean(cluster, 1);
    await cluster.converged();
    expect(await cluster.client(1).get('stray', { consistency: 'quorum' })).toBeNull();
  });

  it('keeps an entry without a record while a replica can not say whether there is one', async () => {
    await using cluster = await MemoryNodes.start(3, 3);
    await cluster.fail(2);
    await putRaw(cluster.kv(1), orderedKey(bytes('stray')), Uint8Array.of(1));
    await holds('the scrub has found it', () => cluster.status(1).damagedRecords === 1);
    const before = cluster.status(1).counters['scrubs'] ?? 0;
    await holds('it was scrubbed again', () => (cluster.status(1).counters['scrubs'] ?? 0) >= before + 30);
    expect(cluster.kv(1).get(orderedKey(bytes('stray')))).toBeDefined();
    await cluster.recover(2);
    await holds('the stray entry is gone', () => cluster.kv(1).get(orderedKey(bytes('stray'))) === undefined);
  });
});

describe('a damaged hint', () => {
  it.each([
    ['of a stand-in, by a flipped value', 2, async (kv: OrderedKv, databaseKey: Uint8Array) => flipValue(kv, databaseKey)],
    ['of a stand-in, by a flipped key', 2, async (kv: OrderedKv, databaseKey: Uint8Array) => flipKey(kv, databaseKey, -1)],
    ['of a stand-in, by a flipped target: itself', 2, async (kv: OrderedKv, databaseKey: Uint8Array) => flipKey(kv, databaseKey, 2, 3)],
    ['of a stand-in, by a flipped target: a stranger', 2, async (kv: OrderedKv, databaseKey: Uint8Array) => flipKey(kv, databaseKey, 2, 32)],
    ['of a stand-in, by a flipped target: no possible node', 2, async (kv: OrderedKv, databaseKey: Uint8Array) => flipKey(kv, databaseKey, 1, 128)],
    ['by reference', 3, async (kv: OrderedKv, databaseKey: Uint8Array) => flipValue(kv, databaseKey, 5)],
  ] as const)('%s does not stand in the way of converged, and the target has the record all the same', async (_name, replicationFactor, hurt) => {
    await using cluster = await MemoryNodes.start(3, replicationFactor);
    const key = replicationFactor === 2 ? cluster.keyOn([1, 2]) : cluster.keyOn([1, 2, 0]);
    await cluster.fail(2);
    const written = await cluster.client(0).put(key, 'v');
    const holder = written.hints[0]?.holder ?? -1;
    expect(written.hints).toStrictEqual([{ target: 2, holder: 0 }]);
    await hurt(cluster.kv(holder), hintKeyOf(cluster, nodeId(2), bytes(key)));
    await cluster.recover(2);
    await cluster.converged();
    await scrubbedClean(cluster, holder);
    expect(cluster.status(holder).peers.map(({ hintsWaiting }) => hintsWaiting)).toStrictEqual([0, 0]);
    // Node 0 is no replica of a key on [1, 2]: nothing of it may be left there.
    const left = replicationFactor === 2 ? cluster.kv(0).get(recordKeyOf(cluster, bytes(key))) : undefined;
    expect(left).toBeUndefined();
    await cluster.fail(1);
    await cluster.fail(0);
    expect(text(await cluster.client(2).get(key))).toBe('v');
  });

  it('by reference to a record that is damaged too goes away, and the record is healed and delivered by the sweep', async () => {
    await using cluster = await MemoryNodes.start(3, 3);
    await cluster.fail(2);
    await cluster.client(0).put('a', 'v', { consistency: 'quorum' });
    await flipValue(cluster.kv(0), recordKeyOf(cluster, bytes('a')));
    await cluster.recover(2);
    await cluster.converged();
    await scrubbedClean(cluster, 0);
    await cluster.fail(1);
    await cluster.fail(0);
    expect(text(await cluster.client(2).get('a'))).toBe('v');
  });

  it('by reference to a damaged record that nobody else has does not stand in the way for ever; the record stays damaged', async () => {
    await using cluster = await MemoryNodes.start(3, 3);
    await cluster.fail(1);
    await cluster.fail(2);
    await cluster.client(0).put('a', 'v');
    await flipValue(cluster.kv(0), recordKeyOf(cluster, bytes('a')));
    for (const node of [1, 2]) await cluster.recover(node);
    await cluster.converged();
    expect(await codeOf(cluster.client(0).get('a', { consistency: 'all' }))).toBe('RING_RECORD_DAMAGED');
    expect(cluster.status(0).damagedRecords).toBe(1);
    for (const node of [1, 2]) await cluster.fail(node);
    expect(await codeOf(cluster.client(0).get('a'))).toBe('RING_RECORD_DAMAGED');
    expect(cluster.kv(0).get(recordKeyOf(cluster, bytes('a')))).toBeDefined();
  });
});

describe('damage that is not in one entry', () => {
  it('of the ceiling and the sequence is mended before a start needs them', async () => {
    await using cluster = await MemoryNodes.start(3, 3, { scrub: { intervalMs: 20, maxBytesPerSecond: 1 << 30 } });
    for (const name of [META.ceiling, META.sequence]) {
      await flipValue(cluster.kv(1), metaKey(name), 6);
      await holds(`${name} can be read again`, () => decodeCheckedNumbers(name, cluster.kv(1).get(metaKey(name)) ?? new Uint8Array()) !== null);
    }
    await cluster.fail(1);
    await cluster.recover(1);
    await cluster.acquainted();
    expect(cluster.status(1).untrusted).toBeNull();
  });

  it('of the database files makes the store untrusted until it was compared with its peers', async () => {
    await using cluster = await MemoryNodes.start(3, 3);
    await cluster.client(0).put('a', 'v', { consistency: 'all' });
    await cluster.fail(0);
    // A table that is gone takes records and index entries with it, and the trees in memory know nothing of it.
    const kv = cluster.kv(1);
    await flipKey(kv, recordKeyOf(cluster, bytes('a')), 0, 64);
    await removeIndexEntry(kv, bytes('a'));
    cluster.fileFindings.set(1, ['000005.ldb: a block has a wrong checksum']);
    await holds('node 1 does not trust its store', () => cluster.status(1).untrusted === '000005.ldb: a block has a wrong checksum');
    expect(cluster.distrusted(1)?.kind).toBe('damaged');
    await cluster.fail(2);
    expect(await codeOf(cluster.client(1).get('a', { consistency: 'one' }))).toBe('RING_UNAVAILABLE');
    for (const node of [0, 2]) await cluster.recover(node);
    await cluster.converged();
    expect([cluster.status(1).untrusted, cluster.distrusted(1), cluster.status(1).records]).toStrictEqual([null, null, 1]);
    expect(text(await cluster.client(1).get('a', { consistency: 'all' }))).toBe('v');
  });
});

describe('a scrubber by itself', () => {
  /** A disk that fails lookups and scans for as long as it is told to. */
  class MoodyKv extends MemoryKv {
    isBroken = false;
    refused = 0;

    override get(databaseKey: Uint8Array): Uint8Array | undefined {
      this.#check();
      return super.get(databaseKey);
    }

    override async scan(...args: Parameters<MemoryKv['scan']>): ReturnType<MemoryKv['scan']> {
      this.#check();
      return super.scan(...args);
    }

    #check(): void {
      if (!this.isBroken) return;
      this.refused++;
      throw new Error('no lookup now');
    }
  }

  it('goes on after lookups that failed, with scrubs and with healing', async () => {
    const kv = new MoodyKv();
    const { store } = await openLoneStore(kv);
    const stranger = nodeId(9);
    await store.writeAll([hint(stranger, 'a', 1)]);
    await scanAll(store);
    kv.isBroken = true;
    const time = new NodeTime();
    const reports: string[] = [];
    const scrubber = new Scrubber(
      {
        placement: placementOf(3, 3),
        store,
        calls: new PeerCalls(() => false, () => time.monotonicMs()),
        time,
        scrubFiles: null,
        unreadable: () => undefined,
        filesDamaged: () => undefined,
        report: (message) => reports.push(message),
      },
      { self: nodeId(0), intervalMs: 5, bytesPerSecond: 1 << 20, first: 'after the interval' },
    );
    scrubber.start();
    await holds('both have met the failure', () => reports.includes('a scrub was cut short') && reports.includes('healing was cut short'));
    kv.isBroken = false;
    // Nobody will ever take a hint for a node that is no member.
    await holds('the hint for a stranger was dropped', () => store.ledger.countAll() === 0);
    await holds('a scrub came to its end', () => scrubber.counters.scrubs > 0);
    await scrubber.stop();
    expect(kv.refused).toBeGreaterThan(0);
  });

  it('of interval 0 does not scrub, and stops in the middle of a long wait', async () => {
    const { store } = await openLoneStore(new MemoryKv());
    const time = new NodeTime();
    for (const options of [{ intervalMs: 0, bytesPerSecond: 1 << 20 }, { intervalMs: 3_600_000, bytesPerSecond: 1 }]) {
      const ports = { placement: placementOf(3, 3), store, calls: new PeerCalls(() => false, () => time.monotonicMs()), time, scrubFiles: null, unreadable: () => undefined, filesDamaged: () => undefined, report: () => undefined };
      const scrubber = new Scrubber(ports, { self: nodeId(0), ...options, first: 'after the interval' });
      scrubber.start();
      await scrubber.stop();
      expect(scrubber.counters.scrubs).toBe(0);
    }
  });
});
