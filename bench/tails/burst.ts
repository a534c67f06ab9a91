/** Far more puts in flight than a node wants: one client that asks for all of them at once, again and again, and what it is told. */
import { randomBytes } from 'node:crypto';
import { RingClient, RingError } from '../../client/index.ts';

export interface Burst {
  readonly inFlight: number;
  readonly valueBytes: number;
  readonly seconds: number;
}

export interface BurstAnswers {
  readonly acknowledged: number;
  /** Answers that were errors, by code. */
  readonly errors: Readonly<Record<string, number>>;
  /** From the first put to the last answer. */
  readonly seconds: number;
}

/** As long as a put may wait behind all others. */
const TIMEOUT_MS = 60_000;
/** The client's own limits are out of the way: it is the node's that are looked at. */
const CLIENT_BYTES_MAX = 4 * 2 ** 30;
const KEYS = 100_000;

export async function burst(urls: readonly string[], { inFlight, valueBytes, seconds }: Burst): Promise<BurstAnswers> {
  const client = new RingClient(urls, { timeoutMs: TIMEOUT_MS, inFlightMax: inFlight, queueBytesMax: CLIENT_BYTES_MAX });
  const value = randomBytes(valueBytes);
  const errors: Record<string, number> = {};
  const started = performance.now();
  let acknowledged = 0;
  let next = 0;
  const worker = async (): Promise<void> => {
    do {
      try {
        await client.put(`burst-${next++ % KEYS}`, value);
        acknowledged++;
      } catch (error) {
        if (!(error instanceof RingError)) throw error;
        errors[error.code] = (errors[error.code] ?? 0) + 1;
      }
    } while (performance.now() < started + seconds * 1000);
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  const took = (performance.now() - started) / 1000;
  await client.close();
  return { acknowledged, errors, seconds: took };
}
