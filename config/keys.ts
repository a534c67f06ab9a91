/**
 * Every leaf of the configuration, and how its value is written as text: in the environment and on the command line.
 * A test holds this table equal to the schema.
 */

export type TextForm = 'text' | 'number' | 'list' | 'members';

export const TEXT_FORMS: ReadonlyMap<string, TextForm> = new Map<string, TextForm>([
  ['nodeId', 'number'],
  ['directory', 'text'],
  ['listen.host', 'text'],
  ['listen.port', 'number'],
  ['clusterId', 'text'],
  ['members', 'members'],
  ['replicationFactor', 'number'],
  ['hashSeed', 'number'],
  ['durability', 'text'],
  ['requestTimeoutMs', 'number'],
  ['hedgeAfterMs', 'number'],
  ['replicaTimeoutMs', 'number'],
  ['heartbeat.intervalMs', 'number'],
  ['heartbeat.suspectAfterMs', 'number'],
  ['heartbeat.deadAfterMs', 'number'],
  ['hints.maxBytes', 'number'],
  ['hints.batchBytes', 'number'],
  ['sweep.intervalMs', 'number'],
  ['sweep.maxBytesPerSecond', 'number'],
  ['scrub.intervalMs', 'number'],
  ['scrub.maxBytesPerSecond', 'number'],
  ['clock.maxDriftMs', 'number'],
  ['store.cacheBytes', 'number'],
  ['store.writeBufferBytes', 'number'],
  ['store.groupBytesMax', 'number'],
  ['store.queueBytesMax', 'number'],
  ['store.recentBytesMax', 'number'],
  ['store.reopenDelayMs', 'number'],
  ['store.scanSliceEntries', 'number'],
  ['limits.requestsInFlightMax', 'number'],
  ['limits.requestBytesInFlightMax', 'number'],
  ['limits.connectionsMax', 'number'],
  ['allowedOrigins', 'list'],
  ['logLevel', 'text'],
  ['testControl', 'text'],
]);

/** `HOST:PORT`, short for both keys of `listen`; only as text. */
export const LISTEN_KEY = 'listen';
/** Only by its flag: no file and no environment variable may make a daemon obey test controls. */
export const FLAG_ONLY_KEY = 'testControl';
export const ENVIRONMENT_PREFIX = 'RING_LEVEL_';

/** `sweep.intervalMs` → `RING_LEVEL_SWEEP_INTERVAL_MS`. */
export function environmentName(key: string): string {
  return ENVIRONMENT_PREFIX + key.replaceAll('.', '_').replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** A leaf's value from text. What can't be read stays text, so that the schema names it as it was found. */
export function valueFromText(form: TextForm, text: string): unknown {
  switch (form) {
    case 'number':
      return /^-?\d+(?:\.\d+)?$/.test(text.trim()) ? Number(text) : text;
    case 'list':
      return text.split(',').map((part) => part.trim()).filter((part) => part !== '');
    case 'members':
      return membersFromText(text);
    case 'text':
    default:
      return text;
  }
}

/** `127.0.0.1:7400`, `[::1]:7400`; null when it is neither. */
export function listenFromText(text: string): { readonly host: string; readonly port: number } | null {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3];
  return host === undefined || port === undefined ? null : { host, port: Number(port) };
}

/** `0=ws://127.0.0.1:7400,1=ws://127.0.0.1:7401`. */
function membersFromText(text: string): unknown {
  const members: { id: number; address: string }[] = [];
  for (const part of text.split(',')) {
    const match = /^(\d{1,6})=(.+)$/.exec(part.trim());
    const id = match?.[1];
    const address = match?.[2];
    if (id === undefined || address === undefined) return text;
    members.push({ id: Number(id), address });
  }
  return members;
}
