/** What a client takes from where it runs: `node-platform.ts`, `browser-platform.ts`. */
import type { Dial } from './client-socket.ts';

export interface ClientPlatform {
  readonly dial: Dial;
  /** Runs `task` soon, after all that the present task and its promises still do: what they ask for goes out together. */
  readonly afterThisTask: (task: () => void) => void;
}
