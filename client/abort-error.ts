/** What a read of an iterator rejects with when its signal is aborted: named and coded as abstract-level does it. */
export class AbortError extends Error {
  readonly code = 'LEVEL_ABORTED';

  /** `cause`: the reason of the signal. */
  constructor(cause: unknown) {
    super('Operation has been aborted', { cause });
    this.name = 'AbortError';
  }
}
