/** The database for pages: a replicated level over the browser's WebSockets. */
import { RingClient } from './browser-client.ts';
import { splitOptions, type RingLevelOptions } from './level-options.ts';
import { ReplicatedLevel } from './replicated-level.ts';

/**
 * An abstract-level database on a live cluster. Connects on first use. What it was not told it does at consistency
 * `quorum`, so that it reads what it wrote; `RingClient` does it at `available`.
 */
export class RingLevel<KDefault = string, VDefault = string> extends ReplicatedLevel<KDefault, VDefault> {
  /**
   * `urls`: one or more nodes, the first one first. Throws `TypeError` for an address and `RangeError` for an option that
   * cannot be. Its methods reject with `RingError` as those of `RingClient` do, and with abstract-level's own errors.
   */
  constructor(urls: string | readonly string[], options: RingLevelOptions<KDefault, VDefault> = {}) {
    const { client, level } = splitOptions(options);
    super(() => new RingClient(urls, client), level);
  }
}
