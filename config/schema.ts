/**
 * The configuration of one node: every key with its unit, its default and what is allowed.
 *
 * Each leaf gives one message, which says in words what is allowed; the loader adds where the value came from and what
 * was found. What concerns several keys at once is in `cross-checks.ts`.
 */
import { z } from 'zod';

export const NODE_ID_LIMIT = 999;
export const MEMBERS_MAX = 1000;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const MIB = 1_048_576;
const GIB = 1024 * MIB;
const U32_MAX = 0xffff_ffff;

const LOOPBACK_ALLOWED =
  'a loopback host (127.0.0.0/8, ::1 or localhost): until there is authentication a daemon listens on nothing else';
const ADDRESS_PATTERN = /^ws:\/\/(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/;

const member = z
  .strictObject(
    {
      id: integer(0, NODE_ID_LIMIT, 'a node id'),
      /** Where the other members reach it: `ws://HOST:PORT`. */
      address: checkedText('an address ws://HOST:PORT with a port from 1 to 65535', isAddress),
      /** The failure zone that it stands in; a name of your own. */
      zone: z.exactOptional(checkedText('a name of 1 to 64 characters', (text) => text.length >= 1 && text.length <= 64)),
    },
    { error: 'an object { id, address, zone? }' },
  )
  .readonly();

const listen = section({
  /** Loopback only until there is authentication. */
  host: checkedText(LOOPBACK_ALLOWED, isLoopbackHost).default('127.0.0.1'),
  /** 0: any free port. */
  port: integer(0, 65_535).default(7400),
});

const heartbeat = section({
  /** Between two heartbeats to a peer, milliseconds. */
  intervalMs: integer(10, MINUTE_MS, 'milliseconds').default(300),
  /** Without a sign of life for this long a peer is suspect: requests go round it. */
  suspectAfterMs: integer(20, 10 * MINUTE_MS, 'milliseconds').default(1200),
  /** Without a sign of life for this long a peer is dead. */
  deadAfterMs: integer(30, DAY_MS, 'milliseconds').default(10_000),
});

const hints = section({
  /** Bytes of hints on this node, all targets together; beyond it partitions are marked dirty for the sweep. */
  maxBytes: integer(0, 1024 * GIB, 'bytes').default(GIB),
  /** Bytes of one hand-off message. */
  batchBytes: integer(1024, 4 * MIB, 'bytes').default(262_144),
});

const sweep = section({
  /** Between two sweeps, milliseconds; 0: only while a store is untrusted. */
  intervalMs: checkedInterval().default(10_000),
  /** Bytes that a sweep may read and send in a second. */
  maxBytesPerSecond: integer(1024, 1024 * GIB, 'bytes a second').default(64 * MIB),
});

const scrub = section({
  /** Between two readings of everything that is stored, to find damage before it is needed, milliseconds; 0: never. */
  intervalMs: integer(0, 365 * DAY_MS, 'milliseconds').default(3_600_000),
  /** Bytes that a scrub may read in a second. */
  maxBytesPerSecond: integer(1024, 1024 * GIB, 'bytes a second').default(8 * MIB),
});

const clock = section({
  /** A peer whose clock is further off the median of the others is reported, milliseconds. */
  maxDriftMs: integer(1, DAY_MS, 'milliseconds').default(1000),
});

const store = section({
  /** LevelDB's block cache, bytes. */
  cacheBytes: integer(0, 1024 * GIB, 'bytes').default(64 * MIB),
  /** LevelDB's write buffer, bytes; up to two of them are in memory. */
  writeBufferBytes: integer(64 * 1024, GIB, 'bytes').default(16 * MIB),
  /** Bytes that one group of writes, one fsync, may hold. */
  groupBytesMax: integer(1024, GIB, 'bytes').default(4 * MIB),
  /** Bytes of writes that may wait for the writer; beyond it they are refused. */
  queueBytesMax: integer(1024, 64 * GIB, 'bytes').default(64 * MIB),
  /** Memory for recent records, which spare lookups, and a quarter of it for their table; 0: none. */
  recentBytesMax: integer(0, GIB, 'bytes').default(32 * MIB),
  /** Before a store that could not be reopened is tried again, milliseconds. */
  reopenDelayMs: integer(1, MINUTE_MS, 'milliseconds').default(250),
  /** Entries that one slice of a scan reads. */
  scanSliceEntries: integer(1, 100_000, 'entries').default(1000),
});

const limits = section({
  /** Client requests that this node coordinates at once; beyond it RING_OVERLOADED. */
  requestsInFlightMax: integer(1, 1_048_576, 'requests').default(16_384),
  /** Bytes of keys and values of those requests. */
  requestBytesInFlightMax: integer(MIB, 64 * GIB, 'bytes').default(256 * MIB),
  /** Client connections. */
  connectionsMax: integer(1, 65_536, 'connections').default(1024),
});

/** The shape; `replicationFactor` up to the number of members and other such rules: `cross-checks.ts`. */
export const nodeConfigSchema = z
  .strictObject({
    /** This node, one of `members`. */
    nodeId: integer(0, NODE_ID_LIMIT, 'a node id'),
    /** Where the data lies; relative to the working directory. null: in memory, only for embedding. */
    directory: checkedText('the path of a directory', (text) => text.length > 0 && !text.includes('\0')).nullable(),
    listen: listen.prefault({}),
    /** Which cluster; null: derived from the topology, so it must then be the same on every member. */
    clusterId: checkedText('1 to 64 letters, digits, dots, dashes or underscores, or null', (text) => /^[\w.-]{1,64}$/.test(text))
      .nullable()
      .default(null),
    /** Every node of the cluster, this one included; ids 0, 1, 2 … without a gap. */
    members: z
      .array(member, { error: `a list of 1 to ${MEMBERS_MAX} members` })
      .min(1, { error: `a list of 1 to ${MEMBERS_MAX} members` })
      .max(MEMBERS_MAX, { error: `a list of 1 to ${MEMBERS_MAX} members` })
      .readonly(),
    /** How many nodes keep each key. */
    replicationFactor: integer(1, MEMBERS_MAX, 'at most the number of members'),
    /** Seed of the key hash; fixed for the cluster's life. */
    hashSeed: integer(0, U32_MAX).default(0),
    /** When a write is "on disk": after an fsync, or when the operating system has it. */
    durability: choice(['fsync', 'os']).default('fsync'),
    /** A request that names no deadline of its own, milliseconds. */
    requestTimeoutMs: integer(1, 10 * MINUTE_MS, 'milliseconds').default(5000),
    /** A replica that has not answered after this long is hedged, milliseconds. */
    hedgeAfterMs: integer(1, 10 * MINUTE_MS, 'milliseconds').default(200),
    /** A replica that has not answered after this long is given up for the request, milliseconds. */
    replicaTimeoutMs: integer(1, 10 * MINUTE_MS, 'milliseconds').default(2000),
    heartbeat: heartbeat.prefault({}),
    hints: hints.prefault({}),
    sweep: sweep.prefault({}),
    scrub: scrub.prefault({}),
    clock: clock.prefault({}),
    store: store.prefault({}),
    limits: limits.prefault({}),
    /** Browser origins that may connect, beside those on loopback: `https://example.org`. */
    allowedOrigins: z
      .array(checkedText('an origin such as https://example.org', isOrigin), { error: 'a list of origins such as https://example.org' })
      .readonly()
      .default([]),
    logLevel: choice(['silent', 'error', 'warn', 'info', 'debug']).default('info'),
    /** Whether this daemon obeys test controls (partition, skew); only by the flag --test-control. */
    testControl: choice(['on', 'off']).default('off'),
  })
  .readonly();

export type NodeConfig = z.output<typeof nodeConfigSchema>;
/** What defaults can be added to; for embedding. */
export type NodeConfigInput = Partial<z.input<typeof nodeConfigSchema>>;
export type Member = NodeConfig['members'][number];

/** 127.0.0.0/8, ::1 or localhost. */
export function isLoopbackHost(host: string): boolean {
  if (host === 'localhost' || host === '::1' || host === '[::1]') return true;
  const octets = host.split('.');
  return octets.length === 4 && octets[0] === '127' && octets.every((octet) => /^(?:0|[1-9]\d{0,2})$/.test(octet) && Number(octet) <= 255);
}

function isAddress(text: string): boolean {
  const port = Number(ADDRESS_PATTERN.exec(text)?.[1]);
  return port >= 1 && port <= 65_535;
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}

function integer(least: number, most: number, unit?: string): z.ZodNumber {
  const allowed = `an integer from ${least} to ${most}${unit === undefined ? '' : ` (${unit})`}`;
  return z
    .number({ error: allowed })
    .refine((value) => Number.isInteger(value) && value >= least && value <= most, { error: allowed });
}

/** 0 turns it off. */
function checkedInterval(): z.ZodNumber {
  const allowed = `0, or an integer from 10 to ${DAY_MS} (milliseconds)`;
  return z.number({ error: allowed }).refine((value) => value === 0 || (Number.isInteger(value) && value >= 10 && value <= DAY_MS), { error: allowed });
}

function checkedText(allowed: string, isAllowed: (text: string) => boolean): z.ZodString {
  return z.string({ error: allowed }).refine(isAllowed, { error: allowed });
}

function choice<const Names extends readonly string[]>(names: Names) {
  return z.enum(names, { error: `one of ${names.join(', ')}` });
}

/** A group of keys, each of which has a default. */
function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, { error: `an object with the keys ${Object.keys(shape).join(', ')}` }).readonly();
}
