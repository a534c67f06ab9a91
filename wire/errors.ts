/** Error codes as they stand on the wire: a stable number and a stable name each. README, section "Errors", explains them. */

/** Number on the wire → name. Numbers are never reused. */
export const ERROR_CODES = {
  1: 'RING_UNAVAILABLE',
  2: 'RING_UNKNOWN',
  3: 'RING_OVERLOADED',
  4: 'RING_KEY_INVALID',
  5: 'RING_VALUE_TOO_LARGE',
  6: 'RING_BAD_REQUEST',
  7: 'RING_BAD_FRAME',
  8: 'RING_UNKNOWN_OPERATION',
  9: 'RING_WRONG_CLUSTER',
  10: 'RING_WRONG_TOPOLOGY',
  11: 'RING_WRONG_NODE',
  12: 'RING_WRONG_PROTOCOL',
  13: 'RING_NOT_ALLOWED',
  14: 'RING_STORE_UNAVAILABLE',
  15: 'RING_RECORD_DAMAGED',
  16: 'RING_TIMEOUT',
  17: 'RING_CLOSED',
  18: 'RING_HINTS_FULL',
  19: 'RING_SUPERSEDED',
} as const;

export type ErrorNumber = keyof typeof ERROR_CODES;
/** The codes of a `RingError`. */
export type ErrorCode = (typeof ERROR_CODES)[ErrorNumber];

const NUMBER_BY_CODE = new Map<ErrorCode, ErrorNumber>(
  Object.entries(ERROR_CODES).map(([number, code]) => [code, Number(number) as ErrorNumber]),
);

export function errorNumber(code: ErrorCode): ErrorNumber {
  const number = NUMBER_BY_CODE.get(code);
  if (number === undefined) throw new Error(`no number for ${code}`);
  return number;
}

export function isErrorNumber(value: unknown): value is ErrorNumber {
  return typeof value === 'number' && Object.hasOwn(ERROR_CODES, value);
}

/** The same request may succeed later, unchanged. A `RING_UNKNOWN` write may have been applied already. */
export function isRetryable(code: ErrorCode): boolean {
  switch (code) {
    case 'RING_UNAVAILABLE':
    case 'RING_UNKNOWN':
    case 'RING_OVERLOADED':
    case 'RING_STORE_UNAVAILABLE':
    case 'RING_TIMEOUT':
    case 'RING_HINTS_FULL':
    case 'RING_SUPERSEDED':
      return true;
    case 'RING_KEY_INVALID':
    case 'RING_VALUE_TOO_LARGE':
    case 'RING_BAD_REQUEST':
    case 'RING_BAD_FRAME':
    case 'RING_UNKNOWN_OPERATION':
    case 'RING_WRONG_CLUSTER':
    case 'RING_WRONG_TOPOLOGY':
    case 'RING_WRONG_NODE':
    case 'RING_WRONG_PROTOCOL':
    case 'RING_NOT_ALLOWED':
    case 'RING_RECORD_DAMAGED':
    case 'RING_CLOSED':
      return false;
  }
}

/** A write that failed so may have been applied, or may surface later. */
export function isOutcomeUnknown(code: ErrorCode): boolean {
  return code === 'RING_UNKNOWN' || code === 'RING_SUPERSEDED';
}

/** WebSocket close codes of our own (4000–4999), beside 1001, 1008, 1009 and 1013. */
export const CLOSE_CODES = {
  /** A frame that is not msgpack, not JSON, or of the wrong shape. */
  badFrame: 4000,
  /** A peer of another cluster, topology, node or protocol. */
  wrongPeer: 4001,
  goingAway: 1001,
  tooBig: 1009,
  overloaded: 1013,
} as const;

/** Thrown by the decoders; closes the connection that brought the frame. */
export class FrameError extends Error {
  readonly code = 'RING_BAD_FRAME';

  constructor(message: string) {
    super(message);
    this.name = 'FrameError';
  }
}
