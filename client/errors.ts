/** The errors of the client. Every code is explained in the README, section "Errors". */
import type { Version } from '../data/portable.ts';
import { isOutcomeUnknown, isRetryable, type ErrorCode } from '../wire/index.ts';

/** What an error tells beside its code and its message. */
export interface RingErrorDetail {
  /** How many nodes the consistency level asked for, and how many answered. */
  readonly required?: number;
  /** See `required`. */
  readonly received?: number;
  /** The version that a write may surface under. */
  readonly version?: Version | null;
  /** The error that led to this one. */
  readonly cause?: unknown;
}

/** A request that failed. */
export class RingError extends Error {
  /** Stable; the message may change between versions. */
  readonly code: ErrorCode;
  /** The same call may succeed later, unchanged. With `RING_UNKNOWN` the first one may have been applied as well. */
  readonly retryable: boolean;
  /** A write: it may have been applied, or may surface later. False: it certainly was not. */
  readonly isOutcomeUnknown: boolean;
  /** How many nodes the consistency level asked for; 0 where the failure has nothing to do with a quorum. */
  readonly required: number;
  /** How many of them answered. */
  readonly received: number;
  /**
   * The version under which a write with an unknown outcome may surface, when a node could tell it. With
   * `RING_SUPERSEDED`: the newer one that the key has.
   */
  readonly version: Version | null;

  /** For tests of programs that handle errors. */
  constructor(code: ErrorCode, message: string, detail: RingErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'RingError';
    this.code = code;
    this.retryable = isRetryable(code);
    this.isOutcomeUnknown = isOutcomeUnknown(code);
    this.required = detail.required ?? 0;
    this.received = detail.received ?? 0;
    this.version = detail.version ?? null;
  }
}
