/** XXH32, which places keys, and XXH64, which Merkle trees use. */
import { hashKey } from '../../../data/index.ts';
import { toHex, utf8 } from './form.ts';

export interface HashVectors {
  readonly seeds: readonly number[];
  /** `xxh32`: one hash for each of the seeds. */
  readonly inputs: readonly { readonly bytes: string; readonly text?: string; readonly xxh32: readonly number[] }[];
}

const SEEDS = [0, 1, 0x9e37_79b1, 0xffff_ffff];
const TEXTS = ['user1', 'a', 'abc', 'größe', 'æøå', '你好，世界', '🙂🙃', 'e\u0301', '\u00e9', '\0', 'user1\0'];
/** Every length to 100, which crosses the blocks of 16 and the tails of 4, and some beyond, up to the longest key. */
const LENGTHS = [...Array.from({ length: 101 }, (_, length) => length), 127, 128, 129, 255, 256, 257, 1_023, 1_024];

export function hashes(): HashVectors {
  const texts = TEXTS.map((text) => ({ bytes: utf8(text), text }));
  const patterns = LENGTHS.map((length) => ({ bytes: Uint8Array.from({ length }, (_, index) => (index * 167 + length) & 0xff) }));
  const sames = [0x00, 0xff].flatMap((byte) => [1, 15, 16, 17, 31, 32, 33].map((length) => ({ bytes: new Uint8Array(length).fill(byte) })));
  const inputs = [...texts, ...patterns, ...sames].map(({ bytes, ...more }) => ({ bytes: toHex(bytes), ...more, xxh32: SEEDS.map((seed) => hashKey(bytes, seed)) }));
  return { seeds: SEEDS, inputs };
}
