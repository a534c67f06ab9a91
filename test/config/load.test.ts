import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ConfigError, TEXT_FORMS, defaultNodeConfig, environmentName, loadNodeConfig, type FlagValue } from '../../config/index.ts';

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'ring-level-config-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const PEERS = '0=ws://127.0.0.1:7400,1=ws://127.0.0.1:7401,2=ws://127.0.0.1:7402';
const FLAGS: readonly FlagValue[] = [
  { flag: '--id', key: 'nodeId', text: '1' },
  { flag: '--dir', key: 'directory', text: 'var/node-1' },
  { flag: '--peers', key: 'members', text: PEERS },
  { flag: '--replication-factor', key: 'replicationFactor', text: '3' },
];

describe('loading a configuration', () => {
  it('fills in every default', () => {
    const config = loadNodeConfig({ environment: {}, flags: FLAGS });
    expect(config).toMatchObject({
      nodeId: 1,
      directory: 'var/node-1',
      clusterId: null,
      listen: { host: '127.0.0.1', port: 7400 },
      durability: 'fsync',
      heartbeat: { intervalMs: 300, suspectAfterMs: 1200, deadAfterMs: 10_000 },
      hints: { maxBytes: 1_073_741_824, batchBytes: 262_144 },
      limits: { requestsInFlightMax: 16_384, requestBytesInFlightMax: 268_435_456, connectionsMax: 1024 },
      allowedOrigins: [],
      testControl: 'off',
    });
    expect(config.members).toHaveLength(3);
  });

  it('lets the environment override the file, and flags the environment', () => {
    const file = written({ sweep: { intervalMs: 1, maxBytesPerSecond: 5000 }, requestTimeoutMs: 4000, hedgeAfterMs: 100 });
    const config = loadNodeConfig({
      file,
      environment: { RING_LEVEL_SWEEP_INTERVAL_MS: '2000', RING_LEVEL_REQUEST_TIMEOUT_MS: '6000', HOME: '/' },
      flags: [...FLAGS, { flag: '--set', key: 'requestTimeoutMs', text: '7000' }],
    });
    expect(config).toMatchObject({ sweep: { intervalMs: 2000, maxBytesPerSecond: 5000 }, requestTimeoutMs: 7000, hedgeAfterMs: 100 });
  });

  it('takes HOST:PORT, and lets a single part override it', () => {
    const flag = { flag: '--listen', key: 'listen', text: '[::1]:7000' };
    const environment = { RING_LEVEL_LISTEN_PORT: '1', RING_LEVEL_LISTEN: '127.0.0.2:2' };
    expect(loadNodeConfig({ environment, flags: FLAGS }).listen).toEqual({ host: '127.0.0.2', port: 1 });
    expect(loadNodeConfig({ environment, flags: [...FLAGS, flag] }).listen).toEqual({ host: '::1', port: 7000 });
  });

  it('names every problem at once: key, source, what was found, what is allowed', () => {
    const file = written({ durability: 'maybe', sweeep: {}, sweep: { intervallMs: 3 } });
    const problems = problemsOf(() =>
      loadNodeConfig({
        file,
        environment: { RING_LEVEL_REPLICATION_FACTR: '2', RING_LEVEL_HASH_SEED: '-1' },
        flags: [...FLAGS, { flag: '--replication-factor', key: 'replicationFactor', text: '4' }, { flag: '--listen', key: 'listen', text: '0.0.0.0:7400' }],
      }),
    );
    expect(problems.get('durability')).toEqual({ key: 'durability', source: `file ${file}`, found: '"maybe"', allowed: 'one of fsync, os' });
    expect(problems.get('sweeep')?.allowed).toContain('did you mean sweep?');
    expect(problems.get('sweep.intervallMs')?.allowed).toContain('did you mean intervalMs?');
    expect(problems.get('RING_LEVEL_REPLICATION_FACTR')?.allowed).toContain('did you mean RING_LEVEL_REPLICATION_FACTOR?');
    expect(problems.get('hashSeed')).toMatchObject({ source: 'environment RING_LEVEL_HASH_SEED', found: '-1' });
    expect(problems.get('replicationFactor')).toMatchObject({ source: 'flag --replication-factor', found: '4' });
    expect(problems.get('replicationFactor')?.allowed).toContain('replicationFactor is 4, but the cluster has 3 members');
    expect(problems.get('listen.host')?.allowed).toContain('until there is authentication');
    expect(problems.size).toBe(7);
  });

  it('asks for what has no default', () => {
    const problems = problemsOf(() => loadNodeConfig({ environment: {}, flags: [] }));
    expect([...problems.keys()].toSorted()).toEqual(['directory', 'members', 'nodeId', 'replicationFactor']);
    expect(() => loadNodeConfig({ environment: {}, flags: [] })).toThrow(expect.objectContaining({ code: 'RING_CONFIG_INVALID', retryable: false }));
  });

  it.each([
    ['a missing file', join('nowhere', 'x.json'), 'ENOENT'],
    ['a directory', '.', 'EISDIR'],
  ])('says that it can not read %s', (_, file, reason) => {
    expect(problemsOf(() => loadNodeConfig({ file, environment: {}, flags: [] })).get('file')?.found).toContain(reason);
  });

  it.each(['', '{', '[]', 'null', '7', '"text"'])('refuses a file that holds %j', (text) => {
    const file = join(directory, 'nonsense.json');
    writeFileSync(file, text);
    expect(problemsOf(() => loadNodeConfig({ file, environment: {}, flags: [] })).get('file')?.allowed).toBe('one JSON object');
  });

  it('turns test controls on by their flag only', () => {
    const on = { flag: '--test-control', key: 'testControl', text: 'on' };
    expect(loadNodeConfig({ environment: {}, flags: [...FLAGS, on] }).testControl).toBe('on');
    const file = written({ testControl: 'on' });
    expect(problemsOf(() => loadNodeConfig({ file, environment: {}, flags: FLAGS })).has('testControl')).toBe(true);
    expect(problemsOf(() => loadNodeConfig({ environment: { RING_LEVEL_TEST_CONTROL: 'on' }, flags: FLAGS })).has('testControl')).toBe(true);
  });

  it('takes no memory store from a file', () => {
    const file = written({ directory: null });
    const flags = FLAGS.filter(({ key }) => key !== 'directory');
    expect(problemsOf(() => loadNodeConfig({ file, environment: {}, flags })).get('directory')?.source).toBe(`file ${file}`);
  });

  it.each(['example-local.json', 'example-three-hosts/node-0.json', 'example-three-hosts/node-1.json', 'example-three-hosts/node-2.json'])(
    'accepts the example %s',
    (name) => {
      const file = fileURLToPath(new URL(`../../config/${name}`, import.meta.url));
      const config = loadNodeConfig({ file, environment: {}, flags: [] });
      const own = config.members.find(({ id }) => id === config.nodeId);
      expect(own?.address).toBe(`ws://${config.listen.host}:${config.listen.port}`);
    },
  );
});

describe('a configuration for embedding', () => {
  it('needs nothing', () => {
    expect(defaultNodeConfig()).toMatchObject({ nodeId: 0, directory: null, replicationFactor: 1 });
  });

  it('has up to three replicas', () => {
    const members = [0, 1, 2, 3].map((id) => ({ id, address: `ws://127.0.0.1:${7400 + id}` }));
    expect(defaultNodeConfig({ members, nodeId: 3 }).replicationFactor).toBe(3);
  });

  it.each([
    [{ heartbeat: { suspectAfterMs: 300 } }, 'heartbeat.suspectAfterMs'],
    [{ heartbeat: { deadAfterMs: 1200 } }, 'heartbeat.deadAfterMs'],
    [{ hints: { maxBytes: 1024 } }, 'hints.batchBytes'],
    [{ nodeId: 1 }, 'nodeId'],
    [{ members: [{ id: 1, address: 'ws://127.0.0.1:1' }], nodeId: 1 }, 'members'],
    [{ members: [0, 1].map((id) => ({ id, address: 'ws://127.0.0.1:1' })) }, 'members'],
    [{ members: [{ id: 0, address: 'http://127.0.0.1:1' }] }, 'members.0.address'],
    [{ replicationFactor: 0 }, 'replicationFactor'],
    [{ allowedOrigins: ['example.org'] }, 'allowedOrigins.0'],
    [{ listen: { host: '127.0.0.256' } }, 'listen.host'],
    [{ listen: { port: 65_536 } }, 'listen.port'],
  ])('refuses %j, naming %s', (input, key) => {
    expect([...problemsOf(() => defaultNodeConfig(input)).keys()]).toEqual([key]);
  });
});

describe('the table of text forms', () => {
  it('has every leaf of the schema, and no other', () => {
    const leaves = Object.entries(defaultNodeConfig()).flatMap(([key, value]) =>
      typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value).map((inner) => `${key}.${inner}`) : [key],
    );
    expect([...TEXT_FORMS.keys()].toSorted()).toEqual(leaves.toSorted());
  });

  it('gives every key a variable of its own', () => {
    expect(environmentName('sweep.intervalMs')).toBe('RING_LEVEL_SWEEP_INTERVAL_MS');
    expect(new Set([...TEXT_FORMS.keys()].map(environmentName)).size).toBe(TEXT_FORMS.size);
  });
});

let files = 0;

function written(value: object): string {
  files++;
  const file = join(directory, `config-${files}.json`);
  writeFileSync(file, JSON.stringify(value));
  return file;
}

function problemsOf(load: () => unknown) {
  try {
    load();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return new Map(error.problems.map((problem) => [problem.key, problem]));
  }
  throw new Error('no ConfigError was thrown');
}
