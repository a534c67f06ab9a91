/** What the `growth` benchmark finds, as plain data: it is the JSON, and what the charts are drawn from. */
import type { Latency } from '../load/plan.ts';

export interface GrowthResult {
  readonly records: readonly RecordsRow[];
  readonly sweeps: readonly SweepRow[];
  readonly nodes: readonly NodesRow[];
  readonly values: readonly ValuesRow[];
}

/** One closed loop. */
export interface Rate {
  readonly perSecond: number;
  readonly latency: Latency;
  /** How many failed, by code. */
  readonly errors: Readonly<Record<string, number>>;
}

/** A store of so many records; every node has all of them. */
export interface RecordsRow {
  readonly records: number;
  readonly fill: Fill;
  readonly put: Rate;
  readonly get: Rate;
  readonly diskBytesPerNode: number;
  /** Of the node that takes most, after the fill and without a load. */
  readonly residentAtRestBytes: number;
  /** VmHWM of the node that took most, by the end of the loads. */
  readonly residentGreatestBytes: number;
  /** To the ready line, after SIGTERM. */
  readonly startAfterStopMs: number;
  /** The same after SIGKILL. */
  readonly startAfterKillMs: number;
  readonly handOff: Repair;
  readonly refill: Repair;
}

export interface Fill {
  readonly perSecond: number;
  /** Keys and values, once for each replica. */
  readonly putBytes: number;
  /** What the daemons wrote to disk for it, compactions that followed included. */
  readonly writtenBytes: number;
}

/** One node was brought up to the others. */
export interface Repair {
  readonly records: number;
  /** Keys and values. */
  readonly bytes: number;
  /** Until all replicas were equal and no hint waited: from the moment when it went on, or from its SIGKILL. */
  readonly seconds: number;
  /** How the records came, as far as the nodes count it. */
  readonly hintsDelivered: number;
  readonly sweepRecords: number;
}

export interface SweepRow {
  readonly records: number;
  /** Records that one node did not have in their newest version. */
  readonly differences: number;
  /** Of requests and replies. */
  readonly bytes: number;
  /** Conversations of two nodes. */
  readonly exchanges: number;
  /** Until all replicas were equal; without differences, for so many exchanges. */
  readonly seconds: number;
}

export interface NodesRow {
  readonly nodes: number;
  readonly workload: 'put' | 'get';
  readonly clients: number;
  /** For each client. */
  readonly inFlight: number;
  readonly rate: Rate;
}

export interface ValuesRow {
  readonly valueBytes: number;
  readonly workload: 'put' | 'get';
  readonly inFlight: number;
  readonly rate: Rate;
  readonly bytesPerSecond: number;
}

/** Bytes written to disk for each byte put. */
export function writeAmplification({ putBytes, writtenBytes }: Fill): number {
  return putBytes === 0 ? 0 : writtenBytes / putBytes;
}
