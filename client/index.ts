/** client/: the package root, in Node. A database and a client on a cluster, their errors, and the shapes of their answers. */
export * from './api.ts';
export { RingClient } from './node-client.ts';
export { RingLevel } from './ring-level.ts';
