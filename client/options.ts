/** What a client can be told, its defaults and its limits. */
import { LEVELS, TIMEOUT_MS_MAX, type Consistency, type LevelNumber } from '../wire/index.ts';

/** What every call can be told. */
export interface RequestOptions {
  /** Default: that of the client. */
  readonly consistency?: Consistency;
  /** How long the node may take, milliseconds, 1 to 600,000; default: that of the client. */
  readonly timeoutMs?: number;
  /**
   * Rejects the call with the signal's reason. A request that has not been sent is not sent any more; a write that has
   * been sent may be applied all the same.
   */
  readonly signal?: AbortSignal;
}

/** What a client can be told. Lengths of time are milliseconds, 1 to 600,000. */
export interface RingClientOptions {
  /** Default `available`. */
  readonly consistency?: Consistency;
  /** How long the node may take for a request; default 5,000. */
  readonly timeoutMs?: number;
  /** How long one attempt to connect to one address may take; default 2,000. */
  readonly connectTimeoutMs?: number;
  /** Bytes of all requests without an answer, from which on new ones fail with `RING_OVERLOADED`; default 67,108,864. */
  readonly queueBytesMax?: number;
  /** Requests that were sent and have no answer; more wait in the queue; default 16,384. */
  readonly inFlightMax?: number;
  /** How often a connection with requests in flight is pinged; silent for more than two, it is dropped; default 3,000. */
  readonly heartbeatMs?: number;
  /**
   * What becomes of a write whose outcome is not known: its connection was lost, or too few nodes answered in time.
   * `never`: it rejects with `RING_UNKNOWN`. `same-version`: it is sent again under the version that it was given, if
   * that is known, so it stays one write; else it rejects. `always`: without a known version, or when a newer one has
   * come in between, it is written anew, as a second and newer write: that can undo what another client wrote in between,
   * and a reader may see the value, then the other's, then this one again. Default `same-version`.
   */
  readonly retryWrites?: RetryWrites;
  /** `fail-fast`: requests fail with `RING_UNAVAILABLE` as soon as every address has refused once; default `wait`. */
  readonly failFast?: 'fail-fast' | 'wait';
  /**
   * `by-partition`: after some requests the client learns the topology, connects to the members as it needs them, and
   * sends what has a key to its home node, or another replica; a node that does not answer for 200 ms is gone round.
   * `when-busy`: the same, but the node that it is connected to anyway gets what it keeps itself, until it has
   * 256 requests in flight: a few large frames are cheaper than many small ones. `none`: one connection, to
   * the first of the addresses that can be reached. Default `when-busy`.
   */
  readonly spread?: 'by-partition' | 'when-busy' | 'none';
}

const RETRY_WRITES = ['never', 'same-version', 'always'] as const;
/** What becomes of a write whose outcome is not known. */
export type RetryWrites = (typeof RETRY_WRITES)[number];
const SPREADS: readonly RingClientOptions['spread'][] = ['by-partition', 'when-busy', 'none'];

/** Every option with its value. */
export type Settings = Required<RingClientOptions>;

/** How much longer than `timeoutMs` the client itself waits, so that the node's own answer wins. */
export const DEADLINE_GRACE_MS = 250;
/** The granularity of deadlines, heartbeats and reconnection: one timer for all of them. */
export const TICK_MS = 25;
export const BACKOFF_MS_MIN = 50;
export const BACKOFF_MS_MAX = 2_000;
/** How often one request is sent before it fails, however far its deadline. */
export const ATTEMPTS_MAX = 16;
/** How many requests a client sends before it asks for the topology: what asks one thing and ends need not know it. */
export const REQUESTS_BEFORE_SPREAD = 32;
/** With so many requests in flight a connection is busy enough to use others beside it. */
export const BUSY_IN_FLIGHT = 256;
/** Ticks after which a lane with requests in flight from which nothing was heard is suspect: 200 ms. */
export const SUSPECT_TICKS = 8;
/** What an orderly close may take before the socket is destroyed. */
export const CLOSE_TIMEOUT_MS = 1_000;

const DEFAULTS: Settings = {
  consistency: 'available',
  timeoutMs: 5_000,
  connectTimeoutMs: 2_000,
  queueBytesMax: 64 * 1_048_576,
  inFlightMax: 16_384,
  heartbeatMs: 3_000,
  retryWrites: 'same-version',
  failFast: 'wait',
  spread: 'when-busy',
};

/** Whether a client knows an option of this name. */
export function isClientOption(name: string): boolean {
  return Object.hasOwn(DEFAULTS, name);
}

/** The settings that these options make. Throws `RangeError` for a value out of bounds. */
export function settingsFrom(options: RingClientOptions): Settings {
  const settings: Settings = { ...DEFAULTS, ...options };
  levelNumber(settings.consistency);
  checkTimeout(settings.timeoutMs, 'timeoutMs');
  checkTimeout(settings.connectTimeoutMs, 'connectTimeoutMs');
  checkTimeout(settings.heartbeatMs, 'heartbeatMs');
  if (!SPREADS.includes(settings.spread)) throw new RangeError(`spread is one of ${SPREADS.join(', ')}`);
  if (!RETRY_WRITES.includes(settings.retryWrites)) throw new RangeError(`retryWrites is one of ${RETRY_WRITES.join(', ')}`);
  for (const name of ['queueBytesMax', 'inFlightMax'] as const) {
    if (!Number.isSafeInteger(settings[name]) || settings[name] < 1) throw new RangeError(`${name} is a whole number from 1 on`);
  }
  return settings;
}

/** Throws `RangeError` unless the value is a whole number from 1 to TIMEOUT_MS_MAX. */
export function checkTimeout(value: number, name: string): void {
  if (!Number.isSafeInteger(value) || value < 1 || value > TIMEOUT_MS_MAX) {
    throw new RangeError(`${name} is a whole number from 1 to ${TIMEOUT_MS_MAX}, not ${value}`);
  }
}

/** The level's number on the wire. Throws `RangeError` for a name that is none. */
export function levelNumber(consistency: Consistency): LevelNumber {
  const number = LEVELS.indexOf(consistency);
  if (number === 0 || number === 1 || number === 2 || number === 3) return number;
  throw new RangeError(`a consistency is one of ${LEVELS.join(', ')}, not ${JSON.stringify(consistency)}`);
}

/** The addresses as they were given, in their order. Throws `TypeError` unless each is a ws: or wss: URL. */
export function addressesFrom(urls: string | readonly string[]): readonly string[] {
  const addresses = typeof urls === 'string' ? [urls] : [...urls];
  if (addresses.length === 0) throw new TypeError('a client needs the address of at least one node');
  for (const address of addresses) {
    if (!isAddress(address)) throw new TypeError(`not the address of a node: ${JSON.stringify(address)}; one looks like ws://127.0.0.1:7400`);
  }
  return addresses;
}

/** Whether a connection to it goes in the clear. */
export function isPlain(address: string): boolean {
  return isAddress(address) && new URL(address).protocol === 'ws:';
}

function isAddress(address: string): boolean {
  const url = URL.canParse(address) ? new URL(address) : null;
  return url !== null && /^wss?:$/.test(url.protocol) && url.hash === '';
}
