import { describe, expect, it } from 'vitest';
import { encodeRecord, hashKey, nodeId, partition, partitionOfHash, recordDatabaseKey, type KvEntry, type Version } from '../../data/index.ts';
import { hintKey, orderedKey } from '../../data/layout.ts';
import { checkDumps, type DumpedCluster } from './check-dumps.ts';
import { KEY, LOST, REFUSED, Script, THREE_REPLICAS, acknowledged, returned, rulesOf, version } from './scripted-history.ts';
import type { Rule } from './violation.ts';

const CLUSTER: DumpedCluster = { ...THREE_REPLICAS, partitionCount: 320, hashSeed: 7 };

function entriesOf(itsVersion: Version, value: string | null, key = KEY): readonly KvEntry[] {
  const bytes = Buffer.from(key);
  const hash = hashKey(bytes, CLUSTER.hashSeed);
  return [
    { key: recordDatabaseKey(partitionOfHash(hash, CLUSTER.partitionCount), hash, bytes), value: encodeRecord(bytes, itsVersion, value === null ? null : Buffer.from(value)) },
    { key: orderedKey(bytes), value: Uint8Array.of(1) },
  ];
}

/** The same on all three replicas. */
function everywhere(entries: readonly KvEntry[]): ReadonlyMap<number, readonly KvEntry[]> {
  return new Map([0, 1, 2, 3, 4].map((node) => [node, node < 3 ? entries : []]));
}

const NOTHING = everywhere([]);

function rules(dumps: ReadonlyMap<number, readonly KvEntry[]>, tell: (script: Script) => void): readonly Rule[] {
  const script = new Script();
  tell(script);
  return rulesOf(checkDumps(script.history, dumps, CLUSTER));
}

function putOne(script: Script): void {
  script.put('a', acknowledged(1));
}

/** Node 0 as given, the others sound. */
function withNodeZero(entries: readonly KvEntry[]): ReadonlyMap<number, readonly KvEntry[]> {
  return new Map([...everywhere(entriesOf(version(1), 'a')), [0, entries]]);
}

describe('what lies on each disk', () => {
  it('lets equal and intact replicas pass', () => {
    expect(rules(everywhere(entriesOf(version(1), 'a')), putOne)).toStrictEqual([]);
  });

  it('lets other keyspaces lie', () => {
    const meta = { key: Uint8Array.of(4, 99), value: Uint8Array.of(0) };
    expect(rules(withNodeZero([...entriesOf(version(1), 'a'), meta]), putOne)).toStrictEqual([]);
  });

  it('a flipped bit is caught', () => {
    const flipped = entriesOf(version(1), 'a').map(({ key, value }) => ({ key, value: value.map((byte, index) => (index === 18 ? byte ^ 1 : byte)) }));
    expect(rules(withNodeZero(flipped), putOne)).toStrictEqual(['damaged-record', 'replicas-differ']);
  });

  it('a record in the partition of another, or under another hash, is caught', () => {
    const [record, entry] = entriesOf(version(1), 'a');
    if (record === undefined || entry === undefined) throw new Error('a record has two entries');
    const bytes = Buffer.from(KEY);
    const hash = hashKey(bytes, CLUSTER.hashSeed);
    const places = [recordDatabaseKey(partition(319), hash, bytes), recordDatabaseKey(partitionOfHash(hash, CLUSTER.partitionCount), hash ^ 1, bytes)];
    for (const key of places) expect(rules(withNodeZero([{ key, value: record.value }, entry]), putOne)).toStrictEqual(['misplaced-record']);
  });

  it('a record on a node that is no replica is caught', () => {
    const dumps = new Map([...everywhere(entriesOf(version(1), 'a')), [3, entriesOf(version(1), 'a')]]);
    expect(rules(dumps, putOne)).toStrictEqual(['misplaced-record']);
  });

  it('a record without an entry in the key order is caught, and an entry without a record', () => {
    const [record, entry] = entriesOf(version(1), 'a');
    if (record === undefined || entry === undefined) throw new Error('a record has two entries');
    expect(rules(withNodeZero([record]), putOne)).toStrictEqual(['index-differs']);
    expect(rules(withNodeZero([record, entry, { key: orderedKey(Buffer.from('gone')), value: entry.value }]), putOne)).toStrictEqual(['index-differs']);
  });

  it('a hint that is left is caught', () => {
    const bytes = Buffer.from(KEY);
    const hint = { key: hintKey(nodeId(2), partition(1), bytes), value: encodeRecord(bytes, version(1), bytes) };
    expect(rules(withNodeZero([...entriesOf(version(1), 'a'), hint]), putOne)).toStrictEqual(['hints-left']);
  });

  it('a replica that lacks a record, or has another version of it, is caught', () => {
    const tell = (script: Script): void => {
      script.put('old', LOST);
      script.put('a', acknowledged(1));
    };
    expect(rules(withNodeZero([]), tell)).toStrictEqual(['replicas-differ']);
    expect(rules(withNodeZero(entriesOf(version(0), 'old')), tell)).toStrictEqual(['replicas-differ', 'replicas-differ']);
  });
});

describe('what survives', () => {
  it('an acknowledged write that is nowhere is caught', () => {
    expect(rules(NOTHING, putOne)).toStrictEqual(['lost-write']);
  });

  it('an older version than the acknowledged one is caught, and a newer one passes', () => {
    const tell = (script: Script): void => {
      script.put('old', LOST);
      script.put('a', acknowledged(5));
      script.put('new', LOST);
    };
    expect(rules(everywhere(entriesOf(version(4), 'old')), tell)).toStrictEqual(['lost-write']);
    expect(rules(everywhere(entriesOf(version(6), 'new')), tell)).toStrictEqual([]);
  });

  it('the acknowledged version with another value is caught', () => {
    const found = rules(everywhere(entriesOf(version(5), 'b')), (script) => {
      script.put('a', acknowledged(5));
      script.put('b', LOST);
    });
    expect(found).toStrictEqual(['two-values']);
  });

  it('a deleted value that is back is caught', () => {
    const tell = (script: Script): void => {
      script.put('a', acknowledged(1));
      script.remove(acknowledged(2));
    };
    expect(rules(everywhere(entriesOf(version(1), 'a')), tell)).toStrictEqual(['resurrection']);
    expect(rules(everywhere(entriesOf(version(2), null)), tell)).toStrictEqual([]);
  });

  it('a value that nobody wrote, or that was refused, is caught', () => {
    expect(rules(everywhere(entriesOf(version(9), 'never')), () => undefined)).toStrictEqual(['invented']);
    expect(rules(everywhere(entriesOf(version(9), 'no')), (script) => script.put('no', REFUSED))).toStrictEqual(['refused-appears']);
  });

  it('a third version of a write is caught, when reads saw the others', () => {
    const found = rules(everywhere(entriesOf(version(3), 'a')), (script) => {
      script.put('a', LOST);
      script.get(returned(1, 'a', [0]), 'one');
      script.get(returned(2, 'a', [0]), 'one');
    });
    expect(found).toStrictEqual(['too-many-versions']);
  });
});

describe('what destroyed disks excuse', () => {
  it('the loss of all who held it, at once', () => {
    const found = rules(NOTHING, (script) => {
      script.put('a', acknowledged(1));
      script.destroy(0);
      script.destroy(1);
    });
    expect(found).toStrictEqual([]);
  });

  it('not the loss of one of two, nor one before the write began', () => {
    expect(rules(NOTHING, (script) => {
      script.put('a', acknowledged(1));
      script.destroy(0, 2);
    })).toStrictEqual(['lost-write']);
    expect(rules(NOTHING, (script) => {
      script.destroy(0);
      script.put('a', acknowledged(1));
      script.destroy(1);
    })).toStrictEqual(['lost-write']);
  });

  it('a loss while the write was running', () => {
    const found = rules(NOTHING, (script) => {
      const write = script.begin('put', 'a', 'one');
      script.destroy(0);
      script.end(write, acknowledged(1, [0]));
    });
    expect(found).toStrictEqual([]);
  });

  it('not two losses with a healing between them', () => {
    const found = rules(NOTHING, (script) => {
      script.put('a', acknowledged(1));
      script.destroy(0);
      script.heal(0);
      script.destroy(1);
    });
    expect(found).toStrictEqual(['lost-write']);
  });

  it('two losses that overlap after an earlier one was healed', () => {
    const found = rules(NOTHING, (script) => {
      script.put('a', acknowledged(1));
      script.destroy(0);
      script.heal(0);
      script.destroy(1);
      script.destroy(0);
    });
    expect(found).toStrictEqual([]);
  });

  it('not the loss of the replica alone when a stand-in had a hint', () => {
    const tell = (...nodes: readonly number[]) => (script: Script): void => {
      script.put('a', acknowledged(1, [0], [{ target: 1, holder: 3 }]), 'available');
      script.destroy(...nodes);
    };
    expect(rules(NOTHING, tell(0))).toStrictEqual(['lost-write']);
    expect(rules(NOTHING, tell(0, 3))).toStrictEqual([]);
    // The hint may have been delivered before.
    expect(rules(NOTHING, tell(0, 1))).toStrictEqual([]);
  });

  it('the loss of a hint, also after its holder was healed', () => {
    const found = rules(NOTHING, (script) => {
      script.put('a', acknowledged(1, [0], [{ target: 1, holder: 3 }]), 'available');
      script.destroy(3);
      script.heal(3);
      script.destroy(0);
    });
    expect(found).toStrictEqual([]);
  });

  it('after a convergence only the loss of every replica', () => {
    const tell = (...nodes: readonly number[]) => (script: Script): void => {
      script.put('a', acknowledged(1));
      script.history.mark('converged', script.nowMs);
      script.destroy(...nodes);
    };
    expect(rules(NOTHING, tell(0, 1))).toStrictEqual(['lost-write']);
    expect(rules(NOTHING, tell(0, 1, 2))).toStrictEqual([]);
  });

  it('looks past an excused write to an older one that is not excused', () => {
    const found = rules(NOTHING, (script) => {
      script.put('a', acknowledged(1));
      script.put('b', acknowledged(2, [0]), 'one');
      script.destroy(0);
    });
    expect(found).toStrictEqual(['lost-write']);
  });
});
