/**
 * A disk without space, made with RLIMIT_FSIZE: `prlimit` sets it on the running daemon, so that no file of it can
 * grow (EFBIG, where a full disk says ENOSPC), and takes it back. Needs no privileges.
 */
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RingClient } from '../../client/index.ts';
import { Daemon } from '../../cli/daemon.ts';
import { findFreePorts } from '../../cli/free-ports.ts';
import { PROGRAM, convergedAt, eventually, freePort, loneNodeArguments, requireBuild, startDaemon, temporaryDirectory, type RunningDaemon } from '../support/processes.ts';

beforeAll(requireBuild);

async function setSpace(daemon: Daemon, space: 'none' | 'plenty'): Promise<void> {
  await promisify(execFile)('prlimit', ['--pid', String(daemon.pid), `--fsize=${space === 'none' ? 0 : 'unlimited'}:unlimited`]);
}

async function codeOfPut(client: RingClient, key: string, value: string): Promise<string> {
  return client.put(key, value, { timeoutMs: 3_000 }).then(
    () => 'acknowledged',
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
  );
}

async function read(client: RingClient, key: string): Promise<string> {
  return Buffer.from((await client.get(key)) ?? '').toString();
}

describe('a full disk', { timeout: 60_000 }, () => {
  it('fails the writes of a lone node with an honest code, which serves again without a restart when there is space, and loses nothing acknowledged', async () => {
    await using directory = await temporaryDirectory();
    const args = loneNodeArguments(directory.path, await freePort());
    const acknowledged = new Map<string, string>();
    {
      await using node = await startDaemon(args);
      const put = async (key: string): Promise<string> => {
        const code = await codeOfPut(node.client, key, `value of ${key}`);
        if (code === 'acknowledged') acknowledged.set(key, `value of ${key}`);
        return code;
      };
      for (let number = 0; number < 100; number++) await put(`before${number}`);
      expect(acknowledged.size).toBe(100);
      for (let round = 0; round < 3; round++) {
        await setSpace(node.daemon, 'none');
        const codes = await Promise.all(Array.from({ length: 50 }, async (_, number) => put(`full${round}-${number}`)));
        expect(codes.filter((code) => code !== 'RING_UNKNOWN' && code !== 'RING_UNAVAILABLE')).toStrictEqual([]);
        // It lives, says how it is, and does not claim that keys are absent which it cannot look up.
        expect((await node.client.status()).nodes[0]?.store).not.toBe('open');
        await setSpace(node.daemon, 'plenty');
        await eventually('the node takes writes again', async () => ((await put(`after${round}`)) === 'acknowledged' ? true : null));
        for (const [key, value] of acknowledged) expect(await read(node.client, key)).toBe(value);
      }
      await node.kill();
    }
    await using again = await startDaemon(args);
    for (const [key, value] of acknowledged) expect(await read(again.client, key)).toBe(value);
    expect(acknowledged.size).toBeGreaterThanOrEqual(103);
  });

  it('of one node of three fails no write, and the node is equal again when there is space', async () => {
    await using directory = await temporaryDirectory();
    const ports = await findFreePorts(3);
    const peers = ports.map((port, id) => `${id}=ws://127.0.0.1:${port}`).join(',');
    const nodes: RunningDaemon[] = [];
    try {
      for (const [id, port] of ports.entries()) {
        const args = ['node', '--id', String(id), '--dir', `${directory.path}/${id}`, '--listen', `127.0.0.1:${port}`, '--peers', peers, '--replication-factor', '3', '--cluster-id', 'test', '--log-level', 'error', '--set', 'sweep.intervalMs=500'];
        nodes.push(await startDaemon(args, id));
      }
      const [healthy, , full] = nodes;
      if (healthy === undefined || full === undefined) throw new Error('no nodes');
      await eventually('all hear each other', async () => ((await healthy.client.status()).nodes.every((node) => node?.peers.every((peer) => peer.liveness === 'alive')) ? true : null));
      await setSpace(full.daemon, 'none');
      const codes: string[] = [];
      // Through a healthy node and through the full one.
      for (let number = 0; number < 100; number++) codes.push(await codeOfPut(number % 2 === 0 ? healthy.client : full.client, `key${number}`, `value${number}`));
      for (let number = 0; number < 100; number += 2) expect(codes[number]).toBe('acknowledged');
      for (let number = 1; number < 100; number += 2) expect(['acknowledged', 'RING_UNKNOWN', 'RING_UNAVAILABLE']).toContain(codes[number]);
      for (const [number, code] of codes.entries()) if (code === 'acknowledged') expect(await read(healthy.client, `key${number}`)).toBe(`value${number}`);
      await setSpace(full.daemon, 'plenty');
      await convergedAt(healthy.client);
      await eventually('the node that was full has all records', async () => {
        const { nodes: states } = await full.client.status();
        return states[2]?.store === 'open' && states[2].records === states[0]?.records ? true : null;
      });
      await Promise.all(nodes.slice(0, 2).map(async (node) => node.kill()));
      for (const [number, code] of codes.entries()) if (code === 'acknowledged') expect(await read(full.client, `key${number}`)).toBe(`value${number}`);
    } finally {
      await Promise.all(nodes.map(async (node) => node[Symbol.asyncDispose]()));
    }
  });

  it('at the first start is an error, and leaves nothing that keeps the next start from working', async () => {
    await using directory = await temporaryDirectory();
    const args = loneNodeArguments(directory.path, await freePort());
    const limited = { ...PROGRAM, executable: '/bin/sh', leadingArguments: ['-c', 'ulimit -f 0; exec "$0" "$@"', PROGRAM.executable, ...PROGRAM.leadingArguments] };
    await expect(Daemon.start({ node: 0, program: limited, args, readyTimeoutMs: 20_000 }, { onLog: () => undefined, onExit: () => undefined })).rejects.toThrow(/RING_(?:DIRECTORY_UNUSABLE|STORE_UNAVAILABLE)/);
    expect(await readdir(directory.path)).not.toContain('node.lock');
    await using node = await startDaemon(args);
    await node.client.put('k', 'v');
    expect(await read(node.client, 'k')).toBe('v');
  });
});
