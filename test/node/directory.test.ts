/** One fear a test: who may use a data directory, and what a start that must fail leaves behind. Real daemons. */
import { cp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
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

describe.concurrent('a data directory', () => {
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

  it('with nonsense in its identity file is refused with RING_DIRECTORY_UNUSABLE', async () => {
    await using used = await usedDirectory();
    await writeFile(join(used.path, 'identity.json'), '{"format":1');
    const { status, output } = await runDaemonToEnd(loneNodeArguments(used.path, used.port));
    expect([status, output.includes('RING_DIRECTORY_UNUSABLE')]).toStrictEqual([1, true]);
    await rm(join(used.path, 'identity.json'));
    await expectStillGood(used.path, used.port);
  });

  it('whose CURRENT is gone is refused, and no table is deleted', async () => {
    await using used = await usedDirectory();
    // A restart turns the log into a table.
    await expectStillGood(used.path, used.port);
    const database = join(used.path, 'db');
    const before = await readFile(join(database, 'CURRENT'));
    const tables = async (): Promise<string[]> => (await readdir(database)).filter((name) => /\.(?:ldb|log)$|^MANIFEST/.test(name)).toSorted();
    const tablesBefore = await tables();
    expect(tablesBefore.some((name) => name.endsWith('.ldb'))).toBe(true);
    await rm(join(database, 'CURRENT'));
    const { status, output } = await runDaemonToEnd(loneNodeArguments(used.path, used.port));
    expect(status).toBe(1);
    expect(output).toContain('RING_STORE_MISSING');
    expect(await tables()).toStrictEqual(tablesBefore);
    await writeFile(join(database, 'CURRENT'), before);
    await expectStillGood(used.path, used.port);
  });

  it('whose database and CURRENT are gone with the identity file left is refused, not made anew', async () => {
    await using used = await usedDirectory();
    await cp(join(used.path, 'db'), join(used.path, 'aside'), { recursive: true });
    await rm(join(used.path, 'db'), { recursive: true });
    const { status, output } = await runDaemonToEnd(loneNodeArguments(used.path, used.port));
    expect([status, output.includes('RING_STORE_MISSING')]).toStrictEqual([1, true]);
    await rm(join(used.path, 'db'), { recursive: true, force: true });
    await cp(join(used.path, 'aside'), join(used.path, 'db'), { recursive: true });
    await expectStillGood(used.path, used.port);
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
