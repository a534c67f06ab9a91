import { PortableClient } from './client.ts';
import { NODE_PLATFORM } from './node-platform.ts';
import type { RingClientOptions } from './options.ts';

/** A client of a ring-level cluster, in Node. */
export class RingClient extends PortableClient {
  /**
   * Connects on first use. `urls`: one or more nodes, the first one first. Throws `TypeError` for an address and
   * `RangeError` for an option that cannot be.
   */
  constructor(urls: string | readonly string[], options: RingClientOptions = {}) {
    super(NODE_PLATFORM, urls, options);
  }
}
