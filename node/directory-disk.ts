/** A node's disk in a directory: the database, the identity beside it, and the mark of an untrusted store. */
import type { DistrustReason } from '../coordinator/index.ts';
import type { LevelKvOptions, NodeId } from '../data/index.ts';
import { openDirectory, type DirectoryOwner } from './directory.ts';
import type { StoreCondition } from './identity.ts';
import type { HeldDisk } from './ports.ts';

const STAGGERED = 4;

/** Throws a NodeError or a DataError; nothing stays locked or open then. */
export async function openDirectoryDisk(path: string, owner: DirectoryOwner, options: LevelKvOptions): Promise<HeldDisk> {
  const opened = await openDirectory(path, owner, staggered(options, owner.nodeId));
  return {
    disk: {
      kv: opened.kv,
      clusterId: opened.identity.clusterId,
      incarnation: opened.identity.incarnation,
      distrusted: reasonOf(opened.condition),
      markUntrusted: async (text) => opened.markUntrusted([text]),
      markUnreadable: async (text) => opened.markUnreadable([text]),
      clearUntrusted: async () => opened.clearUntrusted(),
      areFilesChecked: opened.areTablesChecked,
      scrubFiles: async (budget) => opened.scrubFiles(budget),
    },
    lastRunEndedInOrder: opened.lastRunEndedInOrder,
    release: async () => opened.release(),
  };
}

/**
 * Replicas take the same writes, so buffers of one size are full at the same moment, and all replicas flush and compact
 * at once. Of four neighbours each has a size of its own, so that mostly one does while a majority goes on.
 */
function staggered(options: LevelKvOptions, node: NodeId): LevelKvOptions {
  return { ...options, writeBufferBytes: Math.round(options.writeBufferBytes * (1 - (node % STAGGERED) / (2 * STAGGERED))) };
}

function reasonOf(condition: StoreCondition): DistrustReason | null {
  switch (condition.state) {
    case 'sound':
      return null;
    case 'new':
      return { kind: 'new' };
    case 'damaged':
      return { kind: 'damaged', text: condition.findings.join('; ') };
  }
}
