/** The topology that a directory was made with must be the configured one; members may have moved to other addresses. */
import { TopologyError, decodeTopology, encodeTopology, topologyDigest, type Topology } from '../coordinator/index.ts';
import { META, compareBytes, type Store } from '../data/index.ts';
import { NodeError } from './errors.ts';

/** Throws `RING_DIRECTORY_FOREIGN` or `RING_DIRECTORY_UNUSABLE`. */
export async function adoptTopology(store: Store, configured: Topology): Promise<void> {
  const bytes = store.readMeta(META.topology);
  const stored = bytes === undefined ? null : readStored(bytes);
  if (stored !== null) {
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

/** null when it is damaged. Then the configured one is taken: peers with another refuse this node. */
function readStored(bytes: Uint8Array): Topology | null {
  try {
    return decodeTopology(bytes);
  } catch (error) {
    if (error instanceof TopologyError) return null;
    throw error;
  }
}
