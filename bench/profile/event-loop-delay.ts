/**
 * How late a daemon's event loop is, as its own /metrics say it (prom-client, over Node's `monitorEventLoopDelay`).
 *
 * What Node records is the time between two rounds of a timer, so the timer's interval is taken off. Each reading begins
 * a new record in the daemon: the first before a load is thrown away, the next one is of that load alone.
 */

export interface EventLoopDelay {
  /** null: nothing was recorded. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly maxMs: number | null;
}

/** prom-client's `eventLoopMonitoringPrecision`, which the daemon leaves as it is. */
const INTERVAL_MS = 10;
const TIMEOUT_MS = 30_000;

/** `url`: where the daemon takes requests, `ws://…`. Begins a new record. */
export async function takeEventLoopDelay(url: string): Promise<EventLoopDelay> {
  const response = await fetch(new URL('/metrics', url.replace(/^ws/, 'http')), { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) throw new Error(`${url}: /metrics answered ${response.status}`);
  return eventLoopDelayOf(await response.text());
}

/** Of the text of /metrics. */
export function eventLoopDelayOf(metrics: string): EventLoopDelay {
  return { p50Ms: lateness(metrics, 'p50'), p99Ms: lateness(metrics, 'p99'), maxMs: lateness(metrics, 'max') };
}

function lateness(metrics: string, which: string): number | null {
  const text = new RegExp(`^ring_level_nodejs_eventloop_lag_${which}_seconds (\\S+)$`, 'm').exec(metrics)?.[1];
  const seconds = Number(text ?? Number.NaN);
  return Number.isFinite(seconds) && seconds > 0 ? Math.max(0, seconds * 1000 - INTERVAL_MS) : null;
}
