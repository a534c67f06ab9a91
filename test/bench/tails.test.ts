import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { greatestResidentBytes, greatestResidentBytesOf } from '../../bench/process-memory.ts';
import { SlowFsync, whyNoSlowFsync } from '../../bench/tails/slow-fsync.ts';
import { tailsTable } from '../../bench/tails/table.ts';
import { TAILS } from './examples.ts';

const PROGRAM = { executable: process.execPath, leadingArguments: ['-e'], typed: 'node' };
/** Syncs the file that it is given once, and once another. */
const SYNCING = `
  const { closeSync, fsyncSync, openSync, writeSync } = require('node:fs');
  for (const path of process.argv.slice(1)) {
    const file = openSync(path, 'w');
    writeSync(file, 'text');
    fsyncSync(file);
    closeSync(file);
  }`;

describe('the greatest memory of a process', () => {
  it('is read in kibibytes', () => {
    expect(greatestResidentBytesOf('Name:\tnode\nVmPeak:\t  900 kB\nVmHWM:\t   12 kB\nVmRSS:\t  8 kB\n')).toBe(12 * 1024);
  });

  it('is null where the kernel does not say it', () => {
    expect(greatestResidentBytesOf('Name:\tnode\n')).toBeNull();
    expect(greatestResidentBytes(0)).toBeNull();
  });

  it.skipIf(process.platform !== 'linux')('is there for a process that runs', () => {
    expect(greatestResidentBytes(process.pid)).toBeGreaterThan(1_048_576);
  });
});

describe.skipIf(whyNoSlowFsync() !== null)('a slow fsync', () => {
  it('meets the files of one directory, while it is switched on', () => {
    const directory = mkdtempSync(join(tmpdir(), 'ring-level-slow-fsync-'));
    const slowFsync = new SlowFsync(directory, join(directory, 'node-2'));
    const sync = (): void => {
      execFileSync('mkdir', ['-p', join(directory, 'node-2'), join(directory, 'node-20')]);
      const { executable, leadingArguments } = slowFsync.wrap(PROGRAM);
      execFileSync(executable, [...leadingArguments, SYNCING, join(directory, 'node-2', 'a'), join(directory, 'node-20', 'a')]);
    };
    try {
      sync();
      expect(slowFsync.delayed).toBe(0);
      slowFsync.setDelay(1);
      sync();
      expect(slowFsync.delayed).toBe(1);
    } finally {
      slowFsync.close();
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

describe('the table of tails', () => {
  it('has ratios, what was skipped, memory beside its bound, and the answers', () => {
    const text = tailsTable(TAILS).join('\n');
    for (const word of ['slow disk', '3.00', 'delayedFsyncs 20', 'not measured: there is no C compiler', 'bound MiB', '700', 'RING_OVERLOADED 12', 'a limit']) expect(text).toContain(word);
  });

  it('has nothing where nothing was measured', () => {
    expect(tailsTable({ disturbances: [], pressures: [] })).toStrictEqual([]);
  });
});
