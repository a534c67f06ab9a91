/**
 * What a load costs: processor time, memory and disk of each process, fsyncs, frames and bytes, per operation.
 *
 * Processes are looked at from outside, in /proc, so that other stores are measured in the same way; where there is
 * none (anything but Linux) these are null. Bytes of the network are those of the loopback device, so those of all that
 * happens on it: measure on a machine that does nothing else.
 */
import { readFile } from 'node:fs/promises';
import type { LoadResult } from './load/plan.ts';

export interface MeasuredProcess {
  readonly name: string;
  readonly pid: number;
}

/** What a store counts itself, of all its processes together, since some moment; null: it does not. */
export interface StoreCounters {
  readonly fsyncs: number | null;
  readonly frames: number | null;
  readonly frameBytes: number | null;
}

export const NO_COUNTERS: StoreCounters = { fsyncs: null, frames: null, frameBytes: null };

export interface ResourceSample {
  readonly processes: readonly (MeasuredProcess & ProcessSample)[];
  readonly counters: StoreCounters;
  readonly loopbackBytes: number | null;
}

export interface ProcessSample {
  /** User and system. */
  readonly cpuSeconds: number | null;
  readonly residentBytes: number | null;
  /** Given to the block layer. */
  readonly diskBytes: number | null;
}

export interface ProcessCost {
  readonly name: string;
  readonly cpuMicrosPerOperation: number | null;
  readonly residentBytes: number | null;
  readonly diskBytesPerOperation: number | null;
}

export interface Resources {
  readonly processes: readonly ProcessCost[];
  readonly load: ProcessCost;
  readonly fsyncsPerOperation: number | null;
  readonly framesPerOperation: number | null;
  readonly frameBytesPerOperation: number | null;
  readonly loopbackBytesPerOperation: number | null;
}

/** /proc counts processor time in these, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100;
const STAT_USER_TICKS = 11;
const STAT_SYSTEM_TICKS = 12;

export async function sampleResources(processes: readonly MeasuredProcess[], counters: () => Promise<StoreCounters>): Promise<ResourceSample> {
  const [samples, counted, loopbackBytes] = await Promise.all([
    Promise.all(processes.map(async (one) => ({ ...one, ...(await sampleProcess(one.pid)) }))),
    counters(),
    readLoopbackBytes(),
  ]);
  return { processes: samples, counters: counted, loopbackBytes };
}

export async function sampleProcess(pid: number): Promise<ProcessSample> {
  const [stat, status, io] = await Promise.all(['stat', 'status', 'io'].map(async (name) => readProc(`/proc/${pid}/${name}`)));
  return { cpuSeconds: cpuSecondsOf(stat ?? ''), residentBytes: residentBytesOf(status ?? ''), diskBytes: numberAfter(io ?? '', /^write_bytes:\s+(\d+)/m) };
}

/** Between two samples, for each operation of the load. */
export function resourcesBetween(before: ResourceSample, after: ResourceSample, { operations, loadCpuSeconds, loadResidentBytes }: LoadResult): Resources {
  const each = (from: number | null | undefined, to: number | null): number | null => (from === null || from === undefined || to === null || operations === 0 ? null : (to - from) / operations);
  return {
    processes: after.processes.map(({ name, pid, cpuSeconds, residentBytes, diskBytes }) => {
      const earlier = before.processes.find((process) => process.pid === pid);
      return { name, cpuMicrosPerOperation: micros(each(earlier?.cpuSeconds, cpuSeconds)), residentBytes, diskBytesPerOperation: each(earlier?.diskBytes, diskBytes) };
    }),
    load: { name: 'load', cpuMicrosPerOperation: micros(each(0, loadCpuSeconds)), residentBytes: loadResidentBytes, diskBytesPerOperation: null },
    fsyncsPerOperation: each(before.counters.fsyncs, after.counters.fsyncs),
    framesPerOperation: each(before.counters.frames, after.counters.frames),
    frameBytesPerOperation: each(before.counters.frameBytes, after.counters.frameBytes),
    loopbackBytesPerOperation: each(before.loopbackBytes, after.loopbackBytes),
  };
}

function micros(seconds: number | null): number | null {
  return seconds === null ? null : seconds * 1_000_000;
}

/** The line of `stat` names the program in parentheses, in which anything may stand. */
export function cpuSecondsOf(stat: string): number | null {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [fields[STAT_USER_TICKS], fields[STAT_SYSTEM_TICKS]];
  return user === undefined || system === undefined ? null : (Number(user) + Number(system)) / TICKS_PER_SECOND;
}

export function residentBytesOf(status: string): number | null {
  const kibibytes = numberAfter(status, /^VmRSS:\s+(\d+) kB/m);
  return kibibytes === null ? null : kibibytes * 1024;
}

async function readLoopbackBytes(): Promise<number | null> {
  return numberAfter((await readProc('/proc/net/dev')) ?? '', /^\s*lo:\s*(\d+)/m);
}

function numberAfter(text: string, pattern: RegExp): number | null {
  const digits = pattern.exec(text)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** null: no /proc, or the process is gone. */
async function readProc(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return null;
  }
}
