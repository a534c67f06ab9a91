/** The errors of cli/, and how any error is told in one line. */

/** The command line is wrong: told in one line, exit status 2. */
export class UsageError extends Error {
  readonly code = 'RING_USAGE';
  readonly retryable = false;

  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

export type CommandErrorCode = 'RING_START_FAILED' | 'RING_CLUSTER_DIFFERS' | 'RING_SCRIPT_INVALID' | 'RING_OUTPUT_FAILED';

/** A command could not do what it was asked to. */
export class CommandError extends Error {
  readonly code: CommandErrorCode;
  readonly retryable = false;

  constructor(code: CommandErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CommandError';
    this.code = code;
  }
}

/** The stable code of an error; null when it has none. */
export function codeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `CODE message`, or the message alone where there is no code. */
export function describeError(error: unknown): string {
  const code = codeOf(error);
  return code === null ? messageOf(error) : `${code} ${messageOf(error)}`;
}
