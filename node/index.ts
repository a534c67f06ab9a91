/** node/: the daemon. */
import type { NodeConfig } from '../config/index.ts';
import { nodeId } from '../data/index.ts';
import { Daemon } from './daemon.ts';
import { openDirectoryDisk } from './directory-disk.ts';
import { NodeError } from './errors.ts';

export { NodeError, type NodeErrorCode } from './errors.ts';
export { makeDirectory } from './identity.ts';
export { PACKAGE_VERSION } from './package-version.ts';

export interface RunningNode {
  readonly nodeId: number;
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * One daemon in this process, on its directory, listening. Resolves when it takes requests. Throws an error with a
 * `code` (README, "Errors"). `onFatal`: it had to stop by itself; end the process.
 */
export async function startNode(config: NodeConfig, hooks: { onFatal?(reason: string): void } = {}): Promise<RunningNode> {
  const { directory } = config;
  if (directory === null) throw new NodeError('RING_DIRECTORY_UNUSABLE', 'a daemon needs a directory; in memory there are only clusters of createCluster');
  return Daemon.start(
    config,
    async (clusterId, onCompromised) => openDirectoryDisk(directory, { clusterId, nodeId: nodeId(config.nodeId), replicationFactor: config.replicationFactor, onCompromised }, config.store),
    { onFatal: (reason) => hooks.onFatal?.(reason) },
  );
}
