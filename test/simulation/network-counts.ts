/**
 * What happened on the network of the simulation. Why it exists: a fault that is set and takes no effect shows nothing,
 * so each that took effect is counted where it did, and the coverage of a run asks here (N1).
 */
export class NetworkCounts {
  dials = 0;
  dialsRefused = 0;
  dialsTimedOut = 0;
  connections = 0;
  framesSent = 0;
  framesDelivered = 0;
  /** By chance; handshakes and closes are counted too. */
  framesLost = 0;
  /** By a partition that drops. */
  framesBlocked = 0;
  /** In flight when a connection broke. */
  framesCut = 0;
  framesToNobody = 0;
  framesDuplicated = 0;
  framesReordered = 0;
  /** Frames that waited for a link to be healed. */
  stalls = 0;
  resets = 0;
}
