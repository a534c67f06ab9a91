/**
 * What a node needs of the world: time, chance, sockets, a log. The daemon brings real ones (node/time.ts, ws, pino); the
 * simulation of test/simulation brings virtual ones and runs the same node over them.
 */
import type { DistrustReason } from '../coordinator/index.ts';
import type { Incarnation, OrderedKv } from '../data/index.ts';

export interface Timer {
  cancel(): void;
}

export interface Time {
  /** The wall clock in milliseconds. It may be wrong, and jump. */
  wallMs(): number;
  /** Never goes back; for deadlines and silence. */
  monotonicMs(): number;
  after(milliseconds: number, work: () => void): Timer;
  every(milliseconds: number, work: () => void): Timer;
  /** At the end of this turn of the event loop, when what has come in was looked at. */
  soon(work: () => void): void;
  /** Resolves early, and quietly, when the signal comes. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

export interface Random {
  /** 0 ≤ x < 1. */
  next(): number;
}

/** A WebSocket as sessions and links use it; that of ws is one. */
export interface MessageSocket {
  readonly readyState: number;
  readonly OPEN: number;
  readonly isPaused: boolean;
  /** Bytes that were sent and are still here. */
  readonly bufferedAmount: number;
  send(data: Uint8Array | string): void;
  close(code: number, reason: string): void;
  /** At once, without a closing handshake. */
  terminate(): void;
  pause(): void;
  resume(): void;
  on(event: 'open', listener: () => void): unknown;
  on(event: 'message', listener: (data: unknown, isBinary: boolean) => void): unknown;
  /** A 'close' follows. */
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
}

export type Dial = (address: string) => MessageSocket;

/** Lines for the operator. */
export interface NodeLog {
  info(details: Readonly<Record<string, unknown>>, message: string): void;
  warn(details: Readonly<Record<string, unknown>>, message: string): void;
  error(details: Readonly<Record<string, unknown>>, message: string): void;
}

/** What a node keeps over its runs, opened: the database, whose it is, and whether its silence counts. */
export interface NodeDisk {
  readonly kv: OrderedKv;
  readonly clusterId: string;
  readonly incarnation: Incarnation;
  /** Why the store is not trusted; null when it is. `new` where nothing was ever kept. */
  readonly distrusted: DistrustReason | null;
  /** Durable when it resolves. */
  markUntrusted(reason: string): Promise<void>;
  /** The open database cannot be read, and the process will end. */
  markUnreadable(reason: string): Promise<void>;
  clearUntrusted(): Promise<void>;
  /** Whether all of them were checked when it was opened. */
  readonly areFilesChecked: boolean;
  /** Checks files of the database that are not covered by the records' own checksums; null where there are none. */
  readonly scrubFiles: ScrubFiles | null;
}

/** `budget` is awaited before each read; false ends the check. Resolves to what was found to be damaged. */
export type ScrubFiles = (budget: (bytes: number) => Promise<boolean>) => Promise<readonly string[]>;

/** A node's disk, held by this process until it is released. */
export interface HeldDisk {
  readonly disk: NodeDisk;
  /** False after a crash or a power cut. */
  readonly lastRunEndedInOrder: boolean;
  /** The database must be closed before. */
  release(): Promise<void>;
}
