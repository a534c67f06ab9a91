/** How many nodes and replicas a local cluster has, when flags are left out. */
import { UsageError } from './errors.ts';

const DEFAULT_NODES = 3;
const DEFAULT_REPLICATION_FACTOR = 3;

export interface ClusterSize {
  readonly nodes: number;
  readonly replicationFactor: number;
}

/** Throws a `UsageError` for a replication factor above the number of nodes. */
export function clusterSize(command: string, nodes: number | null, replicationFactor: number | null): ClusterSize {
  const count = nodes ?? DEFAULT_NODES;
  const factor = replicationFactor ?? Math.min(DEFAULT_REPLICATION_FACTOR, count);
  if (factor > count) {
    const nodesText = count === 1 ? 'there is only 1 node' : `there are only ${count} nodes`;
    throw new UsageError(`${command}: --replication-factor is ${factor}, but ${nodesText} (--nodes); allowed: 1 to ${count}`);
  }
  return { nodes: count, replicationFactor: factor };
}
