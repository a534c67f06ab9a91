/** The topology that a directory was made with must be the configured one; members may have moved to other addresses. */
import { decodeTopology, encodeTopology, topologyDigest, type Topology } from '../coordinator/index.ts';
import { META, compareBytes, type Store } from '../data/index.ts';
import { NodeError } from './errors.ts';

/** Throws `RING_DIRECTORY_FOREIGN`, `RING_DIRECTORY_UNUSABLE` or `RING_TOPOLOGY_INVALID`. */
export async function adoptTopology(store: Store, configured: Topology): Promise<void> {
  const bytes = store.readMeta(META.topology);
  if (bytes !== undefined) {
    const stored = decodeTopology(bytes);
    if (topologyDigest(stored) !== topologyDigest(configured)) {
      throw new NodeError(
        'RING_DIRECTORY_FOREIGN',
        `the directory was made for ${stored.members.length} nodes with replication factor ${stored.replicationFactor}, not for ${configured.members.length} with ${configured.replicationFactor}; give the same members and replication factor as before`,
      );
    }
  }
  const encoded = encodeTopology(configured);
  if (bytes !== undefined && compareBytes(bytes, encoded) === 0) return;
  const [outcome] = await store.writeAll([{ kind: 'meta', name: META.topology, value: encoded }]);
  if (outcome?.status !== 'applied') throw new NodeError('RING_DIRECTORY_UNUSABLE', 'the topology could not be written to the database');
}
