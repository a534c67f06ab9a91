/**
 * What happened to one disk of the simulation. Why it exists: a fault that is set and takes no effect shows nothing, so
 * each that took effect is counted where it did, and the coverage of a run asks here.
 */
export class DiskCounts {
  osWrites = 0;
  fsyncs = 0;
  slowFsyncs = 0;
  rotations = 0;
  failedWrites = 0;
  writesAfterFailure = 0;
  batchesLostAfterFailure = 0;
  reopens = 0;
  reopenFailures = 0;
  processCrashes = 0;
  powerCuts = 0;
  inFlightKept = 0;
  inFlightLost = 0;
  batchesLostInPowerCut = 0;
  /** Power cuts that lost a batch though an fsynced one of a later log survived. */
  lostBeforeSynced = 0;
  bitFlips = 0;
  keyFlips = 0;
  logsDamaged = 0;
  logsTorn = 0;
  batchesLostInLog = 0;
  wipes = 0;
  restores = 0;
}
