/** What a connection may rely on, whichever socket it has: S1 to S4 of client/client-socket.ts. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import type { ClientSocket, Dial } from '../../client/client-socket.ts';
import { FRAME_BYTES_MAX, SEND_BUFFER_HIGH_BYTES, SEND_BUFFER_LOW_BYTES } from '../../wire/index.ts';
import { freePort, until } from './scripted-node.ts';

const PATIENT_MS = 10_000;
const IMPATIENT_MS = 50;
const LARGE_BYTES = 1_048_576;

interface Dialled {
  readonly socket: ClientSocket;
  /** `opened`, `received`, `text`, `closed`, in the order in which they came; `drained` is counted apart. */
  readonly events: string[];
  readonly frames: Uint8Array[];
  drained: number;
  reason: string;
}

export function clientSocketContract(name: string, dial: Dial): void {
  const cleanUps: (() => Promise<void>)[] = [];

  afterEach(async () => {
    await Promise.all(cleanUps.splice(0).map(async (cleanUp) => cleanUp()));
  });

  const dialTo = (address: string, connectTimeoutMs = PATIENT_MS): Dialled => {
    let mayTell = false;
    const tell = (event: string): void => {
      expect(mayTell, 'no event while it is being dialled').toBe(true);
      dialled.events.push(event);
    };
    const events = {
      opened: () => tell('opened'),
      received: (frame: Uint8Array | null) => {
        tell(frame === null ? 'text' : 'received');
        if (frame !== null) dialled.frames.push(new Uint8Array(frame));
      },
      drained: () => (dialled.drained += 1),
      closed: (reason: string) => {
        tell('closed');
        dialled.reason = reason;
      },
    };
    const dialled: Dialled = { socket: dial(address, connectTimeoutMs, events), events: [], frames: [], drained: 0, reason: '' };
    mayTell = true;
    cleanUps.push(async () => dialled.socket.terminate());
    return dialled;
  };

  const startServer = async (accept: (socket: WebSocket) => void): Promise<{ readonly url: string; readonly server: WebSocketServer }> => {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false, maxPayload: 0 });
    await once(server, 'listening');
    server.on('connection', accept);
    cleanUps.push(async () => {
      for (const socket of server.clients) socket.terminate();
      await new Promise((resolve) => server.close(resolve));
    });
    return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
  };

  const startListener = async (accept: (socket: Socket) => void): Promise<string> => {
    const sockets: Socket[] = [];
    const server: Server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      accept(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanUps.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  describe(`the socket ${name}`, () => {
    test('brings frames there and back as they were, in order', async () => {
      const { url } = await startServer((socket) => socket.on('message', (data, binary) => socket.send(data, { binary })));
      const dialled = dialTo(url);
      await until(() => dialled.events.length > 0);
      const sent = [new Uint8Array([0, 255, 1]), new Uint8Array(LARGE_BYTES).fill(7), new Uint8Array([9, 8, 7]).subarray(1, 2)];
      for (const frame of sent) dialled.socket.send(frame);
      await until(() => dialled.frames.length === 3);
      expect(dialled.frames.map((frame) => frame.length)).toStrictEqual([3, LARGE_BYTES, 1]);
      expect(dialled.frames[0]).toStrictEqual(sent[0]);
      expect(dialled.frames[1]?.every((byte) => byte === 7)).toBe(true);
      expect(dialled.frames[2]).toStrictEqual(new Uint8Array([8]));
      expect(dialled.events).toStrictEqual(['opened', 'received', 'received', 'received']);
    });

    test('tells of a text frame without its text', async () => {
      const { url } = await startServer((socket) => socket.send('{"ok":true}'));
      const dialled = dialTo(url);
      await until(() => dialled.events.length === 2);
      expect(dialled.events).toStrictEqual(['opened', 'text']);
    });

    test('tells once that nobody listens', async () => {
      const dialled = dialTo(`ws://127.0.0.1:${await freePort()}`);
      await until(() => dialled.events.length > 0);
      expect(dialled.events).toStrictEqual(['closed']);
      expect(dialled.reason).not.toBe('');
    });

    test('tells once that it was refused with an HTTP status', async () => {
      const dialled = dialTo(await startListener((socket) => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')));
      await until(() => dialled.events.length > 0);
      expect(dialled.events).toStrictEqual(['closed']);
    });

    test('gives up an attempt that takes too long', async () => {
      const dialled = dialTo(await startListener(() => undefined), IMPATIENT_MS);
      await until(() => dialled.events.length > 0);
      expect(dialled.events).toStrictEqual(['closed']);
    });

    test('tells the code and the reason with which the node closes', async () => {
      const { url } = await startServer((socket) => socket.close(1013, 'too much'));
      const dialled = dialTo(url);
      await until(() => dialled.events.includes('closed'));
      expect(dialled.events).toStrictEqual(['opened', 'closed']);
      expect(dialled.reason).toContain('closed with 1013 (too much)');
    });

    test('tells that the node broke off', async () => {
      const { url, server } = await startServer(() => undefined);
      const dialled = dialTo(url);
      await until(() => dialled.events.length > 0);
      for (const socket of server.clients) socket.terminate();
      await until(() => dialled.events.includes('closed'));
      expect(dialled.events).toStrictEqual(['opened', 'closed']);
    });

    test('refuses a frame beyond the limit', async () => {
      const { url } = await startServer((socket) => socket.send(new Uint8Array(FRAME_BYTES_MAX + 1)));
      const dialled = dialTo(url);
      await until(() => dialled.events.includes('closed'));
      expect(dialled.events).toStrictEqual(['opened', 'closed']);
    });

    test('an orderly close brings what was sent, then its own end', async () => {
      const arrived: number[] = [];
      let code = 0;
      const { url } = await startServer((socket) => {
        socket.on('message', (data: Buffer) => arrived.push(data.length));
        socket.on('close', (number) => (code = number));
      });
      const dialled = dialTo(url);
      await until(() => dialled.events.length > 0);
      dialled.socket.send(new Uint8Array(LARGE_BYTES));
      dialled.socket.close();
      await until(() => dialled.events.includes('closed') && code !== 0);
      expect(dialled.events).toStrictEqual(['opened', 'closed']);
      expect({ arrived, code }).toStrictEqual({ arrived: [LARGE_BYTES], code: 1000 });
    });

    test('nothing comes after it was broken off, connecting or open', async () => {
      let accepted = 0;
      let gone = 0;
      const { url } = await startServer((socket) => {
        accepted += 1;
        socket.on('error', () => undefined);
        socket.on('close', () => (gone += 1));
        socket.send(new Uint8Array(LARGE_BYTES));
      });
      const connecting = dialTo(await startListener(() => undefined), IMPATIENT_MS);
      connecting.socket.terminate();
      const open = dialTo(url);
      await until(() => open.events.length > 0 && accepted === 1);
      open.socket.terminate();
      const before = [...open.events];
      open.socket.send(new Uint8Array(1));
      await until(() => gone === 1);
      // A patient one that is dialled now and has come to its end was not faster than the events that must not come.
      const later = dialTo(await startListener(() => undefined), 2 * IMPATIENT_MS);
      await until(() => later.events.includes('closed'));
      expect(connecting.events).toStrictEqual([]);
      expect(open.events).toStrictEqual(before);
      expect(open.events).not.toContain('closed');
    });

    test('tells when what waited has been taken', async () => {
      let arrived = 0;
      const { url, server } = await startServer((socket) => {
        socket.pause();
        socket.on('message', (data: Buffer) => (arrived += data.length));
      });
      const dialled = dialTo(url);
      await until(() => dialled.events.length > 0 && server.clients.size === 1);
      let sent = 0;
      // The two ends' own buffers take some megabytes before anything waits.
      while (dialled.socket.bufferedAmount < SEND_BUFFER_HIGH_BYTES) {
        dialled.socket.send(new Uint8Array(LARGE_BYTES));
        sent += LARGE_BYTES;
      }
      const before = dialled.drained;
      for (const socket of server.clients) socket.resume();
      await until(() => dialled.drained > before && dialled.socket.bufferedAmount <= SEND_BUFFER_LOW_BYTES);
      await until(() => arrived === sent);
      expect(dialled.events).toStrictEqual(['opened']);
    });

    test('may be told whether to keep the process alive at any time', async () => {
      const { url } = await startServer(() => undefined);
      const dialled = dialTo(url);
      dialled.socket.keepAlive('no');
      await until(() => dialled.events.length > 0);
      dialled.socket.keepAlive('no');
      dialled.socket.keepAlive('while-open');
      dialled.socket.terminate();
      dialled.socket.keepAlive('no');
      expect(dialled.events).toStrictEqual(['opened']);
    });
  });
}
