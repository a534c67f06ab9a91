/** Time for the generator: a port, so that its accounting can be tested without waiting. */

export interface LoadClock {
  /** Milliseconds, with fractions. */
  nowMs(): number;
  /** 0: after what the event loop has to do now. */
  sleep(milliseconds: number): Promise<void>;
}

export const REAL_CLOCK: LoadClock = {
  nowMs: () => performance.now(),
  sleep: async (milliseconds) =>
    new Promise((resolve) => {
      if (milliseconds <= 0) setImmediate(resolve);
      else setTimeout(resolve, milliseconds);
    }),
};
