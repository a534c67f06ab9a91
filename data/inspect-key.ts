/**
 * What a store has under one key, looked at to be explained: its copy of the record, and hints that it keeps for others.
 *
 * A read may answer from the memory of recent records. This looks into the database itself, and tells beside it what the
 * memory says, because it is asked for when the two may differ. LevelDB may still answer from its block cache; what lies
 * in the file behind it is the scrub's to check.
 *
 * Invariants
 *  I1  The memory is looked at first. A batch may be committed between the two lookups, so the database may be ahead of
 *      the memory; when it is behind, or has nothing, it has lost a record.
 *  I2  Damage that is met here is told to the store, as a read tells it: what is explained as about to be healed is.
 */
import type { NodeId } from './identifiers.ts';
import { hintKey, hintReference, orderedKey, recordKey } from './layout.ts';
import { readU32 } from './bytes.ts';
import { DataError } from './errors.ts';
import { RECORD_HEADER_BYTES } from './record-layout.ts';
import { RECORD_STAMP_BYTES, isIntact, isTombstone, versionOf } from './record.ts';
import type { Store } from './store.ts';
import type { Version } from './version.ts';

/** `failed`: the store could not be asked. */
export type CopyState = 'record' | 'tombstone' | 'absent' | 'damaged' | 'failed';
/** `dangling`: a reference to a record that is not here, or can't be read. */
export type HintState = 'record' | 'tombstone' | 'damaged' | 'dangling';

export interface CopyOnDisk {
  readonly state: CopyState;
  /** How a damaged one is damaged: its checksum fails, or the key index names a record that is not in its place. */
  readonly damage: 'checksum' | 'vanished' | null;
  /** Of a record or tombstone, as the next two. */
  readonly version: Version | null;
  readonly valueBytes: number | null;
  /** The record's crc32: two intact copies of one version with different ones are different records. */
  readonly checksum: number | null;
  /** It replaced a damaged one and was not compared with the other replicas since (data/write-group.ts, G4). */
  readonly isDoubtful: boolean;
  /** What the memory of recent records has; null: nothing, or it is not asked while damage is known (data/store.ts, S8). */
  readonly remembered: Version | null;
}

export interface HintOnDisk {
  readonly target: NodeId;
  readonly state: HintState;
  /** It names the record that this node keeps itself, and delivers what is there. */
  readonly isReference: boolean;
  /** That of the hint's own record, or the one that a reference names; null when the hint is damaged. */
  readonly version: Version | null;
  /** Of what would be delivered; null when nothing would. */
  readonly valueBytes: number | null;
}

export interface KeyOnDisk {
  readonly copy: CopyOnDisk;
  readonly hints: readonly HintOnDisk[];
}

type InspectedStore = Pick<Store, 'state' | 'get' | 'hashOf' | 'partitionOf' | 'recentStamp' | 'isDoubtful' | 'isHintIntact' | 'damageFound'>;

/** Looks for hints for `targets` only. Throws nothing that a closed or unreadable store does: that is `failed`. */
export function inspectKey(store: InspectedStore, key: Uint8Array, targets: readonly NodeId[]): KeyOnDisk {
  try {
    if (store.state !== 'open') return { copy: noCopy('failed', null, false), hints: [] };
    const copy = inspectCopy(store, key);
    const hints = targets.map((target) => inspectHint(store, key, target, copy)).filter((hint) => hint !== null);
    return { copy, hints };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return { copy: noCopy('failed', null, false), hints: [] };
  }
}

function inspectCopy(store: InspectedStore, key: Uint8Array): CopyOnDisk {
  const hash = store.hashOf(key);
  const databaseKey = recordKey(store.partitionOf(hash), hash, key);
  const isDoubtful = store.isDoubtful(key);
  const remembered = store.recentStamp(hash, key)?.version ?? null;
  let stored = store.get(databaseKey);
  if (stored === undefined) {
    if (store.get(orderedKey(key)) === undefined) return noCopy('absent', remembered, isDoubtful);
    // A batch with both may have been committed between the two lookups.
    stored = store.get(databaseKey);
  }
  if (stored === undefined || !isIntact(key, stored)) {
    store.damageFound(databaseKey);
    return { ...noCopy('damaged', remembered, isDoubtful), damage: stored === undefined ? 'vanished' : 'checksum' };
  }
  return {
    state: isTombstone(stored) ? 'tombstone' : 'record',
    damage: null,
    version: versionOf(stored),
    valueBytes: stored.length - RECORD_HEADER_BYTES,
    checksum: readU32(stored, RECORD_STAMP_BYTES),
    isDoubtful,
    remembered,
  };
}

function inspectHint(store: InspectedStore, key: Uint8Array, target: NodeId, copy: CopyOnDisk): HintOnDisk | null {
  const databaseKey = hintKey(target, store.partitionOf(store.hashOf(key)), key);
  const value = store.get(databaseKey);
  if (value === undefined) return null;
  if (!store.isHintIntact(databaseKey, value)) {
    store.damageFound(databaseKey);
    return { target, state: 'damaged', isReference: false, version: null, valueBytes: null };
  }
  const named = hintReference(key, value);
  if (named === null) return { target, state: isTombstone(value) ? 'tombstone' : 'record', isReference: false, version: versionOf(value), valueBytes: value.length - RECORD_HEADER_BYTES };
  const isThere = copy.state === 'record' || copy.state === 'tombstone';
  return { target, state: isThere ? copy.state : 'dangling', isReference: true, version: named, valueBytes: copy.valueBytes };
}

function noCopy(state: 'absent' | 'damaged' | 'failed', remembered: Version | null, isDoubtful: boolean): CopyOnDisk {
  return { state, damage: null, version: null, valueBytes: null, checksum: null, isDoubtful, remembered };
}
