/** What `ring-level explain` prints of each state, as people read it. */
import { describe, expect, it } from 'vitest';
import { ageText, explanationLines } from '../../cli/explain-text.ts';
import type { ExplainAnswer } from '../../wire/index.ts';
import { ABSENT, FAILED, damaged, explained, hint, record, tombstone, version } from '../support/explain-states.ts';

const NEW = version(1_000, 1);
const OLD = version(5_000, 2);

function shown(answer: ExplainAnswer): string {
  const lines = explanationLines(answer);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(100);
  return lines.join('\n');
}

describe('the text of', () => {
  it('equal replicas', () => {
    expect(shown(explained([record(NEW), record(NEW), record(NEW)]))).toMatchInlineSnapshot(`
      "key "k1": hash 2863727046, partition 6, home node 0, epoch 1
      preference list: replicas 0, 1, 2; no fallback nodes

      node  role     state   version                   age    bytes
      0     home     record  1763999999000.0-n1.00001  1.0 s  5
      1     replica  record  1763999999000.0-n1.00001  1.0 s  5
      2     replica  record  1763999999000.0-n1.00001  1.0 s  5

      value: 5 bytes, version 1763999999000.0-n1.00001
      rule: it is the only version that was found (only-version)
      what happens next:
        nothing: all replicas have the same record (equal)

      asked node 0; ages are by its clock"
    `);
  });

  it('a stale one, and one without a record', () => {
    expect(shown(explained([record(OLD), record(NEW), ABSENT]))).toMatchInlineSnapshot(`
      "key "k1": hash 2863727046, partition 6, home node 0, epoch 1
      preference list: replicas 0, 1, 2; no fallback nodes

      node  role     state   version                   age    bytes
      0     home     record  1763999995000.0-n2.00001  5.0 s  5
      1     replica  record  1763999999000.0-n1.00001  1.0 s  5
      2     replica  absent

      value: 5 bytes, version 1763999999000.0-n1.00001
      rule: its timestamp is greater than that of 1763999995000.0-n2.00001, by 4000 ms (greater-timestamp)
      what happens next:
        node 0 is stale: the next sweep with node 1 (about every 10 s), or a read of the key, repairs it
          (stale)
        node 2 has no record: the next sweep with node 1 (about every 10 s), or a read of the key, repairs
          it (missing)

      asked node 0; ages are by its clock"
    `);
  });

  it('a hint on a fallback node and one by reference, for a node that is down', () => {
    expect(shown(explained([{ copy: record(NEW), hints: [hint(2, NEW, { reference: true })] }, record(NEW), null, { copy: null, hints: [hint(2, OLD)] }]))).toMatchInlineSnapshot(`
      "key "k4": hash 1151711964, partition 220, home node 0, epoch 1
      preference list: replicas 0, 1, 2; fallback nodes 3

      node  role     state            version                   age    bytes
      0     home     record           1763999999000.0-n1.00001  1.0 s  5
      1     replica  record           1763999999000.0-n1.00001  1.0 s  5
      2     replica  no answer: dead

      hint for  kept by  state                 version                   age    bytes
      2         0        record, by reference  1763999999000.0-n1.00001  1.0 s  5
      2         3        record                1763999995000.0-n2.00001  5.0 s  5

      value: 5 bytes, version 1763999999000.0-n1.00001
      rule: its timestamp is greater than that of 1763999995000.0-n2.00001, by 4000 ms (greater-timestamp)
      what may be newer:
        node 2 did not answer; it may have something newer (unreachable)
      what happens next:
        node 2 cannot be reached (dead): writes for it are kept as hints; when it is back, it gets them,
          and a sweep with each other replica begins at once (unreachable)
        node 0 keeps a hint by reference for node 2 and delivers it when node 2 is back (hinted)
        node 3 keeps a hint for node 2 and delivers it when node 2 is back (hinted)

      asked node 0; ages are by its clock"
    `);
  });

  it('a damaged copy that the memory still has', () => {
    expect(shown(explained([record(OLD), damaged('checksum', NEW), record(OLD)]))).toMatchInlineSnapshot(`
      "key "k1": hash 2863727046, partition 6, home node 0, epoch 1
      preference list: replicas 0, 1, 2; no fallback nodes

      node  role     state    version                   age    bytes
      0     home     record   1763999995000.0-n2.00001  5.0 s  5
      1     replica  damaged
      2     replica  record   1763999995000.0-n2.00001  5.0 s  5

      value: 5 bytes, version 1763999995000.0-n2.00001
      rule: it is the only version that was found (only-version)
      what may be newer:
        node 1's copy is damaged and was not counted; the node remembers that it was
          1763999999000.0-n1.00001, which is newer than all that was found (damaged)
      what happens next:
        node 1's copy is damaged: its checksum fails; node 1 asks the other replicas and writes it anew,
          within seconds (damaged)

      asked node 0; ages are by its clock"
    `);
  });

  it('a tie', () => {
    expect(shown(explained([record(version(1_000, 0)), record(version(1_000, 2)), record(version(1_000, 0))]))).toMatchInlineSnapshot(`
      "key "k1": hash 2863727046, partition 6, home node 0, epoch 1
      preference list: replicas 0, 1, 2; no fallback nodes

      node  role     state   version                   age    bytes
      0     home     record  1763999999000.0-n0.00001  1.0 s  5
      1     replica  record  1763999999000.0-n2.00001  1.0 s  5
      2     replica  record  1763999999000.0-n0.00001  1.0 s  5

      value: 5 bytes, version 1763999999000.0-n0.00001
      rule: its timestamp equals that of 1763999999000.0-n2.00001, and the lower node id of its writer
        decides: 0 before 2 (lower-node-id)
      what happens next:
        node 1 is stale: the next sweep with node 0 (about every 10 s), or a read of the key, repairs it
          (stale)

      asked node 0; ages are by its clock"
    `);
  });

  it('a tombstone', () => {
    expect(shown(explained([tombstone(NEW), tombstone(NEW), record(OLD)]))).toMatchInlineSnapshot(`
      "key "k1": hash 2863727046, partition 6, home node 0, epoch 1
      preference list: replicas 0, 1, 2; no fallback nodes

      node  role     state      version                   age    bytes
      0     home     tombstone  1763999999000.0-n1.00001  1.0 s  0
      1     replica  tombstone  1763999999000.0-n1.00001  1.0 s  0
      2     replica  record     1763999995000.0-n2.00001  5.0 s  5

      value: none, deleted by 1763999999000.0-n1.00001
      rule: its timestamp is greater than that of 1763999995000.0-n2.00001, by 4000 ms; it is a tombstone,
        so the key is deleted and every older value is hidden (greater-timestamp)
      what happens next:
        node 2 is stale: the next sweep with node 0 (about every 10 s), or a read of the key, repairs it
          (stale)

      asked node 0; ages are by its clock"
    `);
  });

  it('nodes that do not answer', () => {
    expect(shown(explained([record(NEW), null, null, null]))).toMatchInlineSnapshot(`
      "key "k4": hash 1151711964, partition 220, home node 0, epoch 1
      preference list: replicas 0, 1, 2; fallback nodes 3

      node  role      state            version                   age    bytes
      0     home      record           1763999999000.0-n1.00001  1.0 s  5
      1     replica   no answer: dead
      2     replica   no answer: dead
      3     fallback  no answer: dead

      value: 5 bytes, version 1763999999000.0-n1.00001
      rule: it is the only version that was found (only-version)
      what may be newer:
        node 1 did not answer; it may have something newer (unreachable)
        node 2 did not answer; it may have something newer (unreachable)
        node 3 did not answer; it may keep a hint with something newer (unreachable)
        1 of 3 replicas gave an answer that counts, a majority is 2: a write that was acknowledged at
          quorum may be missing here (minority)
      what happens next:
        node 1 cannot be reached (dead): writes for it are kept as hints; when it is back, it gets them,
          and a sweep with each other replica begins at once (unreachable)
        node 2 cannot be reached (dead): writes for it are kept as hints; when it is back, it gets them,
          and a sweep with each other replica begins at once (unreachable)
        node 3 cannot be reached (dead): hints that it may keep are delivered when it is back
          (unreachable)

      asked node 0; ages are by its clock"
    `);
  });

  it('an untrusted store, and one that could not be asked', () => {
    expect(shown(explained([record(NEW), { copy: ABSENT, untrusted: 'a new directory', awaits: [2] }, { copy: FAILED, store: 'reopening' }]))).toMatchInlineSnapshot(`
      "key "k1": hash 2863727046, partition 6, home node 0, epoch 1
      preference list: replicas 0, 1, 2; no fallback nodes

      node  role     state              version                   age    bytes
      0     home     record             1763999999000.0-n1.00001  1.0 s  5
      1     replica  absent, untrusted
      2     replica  failed

      value: 5 bytes, version 1763999999000.0-n1.00001
      rule: it is the only version that was found (only-version)
      what may be newer:
        node 1 may have lost something newer: a new directory (untrusted)
        node 2 could not read its store; it may have something newer (failed)
        1 of 3 replicas gave an answer that counts, a majority is 2: a write that was acknowledged at
          quorum may be missing here (minority)
      what happens next:
        node 1 has no record: the next sweep with node 0 (about every 10 s), or a read of the key, repairs
          it (missing)
        node 1 does not trust its store (a new directory): no quorum counts it until it was compared with
          enough other replicas, of which node 2 is still to come; it sweeps with them as soon as it can
          reach them (untrusted)
        node 2 could not be asked for its copy, as its store is reopening: it opens its database anew by
          itself, or ends when that is damaged (failed)

      asked node 0; ages are by its clock"
    `);
  });

  it('a key that nobody has', () => {
    expect(shown(explained([ABSENT, ABSENT, ABSENT]))).toMatchInlineSnapshot(`
      "key "k1": hash 2863727046, partition 6, home node 0, epoch 1
      preference list: replicas 0, 1, 2; no fallback nodes

      node  role     state   version  age  bytes
      0     home     absent
      1     replica  absent
      2     replica  absent

      value: none
      rule: no node that answered has a record of the key (no-record)
      what happens next:
        nothing: no replica has a record of the key (absent)

      asked node 0; ages are by its clock"
    `);
  });
});

describe('an age', () => {
  it.each([
    [0, '0 ms'], [999, '999 ms'], [1_000, '1.0 s'], [119_999, '120.0 s'], [120_000, '2 min'], [7_199_999, '119 min'], [7_200_000, '2 h'], [172_799_999, '47 h'], [172_800_000, '2 d'], [-3_200, '-3.2 s'],
  ])('of %i ms is %s', (ageMs, text) => {
    expect(ageText(ageMs)).toBe(text);
  });
});

describe('every state', () => {
  it('stays within 100 columns, also with the longest versions and node ids', () => {
    const far = version(3_600_000 * 24 * 900, 2, 0xfffff);
    const states = [record(far, { doubtful: true, valueBytes: 1_048_576 }), damaged('vanished', far), damaged(), ABSENT, FAILED, tombstone(far), null];
    let count = 0;
    for (const a of states) {
      for (const b of states) {
        shown(explained([a, b === null ? null : { copy: b, untrusted: 'node 0 has seen writes of this directory that it no longer has', awaits: [0, 2], dirtyFor: [0], hints: [hint(0, far, { state: 'tombstone', reference: true, valueBytes: 1_048_576 })] }, record(far), { copy: null, dirtyFor: [1], hints: [hint(1, far, { state: 'damaged', version: null, valueBytes: null })] }, null]));
        count++;
      }
    }
    expect(count).toBe(49);
  });
});
