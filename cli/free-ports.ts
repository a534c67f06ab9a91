/**
 * Ports on 127.0.0.1 that nobody listens on.
 *
 * They are taken below the range from which the operating system gives outgoing connections their ports (from 32768 on
 * Linux): a node that was killed must find its port free when it comes back, and not in use by some connection.
 */
import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

const FIRST_PORT = 12_000;
const LAST_PORT = 32_000;
const ATTEMPTS_MAX = 200;

/** All are bound at once before any is released, so no two are the same. Another program may still take one. */
export async function findFreePorts(count: number): Promise<readonly number[]> {
  const bound = new Map<number, Server>();
  try {
    for (let attempt = 0; bound.size < count; attempt++) {
      if (attempt >= ATTEMPTS_MAX + count) throw new Error(`no ${count} free ports between ${FIRST_PORT} and ${LAST_PORT}`);
      const port = randomInt(FIRST_PORT, LAST_PORT + 1);
      // oxlint-disable-next-line no-await-in-loop
      const server = await listenOn(port);
      if (server !== null) bound.set(port, server);
    }
    return [...bound.keys()];
  } finally {
    await Promise.all([...bound.values()].map(closed));
  }
}

/** null: the port is taken. */
function listenOn(port: number): Promise<Server | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server));
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
