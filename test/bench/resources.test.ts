import { platform } from 'node:os';
import { describe, expect, it } from 'vitest';
import { filesystemAt } from '../../bench/machine.ts';
import { NO_COUNTERS, cpuSecondsOf, resourcesBetween, sampleProcess, sampleResources, type ResourceSample } from '../../bench/resources.ts';
import { runWith } from './measurements.ts';

describe('what /proc says', () => {
  it('is read past a program name with spaces and parentheses', () => {
    const numbers = Array.from({ length: 40 }, (_, field) => field);
    expect(cpuSecondsOf(`4711 (no) de 1)) S ${numbers.join(' ')}`)).toBe((10 + 11) / 100);
    expect(cpuSecondsOf('')).toBeNull();
  });

  it('of this process is plausible', async () => {
    const { cpuSeconds, residentBytes, diskBytes } = await sampleProcess(process.pid);
    const isLinux = platform() === 'linux';
    expect([cpuSeconds === null, residentBytes === null, diskBytes === null]).toEqual([!isLinux, !isLinux, !isLinux]);
    if (residentBytes !== null) expect(residentBytes / process.memoryUsage.rss()).toBeCloseTo(1, 0);
    const { user, system } = process.cpuUsage();
    if (cpuSeconds !== null) expect(Math.abs(cpuSeconds - (user + system) / 1e6)).toBeLessThan(0.5);
  });

  it('of a process that is gone is nothing', async () => {
    expect(await sampleProcess(0x7fff_ffff)).toEqual({ cpuSeconds: null, residentBytes: null, diskBytes: null });
  });
});

describe('resources', () => {
  const before: ResourceSample = {
    processes: [{ name: 'node 0', pid: 7, cpuSeconds: 1, residentBytes: 5, diskBytes: 1_000 }],
    counters: { fsyncs: 10, frames: null, frameBytes: null },
    loopbackBytes: 100,
  };
  const after: ResourceSample = {
    processes: [
      { name: 'node 0', pid: 7, cpuSeconds: 1.5, residentBytes: 6, diskBytes: 3_000 },
      { name: 'node 1', pid: 8, cpuSeconds: 9, residentBytes: 7, diskBytes: null },
    ],
    counters: { fsyncs: 60, frames: 3, frameBytes: null },
    loopbackBytes: 1_100,
  };

  it('are the difference, for each operation; what was not known before is not known', () => {
    const { load } = runWith({ operations: 1_000, loadCpuSeconds: 0.1, loadResidentBytes: 8 });
    expect(resourcesBetween(before, after, load)).toEqual({
      processes: [
        { name: 'node 0', cpuMicrosPerOperation: 500, residentBytes: 6, diskBytesPerOperation: 2 },
        { name: 'node 1', cpuMicrosPerOperation: null, residentBytes: 7, diskBytesPerOperation: null },
      ],
      load: { name: 'load', cpuMicrosPerOperation: 100, residentBytes: 8, diskBytesPerOperation: null },
      fsyncsPerOperation: 0.05,
      framesPerOperation: null,
      frameBytesPerOperation: null,
      loopbackBytesPerOperation: 1,
    });
  });

  it('are unknown when nothing succeeded', () => {
    const { processes, fsyncsPerOperation } = resourcesBetween(before, after, runWith({ operations: 0 }).load);
    expect([processes[0]?.cpuMicrosPerOperation, fsyncsPerOperation]).toEqual([null, null]);
  });

  it('are sampled of each process by its name', async () => {
    const { processes, counters } = await sampleResources([{ name: 'me', pid: process.pid }], async () => NO_COUNTERS);
    expect([processes.map(({ name }) => name), counters]).toEqual([['me'], NO_COUNTERS]);
  });
});

describe('the file system of a directory', () => {
  const mounts = 'none / overlay rw 0 0\n/dev/vda /data ext4 rw 0 0\ntmpfs /data/tmp tmpfs rw 0 0\n/dev/vdb /data/tmp xfs rw 0 0\n';

  it.each([
    ['/home', 'overlay'],
    ['/data', 'ext4'],
    ['/data/x', 'ext4'],
    ['/database', 'overlay'],
    ['/data/tmp/y', 'xfs'],
  ])('is that of the innermost mount: %s on %s', (path, type) => {
    expect(filesystemAt(path, mounts)).toBe(type);
  });

  it('is unknown without mounts', () => {
    expect(filesystemAt('/x', '')).toBeNull();
  });
});
