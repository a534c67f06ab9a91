/** A closed-loop load: one client that keeps a fixed number of requests in flight. */
import { randomBytes } from 'node:crypto';
import { createHistogram } from 'node:perf_hooks';
import { RingClient } from '../client/index.ts';

export interface Load {
  readonly kind: 'put' | 'get';
  readonly inFlight: number;
  readonly seconds: number;
  readonly keys: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
}

export interface LoadResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
}

const FILL_IN_FLIGHT = 2048;
const WARM_UP_SECONDS = 1;
/** Values are cut out of this, so that LevelDB cannot compress them. */
const NOISE = randomBytes(1 << 20);

/** Key number `index`, always `bytes` long. */
export function keyOf(index: number, bytes: number): Uint8Array {
  return Buffer.from(`k${index}`.padEnd(bytes, '.'));
}

/** Bytes that do not compress. */
function valueOf(bytes: number): Uint8Array {
  const start = Math.floor(Math.random() * (NOISE.length - bytes));
  return NOISE.subarray(start, start + bytes);
}

/** Writes keys 0 … count−1, each once. */
export async function fill(urls: readonly string[], count: number, keyBytes: number, valueBytes: number): Promise<void> {
  const client = new RingClient(urls, { timeoutMs: 60_000 });
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await client.put(keyOf(next++, keyBytes), valueOf(valueBytes));
  };
  await Promise.all(Array.from({ length: Math.min(FILL_IN_FLIGHT, count) }, worker));
  await client.close();
}

export async function measure(urls: readonly string[], load: Load): Promise<LoadResult> {
  const client = new RingClient(urls, { timeoutMs: 60_000 });
  await run(client, load, WARM_UP_SECONDS);
  const result = await run(client, load, load.seconds);
  await client.close();
  return result;
}

async function run(client: RingClient, load: Load, seconds: number): Promise<LoadResult> {
  const histogram = createHistogram();
  const started = performance.now();
  const until = started + seconds * 1000;
  let done = 0;
  let errors = 0;
  const worker = async (): Promise<void> => {
    for (let now = performance.now(); now < until; ) {
      const key = keyOf(Math.floor(Math.random() * load.keys), load.keyBytes);
      try {
        if (load.kind === 'put') await client.put(key, valueOf(load.valueBytes));
        else await client.get(key);
        done++;
      } catch {
        errors++;
      }
      const then = performance.now();
      histogram.record(Math.max(1, Math.round((then - now) * 1000)));
      now = then;
    }
  };
  await Promise.all(Array.from({ length: load.inFlight }, worker));
  const elapsed = (performance.now() - started) / 1000;
  return { perSecond: done / elapsed, p50Ms: histogram.percentile(50) / 1000, p99Ms: histogram.percentile(99) / 1000, errors };
}
