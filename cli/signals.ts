/** Being told to stop: by a signal, by the end of a parent, or by a reason from inside. */

/** Resolves once, with what asked for it. A second signal ends the process at once: somebody is in a hurry. */
export class StopRequest implements Disposable {
  readonly asked: Promise<string>;
  private resolve: (reason: string) => void = () => undefined;
  private readonly signals: readonly NodeJS.Signals[];
  private askedBefore = 0;

  constructor(signals: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP']) {
    this.signals = signals;
    this.asked = new Promise((resolve) => {
      this.resolve = resolve;
    });
    for (const signal of signals) process.on(signal, this.onSignal);
  }

  ask(reason: string): void {
    this.resolve(reason);
  }

  [Symbol.dispose](): void {
    for (const signal of this.signals) process.off(signal, this.onSignal);
  }

  private readonly onSignal = (signal: NodeJS.Signals): void => {
    this.askedBefore++;
    if (this.askedBefore > 1) process.exit(1);
    this.ask(signal);
  };
}

/** `work`, or an error when it has not ended after `timeoutMs`. */
export async function withDeadline<T>(work: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
