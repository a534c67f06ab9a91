/** What the wire must know of a record where none is made: record.ts itself needs a checksum from Node. */

/** All of a record but its value: format, flags, version and crc32. */
export const RECORD_HEADER_BYTES = 18;
