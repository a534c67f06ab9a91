import { describe, expect, it } from 'vitest';
import { checkHistory } from './check-history.ts';
import { KEY, LOST, REFUSED, Script, THREE_REPLICAS, acknowledged, returned, rulesOf, version } from './scripted-history.ts';
import { VIOLATIONS_PER_RULE_MAX, type Rule } from './violation.ts';

function rules(tell: (script: Script) => void): readonly Rule[] {
  const script = new Script();
  tell(script);
  return rulesOf(checkHistory(script.history, THREE_REPLICAS));
}

describe('the order of strong operations', () => {
  it('lets a sound history pass', () => {
    const found = rules((script) => {
      script.get(returned(null, null));
      script.put('a', acknowledged(1));
      script.get(returned(1, 'a'));
      script.remove(acknowledged(2, [1, 2]));
      script.get(returned(2, null, [0, 1, 2]), 'all');
      script.put('b', acknowledged(3, [0, 1, 2]), 'all');
      script.get(returned(3, 'b'));
    });
    expect(found).toStrictEqual([]);
  });

  it('a later write with the smaller version is caught', () => {
    const found = rules((script) => {
      script.put('a', acknowledged(2));
      script.put('b', acknowledged(1, [1, 2]));
    });
    expect(found).toStrictEqual(['write-order']);
  });

  it('a later write with the same version is caught twice', () => {
    const found = rules((script) => {
      script.put('a', acknowledged(2));
      script.put('b', acknowledged(2));
    });
    expect(found).toStrictEqual(['version-reused', 'write-order']);
  });

  it('concurrent writes may have either order, and the first to complete need not be the smaller', () => {
    const found = rules((script) => {
      const slow = script.begin('put', 'slow');
      script.put('quick', acknowledged(2));
      script.end(slow, acknowledged(1));
    });
    expect(found).toStrictEqual([]);
  });

  it('decides by sequence where virtual times are equal', () => {
    const { history } = new Script();
    const asked = { client: 1, key: KEY, kind: 'put', level: 'quorum', invokedMs: 5, deadlineMs: 9 } as const;
    history.complete(history.invoke({ ...asked, value: 'a' }), 5, acknowledged(2));
    history.complete(history.invoke({ ...asked, value: 'b' }), 5, acknowledged(1));
    expect(rulesOf(checkHistory(history, THREE_REPLICAS))).toStrictEqual(['write-order']);
  });

  it('a write that rests on fewer nodes, or on hints, has no place in the order', () => {
    const found = rules((script) => {
      script.put('a', acknowledged(5), 'available');
      script.put('b', acknowledged(2, [2], [{ target: 0, holder: 3 }]), 'available');
      script.put('c', acknowledged(1, [2]), 'one');
      script.get(returned(5, 'a'));
    });
    expect(found).toStrictEqual([]);
  });

  it('is asked of a later write at quorum, whatever the level of the earlier, and not of one at available', () => {
    const found = (later: 'quorum' | 'available'): readonly string[] =>
      rules((script) => {
        script.put('a', acknowledged(5), 'available');
        script.put('b', acknowledged(2), later);
      });
    expect(found('quorum')).toStrictEqual(['write-order']);
    expect(found('available')).toStrictEqual([]);
  });

  it('a write that is not newer than what was read before is caught', () => {
    const found = rules((script) => {
      script.put('a', LOST);
      script.get(returned(7, 'a'));
      script.put('b', acknowledged(6));
    });
    expect(found).toStrictEqual(['write-after-read']);
  });

  it('a strict read that misses an acknowledged write is caught, and names it', () => {
    const script = new Script();
    script.put('a', acknowledged(1024));
    script.put('b', acknowledged(2048));
    script.get(returned(1024, 'a'));
    const [violation, ...more] = checkHistory(script.history, THREE_REPLICAS);
    expect(more).toStrictEqual([]);
    expect(violation?.rule).toBe('stale-read');
    expect(violation?.text).toBe(
      'get 2 of client 1 at quorum ("a" of version 1.0-n0.00001 from nodes 0, 1, 5 ms to 6 ms) misses ' +
        'put 1 of client 1 at quorum ("b", acknowledged as 2.0-n0.00001 on nodes 0, 1, 3 ms to 4 ms) (key "k")',
    );
  });

  it('a strict read that finds nothing after an acknowledged write is caught', () => {
    const found = rules((script) => {
      script.put('a', acknowledged(1));
      script.get(returned(null, null, [0, 1, 2]), 'all');
    });
    expect(found).toStrictEqual(['stale-read']);
  });

  it('a deleted value that is read again is caught', () => {
    const found = rules((script) => {
      script.put('a', acknowledged(1));
      script.remove(acknowledged(2));
      script.get(returned(1, 'a'));
    });
    expect(found).toStrictEqual(['resurrection']);
  });

  it('a read that began before the write completed may miss it', () => {
    const found = rules((script) => {
      const write = script.begin('put', 'a');
      const read = script.begin('get');
      script.end(write, acknowledged(1));
      script.end(read, returned(null, null));
    });
    expect(found).toStrictEqual([]);
  });

  it('strict reads that go backwards are caught, also over an unknown write', () => {
    const found = rules((script) => {
      script.put('a', acknowledged(1));
      script.put('b', LOST);
      script.get(returned(2, 'b'));
      script.get(returned(1, 'a'));
    });
    expect(found).toStrictEqual(['read-backwards']);
  });

  it('weak reads may be stale and go backwards', () => {
    const found = rules((script) => {
      script.put('a', acknowledged(1));
      script.put('b', acknowledged(2));
      script.get(returned(2, 'b', [0]), 'one');
      script.get(returned(1, 'a', [2]), 'one');
      script.get(returned(null, null, []), 'available');
    });
    expect(found).toStrictEqual([]);
  });

  it('looks past an excused write to one that is not excused', () => {
    const found = rules((script) => {
      script.put('a', acknowledged(1, [0, 1, 2]));
      script.put('b', acknowledged(2, [0, 1]));
      script.destroy(0, 1);
      script.get(returned(1, 'a'));
      script.get(returned(null, null));
    });
    expect(found).toStrictEqual(['stale-read', 'read-backwards']);
  });

  it('a loss on one of two nodes excuses a strict read only where its silence counts', () => {
    const tell = (silence: 'counted' | 'not-counted') => (script: Script) => {
      script.put('a', acknowledged(1));
      script.history.destroyed(1, script.nowMs, 'silent-log-loss', silence);
      script.get(returned(null, null, [1, 2]));
    };
    expect(rules(tell('not-counted'))).toStrictEqual(['stale-read']);
    expect(rules(tell('counted'))).toStrictEqual([]);
  });

  it('after the node is healed its loss excuses nothing more', () => {
    const found = rules((script) => {
      script.put('a', acknowledged(1));
      script.history.destroyed(1, script.nowMs, 'silent-log-loss', 'counted');
      script.heal(1);
      script.get(returned(null, null, [1, 2]));
    });
    expect(found).toStrictEqual(['stale-read']);
  });
});

describe('nothing is invented', () => {
  it('a value that nobody wrote, or that another key has, is caught', () => {
    const found = rules((script) => {
      script.put('other', acknowledged(1), 'quorum', 'other key');
      script.get(returned(1, 'other', [0]), 'one');
      script.get(returned(2, 'never', [0]), 'one');
    });
    expect(found).toStrictEqual(['invented', 'invented']);
  });

  it('a value that is read before it is written is caught', () => {
    const found = rules((script) => {
      script.get(returned(1, 'a', [0]), 'one');
      script.put('a', acknowledged(1));
    });
    expect(found).toStrictEqual(['invented']);
  });

  it('a value of a write that is still running may be read', () => {
    const found = rules((script) => {
      const write = script.begin('put', 'a');
      script.get(returned(1, 'a', [0]), 'one');
      script.end(write, acknowledged(1));
    });
    expect(found).toStrictEqual([]);
  });

  it('a version with another value than it was acknowledged with is caught', () => {
    const found = rules((script) => {
      script.put('a', acknowledged(1));
      script.put('b', acknowledged(2));
      script.get(returned(2, 'a'));
    });
    expect(found).toStrictEqual(['two-values']);
  });

  it('a version of an unknown write stays with the value that was first seen', () => {
    const found = rules((script) => {
      script.put('a', LOST);
      script.put('b', LOST);
      script.get(returned(1, 'a', [0]), 'one');
      script.get(returned(1, 'b', [0]), 'one');
    });
    expect(found).toStrictEqual(['two-values']);
  });

  it('a tombstone with the version of a value is caught', () => {
    const found = rules((script) => {
      script.put('a', acknowledged(1));
      script.remove(LOST);
      script.get(returned(1, null));
    });
    expect(found).toStrictEqual(['two-values']);
  });

  it('a write that was written again has two versions, the smaller one only in weak reads', () => {
    const found = rules((script) => {
      script.put('a', acknowledged(9));
      script.get(returned(4, 'a', [2]), 'one');
      script.get(returned(9, 'a'));
    });
    expect(found).toStrictEqual([]);
  });

  it('a third version of one write is caught', () => {
    const found = rules((script) => {
      script.put('a', LOST);
      for (const timestamp of [1, 2, 3]) script.get(returned(timestamp, 'a', [0]), 'one');
    });
    expect(found).toStrictEqual(['too-many-versions']);
  });

  it('a version above the acknowledged one is caught', () => {
    const found = rules((script) => {
      script.put('a', acknowledged(1));
      script.get(returned(2, 'a'));
    });
    expect(found).toStrictEqual(['too-many-versions']);
  });

  it('a tombstone without a delete is caught', () => {
    const found = rules((script) => {
      script.put('a', acknowledged(1));
      script.get(returned(2, null));
      script.remove(acknowledged(3));
    });
    expect(found).toStrictEqual(['invented']);
  });

  it('a tombstone that is read before its delete is caught', () => {
    const found = rules((script) => {
      script.get(returned(2, null, [0]), 'one');
      script.remove(acknowledged(2));
    });
    expect(found).toStrictEqual(['invented']);
  });

  it('a tombstone may be that of an unknown delete, or the first version of an acknowledged one', () => {
    const found = rules((script) => {
      script.remove(LOST);
      script.get(returned(1, null, [0]), 'one');
      script.get(returned(2, null, [0]), 'one');
      script.remove(acknowledged(9));
      script.get(returned(5, null, [0]), 'one');
    });
    expect(found).toStrictEqual([]);
  });

  it('more tombstones than the deletes can have written are caught', () => {
    const found = rules((script) => {
      script.remove(LOST);
      for (const timestamp of [1, 2, 3]) script.get(returned(timestamp, null, [0]), 'one');
    });
    expect(found).toStrictEqual(['too-many-versions']);
  });

  it('a refused write that appears is caught, and a refused delete', () => {
    const found = rules((script) => {
      script.put('a', REFUSED);
      script.get(returned(1, 'a', [0]), 'one');
      script.remove(REFUSED);
      script.get(returned(2, null, [0]), 'one');
    });
    expect(found).toStrictEqual(['refused-appears', 'refused-appears']);
  });

  it('one version for two writes is caught, of different keys too', () => {
    const found = rules((script) => {
      script.put('a', acknowledged(1));
      script.put('b', acknowledged(1), 'quorum', 'other key');
      for (const key of ['third key', 'fourth key']) {
        script.put(key, { kind: 'acknowledged', version: version(1, 1), durableOn: [0, 1], hints: [] }, 'quorum', key);
      }
    });
    expect(found).toStrictEqual(['version-reused', 'version-reused']);
  });

  it('refuses a history whose values are not unique', () => {
    expect(() => rules((script) => {
      script.put('a', acknowledged(1));
      script.put('a', acknowledged(2));
    })).toThrow('values must be unique');
  });
});

describe('what an answer says, and when', () => {
  it('an acknowledgement with a node too few, or with a node that is no replica, is caught', () => {
    const found = rules((script) => {
      script.put('a', acknowledged(1, [0]));
      script.put('b', acknowledged(2, [0, 1]), 'all');
      script.put('c', acknowledged(3, []), 'available');
      script.put('d', acknowledged(4, [0, 1, 4]));
    });
    expect(found).toStrictEqual(Array.from({ length: 4 }, () => 'acknowledged-too-early'));
  });

  it('a strict read that counted a node too few is caught', () => {
    const found = rules((script) => {
      script.get(returned(null, null, [0, 4]));
      script.get(returned(null, null, [0, 1]), 'all');
    });
    expect(found).toStrictEqual(['read-too-few', 'read-too-few']);
  });

  it('a hint is enough at available, and never at one', () => {
    const hints = [{ target: 0, holder: 3 }];
    expect(rules((script) => script.put('a', acknowledged(1, [], hints), 'available'))).toStrictEqual([]);
    expect(rules((script) => script.put('a', acknowledged(1, [], hints), 'one'))).toStrictEqual(['acknowledged-too-early']);
  });

  it('an operation that ends a second after its deadline passes, and a millisecond later is caught', () => {
    const found = (afterDeadlineMs: number): readonly Rule[] =>
      rules((script) => {
        const id = script.begin('get');
        script.nowMs += 999 + afterDeadlineMs;
        script.end(id, { kind: 'failed-read', code: 'RING_UNAVAILABLE' });
      });
    expect(found(1_000)).toStrictEqual([]);
    expect(found(1_001)).toStrictEqual(['late']);
  });

  it('an operation that is never answered is caught, unless it is excused', () => {
    expect(rules((script) => void script.begin('put', 'a'))).toStrictEqual(['never-answered']);
    expect(rules((script) => script.history.excuse(script.begin('put', 'a'), 'coordinator-down'))).toStrictEqual([]);
  });

  it('a failure between a convergence and the next fault is caught', () => {
    const tell = (between: 'nothing' | 'fault') => (script: Script) => {
      script.put('a', REFUSED);
      script.history.mark('converged', script.nowMs);
      if (between === 'fault') script.history.mark('faults-began', script.nowMs);
      script.get({ kind: 'failed-read', code: 'RING_UNAVAILABLE' });
    };
    expect(rules(tell('nothing'))).toStrictEqual(['fails-when-healed']);
    expect(rules(tell('fault'))).toStrictEqual([]);
  });

  it('a wrong request may fail on a healthy cluster', () => {
    const found = rules((script) => {
      script.history.mark('converged', script.nowMs);
      script.put('a', { kind: 'refused', code: 'RING_KEY_INVALID' });
    });
    expect(found).toStrictEqual([]);
  });

  it('tells no more than a hundred violations of one rule', () => {
    const found = rules((script) => {
      for (let i = 0; i <= VIOLATIONS_PER_RULE_MAX; i++) script.begin('put', `v${i}`);
    });
    expect(found).toHaveLength(VIOLATIONS_PER_RULE_MAX);
  });
});

describe('the recorder', () => {
  it('refuses a second answer, an answer of the wrong kind, and a put without a value', () => {
    const script = new Script();
    const id = script.begin('get');
    expect(() => script.end(id, acknowledged(1))).toThrow('a get cannot end as acknowledged');
    script.end(id, returned(null, null));
    expect(() => script.end(id, returned(null, null))).toThrow('a second time');
    expect(() => script.begin('put')).toThrow('a put of "k" with the value null');
  });
});
