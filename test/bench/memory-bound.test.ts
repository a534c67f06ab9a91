import { describe, expect, it } from 'vitest';
import { REQUEST_OVERHEAD_BYTES, memoryBound, sumOf } from '../../bench/tails/memory-bound.ts';
import { defaultNodeConfig } from '../../config/index.ts';
import { FRAME_BYTES_MAX, SEND_BUFFER_BYTES_MAX } from '../../wire/index.ts';

const MIB = 1_048_576;
const config = defaultNodeConfig();
const total = (crowd: { clients: number; peers: number }, change: Partial<typeof config.limits> = {}): number =>
  sumOf(memoryBound({ store: config.store, limits: { ...config.limits, ...change } }, crowd, 100 * MIB));

describe('the bound of memory', () => {
  it('is the sum of the limits, and of the process at rest', () => {
    const alone = total({ clients: 0, peers: 0 });
    const { store, limits } = config;
    const held = limits.requestBytesInFlightMax + MIB + limits.requestsInFlightMax * REQUEST_OVERHEAD_BYTES;
    expect(alone).toBe(100 * MIB + store.cacheBytes + 2 * store.writeBufferBytes + store.queueBytesMax + 2 * store.groupBytesMax + held);
  });

  it('grows with what is connected by what a connection may hold', () => {
    const alone = total({ clients: 0, peers: 0 });
    expect(total({ clients: 3, peers: 0 }) - alone).toBe(3 * (SEND_BUFFER_BYTES_MAX + FRAME_BYTES_MAX));
    expect(total({ clients: 0, peers: 2 })).toBeGreaterThan(total({ clients: 0, peers: 1 }));
  });

  it('follows the configuration', () => {
    const crowd = { clients: 1, peers: 2 };
    const less = { requestBytesInFlightMax: config.limits.requestBytesInFlightMax - 7 * MIB };
    expect(total(crowd) - total(crowd, less)).toBe(7 * MIB);
  });

  it('names every term', () => {
    const names = memoryBound(config, { clients: 1, peers: 2 }, 1).map(({ what }) => what);
    expect(new Set(names).size).toBe(names.length);
    for (const name of ['store.cacheBytes', 'store.queueBytesMax']) expect(names).toContain(name);
  });
});
