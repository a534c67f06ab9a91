/** The cluster id of a cluster that was given none: the same on every node that was told the same members. */
import { createHash } from 'node:crypto';
import type { Topology } from '../coordinator/index.ts';

export function deriveClusterId(topology: Topology): string {
  const text = JSON.stringify([topology.members.map(({ id, address }) => [id, address]), topology.replicationFactor, topology.hashSeed]);
  return `derived-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}
