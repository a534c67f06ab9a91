/** What lies on disk, byte by byte, and the digests that nodes compare. For who reads a data directory or writes another node. */
import { encodeCheckedNumbers } from '../../../data/checked-numbers.ts';
import { MerkleTrees, encodeRecord, hashKey, metaKey, partition, partitionOfHash, recordDatabaseKey, versionFromString, type Version } from '../../../data/index.ts';
import { doubtKey, dirtyMetaName, encodeHintReference, hintKey, orderedKey, peerMetaName } from '../../../data/layout.ts';
import { ALICE, NODE_2, USER1 } from './frames.ts';
import { bytesForm, toHex, utf8, type BytesForm } from './form.ts';

interface StoredRecord {
  readonly key: BytesForm;
  readonly version: string;
  /** null: a tombstone. */
  readonly value: BytesForm | null;
  readonly record: BytesForm;
}

export interface DiskVectors {
  /** With 192 partitions and hash seed 0. */
  readonly records: readonly (StoredRecord & { readonly databaseKey: BytesForm; readonly orderedKey: BytesForm; readonly hintKeyForNode2: BytesForm; readonly hintReference: string })[];
  readonly damagedRecords: readonly { readonly why: string; readonly key: string; readonly record: string }[];
  readonly metaKeys: readonly { readonly name: string; readonly databaseKey: string }[];
  readonly doubtKeys: readonly { readonly key: string; readonly databaseKey: string }[];
  readonly checkedNumbers: readonly { readonly name: string; readonly numbers: readonly number[]; readonly bytes: string }[];
  readonly merkle: MerkleVectors;
}

interface MerkleVectors {
  readonly seed: string;
  readonly digests: readonly { readonly key: BytesForm; readonly version: string; readonly flags: number; readonly hash: number; readonly leaf: number; readonly digest: string }[];
  /** All the records above in one partition. Leaves that are not listed are 0. */
  readonly leaves: readonly { readonly leaf: number; readonly digest: string }[];
  readonly root: string;
}

const PARTITIONS = 192;
const ALL_IN_ONE = partition(0);
const EXAMPLE = '1764000000000.3-n1.0c0de';
const RECORDS: readonly (readonly [key: Uint8Array, version: string, value: Uint8Array | null])[] = [
  [USER1, EXAMPLE, ALICE],
  [USER1, EXAMPLE, null],
  [USER1, EXAMPLE, new Uint8Array()],
  [utf8('größe'), '1795432753186.1-n0.a1e9a', utf8('🙂')],
  [Uint8Array.of(0), '0.0-n4095.00000', Uint8Array.of(0)],
  [new Uint8Array(1_024).fill(0x6b), '8796093022207.1023-n0.fffff', new Uint8Array(4_096).fill(0xa5)],
];

export function disk(): DiskVectors {
  return {
    records: RECORDS.map(([key, text, value]) => recordOf(key, text, versionFromString(text), value)),
    damagedRecords: damaged(),
    metaKeys: ['identity', 'ceiling', 'sequence', 'topology', peerMetaName(NODE_2), dirtyMetaName(NODE_2, partition(191))].map((name) => ({ name, databaseKey: toHex(metaKey(name)) })),
    doubtKeys: [USER1, Uint8Array.of(0xff)].map((key) => ({ key: toHex(key), databaseKey: toHex(doubtKey(key)) })),
    checkedNumbers: [checked('ceiling', [1_806_336_000_000_003]), checked('sequence', [0]), checked(peerMetaName(NODE_2), [49_374, 4_294_967_294, 17, 9_007_199_254_740_991])],
    merkle: merkle(),
  };
}

function recordOf(key: Uint8Array, text: string, version: Version, value: Uint8Array | null): DiskVectors['records'][number] {
  const hash = hashKey(key, 0);
  const at = partitionOfHash(hash, PARTITIONS);
  return {
    key: bytesForm(key),
    version: text,
    value: value === null ? null : bytesForm(value),
    record: bytesForm(encodeRecord(key, version, value)),
    databaseKey: bytesForm(recordDatabaseKey(at, hash, key)),
    orderedKey: bytesForm(orderedKey(key)),
    hintKeyForNode2: bytesForm(hintKey(NODE_2, at, key)),
    hintReference: toHex(encodeHintReference(key, version)),
  };
}

function damaged(): DiskVectors['damagedRecords'] {
  const whole = toHex(encodeRecord(USER1, versionFromString(EXAMPLE), ALICE));
  const tombstone = toHex(encodeRecord(USER1, versionFromString(EXAMPLE), null));
  const key = toHex(USER1);
  return [
    { why: 'no bytes', key, record: '' },
    { why: 'shorter than its header', key, record: whole.slice(0, 34) },
    { why: 'another format', key, record: `02${whole.slice(2)}` },
    { why: 'a flag that is not known', key, record: `0102${whole.slice(4)}` },
    { why: 'a flipped bit in the version', key, record: `${whole.slice(0, 26)}df${whole.slice(28)}` },
    { why: 'a flipped bit in the checksum', key, record: `${whole.slice(0, 34)}30${whole.slice(36)}` },
    { why: 'a flipped bit in the value', key, record: `${whole.slice(0, -2)}64` },
    { why: 'a value cut short', key, record: whole.slice(0, -2) },
    { why: 'read under another key', key: toHex(utf8('user2')), record: whole },
    { why: 'a tombstone with a value', key, record: `${tombstone}61` },
  ];
}

function checked(name: string, numbers: readonly number[]): DiskVectors['checkedNumbers'][number] {
  return { name, numbers, bytes: toHex(encodeCheckedNumbers(name, numbers)) };
}

function merkle(): MerkleVectors {
  const together = new MerkleTrees(1);
  const digests = RECORDS.map(([key, text, value]) => {
    const [version, flags, hash] = [versionFromString(text), value === null ? 1 : 0, hashKey(key, 0)];
    together.add(ALL_IN_ONE, hash, key, version, flags);
    const alone = new MerkleTrees(1);
    alone.add(ALL_IN_ONE, hash, key, version, flags);
    return { key: bytesForm(key), version: text, flags, hash, leaf: hash >>> 24, digest: rootOf(alone) };
  });
  const leaves = toHex(together.leaves(ALL_IN_ONE)).match(/.{16}/g) ?? [];
  return { seed: '52494e474c45564c', digests, leaves: leaves.flatMap((digest, leaf) => (/^0+$/.test(digest) ? [] : [{ leaf, digest }])), root: rootOf(together) };
}

function rootOf(trees: MerkleTrees): string {
  const root = new Uint8Array(8);
  trees.writeRoot(ALL_IN_ONE, root, 0);
  return toHex(root);
}
