import { describe, expect, it } from 'vitest';
import { inspectionOf, parseInspection } from '../../coordinator/index.ts';
import { nodeId } from '../../data/index.ts';
import type { ExplainAnswer } from '../../wire/index.ts';
import { ABSENT, FAILED, WALL_MS, damaged, explained, hint, record, tombstone, version } from '../support/explain-states.ts';
import { openStoreNode, placementOf } from '../support/store-node.ts';

const NEW = version(1_000, 1);
const OLD = version(5_000, 2);
const named = (items: readonly { readonly code: string; readonly node: number | null; readonly peer: number | null }[]): readonly string[] => items.map(({ code, node, peer }) => [code, node ?? 'all', ...(peer === null ? [] : [peer])].join(' '));
const nextOf = (answer: ExplainAnswer): readonly string[] => named(answer.next);
const doubtsOf = (answer: ExplainAnswer): readonly string[] => named(answer.doubts);
const textOf = (answer: ExplainAnswer, code: string): string => answer.next.find((one) => one.code === code)?.text ?? '';

describe('who wins, and by which rule', () => {
  it('nobody, where no node has a record', () => {
    const answer = explained([ABSENT, ABSENT, ABSENT]);
    expect(answer).toMatchObject({ winner: null, rule: { code: 'no-record' }, doubts: [] });
    expect(nextOf(answer)).toStrictEqual(['absent all']);
  });

  it('the only version, with its age by the clock of the node that answers', () => {
    const answer = explained([record(NEW), record(NEW), record(NEW)]);
    expect(answer.winner).toStrictEqual({ version: NEW, deleted: false, valueBytes: 5, ageMs: 1_000, replicas: [0, 1, 2], hintHolders: [] });
    expect(answer).toMatchObject({ rule: { code: 'only-version' }, doubts: [] });
    expect(nextOf(answer)).toStrictEqual(['equal all']);
  });

  it('a version from a clock that is ahead has a negative age', () => {
    expect(explained([record(version(-2_500)), ABSENT, ABSENT]).winner?.ageMs).toBe(-2_500);
  });

  it.each([
    ['the greater timestamp', NEW, OLD, 'greater-timestamp'],
    ['the lower node id, at equal timestamps', version(1_000, 1), version(1_000, 2), 'lower-node-id'],
    ['the greater incarnation, of one node at equal timestamps', version(1_000, 1, 9), version(1_000, 1, 8), 'greater-incarnation'],
  ])('%s', (_, newer, older, rule) => {
    for (const said of [[newer, older, older], [older, newer, older], [older, older, newer]]) {
      const answer = explained(said.map((one) => record(one)));
      expect(answer.winner?.version).toBe(newer);
      expect(answer.rule.code).toBe(rule);
      expect(answer.rule.text).toContain(older);
    }
  });

  it('a tombstone over older values, and a newer value over a tombstone', () => {
    const deleted = explained([record(OLD), tombstone(NEW), tombstone(NEW)]);
    expect(deleted.winner).toMatchObject({ version: NEW, deleted: true, replicas: [1, 2] });
    expect(deleted.rule.text).toContain('it is a tombstone, so the key is deleted');
    expect(explained([tombstone(OLD), record(NEW), tombstone(OLD)]).winner).toMatchObject({ version: NEW, deleted: false });
    expect(textOf(explained([tombstone(NEW), tombstone(NEW), tombstone(NEW)]), 'equal')).toBe('nothing: all replicas have the same tombstone, which is kept for ever');
  });

  it('what an untrusted store or a doubtful copy has, as it will win all the same', () => {
    expect(explained([record(OLD), { copy: record(NEW), untrusted: 'a new directory' }, record(OLD)]).winner?.version).toBe(NEW);
    expect(explained([record(OLD), record(NEW, { doubtful: true }), record(OLD)]).winner?.version).toBe(NEW);
  });

  it('a hint with a record of its own, even where no replica has it', () => {
    const answer = explained([record(OLD), record(OLD), null, { copy: null, hints: [hint(2, NEW)] }]);
    expect(answer.winner).toMatchObject({ version: NEW, replicas: [], hintHolders: [3] });
    expect(answer.rule).toMatchObject({ code: 'greater-timestamp' });
    expect(answer.rule.text).toContain('it lies in hints only');
    expect(nextOf(answer)).toStrictEqual(['stale 0 3', 'stale 1 3', 'unreachable 2', 'hinted 2 3']);
  });

  it('not what a reference names: the record that it refers to counts', () => {
    const answer = explained([{ copy: record(OLD), hints: [hint(2, NEW, { reference: true })] }, record(OLD), record(OLD)]);
    expect(answer.winner?.version).toBe(OLD);
    expect(doubtsOf(answer)).toStrictEqual(['named-only 0 2']);
  });
});

describe('what may be newer', () => {
  it('is nothing while all answer, also where they differ', () => {
    expect(explained([record(OLD), record(NEW), ABSENT]).doubts).toStrictEqual([]);
  });

  it('is what a node that does not answer has, and beyond a majority what was acknowledged', () => {
    expect(doubtsOf(explained([record(NEW), record(NEW), null]))).toStrictEqual(['unreachable 2']);
    expect(doubtsOf(explained([record(NEW), null, null]))).toStrictEqual(['unreachable 1', 'unreachable 2', 'minority all']);
    expect(doubtsOf(explained([record(NEW), record(NEW), record(NEW), null]))).toStrictEqual(['unreachable 3']);
    expect(explained([record(NEW), record(NEW), record(NEW), null]).doubts[0]?.text).toContain('may keep a hint');
  });

  it('is what was in a damaged place, of an untrusted store, of one that could not be asked', () => {
    expect(doubtsOf(explained([record(NEW), damaged(), record(NEW)]))).toStrictEqual(['damaged 1']);
    expect(doubtsOf(explained([record(NEW), { copy: ABSENT, untrusted: 'a new directory' }, record(NEW)]))).toStrictEqual(['untrusted 1']);
    expect(doubtsOf(explained([record(NEW), record(OLD, { doubtful: true }), record(NEW)]))).toStrictEqual(['doubtful 1']);
    expect(doubtsOf(explained([record(NEW), { copy: FAILED, store: 'reopening' }, record(NEW)]))).toStrictEqual(['failed 1']);
    expect(doubtsOf(explained([record(NEW), damaged(), { copy: ABSENT, untrusted: 'a new directory' }]))).toStrictEqual(['damaged 1', 'untrusted 2', 'minority all']);
    expect(doubtsOf(explained([record(NEW), record(NEW), record(NEW), { copy: null, store: 'reopening' }]))).toStrictEqual(['failed 3']);
  });

  it.each([
    [null, 'may have been newer'],
    [NEW, 'newer than all that was found'],
    [OLD, 'not newer'],
  ])('of a damaged copy that the node remembers as %s', (remembered, text) => {
    expect(explained([record(OLD), damaged('checksum', remembered), record(OLD)]).doubts[0]?.text).toContain(text);
  });

  it('is what a memory names that is ahead of its disk', () => {
    const answer = explained([record(OLD, { remembered: NEW }), record(OLD), record(OLD)]);
    expect(doubtsOf(answer)).toStrictEqual(['named-only 0']);
    expect(nextOf(answer)).toStrictEqual(['equal all', 'memory-ahead 0']);
    expect(nextOf(explained([record(NEW, { remembered: OLD }), record(NEW), record(NEW, { remembered: NEW })]))).toStrictEqual(['equal all']);
  });
});

describe('what happens next', () => {
  it('to a stale replica and to one without a record: a sweep with a node that has the newest, or a read', () => {
    const answer = explained([record(OLD), record(NEW), ABSENT]);
    expect(nextOf(answer)).toStrictEqual(['stale 0 1', 'missing 2 1']);
    expect(textOf(answer, 'stale')).toBe('node 0 is stale: the next sweep with node 1 (about every 10 s), or a read of the key, repairs it');
    expect(textOf(explained([record(OLD), record(NEW), ABSENT], { sweepIntervalMs: 250 }), 'missing')).toContain('about every 0.3 s');
    expect(textOf(explained([record(OLD), record(NEW), ABSENT], { sweepIntervalMs: 0 }), 'stale')).toBe('node 0 is stale: a read of the key repairs it (sweeps are off)');
  });

  it('to a damaged copy depends on who else has one', () => {
    expect(nextOf(explained([record(NEW), damaged(), record(NEW)]))).toStrictEqual(['damaged 1 0']);
    expect(textOf(explained([record(NEW), damaged(), record(NEW)]), 'damaged')).toContain('writes it anew, within seconds');
    expect(textOf(explained([ABSENT, damaged(), null]), 'damaged')).toContain('asks the other replicas every second');
    expect(textOf(explained([ABSENT, damaged('vanished'), ABSENT]), 'damaged')).toContain('takes it out of its index');
    expect(textOf(explained([ABSENT, damaged('vanished'), { copy: ABSENT, untrusted: 'a new directory' }]), 'damaged')).toContain('every second');
    expect(textOf(explained([ABSENT, damaged('checksum'), ABSENT]), 'damaged')).toContain('every second');
    expect(textOf(explained([damaged()], { nodes: 1 }), 'damaged')).toContain('until it is written anew');
  });

  it('to a doubtful copy, with three replicas and with five', () => {
    expect(textOf(explained([record(NEW), record(NEW, { doubtful: true }), record(NEW)]), 'doubtful')).toContain('until 2 of the 2 other replicas');
    expect(textOf(explained([record(NEW, { doubtful: true }), ...Array.from({ length: 4 }, () => record(NEW))], {}, 5), 'doubtful')).toContain('until 3 of the 4 other replicas');
  });

  it('to an untrusted store, which waits for those that it was not compared with', () => {
    const answer = explained([record(NEW), { copy: ABSENT, untrusted: 'a new directory', awaits: [0, 2] }, record(NEW)]);
    expect(nextOf(answer)).toStrictEqual(['missing 1 0', 'untrusted 1 0']);
    expect(textOf(answer, 'untrusted')).toContain('of which nodes 0 and 2 are still to come');
    expect(textOf(explained([{ copy: record(NEW), untrusted: 'its log is cut' }], { nodes: 1 }), 'untrusted')).toContain('for ever');
  });

  it.each([
    ['has it already', record(NEW), 'the hint is dropped'],
    ['is stale', record(OLD), 'it is delivered within about a second'],
    ['is down', null, 'delivers it when node 2 is back'],
  ])('to a hint whose target %s', (_, said, text) => {
    const answer = explained([{ copy: record(NEW), hints: [hint(2, NEW, { reference: true })] }, record(NEW), said]);
    expect(nextOf(answer)).toContain('hinted 2 0');
    expect(textOf(answer, 'hinted')).toContain('node 0 keeps a hint by reference for node 2');
    expect(textOf(answer, 'hinted')).toContain(text);
  });

  it('to a hint that cannot be read: it is given up for a sweep', () => {
    const none = { version: null, valueBytes: null };
    const answer = explained([record(NEW), record(NEW), record(NEW), { copy: null, hints: [hint(0, NEW, { ...none, state: 'damaged' }), hint(1, NEW, { state: 'dangling', reference: true, valueBytes: null })] }]);
    expect(nextOf(answer)).toStrictEqual(['equal all', 'hint-damaged 0 3', 'hint-damaged 1 3']);
    expect(answer.winner).toMatchObject({ version: NEW, hintHolders: [] });
  });

  it('to a partition that was marked, by a replica and by a fallback node', () => {
    expect(textOf(explained([{ copy: record(NEW), dirtyFor: [2] }, record(NEW), ABSENT]), 'dirty')).toBe('node 0 gave up hints of this partition for node 2: the next sweep of node 0 with it brings what it misses');
    expect(textOf(explained([record(NEW), record(NEW), ABSENT, { copy: null, dirtyFor: [2] }]), 'dirty')).toContain('the sweeps of the replicas with each other');
    expect(textOf(explained([{ copy: record(NEW), dirtyFor: [2] }, record(NEW), ABSENT], { sweepIntervalMs: 0 }), 'dirty')).toContain('only reads repair');
  });

  it('to a node that counts its records after a start, which does not sweep', () => {
    expect(nextOf(explained([record(NEW), { copy: record(OLD), scanned: false }, record(NEW)]))).toStrictEqual(['stale 1 0', 'scanning 1']);
    expect(nextOf(explained([record(NEW), record(NEW), record(NEW), { copy: null, scanned: false }]))).toStrictEqual(['equal all']);
  });

  it('to two records of one version is told as the bug that it is', () => {
    const answer = explained([record(NEW), record(NEW, { checksum: 1 }), record(NEW)]);
    expect(nextOf(answer)).toStrictEqual(['conflict 0 1']);
  });

  it('to a node that does not answer, whether it is dead or was just stopped', () => {
    expect(textOf(explained([record(NEW), record(NEW), null]), 'unreachable')).toContain('node 2 cannot be reached (dead)');
    expect(textOf(explained([record(NEW), record(NEW), null], { liveness: 'alive' }), 'unreachable')).toContain('node 2 did not answer in time');
    expect(nextOf(explained([record(NEW), record(NEW), { copy: FAILED, store: 'reopening' }]))).toStrictEqual(['failed 2']);
  });
});

describe('the answer', () => {
  it('has every node in the order of the preference list, and where the key lies', () => {
    const answer = explained([record(NEW), record(NEW), ABSENT, { copy: null, hints: [hint(2, NEW)] }, null]);
    expect(answer).toMatchObject({ homeNode: 0, replicas: [0, 1, 2], fallbacks: [3, 4], epoch: 1, askedNode: 0, wallMs: WALL_MS, sweepIntervalMs: 10_000 });
    expect(answer.nodes.map(({ node, role, reachable, copy }) => [node, role, reachable, copy?.state ?? null])).toStrictEqual([
      [0, 'home', true, 'record'],
      [1, 'replica', true, 'record'],
      [2, 'replica', true, 'absent'],
      [3, 'fallback', true, null],
      [4, 'fallback', false, null],
    ]);
    expect(answer.hints).toStrictEqual([{ ...hint(2, NEW), holder: 3, ageMs: 1_000 }]);
  });

  it('always says something of what happens next', () => {
    const states = [ABSENT, record(NEW), record(OLD), tombstone(NEW), damaged(), FAILED, null];
    let answers = 0;
    for (const a of states) {
      for (const b of states) {
        for (const c of states) {
          const answer = explained([a, b, c]);
          answers++;
          expect(answer.next.length).toBeGreaterThan(0);
          const isWhole = answer.next.some(({ code }) => code === 'equal' || code === 'absent');
          expect(isWhole).toBe(a === b && b === c && a !== null && a !== FAILED && a.state !== 'damaged');
        }
      }
    }
    expect(answers).toBe(343);
  });
});

describe('what another node has said', () => {
  it('is taken as it was said, and as nothing when it has another shape or is of another node', async () => {
    const node = await openStoreNode(nodeId(1), placementOf(3, 3));
    const said = inspectionOf({ ...node, self: nodeId(1) }, Buffer.from('k'), WALL_MS);
    const text = JSON.stringify(said);
    expect(parseInspection(text, nodeId(1))).toStrictEqual(said);
    expect(parseInspection(text, nodeId(2))).toBeNull();
    expect(parseInspection(JSON.stringify({ ...said, hints: [hint(2, NEW)], copy: record(NEW, { remembered: NEW }) }), nodeId(1))).not.toBeNull();
    const wrong: readonly unknown[] = [
      null, 7, [], {}, { ...said, wallMs: 'now' }, { ...said, store: 'gone' }, { ...said, scanned: 1 }, { ...said, untrusted: 7 }, { ...said, awaits: ['0'] }, { ...said, dirtyFor: null },
      { ...said, copy: 7 }, { ...said, copy: { ...ABSENT, state: 'lost' } }, { ...said, copy: { ...ABSENT, state: 'record' } }, { ...said, copy: record('v1') }, { ...said, copy: record(NEW, { valueBytes: null }) },
      { ...said, copy: { ...ABSENT, version: NEW } }, { ...said, copy: { ...ABSENT, doubtful: null } }, { ...said, copy: { ...ABSENT, remembered: 'v1' } }, { ...said, copy: { ...ABSENT, damage: 'all' } },
      { ...said, hints: [7] }, { ...said, hints: [hint(2, 'v1')] }, { ...said, hints: [hint(2, NEW, { version: null })] }, { ...said, hints: [hint(2, NEW, { valueBytes: null })] }, { ...said, hints: {} },
    ];
    for (const value of wrong) expect([value, parseInspection(JSON.stringify(value), nodeId(1))]).toStrictEqual([value, null]);
    expect(parseInspection('{', nodeId(1))).toBeNull();
    await node.store.close();
  });
});
