/** What can keep a node from starting, or from answering what is rare. Every code is explained in the README, section "Errors". */

export type NodeErrorCode =
  | 'RING_DIRECTORY_IN_USE'
  | 'RING_DIRECTORY_FOREIGN'
  | 'RING_DIRECTORY_NEWER'
  | 'RING_DIRECTORY_UNUSABLE'
  | 'RING_LISTEN_FAILED'
  | 'RING_CLOSED'
  | 'RING_OVERLOADED'
  | 'RING_UNAVAILABLE';

export class NodeError extends Error {
  readonly code: NodeErrorCode;
  readonly retryable: boolean;

  constructor(code: NodeErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'NodeError';
    this.code = code;
    this.retryable = code === 'RING_DIRECTORY_IN_USE' || code === 'RING_OVERLOADED' || code === 'RING_UNAVAILABLE';
  }
}

/** The `code` of an error of the operating system or of ours; '' when it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
