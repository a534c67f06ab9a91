/** A small msgpack encoder of our own, which says one message in the many ways that msgpack allows. The vectors' second opinion on msgpackr. */

export type NumberStyle = 'shortest' | 'float32' | 'float64' | 'uint64' | 'int64';
export interface Style {
  readonly why: string;
  readonly numbers: NumberStyle;
  /** `longest`: lengths of arrays, bin and str in four bytes. */
  readonly lengths: 'shortest' | 'longest';
  /** `str`: bytes that are UTF-8 as str. */
  readonly bytes: 'bin' | 'str';
}

const SHORTEST: Omit<Style, 'why'> = { numbers: 'shortest', lengths: 'shortest', bytes: 'bin' };
/** As PROTOCOL.md has it: the shortest forms, and whole numbers of 2^32 and more as float64. */
export const CANONICAL: Style = { why: 'canonical', ...SHORTEST };
export const ALTERNATIVES: readonly Style[] = [
  { why: 'whole numbers as float64', ...SHORTEST, numbers: 'float64' },
  { why: 'whole numbers as float32, where they fit', ...SHORTEST, numbers: 'float32' },
  { why: 'whole numbers as uint64', ...SHORTEST, numbers: 'uint64' },
  { why: 'whole numbers as int64', ...SHORTEST, numbers: 'int64' },
  { why: 'lengths in four bytes', ...SHORTEST, lengths: 'longest' },
  { why: 'keys and values as str, where they are UTF-8', ...SHORTEST, bytes: 'str' },
];

const TWO_POW_32 = 0x1_0000_0000;

export function encodeAs(value: unknown, style: Style): Uint8Array {
  return Uint8Array.from(Buffer.concat(pieces(value, style)));
}

function pieces(value: unknown, style: Style): Uint8Array[] {
  if (value === null) return [Uint8Array.of(0xc0)];
  if (typeof value === 'number') return [numberBytes(value, style.numbers)];
  if (typeof value === 'string') return text(Buffer.from(value, 'utf8'), style);
  if (value instanceof Uint8Array) return style.bytes === 'str' && isPlainUtf8(value) ? text(value, style) : [head(value.length, style, null, [0xc4, 0xc5, 0xc6]), value];
  if (!Array.isArray(value)) throw new TypeError(`no msgpack for ${typeof value}`);
  return [head(value.length, style, { base: 0x90, most: 15 }, [null, 0xdc, 0xdd]), ...value.flatMap((element) => pieces(element, style))];
}

function text(bytes: Uint8Array, style: Style): Uint8Array[] {
  return [head(bytes.length, style, { base: 0xa0, most: 31 }, [0xd9, 0xda, 0xdb]), bytes];
}

function head(length: number, style: Style, fixed: { readonly base: number; readonly most: number } | null, [one, two, four]: readonly [number | null, number, number]): Uint8Array {
  if (style.lengths === 'shortest') {
    if (fixed !== null && length <= fixed.most) return Uint8Array.of(fixed.base + length);
    if (one !== null && length < 0x100) return Uint8Array.of(one, length);
    if (length < 0x1_0000) return Uint8Array.of(two, length >>> 8, length);
  }
  return Uint8Array.of(four, length >>> 24, length >>> 16, length >>> 8, length);
}

function numberBytes(value: number, style: NumberStyle): Uint8Array {
  const view = new DataView(new ArrayBuffer(9));
  const put = (token: number, size: number, write: () => void): Uint8Array => {
    view.setUint8(0, token);
    write();
    return new Uint8Array(view.buffer, 0, 1 + size);
  };
  if (style === 'float32' && Math.fround(value) === value) return put(0xca, 4, () => view.setFloat32(1, value));
  if (style === 'float64') return put(0xcb, 8, () => view.setFloat64(1, value));
  if (style === 'uint64') return put(0xcf, 8, () => view.setBigUint64(1, BigInt(value)));
  if (style === 'int64') return put(0xd3, 8, () => view.setBigInt64(1, BigInt(value)));
  if (value < 0x80) return Uint8Array.of(value);
  if (value < 0x100) return Uint8Array.of(0xcc, value);
  if (value < 0x1_0000) return put(0xcd, 2, () => view.setUint16(1, value));
  if (value < TWO_POW_32) return put(0xce, 4, () => view.setUint32(1, value));
  return put(0xcb, 8, () => view.setFloat64(1, value));
}

/** UTF-8 that may travel as str: not with a byte order mark at its head. */
function isPlainUtf8(bytes: Uint8Array): boolean {
  const said = Buffer.from(bytes).toString('utf8');
  return Buffer.from(said, 'utf8').equals(bytes) && !said.startsWith('\uFEFF');
}
