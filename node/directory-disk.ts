/** A node's disk in a directory: the database, the identity beside it, and the mark of an untrusted store. */
import type { NodeId } from '../data/index.ts';
import { openDirectory } from './directory.ts';
import type { HeldDisk } from './ports.ts';
import type { LevelKvOptions } from '../data/index.ts';

export interface DirectoryDiskOptions {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  /** Another process took the lock. */
  onCompromised(reason: string): void;
}

/** Throws a NodeError or a DataError; nothing stays locked or open then. */
export async function openDirectoryDisk(path: string, options: DirectoryDiskOptions, level: LevelKvOptions): Promise<HeldDisk> {
  const opened = await openDirectory(path, options, level);
  return {
    disk: {
      kv: opened.kv,
      clusterId: opened.identity.clusterId,
      incarnation: opened.identity.incarnation,
      distrusted: null,
      markUntrusted: async () => undefined,
      clearUntrusted: async () => undefined,
      scrubFiles: null,
    },
    release: async () => opened.release(),
  };
}
