import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { checkWish, parseRecord, readClusterRecord, writeClusterRecord } from '../../cli/cluster-record.ts';
import { findFreePorts } from '../../cli/free-ports.ts';
import { NodeStates } from '../../cli/node-states.ts';
import { shellLine } from '../../cli/shell-quoting.ts';
import { statusTable } from '../../cli/status-table.ts';

const record = { format: 1, clusterId: 'c', nodes: 3, replicationFactor: 2, ports: [7400, 7401, 7402] } as const;

describe('the record of a local cluster', () => {
  it('is read as it was written; none is null', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'ring-level-record-'));
    try {
      expect(await readClusterRecord(directory)).toBeNull();
      await writeClusterRecord(join(directory, 'new'), record);
      expect(await readClusterRecord(join(directory, 'new'))).toEqual(record);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it.runIf(process.platform === 'linux')('fails where no directory can be made, and never hangs', async () => {
    await expect(writeClusterRecord('/proc/no-such-process/below', record)).rejects.toThrow(/ENOENT|EACCES|EPERM/);
  });

  it.each(['', '{}', '[]', 'null', '{"format":2,"clusterId":"c","nodes":0,"replicationFactor":1,"ports":[]}'])('refuses %j', (text) => {
    expect(parseRecord(text)).toBeNull();
  });

  it('meets a wish for the same cluster', () => {
    expect(() => checkWish(record, { nodes: 3, replicationFactor: null, port: 0 }, 'd')).not.toThrow();
    expect(() => checkWish(record, { nodes: null, replicationFactor: 2, port: 7400 }, 'd')).not.toThrow();
  });

  it('names all that differs', () => {
    expect(() => checkWish(record, { nodes: 4, replicationFactor: 3, port: 1 }, 'd')).toThrow(
      'd holds another cluster: --nodes 4, there 3; --replication-factor 3, there 2; --port 1, there 7400',
    );
  });
});

describe('pieces of a local cluster', () => {
  it('finds as many different free ports as asked for', async () => {
    expect(new Set(await findFreePorts(5)).size).toBe(5);
  });

  it('quotes what a shell would read otherwise', () => {
    expect(shellLine(['node', '--dir', "it's here", '--peers', '0=ws://127.0.0.1:1,1=x'])).toBe(
      `node --dir 'it'\\''s here' --peers 0=ws://127.0.0.1:1,1=x`,
    );
  });

  it('knows who should see whom', () => {
    const states = new NodeStates(4);
    states.groups = [[0, 1, 2], [3]];
    states.set(1, 'failed');
    expect([states.running(), states.peersOf(0), states.peersOf(3)]).toEqual([[0, 2, 3], [2], []]);
    states.groups = null;
    expect(states.peersOf(3)).toEqual([0, 2]);
  });
});

describe('the table of status', () => {
  it('shows a node that gives no answer as the asked node sees it', () => {
    const peer = { node: 1, address: 'ws://127.0.0.1:7401', liveness: 'dead', refused: null, clockOffsetMs: null, hintsWaiting: 7, hintBytes: 1, dirtyPartitions: 0 } as const;
    const node = {
      node: 0,
      incarnation: 1,
      version: '0.1.0',
      store: 'open',
      records: 12,
      scanned: true,
      untrusted: null,
      damagedRecords: 0,
      durability: 'fsync',
      clockSuspicious: false,
      peers: [peer],
      counters: {},
    } as const;
    const lines = statusTable({
      clusterId: 'c',
      epoch: 1,
      replicationFactor: 2,
      partitions: 128,
      askedNode: 0,
      nodes: [node, null],
      converged: { converged: false, reasons: ['node 1 gives no answer'] },
    });
    expect(lines.find((line) => line.startsWith('1'))).toMatch(/^1 +ws:\/\/127.0.0.1:7401 +dead +no answer +7$/);
    expect(lines.at(-1)).toBe('  node 1 gives no answer');
    expect(lines.find((line) => line.startsWith('0'))).toMatch(/^0 +\? +alive +open +yes +12 +0 +0 +ok +fsync$/);
  });

  it('says of which node the store is untrusted, why, and how much is damaged', () => {
    const node = {
      incarnation: 1,
      version: '0.1.0',
      store: 'open',
      records: 12,
      scanned: true,
      damagedRecords: 0,
      untrusted: null,
      durability: 'fsync',
      clockSuspicious: false,
      peers: [],
      counters: {},
    } as const;
    const lines = statusTable({
      clusterId: 'c',
      epoch: 1,
      replicationFactor: 3,
      partitions: 192,
      askedNode: 0,
      nodes: [
        { ...node, node: 0 },
        { ...node, node: 1, untrusted: 'a new directory', damagedRecords: 1 },
        { ...node, node: 2, damagedRecords: 3 },
      ],
      converged: { converged: false, reasons: ['node 1 does not trust its store yet'] },
    });
    const columnsOf = (id: number): readonly string[] | undefined => lines.find((line) => line.startsWith(String(id)))?.split(/ {2,}/);
    expect(lines.find((line) => line.startsWith('node'))?.split(/ {2,}/).slice(4, 7)).toStrictEqual(['trusted', 'records', 'damaged']);
    expect([0, 1, 2].map((id) => columnsOf(id)?.slice(4, 7))).toStrictEqual([['yes', '12', '0'], ['no', '12', '1'], ['yes', '12', '3']]);
    expect(lines).toContain('node 1 is not counted in quorums until it was compared with its peers: a new directory');
    expect(lines).toContain('node 1 has 1 damaged entry that the other replicas could not replace yet');
    expect(lines).toContain('node 2 has 3 damaged entries that the other replicas could not replace yet');
    expect(lines.filter((line) => line.startsWith('node 0 '))).toStrictEqual([]);
  });
});
