/**
 * Frames to peers. What a coordinator sends goes to several replicas in the same tick, the very same messages in the
 * same order when all of them keep all of the keys: then the frames of one link are those of the next.
 */
import { encodeFrames, type FrameHeader, type PeerRequest } from '../wire/index.ts';

/** Frames that are larger are not held on to. */
const KEPT_BYTES_MAX = 1_048_576;

export class PeerFrames {
  readonly #header: () => FrameHeader;
  #messages: readonly PeerRequest[] = [];
  #frames: readonly Uint8Array[] = [];

  constructor(header: () => FrameHeader) {
    this.#header = header;
  }

  /** `bytesMax`: the sum of `messageBytesMax` over the messages. What is returned must not be changed. */
  encode(messages: readonly PeerRequest[], bytesMax: number): readonly Uint8Array[] {
    if (areSame(messages, this.#messages)) return this.#frames;
    const frames = encodeFrames(messages, this.#header(), bytesMax);
    const isKept = bytesMax <= KEPT_BYTES_MAX;
    this.#messages = isKept ? messages : [];
    this.#frames = isKept ? frames : [];
    return frames;
  }
}

/** The same objects, not equal ones: a message is sent to a peer once, so what is the same is of one tick. */
function areSame(a: readonly PeerRequest[], b: readonly PeerRequest[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
