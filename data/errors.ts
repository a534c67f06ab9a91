/**
 * The errors of data/: what can go wrong with what is kept on disk.
 * Every code is explained in the README, section "Errors".
 */

export type DataErrorCode =
  | 'RING_KEY_INVALID'
  | 'RING_VALUE_TOO_LARGE'
  | 'RING_VERSION_INVALID'
  | 'RING_STORE_UNAVAILABLE'
  | 'RING_STORE_MISSING'
  | 'RING_STORE_LOCKED'
  | 'RING_STORE_DAMAGED';

/** An operating error of the storage layer. `retryable`: the same call may succeed later, unchanged. */
export class DataError extends Error {
  readonly code: DataErrorCode;
  readonly retryable: boolean;

  constructor(code: DataErrorCode, message: string, options: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'DataError';
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** The `code` of an error of the operating system or of a package; '' when it has none. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** A programmer error: ends the process, is never answered to a client. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}
