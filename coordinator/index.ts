/** coordinator/: what decides. Placement, liveness, quorum write and read, hints, read repair, anti-entropy. No I/O. */
export {
  STRETCH_LIMITS,
  compareStretch,
  databaseKeyIn,
  decodeRoots,
  differingPartitions,
  encodeRoots,
  exchange,
  type SweepEffect,
  type SweepResult,
  type SweepResume,
} from './anti-entropy.ts';
export { decideConverged, type NodeRoots } from './convergence.ts';
export { Coordinator, type CoordinatorOptions, type CoordinatorPorts } from './coordinator.ts';
export { handOff, type HandOffEffect, type HandOffResume } from './hand-off.ts';
export { explain, type ExplainInput } from './explain.ts';
export { inspectionOf, parseInspection } from './inspection.ts';
export { Liveness, type LivenessChange, type LivenessOptions, type LivenessState } from './liveness.ts';
export type { AnswerSink, CoordinatorEvent } from './operation.ts';
export { Placement, type Preference } from './placement.ts';
export { RangeReplica, failedRange } from './range-replica.ts';
export { Replica, isKept, pairsOfRecords, recordIntents, recordsOfPairs, type ReplicaRequest } from './replica.ts';
export { Trust, distrustText, type DistrustReason, type PeerStanding } from './trust.ts';
export { MEMBERS_MAX, PARTITIONS_PER_NODE, TopologyError, decodeTopology, encodeTopology, firstTopology, topologyDigest, type Member, type Topology } from './topology.ts';
