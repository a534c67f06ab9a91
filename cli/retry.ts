/** When a change of a load is sent again, and when it is given up. Pure: the caller brings the time and the chance. */
import { codeOf } from './errors.ts';

/**
 * What may go better the next time. `RING_UNKNOWN` is among them because a load says the same of a key each time: a
 * second write does no harm, but to what somebody else wrote to that key in between.
 */
const CODES_TO_RETRY: ReadonlySet<string> = new Set(['RING_OVERLOADED', 'RING_UNAVAILABLE', 'RING_UNKNOWN', 'RING_SUPERSEDED', 'RING_TIMEOUT']);
const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 2_000;

export interface Failures {
  readonly count: number;
  readonly firstAtMs: number;
}

/**
 * How long to wait before the change is sent again; null: it is given up. `failures`: this one included.
 * `random`: from 0 to before 1, so that many changes do not come back together.
 */
export function retryPauseMs(error: unknown, failures: Failures, nowMs: number, retryForMs: number, random: number): number | null {
  if (!CODES_TO_RETRY.has(codeOf(error) ?? '')) return null;
  const pauseMs = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** Math.min(failures.count - 1, 16)) * (0.5 + random / 2);
  return nowMs + pauseMs - failures.firstAtMs > retryForMs ? null : pauseMs;
}
