/** One fear a test: who may use a data directory, what a start that must fail leaves behind, and what damage does. */
import { cp, mkdir, readFile, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { KvBatch, META, encodeCheckedNumbers, metaKey, nodeId, type OrderedKv } from '../../data/index.ts';
import { openDirectory, type OpenDirectory } from '../../node/directory.ts';
import type { Identity } from '../../node/identity.ts';
import { LEVEL_OPTIONS } from '../support/kv-places.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { freePort, loneNodeArguments, requireBuild, runDaemonToEnd, startDaemon, temporaryDirectory } from '../support/processes.ts';

beforeAll(requireBuild);

const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString());

/** A directory that a daemon made, stopped in order, with one key. */
async function usedDirectory(): Promise<{ readonly path: string; readonly port: number } & AsyncDisposable> {
  const directory = await temporaryDirectory();
  const port = await freePort();
  try {
    await using node = await startDaemon(loneNodeArguments(directory.path, port));
    await node.client.put('kept', 'safe');
  } catch (error) {
    await directory[Symbol.asyncDispose]();
    throw error;
  }
  return { path: directory.path, port, [Symbol.asyncDispose]: directory[Symbol.asyncDispose] };
}

/** Nothing is locked and nothing is lost. */
async function expectStillGood(path: string, port: number): Promise<void> {
  await using node = await startDaemon(loneNodeArguments(path, port));
  expect(text(await node.client.get('kept'))).toBe('safe');
  await node.client.put('after', 'works');
}

describe.concurrent('a data directory of a daemon', () => {
  it('is not given to a second daemon, which names the first; the first goes on serving', async () => {
    await using directory = await temporaryDirectory();
    await using first = await startDaemon(loneNodeArguments(directory.path, await freePort()));
    await first.client.put('kept', 'safe');
    const second = await runDaemonToEnd(loneNodeArguments(directory.path, await freePort()));
    expect(second.status).toBe(1);
    expect(second.output).toContain('RING_DIRECTORY_IN_USE');
    expect(second.output).toContain(`process ${first.daemon.pid}`);
    expect(text(await first.client.get('kept'))).toBe('safe');
    await first.client.put('more', 'of it');
    await first.kill();
    await using third = await startDaemon(loneNodeArguments(directory.path, await freePort()));
    expect(text(await third.client.get('more'))).toBe('of it');
  });

  it('is not given to a second daemon under another spelling of its path', async () => {
    await using directory = await temporaryDirectory();
    await using first = await startDaemon(loneNodeArguments(directory.path, await freePort()));
    const second = await runDaemonToEnd(loneNodeArguments(`${directory.path}/./../${directory.path.split('/').at(-1)}/`, await freePort()));
    expect(second.output).toContain('RING_DIRECTORY_IN_USE');
    await first.client.put('k', 'v');
  });

  it('goes to one of several daemons that start at once', async () => {
    await using used = await usedDirectory();
    const ports = await Promise.all([freePort(), freePort(), freePort()]);
    const results = await Promise.allSettled(ports.map(async (port) => startDaemon(loneNodeArguments(used.path, port))));
    const started = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    try {
      expect(started).toHaveLength(1);
      expect(text((await started[0]?.client.get('kept')) ?? null)).toBe('safe');
    } finally {
      await Promise.all(started.map(async (node) => node[Symbol.asyncDispose]()));
    }
    await expectStillGood(used.path, used.port);
  });

  it('is taken over at once after SIGKILL, several times over', async () => {
    await using directory = await temporaryDirectory();
    const port = await freePort();
    for (let round = 0; round < 4; round++) {
      await using node = await startDaemon(loneNodeArguments(directory.path, port));
      if (round > 0) expect(text(await node.client.get('round'))).toBe(String(round - 1));
      await node.client.put('round', String(round));
      await node.kill();
    }
    const names = await readdir(directory.path);
    expect(names).toEqual(expect.arrayContaining(['db', 'identity.json', 'node.lock', 'owner.json']));
  });

  it('is taken over when its owner was another process with the same pid', async () => {
    await using directory = await temporaryDirectory();
    const port = await freePort();
    {
      await using node = await startDaemon(loneNodeArguments(directory.path, port));
      await node.client.put('kept', 'safe');
      await node.kill();
    }
    // This test's own pid is alive, but was not started when the owner was.
    const owner = JSON.parse(await readFile(join(directory.path, 'owner.json'), 'utf8')) as object;
    await writeFile(join(directory.path, 'owner.json'), JSON.stringify({ ...owner, pid: process.pid }));
    await expectStillGood(directory.path, port);
  });

  it.each([
    ['another node', (path: string, port: number) => ['node', '--id', '1', '--dir', path, '--listen', `127.0.0.1:${port}`, '--peers', `0=ws://127.0.0.1:1,1=ws://127.0.0.1:${port}`, '--replication-factor', '1', '--cluster-id', 'test']],
    ['another cluster', (path: string, port: number) => [...loneNodeArguments(path, port).filter((word) => word !== '--cluster-id' && word !== 'test'), '--cluster-id', 'other']],
    ['another replication factor', (path: string, port: number) => ['node', '--id', '0', '--dir', path, '--listen', `127.0.0.1:${port}`, '--peers', `0=ws://127.0.0.1:${port},1=ws://127.0.0.1:1`, '--replication-factor', '2', '--cluster-id', 'test']],
  ])('of %s is refused with RING_DIRECTORY_FOREIGN and left as it is', async (_, argumentsFor) => {
    await using used = await usedDirectory();
    const { status, output } = await runDaemonToEnd(argumentsFor(used.path, used.port));
    expect(status).toBe(1);
    expect(output).toContain('RING_DIRECTORY_FOREIGN');
    await expectStillGood(used.path, used.port);
  });

  it('of a newer format is refused with RING_DIRECTORY_NEWER', async () => {
    await using used = await usedDirectory();
    const path = join(used.path, 'identity.json');
    const before = await readFile(path, 'utf8');
    await writeFile(path, JSON.stringify({ ...(JSON.parse(before) as object), format: 2 }));
    const { status, output } = await runDaemonToEnd(loneNodeArguments(used.path, used.port));
    expect(status).toBe(1);
    expect(output).toContain('RING_DIRECTORY_NEWER');
    await writeFile(path, before);
    await expectStillGood(used.path, used.port);
  });

  it('without its identity file has it restored from the database', async () => {
    await using used = await usedDirectory();
    const path = join(used.path, 'identity.json');
    const before: unknown = JSON.parse(await readFile(path, 'utf8'));
    await rm(path);
    const foreign = await runDaemonToEnd([...loneNodeArguments(used.path, used.port).filter((word) => word !== '--cluster-id' && word !== 'test'), '--cluster-id', 'other']);
    expect(foreign.output).toContain('RING_DIRECTORY_FOREIGN');
    await rm(path, { force: true });
    await expectStillGood(used.path, used.port);
    expect(JSON.parse(await readFile(path, 'utf8'))).toStrictEqual(before);
  });

  it.each([
    ['is a file', (path: string) => join(path, 'identity.json')],
    ['lies below a file', (path: string) => join(path, 'identity.json', 'below')],
    ['cannot be made', () => '/proc/ring-level'],
    ['cannot be written', () => '/proc/self'],
  ])('that %s is refused with RING_DIRECTORY_UNUSABLE', async (_, pathFor) => {
    await using used = await usedDirectory();
    const { status, output } = await runDaemonToEnd(loneNodeArguments(pathFor(used.path), used.port));
    expect(status).toBe(1);
    expect(output).toContain('RING_DIRECTORY_UNUSABLE');
    expect(output.trim().split('\n')).toHaveLength(1);
  });

  it('is not left locked by a daemon whose port is in use', async () => {
    await using used = await usedDirectory();
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    try {
      const { port } = squatter.address() as AddressInfo;
      const { status, output } = await runDaemonToEnd(loneNodeArguments(used.path, port));
      expect(status).toBe(1);
      expect(output).toContain('RING_LISTEN_FAILED');
      expect(await readdir(used.path)).not.toContain('node.lock');
    } finally {
      await new Promise((resolve) => squatter.close(resolve));
    }
    await expectStillGood(used.path, used.port);
  });
});

const OWNER = { clusterId: 'test', nodeId: nodeId(0), replicationFactor: 3, onCompromised: () => undefined };

async function openHere(path: string): Promise<OpenDirectory> {
  return openDirectory(path, OWNER, LEVEL_OPTIONS);
}

async function closeHere(directory: OpenDirectory): Promise<void> {
  await directory.kv.close();
  await directory.release();
}

const keyOf = (number: number): Uint8Array => Buffer.from(`key-${number}`);
const valueOf = (number: number): string => `value-${number}-${'x'.repeat(200)}`;
const TABLED = 400;
const LOGGED = 400;

async function putKeys(kv: OrderedKv, from: number, to: number): Promise<void> {
  for (let number = from; number < to; number++) {
    const batch = new KvBatch();
    batch.put(keyOf(number), Buffer.from(valueOf(number)));
    batch.put(metaKey(META.ceiling), encodeCheckedNumbers(META.ceiling, [1_000_000 + number]));
    await kv.write(batch, 'os');
  }
}

/** How many of the keys are there; none has a wrong value. */
function countKeys(kv: OrderedKv): number {
  let count = 0;
  for (let number = 0; number < TABLED + LOGGED; number++) {
    const value = kv.get(keyOf(number));
    if (value === undefined) continue;
    expect(Buffer.from(value).toString()).toBe(valueOf(number));
    count += 1;
  }
  return count;
}

/** Two runs: the keys of the first lie in a table, those of the second in a log. Trusted, closed. */
async function filledDirectory(): Promise<{ readonly path: string; readonly database: string; readonly identity: Identity } & AsyncDisposable> {
  const directory = await temporaryDirectory();
  const first = await openHere(directory.path);
  expect(first.condition).toStrictEqual({ state: 'new' });
  await putKeys(first.kv, 0, TABLED);
  await first.clearUntrusted();
  await closeHere(first);
  const second = await openHere(directory.path);
  expect(second.condition).toStrictEqual({ state: 'sound' });
  await putKeys(second.kv, TABLED, TABLED + LOGGED);
  await closeHere(second);
  return { path: directory.path, database: join(directory.path, 'db'), identity: second.identity, [Symbol.asyncDispose]: directory[Symbol.asyncDispose] };
}

async function fileOf(database: string, pattern: RegExp): Promise<string> {
  const name = (await readdir(database)).find((other) => pattern.test(other));
  if (name === undefined) throw new Error(`no ${String(pattern)} in ${database}`);
  return join(database, name);
}

async function changeByte(path: string, place: number): Promise<void> {
  const bytes = await readFile(path);
  const at = Math.floor(bytes.length * place);
  bytes.writeUInt8((bytes[at] ?? 0) ^ 4, at);
  await writeFile(path, bytes);
}

const ALL = TABLED + LOGGED;

describe('a damaged data directory', () => {
  it.each<[string, (database: string) => Promise<void>, readonly [min: number, max: number]]>([
    ['a damaged log', async (path) => changeByte(await fileOf(path, /\.log$/), 0.5), [TABLED + 100, ALL - 1]],
    ['no log', async (path) => rm(await fileOf(path, /\.log$/)), [TABLED, TABLED]],
    ['no CURRENT', async (path) => rm(join(path, 'CURRENT')), [ALL, ALL]],
    ['an empty CURRENT', async (path) => truncate(join(path, 'CURRENT'), 0), [ALL, ALL]],
    ['no MANIFEST', async (path) => rm(await fileOf(path, /^MANIFEST/)), [ALL, ALL]],
    ['a damaged MANIFEST', async (path) => changeByte(await fileOf(path, /^MANIFEST/), 0.3), [ALL, ALL]],
    ['a MANIFEST cut short', async (path) => truncate(await fileOf(path, /^MANIFEST/), 70), [ALL, ALL]],
    ['an empty MANIFEST', async (path) => truncate(await fileOf(path, /^MANIFEST/), 0), [ALL, ALL]],
    ['no table', async (path) => rm(await fileOf(path, /\.ldb$/)), [LOGGED, LOGGED]],
    ['a table cut short', async (path) => truncate(await fileOf(path, /\.ldb$/), 5000), [LOGGED, LOGGED]],
    ['an empty table', async (path) => truncate(await fileOf(path, /\.ldb$/), 0), [LOGGED, LOGGED]],
    ['a damaged log and no CURRENT', async (path) => {
      await changeByte(await fileOf(path, /\.log$/), 0.5);
      await rm(join(path, 'CURRENT'));
    }, [TABLED + 100, ALL - 1]],
    ['a torn log and no CURRENT', async (path) => {
      await changeByte(await fileOf(path, /\.log$/), 0.999);
      await rm(join(path, 'CURRENT'));
    }, [ALL - 1, ALL - 1]],
    ['a damaged block in a table', async (path) => changeByte(await fileOf(path, /\.ldb$/), 0.3), [LOGGED + 1, ALL - 1]],
    ['a damaged block in a table and a damaged log', async (path) => {
      await changeByte(await fileOf(path, /\.ldb$/), 0.3);
      await changeByte(await fileOf(path, /\.log$/), 0.3);
    }, [100, ALL - 2]],
    ['no file but its lock', async (path) => {
      for (const name of await readdir(path)) if (name !== 'LOCK') await rm(join(path, name));
    }, [0, 0]],
    ['nonsense in all of its files', async (path) => {
      for (const name of await readdir(path)) if (name !== 'LOCK') await writeFile(join(path, name), 'nonsense '.repeat(900));
    }, [0, 0]],
    ['no database at all', async (path) => rm(path, { recursive: true }), [0, 0]],
  ])('with %s opens, says so until it is trusted again, and has a new incarnation', async (_, harm, [keysMin, keysMax]) => {
    await using filled = await filledDirectory();
    await harm(filled.database);
    const opened = await openHere(filled.path);
    const { condition, identity } = opened;
    expect(condition.state).toBe('damaged');
    expect(condition.state === 'damaged' && condition.findings.length > 0).toBe(true);
    expect(identity).toStrictEqual({ ...filled.identity, incarnation: identity.incarnation });
    expect(identity.incarnation).not.toBe(filled.identity.incarnation);
    const keys = countKeys(opened.kv);
    expect([keys >= keysMin, keys <= keysMax, keys]).toStrictEqual([true, true, keys]);
    await putKeys(opened.kv, 0, 10);
    const keysAfter = countKeys(opened.kv);
    await closeHere(opened);
    // Nothing is wrong with the files any more, but the silence of the database still means nothing.
    const again = await openHere(filled.path);
    expect([again.condition, again.identity]).toStrictEqual([condition, identity]);
    expect(countKeys(again.kv)).toBe(keysAfter);
    await again.clearUntrusted();
    await closeHere(again);
    const trusted = await openHere(filled.path);
    expect([trusted.condition, trusted.identity]).toStrictEqual([{ state: 'sound' }, identity]);
    await closeHere(trusted);
  });

  it('with any of 40 random damages opens with no wrong value, and says so unless only the end of its log is hit', async () => {
    await using filled = await filledDirectory();
    await using copy = await temporaryDirectory();
    const names = (await readdir(filled.database)).filter((name) => !name.startsWith('LO'));
    let losses = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const random = new SeededRandom(seed);
      await rm(copy.path, { recursive: true });
      await cp(filled.path, copy.path, { recursive: true });
      const harmed = Array.from({ length: 1 + random.below(2) }, () => random.pick(names));
      for (const name of harmed) {
        const bytes = await readFile(join(filled.database, name));
        const at = random.below(bytes.length);
        const kind = random.pick(['flip', 'cut', 'zero'] as const);
        if (kind === 'flip') bytes.writeUInt8((bytes[at] ?? 0) ^ (1 << random.below(8)), at);
        if (kind === 'zero') bytes.fill(0, at, Math.min(bytes.length, at + 3000));
        await writeFile(join(copy.path, 'db', name), kind === 'cut' ? bytes.subarray(0, at) : bytes);
      }
      const opened = await openHere(copy.path);
      const keys = countKeys(opened.kv);
      const isLogAlone = harmed.every((name) => name.endsWith('.log'));
      expect([seed, harmed, keys === ALL || isLogAlone || opened.condition.state === 'damaged']).toStrictEqual([seed, harmed, true]);
      losses += keys < ALL ? 1 : 0;
      await closeHere(opened);
    }
    expect(losses).toBeGreaterThan(10);
  });

  it('with a log whose end is torn is sound', async () => {
    await using filled = await filledDirectory();
    const log = await fileOf(filled.database, /\.log$/);
    await truncate(log, (await readFile(log)).length - 100);
    const opened = await openHere(filled.path);
    expect([opened.condition, opened.identity, countKeys(opened.kv)]).toStrictEqual([{ state: 'sound' }, filled.identity, ALL - 1]);
    await closeHere(opened);
  });

  it('keeps what was damaged aside', async () => {
    await using filled = await filledDirectory();
    const table = await fileOf(filled.database, /\.ldb$/);
    const log = await fileOf(filled.database, /\.log$/);
    await changeByte(log, 0.5);
    await truncate(table, 5000);
    const damaged = [await readFile(log), await readFile(table)];
    await closeHere(await openHere(filled.path));
    const aside = join(filled.path, 'set-aside');
    const kept = await Promise.all([log, table].map(async (path) => readFile(join(aside, `${path.split('/').at(-1)}-1`))));
    expect(kept.map((bytes, index) => damaged[index]?.equals(bytes))).toStrictEqual([true, true]);
    await rm(filled.database, { recursive: true });
    await mkdir(filled.database);
    await writeFile(join(filled.database, 'note'), 'of the owner');
    await closeHere(await openHere(filled.path));
    expect(await readFile(join(aside, 'db-1', 'note'), 'utf8')).toBe('of the owner');
  });

  it.each<[string, (filled: { path: string; database: string }) => Promise<void>]>([
    ['no identity file', async ({ path }) => rm(join(path, 'identity.json'))],
    ['half an identity file', async ({ path }) => writeFile(join(path, 'identity.json'), '{"format":1')],
  ])('with %s has it restored from the database, and a damaged database is repaired for it', async (_, harm) => {
    await using filled = await filledDirectory();
    await harm(filled);
    const restored = await openHere(filled.path);
    expect([restored.identity, restored.condition, countKeys(restored.kv)]).toStrictEqual([filled.identity, { state: 'sound' }, ALL]);
    await closeHere(restored);
    expect(JSON.parse(await readFile(join(filled.path, 'identity.json'), 'utf8'))).toStrictEqual(filled.identity);
    await harm(filled);
    await rm(join(filled.database, 'CURRENT'));
    const repaired = await openHere(filled.path);
    expect([repaired.condition.state, countKeys(repaired.kv), repaired.identity.nodeId]).toStrictEqual(['damaged', ALL, 0]);
    expect(repaired.identity.incarnation).not.toBe(filled.identity.incarnation);
    const copy: unknown = JSON.parse(Buffer.from(repaired.kv.get(metaKey(META.identity)) ?? []).toString());
    expect(copy).toStrictEqual(repaired.identity);
    await closeHere(repaired);
  });

  it('with no identity file and another cluster\'s or nobody\'s database is refused, and is not left locked', async () => {
    await using filled = await filledDirectory();
    await rm(join(filled.path, 'identity.json'));
    await expect(openDirectory(filled.path, { ...OWNER, clusterId: 'other' }, LEVEL_OPTIONS)).rejects.toMatchObject({ code: 'RING_DIRECTORY_FOREIGN' });
    for (const name of await readdir(filled.database)) if (name !== 'LOCK') await rm(join(filled.database, name));
    await writeFile(join(filled.database, '000005.ldb'), 'nonsense');
    await expect(openHere(filled.path)).rejects.toMatchObject({ code: 'RING_DIRECTORY_UNUSABLE' });
    await rm(filled.database, { recursive: true });
    await writeFile(join(filled.path, 'identity.json'), 'nonsense');
    await expect(openHere(filled.path)).rejects.toMatchObject({ code: 'RING_DIRECTORY_UNUSABLE' });
    expect(await readdir(filled.path)).not.toContain('node.lock');
  });

  it('stays damaged when the node dies after any step of opening it', async () => {
    await using filled = await filledDirectory();
    await changeByte(await fileOf(filled.database, /\.log$/), 0.5);
    await truncate(await fileOf(filled.database, /\.ldb$/), 5000);
    await using pristine = await temporaryDirectory();
    await cp(filled.path, pristine.path, { recursive: true });
    const opened = await openHere(filled.path);
    const keys = countKeys(opened.kv);
    await closeHere(opened);
    const marker = await readFile(join(filled.path, 'untrusted.json'));
    // The marker is the first thing that is written, and then the old files may be in any state between.
    await using between = await temporaryDirectory();
    const steps: readonly ((path: string) => Promise<void>)[] = [
      async () => undefined,
      async (path) => rename(join(path, 'db', 'CURRENT'), join(path, 'aside')),
      async (path) => rm(await fileOf(join(path, 'db'), /\.ldb$/)),
      async (path) => rm(await fileOf(join(path, 'db'), /^MANIFEST/)),
    ];
    for (let step = 1; step <= steps.length; step++) {
      await rm(between.path, { recursive: true });
      await cp(pristine.path, between.path, { recursive: true });
      await writeFile(join(between.path, 'untrusted.json'), marker.toString().replace('"current"', '"to-be-renewed"'));
      for (const take of steps.slice(0, step)) await take(between.path);
      const after = await openHere(between.path);
      expect([step, after.condition.state, countKeys(after.kv)]).toStrictEqual([step, 'damaged', keys]);
      expect(after.identity.incarnation).not.toBe(filled.identity.incarnation);
      await closeHere(after);
    }
    // LevelDB has opened it, and the new incarnation was not yet on disk.
    await writeFile(join(filled.path, 'untrusted.json'), marker.toString().replace('"current"', '"to-be-renewed"'));
    await writeFile(join(filled.path, 'identity.json'), JSON.stringify(filled.identity));
    const last = await openHere(filled.path);
    expect([last.condition.state, last.identity.incarnation === filled.identity.incarnation]).toStrictEqual(['damaged', false]);
    await closeHere(last);
  });

  it('is new until it is trusted, also when it is opened again or was half made', async () => {
    await using directory = await temporaryDirectory();
    await closeHere(await openHere(directory.path));
    const again = await openHere(directory.path);
    expect(again.condition).toStrictEqual({ state: 'new' });
    const identity = again.identity;
    await closeHere(again);
    await writeFile(join(directory.path, 'identity.json'), JSON.stringify({ ...identity, state: 'new' }));
    await writeFile(join(directory.path, 'db', 'CURRENT'), '');
    const half = await openHere(directory.path);
    expect([half.condition, half.identity]).toStrictEqual([{ state: 'new' }, identity]);
    await closeHere(half);
  });

  it('remembers damage that was found while it ran, and a note that cannot be read', async () => {
    await using filled = await filledDirectory();
    const opened = await openHere(filled.path);
    await opened.markUntrusted(['000005.ldb: is damaged in the block at byte 0']);
    await opened.markUntrusted(['000007.ldb: missing']);
    await closeHere(opened);
    const again = await openHere(filled.path);
    expect(again.condition).toStrictEqual({ state: 'damaged', findings: ['000005.ldb: is damaged in the block at byte 0', '000007.ldb: missing'] });
    expect(again.identity.incarnation).not.toBe(filled.identity.incarnation);
    await closeHere(again);
    await writeFile(join(filled.path, 'untrusted.json'), '');
    const unread = await openHere(filled.path);
    expect(unread.condition).toStrictEqual({ state: 'damaged', findings: ['untrusted.json: cannot be read'] });
    await closeHere(unread);
  });

  it('has marks and clearings that are asked for at once made in the order of the calls', async () => {
    await using filled = await filledDirectory();
    const opened = await openHere(filled.path);
    const marker = async (): Promise<unknown> => JSON.parse(await readFile(join(filled.path, 'untrusted.json'), 'utf8').catch(() => 'null'));
    const numbers = Array.from({ length: 20 }, (_, index) => `finding ${index}`);
    await Promise.all(numbers.map(async (finding) => opened.markUntrusted([finding])));
    expect(await marker()).toStrictEqual({ reason: 'damaged', findings: numbers, incarnation: 'to-be-renewed', unreadableRuns: 0 });
    await Promise.all([opened.markUntrusted(['before']), opened.clearUntrusted()]);
    expect(await marker()).toBeNull();
    await Promise.all([opened.markUntrusted(['before']), opened.clearUntrusted(), opened.markUntrusted(['after'])]);
    expect(await marker()).toMatchObject({ findings: ['after'] });
    // What was asked for before the directory is given up is on disk before it is another's.
    await opened.kv.close();
    const late = opened.markUntrusted(['late']);
    await opened.release();
    expect(await marker()).toMatchObject({ findings: ['after', 'late'] });
    await late;
  });

  it('does not have its later marks lost with one that failed', async () => {
    await using filled = await filledDirectory();
    const opened = await openHere(filled.path);
    await mkdir(join(filled.path, 'untrusted.json.tmp'));
    await expect(opened.markUntrusted(['first'])).rejects.toMatchObject({ code: 'RING_DIRECTORY_UNUSABLE' });
    await rm(join(filled.path, 'untrusted.json.tmp'), { recursive: true });
    await opened.markUntrusted(['second']);
    await closeHere(opened);
    const again = await openHere(filled.path);
    expect(again.condition).toStrictEqual({ state: 'damaged', findings: ['second'] });
    await closeHere(again);
  });

  it('says that its tables were read before it was opened, or that they are too large for that', async () => {
    await using filled = await filledDirectory();
    const small = await openHere(filled.path);
    expect(small.areTablesChecked).toBe(true);
    for (let number = 0; number < 80; number++) {
      const batch = new KvBatch();
      // Nothing that could be compressed.
      batch.put(keyOf(ALL + number), randomBytes(1 << 20));
      await small.kv.write(batch, 'os');
    }
    await closeHere(small);
    const large = await openHere(filled.path);
    expect(large.areTablesChecked).toBe(false);
    await closeHere(large);
  });

  it('has its tables checked while it is open', async () => {
    await using filled = await filledDirectory();
    const opened = await openHere(filled.path);
    expect(await opened.scrubFiles(async () => true)).toStrictEqual([]);
    await changeByte(await fileOf(filled.database, /\.ldb$/), 0.2);
    expect(await opened.scrubFiles(async () => true)).toStrictEqual([expect.stringMatching(/^\d+\.ldb: is damaged/)]);
    await closeHere(opened);
  });

  it('says whether its last run ended in order', async () => {
    await using filled = await filledDirectory();
    const orderly = await openHere(filled.path);
    expect(orderly.lastRunEndedInOrder).toBe(true);
    // What a killed process leaves: an owner that is gone, who did not say goodbye.
    const owner = await readFile(join(filled.path, 'owner.json'));
    await closeHere(orderly);
    await writeFile(join(filled.path, 'owner.json'), owner);
    const after = await openHere(filled.path);
    expect(after.lastRunEndedInOrder).toBe(false);
    await closeHere(after);
  });
});

describe('a database that cannot be read though its files are in order', () => {
  it.each([
    [3, 'is given up after three such runs in a row, kept aside, and made anew'],
    [1, 'is kept when nobody could heal it'],
  ])('with replication factor %d %s', async (replicationFactor) => {
    await using directory = await temporaryDirectory();
    const open = async (): Promise<OpenDirectory> => openDirectory(directory.path, { ...OWNER, replicationFactor }, LEVEL_OPTIONS);
    const first = await open();
    await putKeys(first.kv, 0, 5);
    await first.clearUntrusted();
    await closeHere(first);
    for (let run = 0; run < 3; run++) {
      const opened = await open();
      expect(countKeys(opened.kv)).toBe(5);
      await opened.markUnreadable(['scan failed: Corruption: corrupted internal key in DBIter']);
      await closeHere(opened);
    }
    const last = await open();
    expect([last.condition.state, countKeys(last.kv)]).toStrictEqual(['damaged', replicationFactor === 1 ? 5 : 0]);
    expect((await readdir(directory.path)).includes('set-aside')).toBe(replicationFactor > 1);
    await closeHere(last);
  });
});
