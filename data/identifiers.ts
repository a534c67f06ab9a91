/** Numbers that must not be mixed up, each with its own type. */

declare const brand: unique symbol;
type Branded<Name extends string> = number & { readonly [brand]: Name };

/** A member of the cluster, numbered from 0. */
export type NodeId = Branded<'NodeId'>;
/** A fixed slice of the hash space: `hash % partitionCount`. */
export type Partition = Branded<'Partition'>;
/** The number of a topology. */
export type Epoch = Branded<'Epoch'>;
/** What a data directory gets anew whenever it is created; part of every version that is written from it. */
export type Incarnation = Branded<'Incarnation'>;

/** Node ids are 12 bits on disk and on the wire. */
export const NODE_ID_MAX = 0xfff;
/** Incarnations are 20 bits on disk and on the wire. */
export const INCARNATION_MAX = 0xf_ffff;

export function isNodeId(value: unknown): value is NodeId {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= NODE_ID_MAX;
}

export function nodeId(value: number): NodeId {
  if (!isNodeId(value)) throw new RangeError(`a node id is an integer from 0 to ${NODE_ID_MAX}, not ${value}`);
  return value;
}

export function isPartition(value: unknown): value is Partition {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffff;
}

export function partition(value: number): Partition {
  if (!isPartition(value)) throw new RangeError(`a partition is an integer from 0 to 65535, not ${value}`);
  return value;
}

export function isEpoch(value: unknown): value is Epoch {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

export function epoch(value: number): Epoch {
  if (!isEpoch(value)) throw new RangeError(`an epoch is a whole number from 1 on, not ${value}`);
  return value;
}

export function isIncarnation(value: unknown): value is Incarnation {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= INCARNATION_MAX;
}

export function incarnation(value: number): Incarnation {
  if (!isIncarnation(value)) throw new RangeError(`an incarnation is an integer from 0 to ${INCARNATION_MAX}, not ${value}`);
  return value;
}
