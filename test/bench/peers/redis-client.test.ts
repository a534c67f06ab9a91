import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { connectRedis } from '../../../bench/peers/redis-client.ts';
import { PeerError } from '../../../bench/peers/errors.ts';

const KEY = Buffer.from('key');

/** Something that listens as Redis would; `answer` gets how often each command came in one piece of input. */
async function listen(answer: (counts: { readonly gets: number; readonly sets: number; readonly waits: number }, socket: Socket) => void): Promise<{ port: number; close(): void }> {
  const server = createServer((socket) => {
    socket.on('data', (bytes) => {
      const text = bytes.toString('latin1');
      const count = (word: string): number => text.split(`\r\n${word}\r\n`).length - 1;
      answer({ gets: count('GET'), sets: count('SET'), waits: count('WAIT') }, socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, close: () => server.close() };
}

describe('the Redis client', () => {
  it('sends what one turn collects as SETs with one WAIT, which acknowledges them all', async () => {
    const seen: object[] = [];
    const redis = await listen((counts, socket) => {
      seen.push(counts);
      socket.write(`${'+OK\r\n'.repeat(counts.sets)}:1\r\n`);
    });
    const client = await connectRedis(redis.port, 1);
    await Promise.all(Array.from({ length: 50 }, async () => client.write(KEY, KEY)));
    expect(seen).toStrictEqual([{ gets: 0, sets: 50, waits: 1 }]);
    await client.close();
    redis.close();
  });

  it('acknowledges nothing before the WAIT is answered, and rejects when too few replicas have it', async () => {
    const redis = await listen(({ sets }, socket) => socket.write(`${'+OK\r\n'.repeat(sets)}:0\r\n`));
    const client = await connectRedis(redis.port, 1);
    await expect(client.write(KEY, KEY)).rejects.toMatchObject({ code: 'PEER_NOT_REPLICATED' });
    await client.close();
    redis.close();
  });

  it('rejects the write that was refused and acknowledges the others', async () => {
    const redis = await listen(({ sets }, socket) => socket.write(`-OOM no memory\r\n${'+OK\r\n'.repeat(sets - 1)}:2\r\n`));
    const client = await connectRedis(redis.port, 1);
    const outcomes = await Promise.allSettled([client.write(KEY, KEY), client.write(KEY, KEY)]);
    expect(outcomes.map(({ status }) => status)).toStrictEqual(['rejected', 'fulfilled']);
    await client.close();
    redis.close();
  });

  it('answers reads in order, among writes', async () => {
    const redis = await listen(({ gets, sets }, socket) => socket.write(`${gets === 2 ? '$1\r\na\r\n$-1\r\n' : ''}${'+OK\r\n'.repeat(sets)}${sets > 0 ? ':1\r\n' : ''}`));
    const client = await connectRedis(redis.port, 1);
    const [first, , second] = await Promise.all([client.read(KEY), client.write(KEY, KEY), client.read(KEY)]);
    expect([String(first), second]).toStrictEqual(['a', null]);
    await client.close();
    redis.close();
  });

  it('rejects what is under way, and everything later, when the connection ends', async () => {
    const redis = await listen((_, socket) => socket.destroy());
    const client = await connectRedis(redis.port, 1);
    await expect(client.read(KEY)).rejects.toBeInstanceOf(PeerError);
    await expect(client.write(KEY, KEY)).rejects.toMatchObject({ code: 'PEER_CLOSED' });
    await client.close();
    redis.close();
  });
});
