/** What `bench profile` finds: the shape of a report's `profile`. Plain data. */
import type { EventLoopDelay } from './event-loop-delay.ts';

export interface ProfileResult {
  readonly samplingIntervalMicros: number;
  /** What each profile is of. */
  readonly seconds: number;
  /** By node. */
  readonly daemons: readonly DaemonProfile[];
}

export interface DaemonProfile {
  readonly node: number;
  readonly samples: number;
  readonly eventLoopDelay: EventLoopDelay;
  /** Of the main thread's time. */
  readonly parts: readonly PartShare[];
}

export interface PartShare {
  readonly part: string;
  /** Of all time; those of all parts add up to 1. */
  readonly share: number;
  /** Of the time that is not idle; null: of idle itself. */
  readonly busyShare: number | null;
  /** The heaviest by their own time, without what they call. */
  readonly functions: readonly FunctionShare[];
}

export interface FunctionShare {
  /** `#flush node/peer-link.js:203`. */
  readonly name: string;
  /** Of all time. */
  readonly share: number;
}
