/**
 * What one node says of one key when it is asked to `inspect` it, and the check of what another one has said.
 */
import { compareVersions, inspectKey, versionFromString, versionToString, type CopyOnDisk, type HintOnDisk, type NodeId, type Store, type Version } from '../data/index.ts';
import type { InspectedCopy, InspectedHint, KeyInspection } from '../wire/index.ts';
import type { Placement } from './placement.ts';
import { distrustText, type Trust } from './trust.ts';

export interface InspectionSources {
  readonly self: NodeId;
  readonly placement: Placement;
  readonly store: Store;
  readonly trust: Trust;
}

/** `wallMs`: this node's wall clock. Tells the store of the damage that is met (data/inspect-key.ts, I2). */
export function inspectionOf({ self, placement, store, trust }: InspectionSources, key: Uint8Array, wallMs: number): KeyInspection {
  const { partition, replicas } = placement.ofKey(key);
  const others = replicas.filter((node) => node !== self);
  const isReplica = others.length < replicas.length;
  // Before the look: damage that it meets sets the count back.
  const scanned = store.isScanned;
  const { copy, hints } = inspectKey(store, key, others);
  const isTrusted = !isReplica || trust.isTrusted(partition);
  return {
    node: self,
    wallMs,
    store: store.state,
    scanned,
    untrusted: isTrusted ? null : distrustText(trust.reason),
    awaits: isTrusted ? [] : others.filter((node) => trust.awaits(node)),
    copy: isReplica ? inspectedCopy(copy) : null,
    hints: hints.map(inspectedHint),
    dirtyFor: others.filter((node) => store.ledger.isDirty(node, partition)),
  };
}

/** null for anything that is no inspection by `node`: it counts as no answer. */
export function parseInspection(json: string, node: NodeId): KeyInspection | null {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return null;
  }
  return isInspection(value) && value.node === node ? value : null;
}

/** Versions in an inspection were checked when it was parsed. */
export function parsedVersion(text: string | null): Version | null {
  return text === null ? null : versionFromString(text);
}

/** Like `compareVersions`; null is older than any. */
export function compareVersionTexts(a: string | null, b: string | null): number {
  const [left, right] = [parsedVersion(a), parsedVersion(b)];
  if (left === null || right === null) return Number(left !== null) - Number(right !== null);
  return compareVersions(left, right);
}

function inspectedCopy({ state, damage, version, valueBytes, checksum, isDoubtful, remembered }: CopyOnDisk): InspectedCopy {
  return { state, damage, version: versionText(version), valueBytes, checksum, doubtful: isDoubtful, remembered: versionText(remembered) };
}

function inspectedHint({ target, state, isReference, version, valueBytes }: HintOnDisk): InspectedHint {
  return { target, state, reference: isReference, version: versionText(version), valueBytes };
}

function versionText(version: Version | null): string | null {
  return version === null ? null : versionToString(version);
}

type Fields<Shape> = Readonly<Record<keyof Shape, unknown>>;

const COPY_STATES: ReadonlySet<unknown> = new Set(['record', 'tombstone', 'absent', 'damaged', 'failed']);
const HINT_STATES: ReadonlySet<unknown> = new Set(['record', 'tombstone', 'damaged', 'dangling']);
const STORE_STATES: ReadonlySet<unknown> = new Set(['open', 'reopening', 'closed']);

function isInspection(value: unknown): value is KeyInspection {
  if (typeof value !== 'object' || value === null) return false;
  const { node, wallMs, store, scanned, untrusted, awaits, copy, hints, dirtyFor } = value as Fields<KeyInspection>;
  return (
    Number.isSafeInteger(node) &&
    Number.isFinite(wallMs) &&
    STORE_STATES.has(store) &&
    typeof scanned === 'boolean' &&
    (untrusted === null || typeof untrusted === 'string') &&
    isNodes(awaits) &&
    (copy === null || isCopy(copy)) &&
    Array.isArray(hints) &&
    hints.every(isHint) &&
    isNodes(dirtyFor)
  );
}

function isCopy(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { state, damage, version, valueBytes, checksum, doubtful, remembered } = value as Fields<InspectedCopy>;
  const isThere = state === 'record' || state === 'tombstone';
  return (
    COPY_STATES.has(state) &&
    (damage === null || damage === 'checksum' || damage === 'vanished') &&
    (isThere ? isVersion(version) && Number.isSafeInteger(valueBytes) && Number.isSafeInteger(checksum) : version === null) &&
    typeof doubtful === 'boolean' &&
    (remembered === null || isVersion(remembered))
  );
}

function isHint(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { target, state, reference, version, valueBytes } = value as Fields<InspectedHint>;
  const isThere = state === 'record' || state === 'tombstone';
  return (
    Number.isSafeInteger(target) &&
    HINT_STATES.has(state) &&
    typeof reference === 'boolean' &&
    (isVersion(version) || (version === null && !isThere)) &&
    (isThere ? Number.isSafeInteger(valueBytes) : valueBytes === null)
  );
}

function isNodes(value: unknown): boolean {
  return Array.isArray(value) && value.every(Number.isSafeInteger);
}

function isVersion(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  try {
    versionFromString(value);
    return true;
  } catch {
    return false;
  }
}
