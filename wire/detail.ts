/** The flat lists of answers as programs see them. */
import { readVersion } from '../data/portable.ts';
import { READ_SAID, WRITE_SAID, type NodeRead, type ReplicaWrite, type WriteAnswer } from './answers.ts';

/** target, holder, target, holder … as pairs. */
export function hintPairs(flat: readonly number[]): WriteAnswer['hints'] {
  const pairs: { target: number; holder: number }[] = [];
  for (let index = 0; index + 1 < flat.length; index += 2) pairs.push({ target: flat[index] ?? 0, holder: flat[index + 1] ?? 0 });
  return pairs;
}

/** node, what it said, node …, checked by the decoder. */
export function replicaWrites(flat: readonly number[], hints: WriteAnswer['hints']): readonly ReplicaWrite[] {
  const writes: ReplicaWrite[] = [];
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const node = flat[index] ?? 0;
    writes.push({ node, said: WRITE_SAID[flat[index + 1] ?? 0] ?? 'unknown', hintedOn: hints.find(({ target }) => target === node)?.holder ?? null });
  }
  return writes;
}

/** node, role and what it said, version or null, node …, checked by the decoder. */
export function nodeReads(flat: readonly (number | Uint8Array | null)[]): readonly NodeRead[] {
  const reads: NodeRead[] = [];
  for (let index = 0; index + 3 < flat.length; index += 4) {
    const [node, role, said, version] = flat.slice(index, index + 4);
    reads.push({
      node: Number(node),
      role: role === 0 ? 'replica' : 'stand-in',
      said: READ_SAID[Number(said)] ?? 'failed',
      version: version instanceof Uint8Array ? readVersion(version, 0) : null,
    });
  }
  return reads;
}
