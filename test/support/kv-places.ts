/** Places where an OrderedKv lives, so that one suite runs over both implementations. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MemoryKv, openLevelKv, type OrderedKv } from '../../data/index.ts';
import { VirtualDisk } from '../simulation/virtual-disk.ts';
import type { VirtualKv } from '../simulation/virtual-kv.ts';
import { VirtualWorld, settled } from '../simulation/virtual-time.ts';
import { SeededRandom } from './seeded-random.ts';

export const LEVEL_OPTIONS = { cacheBytes: 1 << 20, writeBufferBytes: 1 << 20 };

/** One database that can be opened again after it was closed, as after a restart. */
export interface KvPlace extends AsyncDisposable {
  /** Closes what was opened before. */
  open(): Promise<OrderedKv>;
}

export interface KvKind {
  readonly name: string;
  place(): Promise<KvPlace>;
}

export async function temporaryDirectory(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'ring-level-test-'));
  return { path, [Symbol.asyncDispose]: async () => rm(path, { recursive: true, force: true }) };
}

export const MEMORY: KvKind = {
  name: 'MemoryKv',
  async place() {
    let kv = new MemoryKv();
    return {
      async open() {
        kv = kv.restarted();
        return kv;
      },
      async [Symbol.asyncDispose]() {
        await kv.close();
      },
    };
  },
};

export const LEVEL: KvKind = {
  name: 'LevelKv',
  async place() {
    const directory = await temporaryDirectory();
    let kv: OrderedKv | null = null;
    return {
      async open() {
        const mode = kv === null ? 'create' : 'must-exist';
        await kv?.close();
        kv = await openLevelKv(directory.path, mode, LEVEL_OPTIONS);
        return kv;
      },
      async [Symbol.asyncDispose]() {
        await kv?.close();
        await directory[Symbol.asyncDispose]();
      },
    };
  },
};

/** LevelDB as the simulation has it. Its world goes on for as long as the place is in use. */
export const VIRTUAL: KvKind = {
  name: 'VirtualKv',
  async place() {
    const world = new VirtualWorld();
    const disk = new VirtualDisk(world, 'node-0', new SeededRandom(1));
    const use = { isOver: false };
    const going = (async () => {
      while (!use.isOver) if ((await world.step()) === 'idle') await settled();
    })();
    let kv: VirtualKv | null = null;
    return {
      async open() {
        await kv?.close();
        kv = disk.open(world.process('node-0'));
        return kv;
      },
      async [Symbol.asyncDispose]() {
        await kv?.close();
        use.isOver = true;
        await going;
      },
    };
  },
};
