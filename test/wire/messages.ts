/** Arbitrary valid messages of every kind, for properties. */
import * as fc from 'fast-check';
import { DIGEST_BYTES, LEAVES, encodeRecord, epoch, incarnation, nodeId, partition, versionToBytes } from '../../data/index.ts';
import { ERROR_CODES, type ClientReply, type ClientRequest, type ErrorNumber, type FrameHeader, type LevelNumber, type PeerReply, type PeerRequest } from '../../wire/index.ts';

const id = fc.maxSafeNat();
const node = fc.integer({ min: 0, max: 4095 }).map((value) => nodeId(value));
const nodes = fc.array(node, { maxLength: 8 });
const key = fc.uint8Array({ minLength: 1, maxLength: 1024 });
const value = fc.uint8Array({ maxLength: 300 });
const text = fc.string({ unit: 'grapheme' }).filter((string) => !string.startsWith('\uFEFF'));
const level = fc.constantFrom<LevelNumber>(0, 1, 2, 3);
const timeoutMs = fc.integer({ min: 0, max: 600_000 });
const bit = fc.constantFrom<0 | 1>(0, 1);
const errorNumber = fc.constantFrom(...Object.keys(ERROR_CODES).map((name) => Number(name) as ErrorNumber));
const version = fc.record({ timestamp: fc.maxSafeNat(), writer: fc.integer({ min: 0, max: 0xffff_ffff }) });
const versionBytes = version.map((issued) => versionToBytes(issued));
const record = fc.tuple(key, version, fc.option(value)).map(([forKey, issued, content]) => encodeRecord(forKey, issued, content));
const incarnationNumber = fc.integer({ min: 0, max: 0xf_ffff }).map((number) => incarnation(number));
const partitionNumber = fc.integer({ min: 0, max: 0xffff }).map((number) => partition(number));
const leaves = fc.uint8Array({ minLength: LEAVES * DIGEST_BYTES, maxLength: LEAVES * DIGEST_BYTES });
const recordPairs = fc.array(fc.tuple(key, record), { maxLength: 5 }).map((pairs) => pairs.flat());
const versionPairs = fc.array(fc.tuple(key, versionBytes), { maxLength: 5 }).map((pairs) => pairs.flat());

const bound = fc.option(fc.uint8Array({ maxLength: 1025 }));
const rangeFlags = fc.integer({ min: 0, max: 3 });
const valuePairs = fc.array(fc.tuple(key, fc.option(value)), { maxLength: 5 }).map((pairs) => pairs.flat());
const rangePairs = fc.array(fc.tuple(key, fc.option(record)), { maxLength: 5 }).map((pairs) => pairs.flat());

const writeFlags = fc.integer({ min: 0, max: 3 });
const writeSaid = fc.array(fc.tuple(node, fc.nat(9)), { maxLength: 4 }).map((rows) => rows.flat());
const readSaid = fc.array(fc.tuple(node, bit, fc.nat(6), fc.option(versionBytes)), { maxLength: 4 }).map((rows) => rows.flat());
const hintPairs = fc.array(fc.tuple(node, node), { maxLength: 4 }).map((pairs) => pairs.flat());

const memory = fc.oneof(fc.constant<readonly number[]>([]), fc.array(fc.maxSafeNat(), { minLength: 4, maxLength: 4 }));

function multipleOf(unit: number): fc.Arbitrary<Uint8Array> {
  return fc.array(fc.uint8Array({ minLength: unit, maxLength: unit }), { maxLength: 6 }).map((parts) => Uint8Array.from(Buffer.concat(parts)));
}

function type<Number extends number>(number: Number): fc.Arbitrary<Number> {
  return fc.constant(number);
}

export const clientRequest: fc.Arbitrary<ClientRequest> = fc.oneof(
  fc.tuple(type(1), id, key, value, level, timeoutMs),
  fc.tuple(type(1), id, key, value, level, timeoutMs, writeFlags),
  fc.tuple(type(2), id, key, level, timeoutMs),
  fc.tuple(type(2), id, key, level, timeoutMs, bit),
  fc.tuple(type(3), id, key, level, timeoutMs),
  fc.tuple(type(3), id, key, level, timeoutMs, writeFlags),
  fc.tuple(type(12), id, key, fc.option(value), versionBytes, level, timeoutMs, fc.nat(7)),
  fc.tuple(type(4), id),
  fc.tuple(type(5), id),
  fc.tuple(type(6), id, text),
  fc.tuple(type(7), id, key),
  fc.tuple(type(8), id),
  fc.tuple(type(9), id),
  fc.tuple(type(10), id, bound, bound, fc.integer({ min: 1, max: 10_000 }), rangeFlags, level, timeoutMs),
  fc.tuple(type(11), id, key),
);

export const clientReply: fc.Arbitrary<ClientReply> = fc.oneof(
  fc.tuple(type(17), id, versionBytes, nodes, hintPairs, bit),
  fc.tuple(type(17), id, versionBytes, nodes, hintPairs, bit, writeSaid),
  fc.tuple(type(18), id, fc.option(value), versionBytes, nodes),
  fc.tuple(type(18), id, fc.constant(null), fc.constant(null), nodes),
  fc.tuple(type(18), id, fc.option(value), versionBytes, nodes, readSaid),
  fc.tuple(type(23), id, versionBytes),
  fc.tuple(type(19), id, fc.json()),
  fc.tuple(type(20), id),
  fc.tuple(type(21), id, valuePairs, bound),
  fc.tuple(type(31), fc.option(id), errorNumber, text, fc.nat(8), fc.nat(8), fc.option(versionBytes)),
);

export const header: fc.Arbitrary<FrameHeader> = fc.tuple(
  type(0),
  fc.integer({ min: 1 }).map((number) => epoch(number)),
  fc.maxSafeNat(),
  fc.maxSafeNat(),
);

export const peerRequest: fc.Arbitrary<PeerRequest> = fc.oneof(
  fc.tuple(type(32), id, fc.nat(), text, text, node, node, incarnationNumber, fc.nat(), memory),
  fc.tuple(type(33), id, key, record, nodes),
  fc.tuple(type(34), id, node, key, record),
  fc.tuple(type(35), id, key, bit),
  fc.tuple(type(36), id, recordPairs),
  fc.tuple(type(37), id, multipleOf(10)),
  fc.tuple(type(38), id, partitionNumber, leaves),
  fc.tuple(type(39), id, partitionNumber, fc.nat(255), key, fc.constant(new Uint8Array(0)), versionPairs),
  fc.tuple(type(40), id, recordPairs),
  fc.tuple(type(41), id),
  fc.tuple(type(42), id),
  fc.tuple(type(43), id),
  fc.tuple(type(44), id, bound, bound, fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 1, max: 1_048_576 }), rangeFlags),
  fc.tuple(type(45), id, key),
);

export const peerReply: fc.Arbitrary<PeerReply> = fc.oneof(
  fc.tuple(type(64), id, node, incarnationNumber, fc.nat(), memory),
  fc.tuple(type(65), id, errorNumber, text),
  fc.tuple(type(66), id, fc.constantFrom<0 | 1 | 3 | 4 | 5 | 6>(0, 1, 3, 4, 5, 6), fc.option(versionBytes)),
  fc.tuple(type(66), id, fc.constantFrom<2 | 7>(2, 7), versionBytes),
  fc.tuple(type(67), id, fc.constantFrom<0 | 4>(0, 4), record),
  fc.tuple(type(67), id, fc.constantFrom<1 | 2 | 3 | 4>(1, 2, 3, 4), fc.constant(null)),
  fc.tuple(type(75), id, fc.constantFrom<0 | 4>(0, 4), versionBytes),
  fc.tuple(type(75), id, fc.constantFrom<1 | 2 | 3 | 4>(1, 2, 3, 4), fc.constant(null)),
  fc.tuple(type(68), id, bit),
  fc.tuple(type(69), id, bit, multipleOf(2)),
  fc.tuple(type(70), id, fc.oneof(leaves, fc.constant(new Uint8Array(0)))),
  fc.tuple(type(71), id, recordPairs, fc.array(key, { maxLength: 4 }), fc.option(key)),
  fc.tuple(type(72), id, bit, multipleOf(10), fc.nat(), bit),
  fc.tuple(type(73), id, fc.json()),
  fc.tuple(type(74), id, fc.maxSafeNat()),
  fc.tuple(type(76), id, fc.constantFrom<0 | 1 | 2>(0, 1, 2), rangePairs, bound),
  fc.tuple(type(77), id, fc.json()),
);

/** Buffers as plain byte arrays, so that what was decoded compares equal to what was encoded. */
export function plain(message: unknown): unknown {
  if (message instanceof Uint8Array) return Uint8Array.from(message);
  return Array.isArray(message) ? message.map(plain) : message;
}
