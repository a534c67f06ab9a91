/** Connections that do not do their part: half an upgrade, or requests whose answers are never read. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { beforeAll, describe, expect, it } from 'vitest';
import { createCluster } from '../../node/cluster.ts';
import { TYPE, encodeFrame } from '../../wire/index.ts';
import { RawSocket } from '../support/raw-socket.ts';
import { eventually, freePort, loneNodeArguments, requireBuild, startDaemon, temporaryDirectory } from '../support/processes.ts';

const RESIDENT_BYTES_MAX = 600e6;
const VALUE_BYTES = 512 * 1024;

beforeAll(requireBuild);

async function connected(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

const UPGRADE = ['GET / HTTP/1.1', 'Host: node', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`, '', ''].join('\r\n');

/** RFC 6455: FIN, binary, masked (with zeros). */
function maskedFrame(payload: Uint8Array): Buffer {
  const head = Buffer.alloc(14);
  head[0] = 0x82;
  head[1] = 0x80 | 127;
  head.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([head, payload]);
}

describe.concurrent('connections that stay half open', () => {
  it.each([
    ['half an upgrade', UPGRADE.slice(0, 60)],
    ['nothing at all', ''],
    ['a header that never ends', `GET / HTTP/1.1\r\nX-Long: ${'a'.repeat(1000)}`],
  ])('one that sent %s is closed by the node, and harms no other', async (_, text) => {
    await using cluster = await createCluster({ nodes: 1, replicationFactor: 1 });
    const socket = await connected(cluster.urls[0] ?? '');
    let open = true;
    socket.once('close', () => {
      open = false;
    });
    socket.resume().write(text);
    let served = 0;
    await eventually('the node closes the half-open connection', async () => {
      await cluster.put('k', `v${++served}`);
      return open ? null : true;
    });
    expect(served).toBeGreaterThan(1);
    expect(Buffer.from((await cluster.get('k')) ?? '').toString()).toBe(`v${served}`);
  });

  it('half-open connections do not keep a cluster from closing', async () => {
    const cluster = await createCluster({ nodes: 1, replicationFactor: 1 });
    const socket = await connected(cluster.urls[0] ?? '');
    const closed = once(socket.resume(), 'close');
    socket.write(UPGRADE.slice(0, 60));
    await cluster.close();
    await closed;
    expect(socket.destroyed).toBe(true);
  });
});

describe('a client that never reads its answers', () => {
  it('an array of gets in a text frame whose answers are more than a frame holds is answered, the rest with RING_OVERLOADED', async () => {
    await using directory = await temporaryDirectory();
    await using node = await startDaemon(loneNodeArguments(directory.path, await freePort()));
    await node.client.put('large', 'x'.repeat(VALUE_BYTES));
    await using raw = await RawSocket.open(node.daemon.url);
    raw.text(JSON.stringify(Array.from({ length: 1_100 }, (_, id) => ({ id, op: 'get', key: 'large', timeoutMs: 60_000 }))));
    const answers = JSON.parse(((await raw.next()) ?? '').toString()) as { id: number; ok: boolean; value?: string; code?: string }[];
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1_100);
    expect(answers.filter(({ ok, value }) => ok && value?.length === VALUE_BYTES).length).toBeGreaterThan(10);
    expect(new Set(answers.filter(({ ok }) => !ok).map(({ code }) => code))).toStrictEqual(new Set(['RING_OVERLOADED']));
  });

  it.each([
    ['in one frame', 4_000],
    ['in a frame each', 1],
  ])('asking for 2 GB %s leaves the node responsive and its memory bounded', async (_, perFrame) => {
    await using directory = await temporaryDirectory();
    await using node = await startDaemon(loneNodeArguments(directory.path, await freePort()));
    await node.client.put('large', randomBytes(VALUE_BYTES));
    const socket = await connected(node.daemon.url);
    socket.pause();
    socket.write(UPGRADE);
    const key = Buffer.from('large');
    for (let id = 0; id < 4_000; id += perFrame) {
      socket.write(maskedFrame(encodeFrame(Array.from({ length: perFrame }, (__, index) => [TYPE.get, id + index, key, 0, 0] as const))));
    }
    let most = 0;
    for (let request = 0; request < 100; request++) {
      await node.client.put('other', `v${request}`);
      expect(Buffer.from((await node.client.get('other')) ?? '').toString()).toBe(`v${request}`);
      const { nodes } = await node.client.status();
      most = Math.max(most, nodes[0]?.counters['residentBytes'] ?? Number.POSITIVE_INFINITY);
    }
    expect(most).toBeLessThan(RESIDENT_BYTES_MAX);
    // It reads again after all: what had been held for it is let go, or it was closed.
    socket.resume();
    let received = 0;
    socket.on('data', (chunk: Buffer) => (received += chunk.length));
    socket.destroy();
    await eventually('its connection is forgotten', async () => ((await node.client.status()).nodes[0]?.counters['connections'] === 1 ? true : null));
    expect(received).toBeLessThan(RESIDENT_BYTES_MAX);
  }, 40_000);
});
