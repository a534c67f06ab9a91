/** The one configuration of msgpackr: plain msgpack, no records, no extensions. */
import { Packr } from 'msgpackr';
import { checkFrame } from './check-frame.ts';
import { FrameError } from './errors.ts';

export const packr = new Packr({
  useRecords: false,
  variableMapSize: true,
  // Never a bigint. What a double rounds is beyond the safe integers, which every check refuses.
  int64AsType: 'number',
  moreTypes: false,
  bundleStrings: false,
  structuredClone: false,
  encodeUndefinedAsNil: true,
});

/** The messages of a frame, of whatever shape; each `bin` is a view into `bytes`. Throws `FrameError`. */
export function unpackFrame(bytes: Uint8Array): readonly unknown[] {
  checkFrame(bytes);
  let messages: unknown;
  try {
    messages = packr.unpack(bytes);
  } catch (cause) {
    throw new FrameError(`not msgpack: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (!Array.isArray(messages)) throw new FrameError('a binary frame is a msgpack array of messages');
  return messages;
}
