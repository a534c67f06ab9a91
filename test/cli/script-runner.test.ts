import { describe, expect, it } from 'vitest';

import { runScript, type ScriptClient } from '../../cli/script-runner.ts';
import type { ScriptTarget } from '../../cli/script-target.ts';
import { parseScript } from '../../cli/script.ts';
import type { ClusterStatus, NodeStatus } from '../../wire/index.ts';

const NODES = 3;

describe('running a script', () => {
  it('prints ok for writes, and the value or None for reads', async () => {
    const { result, out, problems } = await run('put k "a b"\nget k\ndelete k\nget k\nexpect k None');
    expect(result).toBe('passed');
    expect(problems).toEqual([]);
    expect(out[0]).toMatch(/^ok .+/);
    expect([out[1], out[2]?.slice(0, 3), out[3]]).toEqual(['a b', 'ok ', 'None']);
    expect(out).toHaveLength(4);
  });

  it('tells every failed expectation with its line, and goes on', async () => {
    const { result, problems } = await run('put k v\nexpect k w\nexpect k None\nexpect missing v\nexpect-error RING_UNAVAILABLE get k');
    expect(result).toBe('failed');
    expect(problems).toEqual([
      'line 2: expected w, found v (key k)',
      'line 3: expected None, found v (key k)',
      'line 4: expected v, found None (key missing)',
      'line 5: expected RING_UNAVAILABLE, found v',
    ]);
  });

  it('reads None and can not write when nobody is left', async () => {
    const { result, out, problems } = await run('put k v\nfail 0\nfail 1\nfail 2\nget k\nexpect k None\nexpect-error RING_UNAVAILABLE put k w\nput k w\nget k');
    expect(result).toBe('failed');
    expect(out.slice(1)).toEqual(['None']);
    expect(problems).toEqual(['line 8: RING_UNAVAILABLE no node is left']);
  });

  it('asks the running node with the lowest id, or the one that is named', async () => {
    const { log } = await run('put k v\nfail 0\npause 1\nget k\nresume 1\nget k\nget k via 2');
    expect(log.filter((entry) => /^(?:put|get) /.test(entry))).toEqual(['put k via 0', 'get k via 2', 'get k via 1', 'get k via 2']);
  });

  it('applies a partition and a clock again to a node that was restarted', async () => {
    const { result, log } = await run('partition 0 | 1,2\nskew 1 5\nfail 1\nskew 1 7\nrecover 1\nheal\nwipe 2');
    expect(result).toBe('passed');
    expect(log).toEqual([
      'partition 0|1,2 on 0,1,2',
      'skew 1 5',
      'fail 1',
      'recover 1',
      'partition 0|1,2 on 1',
      'skew 1 7',
      'partition none on 0,1,2',
      'wipe 2',
      'partition none on 2',
    ]);
  });

  it.each([
    ['recover 0', 'line 1: recover 0: node 0 is running; it must be failed'],
    ['fail 0\nfail 0', 'line 2: fail 0: node 0 is failed; it must be running or paused'],
    ['fail 0\nget k via 0', 'line 2: via 0: node 0 is failed'],
    ['resume 1', 'line 1: resume 1: node 1 is running; it must be paused'],
    ['fail 0\nfail 1\nfail 2\nconverge', 'line 4: converge: no node is left'],
  ])('refuses what makes no sense: %j', async (text, problem) => {
    const { result, problems } = await run(text);
    expect(result).toBe('failed');
    expect(problems).toEqual([problem]);
  });

  it('fails when a node dies that nobody killed', async () => {
    const { result, problems } = await run('put k v', ['node 1 died (SIGBUS)']);
    expect(result).toBe('failed');
    expect(problems).toEqual(['line 1: node 1 died (SIGBUS)']);
  });

  it('closes every client', async () => {
    const { openClients } = await run('get k via 0\nget k via 1\nfail 1');
    expect(openClients).toBe(0);
  });
});

/** A cluster of one map, in which everybody always sees everybody. */
async function run(text: string, deaths: readonly string[] = []) {
  const log: string[] = [];
  const out: string[] = [];
  const problems: string[] = [];
  const values = new Map<string, Uint8Array>();
  let openClients = 0;
  let writes = 0;
  const note = (entry: string): Promise<void> => {
    log.push(entry);
    return Promise.resolve();
  };
  const written = async (key: string | Uint8Array, entry: string, value?: string | Uint8Array) => {
    await note(entry);
    if (value === undefined) values.delete(String(key));
    else values.set(String(key), Buffer.from(value));
    writes++;
    return { version: { timestamp: writes, writer: 1 }, durableOn: [0], hints: [], fsync: true };
  };
  const connect = (url: string): ScriptClient => {
    openClients++;
    return {
      put: (key, value) => written(key, `put ${String(key)} via ${url}`, value),
      delete: (key) => written(key, `delete ${String(key)} via ${url}`),
      get: async (key) => {
        await note(`get ${String(key)} via ${url}`);
        return values.get(String(key)) ?? null;
      },
      status: () => Promise.resolve(allAlive(Number(url))),
      converged: () => Promise.resolve({ converged: true, reasons: [] }),
      close: () => {
        openClients--;
        return Promise.resolve();
      },
    };
  };
  const target: ScriptTarget = {
    urls: ['0', '1', '2'],
    deaths,
    fail: (node) => note(`fail ${node}`),
    recover: (node) => note(`recover ${node}`),
    pause: (node) => note(`pause ${node}`),
    resume: (node) => note(`resume ${node}`),
    wipe: (node) => note(`wipe ${node}`),
    partition: (groups, nodes) => note(`partition ${groups === null ? 'none' : groups.join('|')} on ${nodes.join(',')}`),
    skew: (node, milliseconds) => note(`skew ${node} ${milliseconds}`),
    close: () => Promise.resolve(),
  };
  const output = { line: (line: string) => out.push(line), bytes: () => undefined, problem: (line: string) => problems.push(line) };
  const result = await runScript(parseScript(text, NODES), { target, output, connect });
  return { result, log, out, problems, openClients };
}

function allAlive(askedNode: number): ClusterStatus {
  const peers = [0, 1, 2].map((node) => ({
    node,
    address: '',
    liveness: 'alive' as const,
    refused: null,
    clockOffsetMs: 0,
    hintsWaiting: 0,
    hintBytes: 0,
    dirtyPartitions: 0,
  }));
  const statusOf = (node: number): NodeStatus => ({ node, peers, incarnation: 1, version: '', store: 'open', records: 0, scanned: true, untrusted: null, damagedRecords: 0, durability: 'fsync', clockSuspicious: false, counters: {} });
  return {
    clusterId: '',
    epoch: 1,
    replicationFactor: 3,
    partitions: 192,
    askedNode,
    nodes: peers.map((peer) => statusOf(peer.node)),
    converged: { converged: true, reasons: [] },
  };
}
