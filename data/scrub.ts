/**
 * The scrub: reads what nobody has asked for, before it is needed. Checks every entry by itself, and records and the
 * ordered key index against each other, because a flipped bit in a stored key makes its entry vanish from its place.
 */
import { readU16 } from './bytes.ts';
import { isNodeId, type Partition } from './identifiers.ts';
import { HINT_KEY_PREFIX_BYTES, KEYSPACE, orderedKey, parseHintKey, parseOrderedKey, parseRecordKey, recordKey, type RecordKeyParts } from './layout.ts';
import type { KvEntry } from './ordered-kv.ts';
import type { RecordBytes } from './record.ts';

export interface ScrubContext {
  get(databaseKey: Uint8Array): Uint8Array | undefined;
  hashOf(key: Uint8Array): number;
  partitionOf(hash: number): Partition;
  isIntactAt(parts: RecordKeyParts, record: RecordBytes): boolean;
  isHintIntact(databaseKey: Uint8Array, value: Uint8Array): boolean;
  damageFound(databaseKey: Uint8Array): void;
  /** A record is there, its entry in the ordered key index is not. */
  indexMissing(key: Uint8Array): void;
}

/** The key that a damaged entry stands for; null when no key of its place could be: the stored key itself is damaged. */
export function parseDamagedKey(databaseKey: Uint8Array, context: Pick<ScrubContext, 'hashOf' | 'partitionOf'>): { readonly key: Uint8Array } | null {
  if (databaseKey[0] === KEYSPACE.hint) {
    if (databaseKey.length <= HINT_KEY_PREFIX_BYTES || !isNodeId(readU16(databaseKey, 1))) return null;
    const { key, partition } = parseHintKey(databaseKey);
    return context.partitionOf(context.hashOf(key)) === partition ? { key } : null;
  }
  const { key, hash, partition } = parseRecordKey(databaseKey);
  return key.length > 0 && context.hashOf(key) === hash && context.partitionOf(hash) === partition ? { key } : null;
}

/** Checks what a slice has read; returns its bytes. */
export function scrubEntries(entries: readonly KvEntry[], context: ScrubContext): number {
  let bytes = 0;
  for (const entry of entries) {
    bytes += entry.key.length + entry.value.length;
    switch (entry.key[0]) {
      case KEYSPACE.record:
        scrubRecord(entry, context);
        break;
      case KEYSPACE.orderedKey:
        scrubOrderedKey(entry, context);
        break;
      default:
        if (!context.isHintIntact(entry.key, entry.value)) context.damageFound(entry.key);
    }
  }
  return bytes;
}

function scrubRecord(entry: KvEntry, context: ScrubContext): void {
  const parts = parseRecordKey(entry.key);
  if (!context.isIntactAt(parts, entry.value)) context.damageFound(entry.key);
  else if (context.get(orderedKey(parts.key)) === undefined) context.indexMissing(parts.key);
}

function scrubOrderedKey(entry: KvEntry, context: ScrubContext): void {
  const key = parseOrderedKey(entry.key);
  const hash = context.hashOf(key);
  const databaseKey = recordKey(context.partitionOf(hash), hash, key);
  if (context.get(databaseKey) === undefined) context.damageFound(databaseKey);
}
