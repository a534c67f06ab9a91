/**
 * The Merkle trees of a node: for each partition 256 leaves and a root, kept up to date by each write.
 *
 *   record digest   XXH64 over (version, flags, key). Not two XXH32 with different seeds: on short inputs the seed
 *                   hardly changes which inputs collide (of 1,085 pairs that collided under one, 682 did under both)
 *   leaf            XOR of the digests of the records whose key hash has the leaf's number as its top byte
 *   root            XOR of the leaves
 *
 * Invariants
 *  M1  Two replicas hold the same (key, version, flags) set of a partition if, and but for 2^-64 only if, their roots
 *      are equal; the same for leaves.
 *  M2  Replacing a record (`remove`, `add`) costs O(1) whatever the partition holds: XOR takes the old digest out and the new one in.
 *
 * Source: Merkle, "A Digital Signature Based on a Conventional Encryption Function", 1987; the XOR form is the
 * incremental set hash of Bellare and Micciancio, 1997 (XHASH). It is no protection against a peer that forges records.
 */
import xxhash from 'xxhash-wasm';
import { KEY_BYTES_MAX } from './key.ts';
import { readU32, writeU32 } from './bytes.ts';
import { assert } from './errors.ts';
import type { Partition } from './identifiers.ts';
import { VERSION_BYTES, writeVersion, type Version } from './version.ts';

export const LEAVES = 256;
export const DIGEST_BYTES = 8;

const { h64Raw } = await xxhash();
const DIGEST_SEED = 0x52494e474c45564cn;
const FLAGS_OFFSET = VERSION_BYTES;
const KEY_OFFSET = VERSION_BYTES + 1;
const scratch = new Uint8Array(KEY_OFFSET + KEY_BYTES_MAX);
const digest = new DataView(new ArrayBuffer(DIGEST_BYTES));

export class MerkleTrees {
  /** Two words a leaf: high, low. */
  readonly #leaves: Uint32Array;
  readonly #roots: Uint32Array;
  readonly #counts: Uint32Array;

  constructor(partitionCount: number) {
    this.#leaves = new Uint32Array(partitionCount * LEAVES * 2);
    this.#roots = new Uint32Array(partitionCount * 2);
    this.#counts = new Uint32Array(partitionCount);
  }

  /** Takes a record out of, or into, the tree of its partition (M2). Not idempotent: the caller knows what is in it. */
  add(partition: Partition, hash: number, key: Uint8Array, version: Version, flags: number): void {
    this.#toggle(partition, hash, key, version, flags);
    this.#counts[partition] = (this.#counts[partition] ?? 0) + 1;
  }

  remove(partition: Partition, hash: number, key: Uint8Array, version: Version, flags: number): void {
    assert((this.#counts[partition] ?? 0) > 0, 'a record is taken out of an empty tree');
    this.#toggle(partition, hash, key, version, flags);
    this.#counts[partition] = (this.#counts[partition] ?? 0) - 1;
  }

  /** Records in the partition, tombstones included. */
  count(partition: Partition): number {
    return this.#counts[partition] ?? 0;
  }

  countAll(): number {
    let sum = 0;
    for (const count of this.#counts) sum += count;
    return sum;
  }

  /** Writes the root's 8 bytes at `offset`. */
  writeRoot(partition: Partition, into: Uint8Array, offset: number): void {
    writeU32(into, offset, this.#roots[partition * 2] ?? 0);
    writeU32(into, offset + 4, this.#roots[partition * 2 + 1] ?? 0);
  }

  /** Whether the root is the 8 bytes at `offset`. */
  isRoot(partition: Partition, bytes: Uint8Array, offset: number): boolean {
    return readU32(bytes, offset) === this.#roots[partition * 2] && readU32(bytes, offset + 4) === this.#roots[partition * 2 + 1];
  }

  /** All leaves of a partition, 8 bytes each. */
  leaves(partition: Partition): Uint8Array {
    const bytes = new Uint8Array(LEAVES * DIGEST_BYTES);
    const from = partition * LEAVES * 2;
    for (let word = 0; word < LEAVES * 2; word++) writeU32(bytes, word * 4, this.#leaves[from + word] ?? 0);
    return bytes;
  }

  clear(): void {
    this.#leaves.fill(0);
    this.#roots.fill(0);
    this.#counts.fill(0);
  }

  #toggle(partition: Partition, hash: number, key: Uint8Array, version: Version, flags: number): void {
    writeVersion(scratch, 0, version);
    scratch[FLAGS_OFFSET] = flags;
    scratch.set(key, KEY_OFFSET);
    const bytes = scratch.subarray(0, KEY_OFFSET + key.length);
    digest.setBigUint64(0, h64Raw(bytes, DIGEST_SEED));
    const high = digest.getUint32(0);
    const low = digest.getUint32(4);
    const leaf = (partition * LEAVES + leafOfHash(hash)) * 2;
    const root = partition * 2;
    this.#leaves[leaf] = (this.#leaves[leaf] ?? 0) ^ high;
    this.#leaves[leaf + 1] = (this.#leaves[leaf + 1] ?? 0) ^ low;
    this.#roots[root] = (this.#roots[root] ?? 0) ^ high;
    this.#roots[root + 1] = (this.#roots[root + 1] ?? 0) ^ low;
  }
}

export function leafOfHash(hash: number): number {
  return hash >>> 24;
}

/** The numbers of the leaves in which two lists of leaves differ, in order. Both are of 256 × 8 bytes. */
export function differingLeaves(a: Uint8Array, b: Uint8Array): number[] {
  const numbers: number[] = [];
  for (let leaf = 0; leaf < LEAVES; leaf++) {
    const at = leaf * DIGEST_BYTES;
    if (readU32(a, at) !== readU32(b, at) || readU32(a, at + 4) !== readU32(b, at + 4)) numbers.push(leaf);
  }
  return numbers;
}

/** Whether no record is in the leaf (but for 2^-64). */
export function isEmptyLeaf(leaves: Uint8Array, leaf: number): boolean {
  return readU32(leaves, leaf * DIGEST_BYTES) === 0 && readU32(leaves, leaf * DIGEST_BYTES + 4) === 0;
}
