/** The errors of the peers' clients; the load counts them by code. */

export type PeerErrorCode = 'PEER_CLOSED' | 'PEER_REFUSED' | 'PEER_NOT_REPLICATED';

export class PeerError extends Error {
  readonly code: PeerErrorCode;

  constructor(code: PeerErrorCode, message: string) {
    super(message);
    this.name = 'PeerError';
    this.code = code;
  }
}
