import { describe, expect, it } from 'vitest';
import { defaultNodeConfig } from '../../config/index.ts';
import { DataError, MemoryKv, incarnation } from '../../data/index.ts';
import { Daemon } from '../../node/daemon.ts';
import { eventually } from '../support/processes.ts';

/** A database whose files say what LevelDB never wrote, from some moment on. */
class UnreadableKv extends MemoryKv {
  reason: string | null = null;

  override async scan(...args: Parameters<MemoryKv['scan']>): ReturnType<MemoryKv['scan']> {
    if (this.reason !== null) throw new DataError('RING_STORE_UNAVAILABLE', `scan failed: ${this.reason}`, { retryable: true });
    return super.scan(...args);
  }
}

interface Ended {
  readonly fatal: string;
  readonly marks: readonly string[];
}

/** Runs a node until it ends by itself, with a database that can't be scanned once it is up. */
async function endOf(reason: string): Promise<Ended> {
  const kv = new UnreadableKv();
  const marks: string[] = [];
  const fatal: string[] = [];
  const config = defaultNodeConfig({ logLevel: 'silent', listen: { host: '127.0.0.1', port: 0 }, replicationFactor: 1, scrub: { intervalMs: 20 } });
  const held = {
    disk: {
      kv,
      clusterId: 'unreadable',
      incarnation: incarnation(1),
      distrusted: null,
      markUntrusted: async () => undefined,
      markUnreadable: async (text: string) => {
        marks.push(text);
      },
      clearUntrusted: async () => undefined,
      areFilesChecked: true,
      scrubFiles: null,
    },
    lastRunEndedInOrder: true,
    release: async () => undefined,
  };
  const daemon = await Daemon.start(config, async () => held, { onFatal: (text) => fatal.push(text) });
  try {
    kv.reason = reason;
    return { fatal: await eventually('the node ends', async () => fatal[0] ?? null), marks };
  } finally {
    await daemon.stop();
  }
}

describe('a node whose database cannot be read', () => {
  it('because a block is damaged ends, says that it must be started again, and marks the directory for repair first', async () => {
    const { fatal, marks } = await endOf('Corruption: corrupted compressed block contents');
    expect(fatal).toMatch(/start the node again .*Corruption/);
    expect(marks.join()).toContain('Corruption');
  });

  it('because a file became shorter ends and marks the directory too', async () => {
    const { fatal, marks } = await endOf('IO error: 000005.ldb: Invalid argument');
    expect([fatal.includes('start the node again'), marks.length > 0]).toStrictEqual([true, true]);
  });

  it('because of an I/O error ends at once and says so', async () => {
    const { fatal } = await endOf('IO error: 000005.ldb: Input/output error');
    expect(fatal).toContain('the disk failed');
  });
});
