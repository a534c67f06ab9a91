/** What the properties draw from. */
import fc from 'fast-check';
import {
  INCARNATION_MAX,
  NODE_ID_MAX,
  TIMESTAMP_MAX,
  incarnation,
  nodeId,
  writerOf,
  type Version,
} from '../../data/index.ts';

export const nodeIds = fc.integer({ min: 0, max: NODE_ID_MAX }).map(nodeId);
export const incarnations = fc.integer({ min: 0, max: INCARNATION_MAX }).map(incarnation);
export const writers = fc.tuple(nodeIds, incarnations).map(([node, itsIncarnation]) => writerOf(node, itsIncarnation));

/** Any timestamp; and a few small ones, so that ties happen. */
const timestamps = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.maxSafeNat(), fc.constant(TIMESTAMP_MAX));

export const versions: fc.Arbitrary<Version> = fc.record({ timestamp: timestamps, writer: writers }, { noNullPrototype: true });

/** Versions of a small cluster that meet each other often. */
export const closeVersions: fc.Arbitrary<Version> = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 2 }))
  .map(([timestamp, node]) => ({ timestamp, writer: writerOf(nodeId(node), incarnation(1)) }));

export const keys = fc.uint8Array({ minLength: 1, maxLength: 40 });
export const values = fc.option(fc.uint8Array({ maxLength: 60 }), { nil: null });
