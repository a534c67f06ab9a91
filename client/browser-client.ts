import { BROWSER_PLATFORM } from './browser-platform.ts';
import { PortableClient } from './client.ts';
import type { RingClientOptions } from './options.ts';

/** A client of a ring-level cluster, in a browser. */
export class RingClient extends PortableClient {
  /**
   * Connects on first use. `urls`: one or more nodes, the first one first. Throws `TypeError` for an address and
   * `RangeError` for an option that cannot be. A page from https: reaches wss: addresses only.
   */
  constructor(urls: string | readonly string[], options: RingClientOptions = {}) {
    super(BROWSER_PLATFORM, urls, options);
  }
}
