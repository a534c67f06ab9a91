/** What a cluster takes of the machine: memory, disk, and what was written to disk. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { BenchCluster } from '../bench-cluster.ts';
import { sampleProcess } from '../resources.ts';
import { greatestResidentBytes } from '../process-memory.ts';

const LOOK_MS = 1_000;
/** Less than this in one look is bookkeeping, and no compaction. */
const QUIET_BYTES = 1_048_576;
const LOOKS_MAX = 120;

/** Of the node that has most now. */
export async function residentBytes(cluster: BenchCluster): Promise<number> {
  const samples = await Promise.all(cluster.processes().map(async ({ pid }) => sampleProcess(pid)));
  return Math.max(...samples.map((sample) => sample.residentBytes ?? Number.NaN));
}

/** Of the node that ever had most. */
export function residentGreatest(cluster: BenchCluster): number {
  return Math.max(...cluster.processes().map(({ pid }) => greatestResidentBytes(pid) ?? Number.NaN));
}

/** Given to the block layer by all daemons since they were started. */
export async function writtenBytes(cluster: BenchCluster): Promise<number> {
  const samples = await Promise.all(cluster.processes().map(async ({ pid }) => sampleProcess(pid)));
  return samples.reduce((sum, { diskBytes }) => sum + (diskBytes ?? Number.NaN), 0);
}

/** The same, when the compactions that go on have come to their end. */
export async function writtenBytesSettled(cluster: BenchCluster): Promise<number> {
  let bytes = await writtenBytes(cluster);
  for (let look = 0; look < LOOKS_MAX; look++) {
    await delay(LOOK_MS);
    const later = await writtenBytes(cluster);
    const isQuiet = !(later - bytes >= QUIET_BYTES);
    bytes = later;
    if (isQuiet) break;
  }
  return bytes;
}

/** All files below a directory. */
export async function directoryBytes(directory: string): Promise<number> {
  const files = (await readdir(directory, { withFileTypes: true, recursive: true })).filter((entry) => entry.isFile());
  // A compaction may remove a file between the two looks.
  const sizes = await Promise.all(files.map(async (file) => stat(join(file.parentPath, file.name)).then(({ size }) => size, () => 0)));
  return sizes.reduce((sum, size) => sum + size, 0);
}
