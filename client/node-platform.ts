import type { ClientPlatform } from './platform.ts';
import { dialWs } from './ws-socket.ts';

export const NODE_PLATFORM: ClientPlatform = {
  dial: dialWs,
  afterThisTask: setImmediate,
};
