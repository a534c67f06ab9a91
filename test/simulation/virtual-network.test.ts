/** Tests of chance run over many seeds and say with which they failed; each fault must have happened. */
import { describe, expect, it } from 'vitest';
import type { MessageSocket } from '../../node/ports.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import type { LinkSettings } from './virtual-link.ts';
import { VirtualNetwork } from './virtual-network.ts';
import { VirtualWorld, type VirtualProcess } from './virtual-time.ts';

const SEEDS = 40;

interface End {
  readonly socket: MessageSocket;
  /** What its listeners heard, with the moment. */
  readonly heard: { readonly what: string; readonly atMs: number }[];
}

interface Bench {
  readonly world: VirtualWorld;
  readonly network: VirtualNetwork;
  readonly random: SeededRandom;
  readonly client: VirtualProcess;
  readonly server: VirtualProcess;
  /** In the order in which they came. */
  readonly accepted: (End & { readonly path: string })[];
}

function watch(world: VirtualWorld, socket: MessageSocket): End {
  const heard: End['heard'] = [];
  const hear = (what: string): void => {
    heard.push({ what, atMs: world.nowMs });
  };
  socket.on('open', () => hear('open'));
  socket.on('message', (data, isBinary) => hear(`${isBinary ? 'bytes' : 'text'} ${Buffer.from(data as Uint8Array).toString()}`));
  socket.on('error', () => hear('error'));
  socket.on('close', () => hear('close'));
  return { socket, heard };
}

const words = (end: End | undefined): string[] => end?.heard.map(({ what }) => what) ?? [];
const messages = (end: End | undefined): string[] => words(end).filter((what) => what.includes(' '));

function bench(seed: number, usual: Partial<LinkSettings> = {}): Bench {
  const world = new VirtualWorld();
  const random = new SeededRandom(seed);
  const network = new VirtualNetwork(world, random, { usual });
  const at: Bench = { world, network, random, client: world.process('a'), server: world.process('b'), accepted: [] };
  listen(at, at.server);
  return at;
}

function listen({ network, world, accepted }: Bench, server: VirtualProcess): void {
  network.listen('ws://b', server, (socket, path) => accepted.push({ ...watch(world, socket), path }));
}

const dial = (at: Bench, url = 'ws://b/peer'): End => watch(at.world, at.network.dial(at.client, 'a', url));

async function connected(at: Bench): Promise<End> {
  const end = dial(at);
  await at.world.run(at.world.nowMs + 500, () => end.socket.readyState === 1);
  expect(end.socket.readyState).toBe(1);
  return end;
}

async function forSeeds(test: (seed: number) => Promise<void>): Promise<void> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      await test(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
}

function sendNumbers(end: End, count: number): string[] {
  for (let number = 0; number < count; number++) end.socket.send(Buffer.from(String(number)));
  return Array.from({ length: count }, (_, number) => `bytes ${number}`);
}

describe('VirtualNetwork', () => {
  it('connects, carries bytes and text both ways as its own copies, and closes in order', async () => {
    const at = bench(1);
    const client = dial(at);
    expect(client.socket.readyState).toBe(0);
    expect(() => client.socket.send('too early')).toThrow(/CONNECTING/);
    await at.world.run(100);
    const [server] = at.accepted;
    expect(server?.path).toBe('/peer');
    const bytes = Buffer.from('one');
    client.socket.send(bytes);
    bytes.fill(0);
    client.socket.send('two');
    server?.socket.send('three');
    server?.socket.close(1000, 'done');
    expect([server?.socket.readyState, words(client)]).toStrictEqual([2, ['open']]);
    await at.world.run(500);
    expect(words(client)).toStrictEqual(['open', 'text three', 'close']);
    expect(words(server)).toStrictEqual(['bytes one', 'text two', 'close']);
    expect([client.socket.readyState, server?.socket.readyState]).toStrictEqual([3, 3]);
    client.socket.send('into nothing');
    expect([at.network.counts.framesSent, at.network.counts.framesDelivered]).toStrictEqual([3, 3]);
  });

  it('takes close codes and reasons as ws does', async () => {
    const { socket } = await connected(bench(1));
    expect(() => socket.close(1005, '')).toThrow(TypeError);
    expect(() => socket.close(4000, 'ä'.repeat(62))).toThrow(RangeError);
    socket.close(4000, 'ok');
    expect(socket.readyState).toBe(2);
  });

  it('keeps the order of a connection through jitter and stalls, and delays each frame by the latency of its link', async () => {
    await forSeeds(async (seed) => {
      const at = bench(seed, { jitterMs: 20, tailProbability: 0.2 });
      at.network.setLink('a', 'b', { latencyMs: 5 });
      const client = await connected(at);
      const sentMs = at.world.nowMs;
      const expected = sendNumbers(client, 30);
      at.network.clog('a', 'b', 300);
      client.socket.send(Buffer.from('30'));
      await at.world.run(1000);
      const [server] = at.accepted;
      expect(messages(server)).toStrictEqual([...expected, 'bytes 30']);
      expect(server?.heard[0]?.atMs).toBeGreaterThanOrEqual(sentMs + 5);
      expect(server?.heard.at(-1)?.atMs).toBeGreaterThanOrEqual(sentMs + 300);
      expect(at.network.counts.stalls).toBe(1);
    });
  });

  it('loses, doubles and reorders frames as the link says, and counts it', async () => {
    const total = { lost: 0, doubled: 0, reordered: 0 };
    await forSeeds(async (seed) => {
      const at = bench(seed);
      const client = await connected(at);
      at.network.setLink('a', 'b', { lossProbability: 0.1, duplicateProbability: 0.1, reorderProbability: 0.1 });
      const expected = sendNumbers(client, 100);
      await at.world.run(2000);
      const { framesLost, framesDuplicated, framesReordered } = at.network.counts;
      const got = messages(at.accepted[0]);
      expect(got).toHaveLength(100 - framesLost + framesDuplicated);
      expect(new Set(got).size).toBe(100 - framesLost);
      expect(got.every((message) => expected.includes(message))).toBe(true);
      if (framesReordered > 0) expect(got).not.toStrictEqual(expected.filter((message) => got.includes(message)));
      total.lost += framesLost;
      total.doubled += framesDuplicated;
      total.reordered += framesReordered;
    });
    expect(Math.min(total.lost, total.doubled, total.reordered)).toBeGreaterThan(SEEDS);
  });

  it('fills up when the link is slow, when the reader pauses, and when its process is stopped, and drains after', async () => {
    const holds: ((at: Bench) => () => void)[] = [
      (at) => {
        at.network.slow('a', 'b', 1000, 1);
        return () => at.network.calm();
      },
      (at) => {
        at.accepted[0]?.socket.pause();
        expect(at.accepted[0]?.socket.isPaused).toBe(true);
        return () => at.accepted[0]?.socket.resume();
      },
      (at) => {
        at.server.pause();
        return () => at.server.resume();
      },
    ];
    for (const hold of holds) {
      const at = bench(1);
      const client = await connected(at);
      const release = hold(at);
      for (let i = 0; i < 10; i++) client.socket.send(Buffer.alloc(100_000, 1));
      await at.world.run(at.world.nowMs + 200);
      expect(client.socket.bufferedAmount).toBeGreaterThan(500_000);
      release();
      await at.world.run(at.world.nowMs + 2000);
      expect(client.socket.bufferedAmount).toBe(0);
      expect(messages(at.accepted[0])).toHaveLength(10);
    }
  });

  it('refuses a dial when nobody listens, and lets it hang for two seconds when it gets no answer', async () => {
    const at = bench(1);
    const refused = dial(at, 'ws://c/');
    await at.world.run(100);
    expect(words(refused)).toStrictEqual(['error', 'close']);
    at.network.partition([['a'], ['b']], 'dropped');
    const cut = dial(at);
    at.network.heal();
    at.network.partition([['a'], ['b']]);
    const stalled = dial(at);
    await at.world.run(2000);
    expect([words(cut), words(stalled)]).toStrictEqual([[], []]);
    await at.world.run(2200);
    expect([words(cut), words(stalled)]).toStrictEqual([['error', 'close'], ['error', 'close']]);
    expect(cut.heard[0]?.atMs).toBe(2100);
    expect([at.network.counts.dialsRefused, at.network.counts.dialsTimedOut]).toStrictEqual([1, 2]);
    at.network.heal();
    await at.world.run(3000);
    // The greeting that waited came through; its dialler is gone.
    expect(at.accepted).toHaveLength(1);
    expect(words(at.accepted[0])).toContain('close');
  });

  it('gives up a dial that is terminated, with an error and a close', async () => {
    const at = bench(1);
    const client = dial(at);
    client.socket.terminate();
    expect(words(client)).toStrictEqual([]);
    await at.world.run(3000);
    expect(words(client)).toStrictEqual(['error', 'close']);
    expect(words(at.accepted[0]).at(-1)).toBe('close');
  });

  it('cuts one way only, and leaves a bridge between two halves', async () => {
    const at = bench(1);
    const client = await connected(at);
    const [server] = at.accepted;
    at.network.cutOneWay(['a'], ['b'], 'dropped');
    client.socket.send('lost');
    server?.socket.send('comes');
    await at.world.run(100);
    expect([messages(server), messages(client)]).toStrictEqual([[], ['text comes']]);
    expect(at.network.counts.framesBlocked).toBe(1);
    at.network.heal();
    at.network.bridge(['a', 'c'], 'd', ['b', 'd']);
    const blocked = (from: string, to: string): string => at.network.link(from, to).settings.blocked;
    expect([blocked('a', 'b'), blocked('b', 'c')]).toStrictEqual(['stalled', 'stalled']);
    expect([blocked('a', 'd'), blocked('d', 'b'), blocked('a', 'c'), blocked('b', 'd')]).toStrictEqual(['no', 'no', 'no', 'no']);
  });

  it('breaks connections in the middle of what is in flight: a prefix arrives, and each end hears of it once', async () => {
    const lengths = new Set<number>();
    const apartMs: number[] = [];
    await forSeeds(async (seed) => {
      const at = bench(seed, { jitterMs: 10 });
      const client = await connected(at);
      const expected = sendNumbers(client, 20);
      expect(at.network.reset('b', 'a')).toBe(2);
      client.socket.send('never');
      await at.world.run(1000);
      const [server] = at.accepted;
      const got = messages(server);
      expect(got).toStrictEqual(expected.slice(0, got.length));
      for (const end of [client, server]) expect(words(end).filter((what) => what === 'close')).toHaveLength(1);
      expect(words(server).at(-1)).toBe('close');
      lengths.add(got.length);
      apartMs.push(Math.abs((client.heard.at(-1)?.atMs ?? 0) - (server?.heard.at(-1)?.atMs ?? 0)));
    });
    expect(lengths.size).toBeGreaterThan(3);
    expect(Math.max(...apartMs)).toBeGreaterThan(10);
  });

  it('tells the other end when a process is killed, and when a socket is terminated', async () => {
    for (const end of ['kill', 'terminate'] as const) {
      const at = bench(1);
      const client = await connected(at);
      const [server] = at.accepted;
      if (end === 'kill') at.server.kill();
      else server?.socket.terminate();
      const endedMs = at.world.nowMs;
      await at.world.run(endedMs + 200);
      expect(words(client).at(-1)).toBe('close');
      expect(client.heard.at(-1)?.atMs).toBeGreaterThan(endedMs);
      expect(words(server)).toStrictEqual(end === 'kill' ? [] : ['close']);
      if (end === 'kill') expect(words(dial(at))).toStrictEqual([]);
      await at.world.run(endedMs + 400);
      expect(at.network.counts.dialsRefused).toBe(end === 'kill' ? 1 : 0);
    }
  });

  it('says nothing when the power of a machine goes, until it is up again and the other end has sent', async () => {
    const at = bench(1);
    const quiet = await connected(at);
    const sender = await connected(at);
    at.server.kill('silent');
    sender.socket.send('anyone?');
    const hanging = dial(at);
    await at.world.run(10_000);
    expect([words(quiet), words(sender), words(hanging)]).toStrictEqual([['open'], ['open'], ['error', 'close']]);
    listen(at, at.world.process('b'));
    await at.world.run(12_000);
    expect([words(quiet), words(sender).at(-1)]).toStrictEqual([['open'], 'close']);
    quiet.socket.send('still there?');
    await at.world.run(12_100);
    expect(words(quiet).at(-1)).toBe('close');
    expect(at.network.counts.framesToNobody).toBe(2);
  });

  it('delivers to a paused process what came meanwhile, and the close after it, when it is resumed', async () => {
    const at = bench(1);
    const client = await connected(at);
    const [server] = at.accepted;
    at.server.pause();
    const expected = sendNumbers(client, 3);
    client.socket.close(1000, '');
    await at.world.run(5000);
    expect([words(server), words(client)]).toStrictEqual([[], ['open']]);
    at.server.resume();
    await at.world.run(5100);
    expect(words(server)).toStrictEqual([...expected, 'close']);
    expect(words(client)).toStrictEqual(['open', 'close']);
  });

  it('throws an error that nobody listens for, as an EventEmitter does', async () => {
    const at = bench(1);
    at.network.dial(at.client, 'a', 'ws://nowhere/');
    await expect(at.world.run(100)).rejects.toThrow(/ECONNREFUSED/);
  });

  it('does the same for the same seed, whatever happens', async () => {
    const digestOf = async (seed: number): Promise<string> => {
      const at = bench(seed, { lossProbability: 0.02, duplicateProbability: 0.02, reorderProbability: 0.02 });
      const { random, network, world } = at;
      let [client, server] = [at.client, at.server];
      let ends: End[] = [];
      for (let i = 0; i < 400; i++) {
        if (ends.length < 4) ends.push(watch(world, network.dial(client, 'a', 'ws://b/')));
        for (const { socket } of [...ends, ...at.accepted]) if (socket.readyState === 1) socket.send(Buffer.alloc(random.below(3000)));
        const dice = random.below(60);
        if (dice === 0) network.clog('a', 'b', 50);
        if (dice === 1) network.cutOneWay(['b'], ['a'], random.pick(['dropped', 'stalled']));
        if (dice < 10 && dice > 3) network.heal();
        if (dice === 2) network.reset('a', 'b');
        if (dice === 3) random.pick([...ends, ...at.accepted]).socket.terminate();
        if (dice === 10) server.pause();
        if (dice > 50) server.resume();
        if (dice === 11) {
          server.kill(random.pick(['crash', 'silent']));
          server = world.process('b');
          listen(at, server);
        }
        if (dice === 12) {
          client.kill(random.pick(['crash', 'silent']));
          client = world.process('a');
          ends = [];
        }
        ends = ends.filter(({ socket }) => socket.readyState !== 3);
        await world.run(world.nowMs + random.next() * 40);
      }
      expect(Object.entries(network.counts).filter(([name, count]) => count === 0 && name !== 'dialsRefused' && name !== 'dialsTimedOut')).toStrictEqual([]);
      return JSON.stringify([world.digest, network.counts, at.accepted.map(words)]);
    };
    expect(await digestOf(3)).toBe(await digestOf(3));
    expect(await digestOf(3)).not.toBe(await digestOf(4));
  });
});
