/** The limits of the wire, each with a name; PROTOCOL.md lists them. */
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../data/portable.ts';

export { KEY_BYTES_MAX, VALUE_BYTES_MAX };

/** Version of the protocol; a peer with another one is refused. */
export const PROTOCOL_VERSION = 5;
/** A frame from a client or a peer; a larger one closes the connection with 1009. */
export const FRAME_BYTES_MAX = 8 * 1_048_576;
/** What a sender puts into one frame before it starts the next; one message may go beyond, a frame's limit never. */
export const FRAME_BYTES_TARGET = 1_048_576;
export const MESSAGES_PER_FRAME_MAX = 65_536;
/** Nesting of arrays in a frame; deeper ones are refused before they are decoded. */
export const NESTING_MAX = 4;
/** All values in a frame, nested ones included: bounds what decoding 8 MiB of empty arrays would cost. */
export const VALUES_PER_FRAME_MAX = 1_048_576;
/** Where a range begins or ends: a key, or the smallest one after the longest key. */
export const RANGE_BOUND_BYTES_MAX = KEY_BYTES_MAX + 1;
/** Entries that a client may ask for in one slice of a range, and how many it gets if a text frame does not say. */
export const SCAN_ENTRIES_MAX = 10_000;
export const SCAN_ENTRIES_DEFAULT = 100;
/** Keys and values of one slice; its first entry may go beyond. */
export const SCAN_BYTES_TARGET = 1_048_576;
/** What a node gives another of a range in one reply; the last record may go beyond the bytes. */
export const RANGE_ENTRIES_MAX = 1_000;
export const RANGE_BYTES_MAX = 1_048_576;
/** A request may ask for no more time than this. */
export const TIMEOUT_MS_MAX = 600_000;
/** Bytes waiting to be sent to one client from which on its requests are no longer read, and at which they are again. */
export const SEND_BUFFER_HIGH_BYTES = 8 * 1_048_576;
export const SEND_BUFFER_LOW_BYTES = 1_048_576;
/** Bytes waiting to be sent to one connection at which it is closed with 1013. */
export const SEND_BUFFER_BYTES_MAX = 64 * 1_048_576;
