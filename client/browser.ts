/** The package root in a browser. The same names as in index.ts. */
export * from './api.ts';
export { RingClient } from './browser-client.ts';
export { RingLevel } from './browser-ring-level.ts';
