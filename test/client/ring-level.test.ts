/** RingLevel beyond abstract-level's suite, on three daemons: keyspaces, long ranges, failures, options, detail, closing. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RingClient, RingError, RingLevel, type RingLevelOptions } from '../../client/index.ts';
import { eventually, freePort, requireBuild, settled, startDaemons, type DaemonCluster } from '../support/processes.ts';

let cluster: DaemonCluster;
let count = 0;

beforeAll(async () => {
  requireBuild();
  cluster = await startDaemons(3, 3);
});

afterAll(async () => cluster[Symbol.asyncDispose]());

/** A database of its own on the cluster. */
function fresh(options: RingLevelOptions = {}): RingLevel {
  count += 1;
  return new RingLevel(cluster.urls, { keyspace: `own-${count}`, ...options });
}

const padded = (index: number): string => String(index).padStart(6, '0');
const puts = (from: number, to: number): { readonly type: 'put'; readonly key: string; readonly value: string }[] =>
  Array.from({ length: to - from }, (_, index) => ({ type: 'put', key: padded(from + index), value: `of ${from + index}` }));

describe('keyspaces', () => {
  it('never see each other, whatever is read, walked over or cleared', async () => {
    await using a = new RingLevel(cluster.urls, { keyspace: 'a' });
    await using ab = new RingLevel(cluster.urls, { keyspace: 'ab' });
    await using plain = new RingLevel(cluster.urls);
    const all = [a, ab, plain];
    for (const [index, db] of all.entries()) await db.batch([{ type: 'put', key: 'shared', value: String(index) }, { type: 'put', key: `only-${index}`, value: 'x' }]);
    for (const [index, db] of all.entries()) {
      expect(await db.keys().all()).toStrictEqual([`only-${index}`, 'shared']);
      expect(await db.keys({ reverse: true }).all()).toStrictEqual(['shared', `only-${index}`]);
      expect(await db.getMany(['shared', 'only-0', 'only-1', 'only-2'])).toStrictEqual([String(index), ...[0, 1, 2].map((other) => (other === index ? 'x' : undefined))]);
    }
    await ab.clear();
    expect(await Promise.all(all.map(async (db) => (await db.keys().all()).length))).toStrictEqual([2, 0, 2]);
    await plain.clear();
    expect(await Promise.all(all.map(async (db) => (await db.keys().all()).length))).toStrictEqual([2, 0, 0]);
    expect(a.keyspace).toStrictEqual({ name: 'a', prefix: Uint8Array.of(0xff, 0x61, 0) });
    expect(plain.keyspace).toStrictEqual({ name: null, prefix: new Uint8Array() });
  });

  it('without a name are the keys that a client sees', async () => {
    await using db = new RingLevel(cluster.urls);
    await using client = new RingClient(cluster.urls, { consistency: 'quorum' });
    await db.put('user1', 'alice');
    expect(Buffer.from((await client.get('user1')) ?? []).toString()).toBe('alice');
    await client.put('user2', 'bob');
    await client.put(Uint8Array.of(0xff, 0x78), 'hidden');
    expect(await db.iterator().all()).toStrictEqual([['user1', 'alice'], ['user2', 'bob']]);
    expect(await db.iterator({ reverse: true, limit: 1 }).all()).toStrictEqual([['user2', 'bob']]);
    await db.clear();
    expect(await db.get('user2')).toBeUndefined();
    expect(Buffer.from((await client.get(Uint8Array.of(0xff, 0x78))) ?? []).toString()).toBe('hidden');
    for (const work of [db.get(Uint8Array.of(0xff, 0x78), { keyEncoding: 'view' }), db.put(Uint8Array.of(0xff), 'x', { keyEncoding: 'view' }), db.put('', 'x'), db.put('x'.repeat(1_025), 'x')]) {
      await expect(work).rejects.toThrow(expect.objectContaining({ name: 'RingError', code: 'RING_KEY_INVALID' }));
    }
  });

  it('have names that are told to be wrong at once', () => {
    for (const keyspace of ['', 'x'.repeat(65), 'a\0b']) expect(() => new RingLevel(cluster.urls, { keyspace })).toThrow(RangeError);
    expect(() => new RingLevel('http://x')).toThrow(TypeError);
    expect(() => new RingLevel(cluster.urls, { consistency: 'most' as never })).toThrow(RangeError);
  });
});

describe('a range of more than 10,000 keys', () => {
  it('is whole and in order while others write and delete in it', async () => {
    await using db = fresh();
    const keys = 12_000;
    await db.batch(puts(0, keys));
    // Every third key is never touched; the others come, go and change while the walks last.
    const walk = { isOver: false };
    let changes = 0;
    const change = async (): Promise<void> => {
      for (let round = 0; !walk.isOver; round += 1) {
        const numbers = Array.from({ length: 60 }, (_, index) => ((round * 60 + index) * 7) % keys).filter((number) => number % 3 !== 0);
        await db.batch(numbers.map((number) => (round % 2 === 0 ? { type: 'del', key: padded(number) } : { type: 'put', key: padded(number), value: `of ${number}` })));
        changes += numbers.length;
      }
    };
    const changing = change();
    try {
      for (const reverse of [false, true]) {
        const seen: string[] = [];
        for await (const [key, value] of db.iterator({ reverse })) {
          expect(value).toBe(`of ${Number(key)}`);
          seen.push(key);
        }
        expect(seen).toStrictEqual([...new Set(reverse ? seen.toSorted().toReversed() : seen.toSorted())]);
        expect(seen.filter((key) => Number(key) % 3 === 0)).toHaveLength(keys / 3);
      }
    } finally {
      walk.isOver = true;
      await changing;
    }
    expect(changes).toBeGreaterThan(0);
    expect(await db.values({ gte: padded(9_000), lt: padded(9_100), limit: 3 }).all()).toHaveLength(3);
    await db.clear({ gte: padded(11_000), reverse: true, limit: 500 });
    await db.clear({ lt: padded(10_999) });
    const left = await db.keys().all();
    expect(left[0]).toBe(padded(10_999));
    expect(left.length).toBeGreaterThan(150);
    expect(left.length).toBeLessThanOrEqual(501);
  }, 120_000);

  it('is taken in parts of any size', async () => {
    await using db = fresh();
    await db.batch(puts(0, 10_500));
    const iterator = db.keys();
    const seen: string[] = [];
    for (const size of [1, 0, 3_000, 7, 100]) seen.push(...(await iterator.nextv(size)));
    iterator.seek(padded(9_000));
    expect(await iterator.next()).toBe(padded(9_000));
    seen.push(...(await iterator.nextv(20_000)));
    expect(await iterator.nextv(1)).toStrictEqual([]);
    await iterator.close();
    expect(seen).toStrictEqual([...Array.from({ length: 3_109 }, (_, index) => padded(index)), ...Array.from({ length: 1_499 }, (_, index) => padded(9_001 + index))]);
  });
});

describe('a node that fails', () => {
  it('costs an iterator nothing: it goes on over another one', async () => {
    await using db = fresh({ spread: 'none' });
    await db.batch(puts(0, 3_000));
    const iterator = db.iterator();
    const seen = [...(await iterator.nextv(150)), ...(await iterator.nextv(1))].map(([key]) => key);
    await cluster.processes.killNode(0);
    try {
      for await (const [key] of iterator) seen.push(key);
    } finally {
      await cluster.processes.startNode(0);
      await settled(cluster);
    }
    expect(seen).toStrictEqual(Array.from({ length: 3_000 }, (_, index) => padded(index)));
  });

  it('lets an iterator that failed go on with the entry that it failed at', async () => {
    await using db = fresh({ timeoutMs: 1_500 });
    await db.batch(puts(0, 500));
    const iterator = db.keys();
    const seen = await iterator.nextv(100);
    // Two of three: no quorum.
    await cluster.processes.killNode(1);
    await cluster.processes.killNode(2);
    try {
      await expect(iterator.next()).rejects.toThrow(RingError);
      await expect(iterator.nextv(10)).rejects.toThrow(RingError);
    } finally {
      await cluster.processes.startNode(1);
      await cluster.processes.startNode(2);
      await settled(cluster);
    }
    const next = await eventually('a quorum answers again', async () => iterator.next());
    seen.push(next ?? 'the end', ...(await iterator.all()));
    expect(seen).toStrictEqual(Array.from({ length: 500 }, (_, index) => padded(index)));
  });
});

describe('a batch', () => {
  it('ends with the last operation of each key', async () => {
    await using db = fresh();
    for (let round = 0; round < 20; round += 1) {
      const value = String(round);
      await db.batch([{ type: 'put', key: 'a', value: 'never' }, { type: 'del', key: 'a' }, { type: 'put', key: 'a', value }, { type: 'put', key: 'b', value }, { type: 'del', key: 'b' }]);
      expect(await db.getMany(['a', 'b'])).toStrictEqual([value, undefined]);
    }
    await db.batch().put('a', '1').del('a').put('c', '3').write();
    expect(await db.iterator().all()).toStrictEqual([['c', '3']]);
  });

  it('is refused whole for a key or value that cannot be', async () => {
    await using db = fresh();
    await expect(db.batch([{ type: 'put', key: 'a', value: '1' }, { type: 'put', key: 'x'.repeat(1_020), value: '1' }])).rejects.toThrow(/of keyspace "own-\d+" has at most 10\d\d bytes/);
    await expect(db.batch([{ type: 'put', key: 'a', value: '1' }, { type: 'put', key: 'b', value: 'x'.repeat(1_048_577) }])).rejects.toThrow(expect.objectContaining({ code: 'RING_VALUE_TOO_LARGE' }));
    expect(await db.keys().all()).toStrictEqual([]);
  });

  it('of 2,000 operations with one that fails leaves the others that were sent with it', async () => {
    await using db = fresh();
    const aborted = AbortSignal.abort(new Error('not this one'));
    const operations = puts(0, 2_000);
    await expect(db.batch(operations.map((operation, index) => (index === 10 ? { ...operation, signal: aborted } : operation)))).rejects.toThrow('not this one');
    const keys = await db.keys().all();
    expect(keys).toHaveLength(1_023);
    expect(keys).not.toContain(padded(10));
    await db.batch(operations);
    expect(await db.keys().all()).toHaveLength(2_000);
  });
});

describe('options of a call', () => {
  it('are those of a request, in every call', async () => {
    await using db = fresh({ timeoutMs: 1_000 });
    await db.batch([{ type: 'put', key: 'a', value: '1', consistency: 'all' }], { consistency: 'one' });
    await cluster.processes.killNode(1);
    await cluster.processes.killNode(2);
    try {
      const unavailable = expect.objectContaining({ code: expect.stringMatching(/^RING_(UNAVAILABLE|TIMEOUT)$/), retryable: true });
      const unknown = expect.objectContaining({ code: expect.stringMatching(/^RING_(UNAVAILABLE|UNKNOWN)$/), retryable: true });
      await expect(db.get('a')).rejects.toThrow(unavailable);
      for (const work of [db.getMany(['a']), db.has('a'), db.hasMany(['a']), db.keys().all(), db.iterator().next(), db.getWithDetail('a')]) await expect(work).rejects.toThrow(unavailable);
      for (const work of [db.put('a', '2'), db.del('a'), db.batch([{ type: 'put', key: 'a', value: '2' }]), db.batch().del('a').write(), db.putWithDetail('a', '2')]) await expect(work).rejects.toThrow(unknown);
      const one = { consistency: 'one' } as const;
      // It takes the node a moment to know that the others are gone.
      await eventually('one node answers alone', async () => (await db.get('a', one).then(() => true, () => null)));
      await db.put('b', '2', one);
      await db.batch([{ type: 'put', key: 'c', value: '3' }, { type: 'del', key: 'a' }], one);
      expect(await db.get('b', one)).toBe('2');
      expect(await db.getMany(['a', 'b', 'c'], one)).toStrictEqual([undefined, '2', '3']);
      expect(await db.has('b', one)).toBe(true);
      expect(await db.hasMany(['a', 'c'], one)).toStrictEqual([false, true]);
      expect(await db.iterator(one).all()).toStrictEqual([['b', '2'], ['c', '3']]);
      await db.del('b', one);
      await db.clear(one);
      expect(await db.keys(one).all()).toStrictEqual([]);
    } finally {
      await cluster.processes.startNode(1);
      await cluster.processes.startNode(2);
      await settled(cluster);
    }
  });

  it('hold for sublevels too', async () => {
    await using db = fresh();
    const sublevel = db.sublevel<string, { readonly n: number }>('sub', { valueEncoding: 'json' });
    await sublevel.batch([{ type: 'put', key: 'a', value: { n: 1 } }]);
    // Its types do not know the options of a request.
    const refused: object = { timeoutMs: 0 };
    for (const work of [sublevel.get('a', refused), sublevel.put('a', { n: 2 }, refused), sublevel.keys(refused).all(), sublevel.clear(refused)]) await expect(work).rejects.toThrow(/timeoutMs is a whole number/);
    expect(await sublevel.iterator().all()).toStrictEqual([['a', { n: 1 }]]);
    expect(await db.keys().all()).toStrictEqual(['!sub!a']);
  });

  it('include a signal', async () => {
    await using db = new RingLevel(`ws://127.0.0.1:${await freePort()}`);
    const controller = new AbortController();
    const { signal } = controller;
    const reason = new Error('enough');
    const works = [db.get('a', { signal }), db.put('a', '1', { signal }), db.del('a', { signal }), db.batch([{ type: 'del', key: 'a' }], { signal }), db.getMany(['a'], { signal }), db.has('a', { signal })];
    const walks = [db.iterator({ signal }).all(), db.keys({ signal }).next(), db.values({ signal }).nextv(2)];
    const ended = Promise.allSettled([...works, ...walks]);
    await db.open();
    controller.abort(reason);
    const results = await ended;
    for (const result of results.slice(0, works.length)) expect(result).toStrictEqual({ status: 'rejected', reason });
    for (const result of results.slice(works.length)) expect(result).toMatchObject({ status: 'rejected', reason: { name: 'AbortError', code: 'LEVEL_ABORTED' } });
  });
});

describe('detail', () => {
  it('comes with the value decoded and the rest as the client tells it', async () => {
    await using db = fresh();
    const json = { valueEncoding: 'json' } as const;
    const written = await db.putWithDetail<string, unknown>('a', { n: 1 }, { ...json, consistency: 'all' });
    expect(written).toMatchObject({ durableOn: expect.arrayContaining([0, 1, 2]), hints: [] });
    const read = await db.getWithDetail<string, unknown>('a', json);
    expect(read).toMatchObject({ value: { n: 1 }, version: written.version });
    expect(await db.get('a')).toBe('{"n":1}');
    const deleted = await db.delWithDetail('a');
    expect(deleted.version.timestamp).toBeGreaterThan(written.version.timestamp);
    expect(await db.getWithDetail('a')).toMatchObject({ value: undefined, version: deleted.version });
    expect(await db.getWithDetail('never')).toMatchObject({ value: undefined, version: null });
  });

  it('comes through hooks and events as other writes do', async () => {
    await using db = fresh();
    const seen: unknown[] = [];
    db.on('write', (operations: readonly { readonly type: string; readonly key: string }[]) => seen.push(...operations.map(({ type, key }) => `${type} ${key}`)));
    await db.putWithDetail('a', '1');
    db.hooks.prewrite.add((operation, batch) => {
      if (operation.type === 'put' && operation.key === 'b') batch.add({ type: 'put', key: 'index-of-b', value: 'b' });
    });
    expect((await db.putWithDetail('b', '2')).durableOn.length).toBeGreaterThanOrEqual(2);
    expect(seen).toStrictEqual(['put a', 'put b', 'put index-of-b']);
    expect(await db.keys().all()).toStrictEqual(['a', 'b', 'index-of-b']);
  });

  it('includes the cluster, and where a key lives', async () => {
    await using db = fresh();
    expect(await db.clusterStatus()).toMatchObject({ clusterId: 'test', replicationFactor: 3 });
    expect(await db.converged()).toHaveProperty('converged');
    const { prefix } = db.keyspace;
    await using client = new RingClient(cluster.urls);
    expect(await db.locate('user1')).toStrictEqual(await client.locate(Buffer.concat([prefix, Buffer.from('user1')])));
    expect(await db.locate('7573657231', { keyEncoding: 'hex' })).toStrictEqual(await db.locate('user1'));
  });
});

describe('text and bytes', () => {
  it('come back as they were, a byte order mark included', async () => {
    await using db = fresh();
    const texts = ['', '\u{feff}', '\u{feff}a', 'ä\0ö', '\u{10ffff}'];
    for (const text of texts) await db.put(text, text);
    expect(await db.keys().all()).toStrictEqual(texts.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    expect(await db.getMany(texts)).toStrictEqual(texts);
    await expect(db.put('\uD800', 'x')).rejects.toThrow(expect.objectContaining({ code: 'RING_KEY_INVALID' }));
    await expect(db.put('x', '\uD800')).rejects.toThrow(expect.objectContaining({ code: 'RING_BAD_REQUEST' }));
    const bytes = randomBytes(300);
    await db.put(bytes, bytes, { keyEncoding: 'buffer', valueEncoding: 'buffer' });
    expect(await db.get(bytes, { keyEncoding: 'buffer', valueEncoding: 'buffer' })).toStrictEqual(bytes);
    expect(await db.get<Uint8Array, Uint8Array>(bytes, { keyEncoding: 'view', valueEncoding: 'view' })).toStrictEqual(new Uint8Array(bytes));
  });
});

describe('opening and closing', () => {
  it('opens without a node, and connects when it is first used', async () => {
    await using db = new RingLevel(`ws://127.0.0.1:${await freePort()}`, { failFast: 'fail-fast' });
    await db.open();
    expect(db.status).toBe('open');
    await expect(db.get('a')).rejects.toThrow(expect.objectContaining({ code: 'RING_UNAVAILABLE' }));
  });

  it('lets what is under way end, then answers nothing, and opens again', async () => {
    const db = fresh();
    await db.open();
    const under = [db.put('a', '1'), db.batch(puts(0, 2_000)), db.put('b', '2')];
    await db.close();
    expect(await Promise.allSettled(under)).toStrictEqual(under.map(() => ({ status: 'fulfilled', value: undefined })));
    for (const work of [db.get('a'), db.getWithDetail('a'), db.putWithDetail('a', '1'), db.clusterStatus(), db.converged(), db.locate('a')]) {
      await expect(work).rejects.toThrow(expect.objectContaining({ code: 'LEVEL_DATABASE_NOT_OPEN' }));
    }
    await db.open();
    expect(await db.getMany(['a', padded(1_999), 'b'])).toStrictEqual(['1', 'of 1999', '2']);
    await db.close();
    await db.close();
  });

  it('closes iterators with it, while a slice is on its way', async () => {
    const db = fresh();
    await db.batch(puts(0, 1_000));
    const iterator = db.keys();
    await iterator.nextv(350);
    const reading = iterator.nextv(600);
    await db.close();
    expect(await reading).toHaveLength(600);
    await expect(iterator.next()).rejects.toThrow(expect.objectContaining({ code: 'LEVEL_ITERATOR_NOT_OPEN' }));
  });

  it('never has an error without a listener, however the cluster goes away', async () => {
    const errors: unknown[] = [];
    await using db = fresh({ timeoutMs: 500 });
    db.on('error', (error) => errors.push(error));
    await db.put('a', '1');
    await Promise.all([0, 1, 2].map(async (node) => cluster.processes.killNode(node)));
    await expect(db.get('a')).rejects.toThrow(RingError);
    await Promise.all([0, 1, 2].map(async (node) => cluster.processes.startNode(node)));
    await settled(cluster);
    expect(await eventually('it reads again', async () => (await db.get('a')) ?? null)).toBe('1');
    expect(errors).toStrictEqual([]);
  });
});
