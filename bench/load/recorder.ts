/** What is counted of a load: latencies by kind of operation, errors by code. */
import { createHistogram, type Histogram, type RecordableHistogram } from 'node:perf_hooks';
import { codeOf } from '../../cli/errors.ts';
import type { Latency, LoadResult, OperationKind } from './plan.ts';

/** A read that found nothing: every key that is asked for was written. */
export const ABSENT = 'absent';
/** An operation of an open loop for which there was no room. */
export const NOT_SENT = 'not-sent';

export class Recorder {
  readonly #histograms = new Map<OperationKind, RecordableHistogram>();
  readonly #errors = new Map<string, number>();
  readonly #untilMs: number;
  readonly #sendLag = createHistogram();
  #inTime = 0;

  /** `untilMs`: what ends later is no part of the throughput. */
  constructor(untilMs: number) {
    this.#untilMs = untilMs;
  }

  succeeded(kind: OperationKind, fromMs: number, nowMs: number): void {
    let histogram = this.#histograms.get(kind);
    if (histogram === undefined) {
      histogram = createHistogram();
      this.#histograms.set(kind, histogram);
    }
    histogram.record(microseconds(nowMs - fromMs));
    if (nowMs <= this.#untilMs) this.#inTime++;
  }

  failed(error: unknown): void {
    const code = codeOf(error) ?? (error instanceof Error ? error.name : String(error));
    this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1);
  }

  /** An operation of an open loop was sent so long after it was due. */
  sent(lagMs: number): void {
    this.#sendLag.record(microseconds(lagMs));
  }

  /** `seconds`: the time to which the throughput refers. */
  result(seconds: number): Pick<LoadResult, 'perSecond' | 'operations' | 'errors' | 'overall' | 'byKind' | 'sendLag'> {
    const overall = createHistogram();
    for (const histogram of this.#histograms.values()) overall.add(histogram);
    return {
      perSecond: this.#inTime / seconds,
      operations: overall.count,
      errors: Object.fromEntries(this.#errors),
      overall: latencyOf(overall),
      byKind: Object.fromEntries([...this.#histograms].map(([kind, histogram]) => [kind, latencyOf(histogram)])),
      sendLag: this.#sendLag.count === 0 ? null : latencyOf(this.#sendLag),
    };
  }
}

function microseconds(milliseconds: number): number {
  return Math.max(1, Math.round(milliseconds * 1000));
}

function latencyOf(histogram: Histogram): Latency {
  const { count } = histogram;
  if (count === 0) return { count, meanMs: 0, p50Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0 };
  const percentileMs = (percentile: number): number => histogram.percentile(percentile) / 1000;
  return { count, meanMs: histogram.mean / 1000, p50Ms: percentileMs(50), p99Ms: percentileMs(99), p999Ms: percentileMs(99.9), maxMs: histogram.max / 1000 };
}
