/** One fear a test: a log that lost something, and nobody notices. Logs of real databases, and logs made by hand. */
import { describe, expect, it } from 'vitest';
import { crc32c, maskCrc, unmaskCrc } from '../../data/crc32c.ts';
import { LOG_BLOCK_BYTES, LOG_HEADER_BYTES, checkLog, readLog } from '../../data/leveldb-log.ts';
import { SeededRandom } from '../support/seeded-random.ts';

const ascending = Uint8Array.from({ length: 32 }, (_, index) => index);

describe('crc32c', () => {
  it.each<[string, Uint8Array, number]>([
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 ascending bytes', ascending, 0x46dd794e],
    ['32 descending bytes', ascending.toReversed(), 0x113fdb5c],
    ['a SCSI read command', Buffer.from('01c00000000000000000000000000000140000000000040000000014000000182800000000000000020000000000000000'.slice(0, 96), 'hex'), 0xd9963a56],
    ['the digits', Buffer.from('123456789'), 0xe3069283],
    ['nothing', new Uint8Array(0), 0],
  ])('of %s is that of RFC 3720, B.4', (_, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });

  it('goes on from the checksum of what came before, at any place', () => {
    const random = new SeededRandom(1);
    const bytes = Uint8Array.from({ length: 100 }, () => random.below(256));
    for (let cut = 0; cut <= bytes.length; cut++) expect(crc32c(bytes, cut, bytes.length, crc32c(bytes, 0, cut))).toBe(crc32c(bytes));
  });

  it('is unmasked as it was masked', () => {
    for (const crc of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x8a9136aa]) {
      expect(maskCrc(crc)).not.toBe(crc);
      expect(unmaskCrc(maskCrc(crc))).toBe(crc);
    }
  });
});

const TYPE = { full: 1, first: 2, middle: 3, last: 4 } as const;

function physical(type: number, data: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(LOG_HEADER_BYTES + data.length);
  bytes.set(data, LOG_HEADER_BYTES);
  bytes.writeUInt16LE(data.length, 4);
  bytes[6] = type;
  bytes.writeUInt32LE(maskCrc(crc32c(bytes, 6)), 0);
  return bytes;
}

/** As LevelDB's log_writer.cc does it. */
function logOf(records: readonly Uint8Array[]): Buffer<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  let at = 0;
  const add = (bytes: Uint8Array): void => {
    parts.push(bytes);
    at = (at + bytes.length) % LOG_BLOCK_BYTES;
  };
  for (const record of records) {
    let from = 0;
    do {
      if (LOG_BLOCK_BYTES - at < LOG_HEADER_BYTES) add(new Uint8Array(LOG_BLOCK_BYTES - at));
      const to = Math.min(record.length, from + LOG_BLOCK_BYTES - at - LOG_HEADER_BYTES);
      const type = from === 0 ? (to === record.length ? TYPE.full : TYPE.first) : to === record.length ? TYPE.last : TYPE.middle;
      add(physical(type, record.subarray(from, to)));
      from = to;
    } while (from < record.length);
  }
  return Buffer.concat(parts);
}

const recordsOf = (bytes: Uint8Array): Uint8Array[] => {
  const records: Uint8Array[] = [];
  readLog(bytes, (record) => records.push(Uint8Array.from(record)));
  return records;
};

const hexOf = (records: readonly Uint8Array[]): string[] => records.map((record) => Buffer.from(record).toString('hex'));
const text = (length: number, byte = 7): Uint8Array => new Uint8Array(length).fill(byte);

describe('a log', () => {
  it('of records of all sizes is sound, and gives them back', () => {
    const random = new SeededRandom(2);
    const sizes = [0, 1, 6, 7, 8, LOG_BLOCK_BYTES - 14, LOG_BLOCK_BYTES - 7, LOG_BLOCK_BYTES, 3 * LOG_BLOCK_BYTES, ...Array.from({ length: 200 }, () => random.below(2000))];
    const records = sizes.map((size) => Uint8Array.from({ length: size }, () => random.below(256)));
    const log = logOf(records);
    expect(checkLog(log)).toStrictEqual({ state: 'sound' });
    expect(hexOf(recordsOf(log))).toStrictEqual(hexOf(records));
  });

  it('that is empty is sound', () => {
    expect(checkLog(new Uint8Array(0))).toStrictEqual({ state: 'sound' });
  });

  it('cut anywhere is sound or has a torn tail, and gives back what was whole', () => {
    const records = Array.from({ length: 60 }, (_, index) => text(index * 40, index));
    const log = logOf(records);
    const expected = hexOf(records);
    for (let cut = 0; cut <= log.length; cut += cut % LOG_BLOCK_BYTES > LOG_BLOCK_BYTES - 100 ? 1 : 37) {
      const { state } = checkLog(log.subarray(0, cut));
      expect([cut, state === 'damaged']).toStrictEqual([cut, false]);
      const whole = hexOf(recordsOf(log.subarray(0, cut)));
      expect([cut, whole.every((hex, index) => hex === expected[index])]).toStrictEqual([cut, true]);
    }
  });

  it('with zeros or nonsense at its end has a torn tail, where they begin', () => {
    const log = logOf([text(100), text(200)]);
    expect(checkLog(Buffer.concat([log, new Uint8Array(70_000)]))).toStrictEqual({ state: 'torn-tail', offset: log.length });
    expect(checkLog(Buffer.concat([log, new Uint8Array(3).fill(9)]))).toStrictEqual({ state: 'torn-tail', offset: log.length });
    const bad = Buffer.from(log);
    bad[150] = 8;
    expect(checkLog(bad)).toStrictEqual({ state: 'damaged', offset: 107, reason: 'the last record is whole and wrong' });
    expect(checkLog(bad.subarray(0, -1))).toStrictEqual({ state: 'torn-tail', offset: 107 });
  });

  it('with a zeroed range before a good record is damaged, in the same block and in another', () => {
    const log = logOf(Array.from({ length: 500 }, () => text(193)));
    expect(checkLog(Buffer.from(log).fill(0, 400, 800))).toStrictEqual({ state: 'damaged', offset: 400, reason: 'records that cannot be read' });
    expect(checkLog(Buffer.from(log).fill(0, 400, 40_000)).state).toBe('damaged');
    expect(checkLog(Buffer.from(log).fill(0, 400)).state).toBe('torn-tail');
  });

  it('whose damaged record has a bad length is damaged, though the next one is not where the length says', () => {
    const log = logOf([text(50), text(60), text(70)]);
    log.writeUInt16LE(61, 57 + 4);
    expect(checkLog(log)).toStrictEqual({ state: 'damaged', offset: 57, reason: 'records that cannot be read' });
  });

  it('whose length is bad in any bit of any record but the last is damaged', () => {
    const records = [50, 3000, 0, 700, 12_000, 20].map((length) => text(length));
    const sound = logOf(records);
    let at = 0;
    for (const record of records.slice(0, -1)) {
      for (let bit = 0; bit < 16; bit++) {
        const log = Buffer.from(sound);
        log.writeUInt16LE(record.length ^ (1 << bit), at + 4);
        expect([at, bit, checkLog(log)]).toStrictEqual([at, bit, { state: 'damaged', offset: at, reason: 'records that cannot be read' }]);
      }
      at += LOG_HEADER_BYTES + record.length;
    }
  });

  it('of one block with 20 bits of its first half flipped is damaged where a record behind is still good, and nearly always where none is', () => {
    const seen = { 'damaged': 0, 'torn-tail': 0, 'sound': 0 };
    for (let seed = 1; seed <= 300; seed++) {
      const random = new SeededRandom(seed);
      // Groups of writes as the campaign `untrusted` makes them: small values, and a large one now and then.
      const records: Uint8Array[] = [];
      while (records.reduce((sum, record) => sum + record.length, 0) < 8000) {
        const length = random.isBelow(0.1) ? 6000 + random.below(14_000) : 100 + random.below(1000);
        records.push(Uint8Array.from({ length }, () => random.below(256)));
      }
      const log = logOf(records);
      expect([seed, log.length < LOG_BLOCK_BYTES]).toStrictEqual([seed, true]);
      const bad = new Set<number>();
      for (let flip = 0; flip < 20; flip++) {
        const at = random.below(Math.floor(log.length / 2));
        log.writeUInt8((log[at] ?? 0) ^ (1 << random.below(8)), at);
        bad.add(at);
      }
      let from = 0;
      const isGood = records.map((record) => {
        const to = from + LOG_HEADER_BYTES + record.length;
        const good = ![...bad].some((at) => at >= from && at < to);
        from = to;
        return good;
      });
      const { state } = checkLog(log);
      if (isGood.lastIndexOf(true) > isGood.indexOf(false)) expect([seed, state]).toStrictEqual([seed, 'damaged']);
      seen[state]++;
    }
    // Where a header of the last records is hit as well, nothing tells it from a torn write.
    expect([seen.damaged > 280, seen.sound]).toStrictEqual([true, 0]);
  });

  it('with random bytes behind a torn record has a torn tail, even with a mebibyte of them', () => {
    const log = logOf(Array.from({ length: 20 }, () => text(300)));
    for (let seed = 1; seed <= 20; seed++) {
      const random = new SeededRandom(seed);
      const cut = 307 * 19 + 1 + random.below(305);
      const garbage = Uint8Array.from({ length: seed === 1 ? 1 << 20 : random.below(40_000) + 300 }, () => random.below(256));
      expect([seed, checkLog(Buffer.concat([log.subarray(0, cut), garbage]))]).toStrictEqual([seed, { state: 'torn-tail', offset: 307 * 19 }]);
    }
  });

  it('with a hole of zeros and then a good record is damaged, though a power cut may do that: on the safe side', () => {
    const log = logOf([text(100), text(8000), text(100)]);
    expect(checkLog(Buffer.from(log).fill(0, 4096, 8100))).toMatchObject({ state: 'damaged', offset: 107 });
    expect(checkLog(Buffer.from(log).fill(0, 4096))).toStrictEqual({ state: 'torn-tail', offset: 107 });
  });

  it('in which only a record without data lies behind what is bad has a torn tail', () => {
    const torn = Buffer.from(physical(TYPE.full, text(60)).subarray(0, -1));
    torn.writeUInt8(8, 20);
    torn.set(physical(TYPE.first, text(0)), 40);
    expect(checkLog(torn)).toStrictEqual({ state: 'torn-tail', offset: 0 });
    torn.set(physical(TYPE.first, text(1)), 40);
    expect(checkLog(torn)).toMatchObject({ state: 'damaged', offset: 0 });
  });

  it('made so that every byte looks like a record is searched up to a limit, and is damaged beyond it', () => {
    const reason = 'or may follow: there is too much to search';
    expect(checkLog(new Uint8Array(LOG_BLOCK_BYTES).fill(TYPE.last))).toStrictEqual({ state: 'torn-tail', offset: 0 });
    expect(checkLog(new Uint8Array(100 * LOG_BLOCK_BYTES).fill(TYPE.last))).toStrictEqual({ state: 'damaged', offset: 0, reason });
  });

  it.each<[string, readonly Uint8Array[], string]>([
    ['a middle without a beginning', [physical(TYPE.middle, text(9)), physical(TYPE.full, text(9))], 'a record has no beginning'],
    ['an end without a beginning', [physical(TYPE.full, text(9)), physical(TYPE.last, text(9))], 'a record has no beginning'],
    ['a beginning without an end', [physical(TYPE.first, text(9)), physical(TYPE.full, text(9))], 'a record has no end'],
    ['two beginnings', [physical(TYPE.first, text(9)), physical(TYPE.first, text(9)), physical(TYPE.last, text(9))], 'a record has no end'],
    ['a type that is none', [physical(5, text(9)), physical(TYPE.full, text(9))], 'records that cannot be read'],
  ])('with %s is damaged', (_, parts, reason) => {
    expect(checkLog(Buffer.concat(parts))).toMatchObject({ state: 'damaged', reason });
  });

  it('that ends after a beginning has a torn tail; an empty beginning before a whole record is forgiven, as LevelDB does', () => {
    expect(checkLog(Buffer.concat([physical(TYPE.full, text(9)), physical(TYPE.first, text(9))]))).toStrictEqual({ state: 'torn-tail', offset: 16 });
    expect(checkLog(Buffer.concat([physical(TYPE.first, text(0)), physical(TYPE.full, text(9))]))).toStrictEqual({ state: 'sound' });
  });

  it('of nonsense gets a verdict', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = new SeededRandom(seed);
      const bytes = Uint8Array.from({ length: random.below(3 * LOG_BLOCK_BYTES) }, () => random.below(seed % 2 === 0 ? 256 : 5));
      expect([seed, checkLog(bytes).state]).toStrictEqual([seed, bytes.length === 0 ? 'sound' : 'torn-tail']);
    }
  });
});
