/** Versions: their bytes, parts and text, and their order. */
import { compareVersions, incarnationOfWriter, isVersionAt, nodeOfWriter, versionFromString, versionToBytes, versionToString, type Version } from '../../../data/index.ts';
import { toHex } from './form.ts';

export interface VersionVectors {
  readonly forms: readonly {
    readonly text: string;
    readonly bytes: string;
    readonly timestamp: number;
    readonly milliseconds: number;
    readonly counter: number;
    readonly writer: number;
    readonly node: number;
    readonly incarnation: number;
  }[];
  /** Each list from the oldest to the newest. */
  readonly orders: readonly { readonly why: string; readonly oldestFirst: readonly string[] }[];
  readonly invalidTexts: readonly string[];
  readonly invalidBytes: readonly { readonly why: string; readonly bytes: string }[];
}

const FORMS = [
  '1764000000000.3-n1.0c0de',
  '1795432753186.1-n0.a1e9a',
  '0.0-n0.00000',
  '0.0-n4095.00000',
  '0.0-n0.fffff',
  '0.1023-n4095.fffff',
  '1.0-n2048.80000',
  '4194303.1023-n7.00001',
  '4194304.0-n7.00001',
  '8796093022207.1023-n4095.fffff',
];
const ORDERS: VersionVectors['orders'] = [
  { why: 'the milliseconds decide before all else', oldestFirst: ['999.1023-n0.fffff', '1000.0-n4095.00000', '1764000000000.3-n1.0c0de', '8796093022207.0-n0.00000'] },
  { why: 'then the counter, as a number: the texts sort otherwise', oldestFirst: ['1000.9-n0.fffff', '1000.10-n4095.00000', '1000.1023-n0.00000'] },
  { why: 'a tie on the timestamp: the lower node id is the newer', oldestFirst: ['1000.0-n4095.fffff', '1000.0-n10.fffff', '1000.0-n9.00000', '1000.0-n1.0c0de', '1000.0-n0.00000'] },
  { why: 'a tie on timestamp and node: the higher incarnation is the newer', oldestFirst: ['1000.0-n1.00000', '1000.0-n1.00001', '1000.0-n1.0c0de', '1000.0-n1.fffff'] },
];
const INVALID_TEXTS = [
  '',
  '1764000000000',
  '1764000000000.3',
  '1764000000000.3-n1',
  '1764000000000.3-1.0c0de',
  '1764000000000.1024-n1.0c0de',
  '1764000000000.3-n4096.0c0de',
  '1764000000000.3-n1.0c0d',
  '1764000000000.3-n1.0c0dee',
  '1764000000000.3-n1.0C0DE',
  '8796093022208.0-n0.00000',
  '-1.0-n0.00000',
  '1764000000000.3-n1.0c0de ',
  ' 1764000000000.3-n1.0c0de',
  '1764000000000.-3-n1.0c0de',
];
const INVALID_BYTES: VersionVectors['invalidBytes'] = [
  { why: 'no bytes', bytes: '' },
  { why: '11 bytes', bytes: '00066ada5fa00003ffe0c0' },
  { why: 'a timestamp of 2^53', bytes: '0020000000000000ffe0c0de' },
  { why: 'a timestamp of 2^64 - 1', bytes: 'ffffffffffffffffffe0c0de' },
];

export function versions(): VersionVectors {
  return { forms: FORMS.map((text) => formOf(versionFromString(text))), orders: ORDERS, invalidTexts: INVALID_TEXTS, invalidBytes: INVALID_BYTES };
}

/** Whether these 12 bytes are a version; others are none. */
export function isVersionHex(hex: string): boolean {
  const bytes = Buffer.from(hex, 'hex');
  return bytes.length === 12 && isVersionAt(bytes, 0);
}

export function isNewer(a: string, b: string): boolean {
  return compareVersions(versionFromString(a), versionFromString(b)) > 0;
}

function formOf(version: Version): VersionVectors['forms'][number] {
  const { timestamp, writer } = version;
  return {
    text: versionToString(version),
    bytes: toHex(versionToBytes(version)),
    timestamp,
    milliseconds: Math.floor(timestamp / 1024),
    counter: timestamp % 1024,
    writer,
    node: nodeOfWriter(writer),
    incarnation: incarnationOfWriter(writer),
  };
}
