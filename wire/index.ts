/** wire/: frames and messages, the one definition that nodes and clients share. */
export * from './answers.ts';
export * from './errors.ts';
export type * from './explanation.ts';
export * from './limits.ts';
export * from './messages.ts';
export * from './status.ts';
export { checkFrame } from './check-frame.ts';
export { decodeClientReplies, decodeClientRequests, invalidRequest, isInvalid, type InvalidRequest } from './decode-client.ts';
export { decodePeerReplies, decodePeerRequests, type PeerReplyFrame, type PeerRequestFrame } from './decode-peer.ts';
export { encodeFrame, encodeFrames, messageBytesMax, type AnyMessage } from './encode.ts';
export { hintPairs, nodeReads, replicaWrites } from './detail.ts';
export { bytesFromJson, bytesToJson, decodeTextFrame, encodeTextReplies, encodeTextReply, type TextFrame } from './json.ts';
export { utf8Bytes, utf8Text } from './text.ts';
