/** client/: the package root, in Node. A client of a cluster, its errors, and the shapes of its answers. */
export * from './api.ts';
export { RingClient } from './node-client.ts';
