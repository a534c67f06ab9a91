/**
 * abstract-level's own suite against RingLevel on a live cluster, each of its tests one of vitest's. Every database it
 * asks for is a keyspace of its own.
 */
import { createRequire } from 'node:module';
import { afterAll, expect, it } from 'vitest';
import { RingLevel, type RingLevelOptions } from '../../client/index.ts';
import { TapeTest, type TapeBody } from '../support/tape.ts';

type Factory = (options?: RingLevelOptions) => RingLevel;
type Suite = (options: { readonly test: (name: string, body: TapeBody) => void; readonly factory: Factory }) => void;

export interface SuiteCounts {
  readonly tests: number;
  readonly assertions: number;
  readonly databases: number;
}

const loaded: unknown = createRequire(import.meta.url)('abstract-level/test');
if (typeof loaded !== 'function') throw new Error('abstract-level has no suite');
const suite = loaded as Suite;

/** No node listens there, and none is asked: the suite looks at the manifest while it is collected. */
const BEFORE_THE_START: readonly string[] = ['ws://127.0.0.1:1'];

/** Registers the tests of the suite. `urls`: of the cluster; null while it has not been started. The counts are those so far. */
export function registerAbstractLevelSuite(urls: () => readonly string[] | null): () => SuiteCounts {
  const databases: RingLevel[] = [];
  const tests: TapeTest[] = [];
  suite({
    test: (name, body) => {
      // oxlint-disable-next-line vitest/valid-title
      it(name, async () => {
        const test = new TapeTest();
        tests.push(test);
        await test.run(body);
        expect(test.failures).toStrictEqual([]);
      });
    },
    factory: (options = {}) => {
      const all = urls() ?? BEFORE_THE_START;
      const first = databases.length % all.length;
      const database = new RingLevel([...all.slice(first), ...all.slice(0, first)], { ...options, keyspace: `suite-${databases.length}` });
      databases.push(database);
      return database;
    },
  });
  it('the suite asserted nothing after the end of a test', () => {
    expect(tests.flatMap(({ lateFailures }) => lateFailures)).toStrictEqual([]);
  });
  // Those of its second half, below sublevels, the suite leaves open.
  afterAll(async () => {
    const closed = await Promise.allSettled(databases.filter(({ status }) => status !== 'closed').map(async (database) => database.close()));
    const failures = closed.filter((result) => result.status === 'rejected').map(({ reason }: { readonly reason: unknown }) => reason);
    // A test leaves a sublevel locked for good, which its database then cannot close; it never made a request.
    expect(failures.filter((error) => !isLocked(error))).toStrictEqual([]);
  });
  return () => ({ tests: tests.length, assertions: tests.reduce((sum, test) => sum + test.assertions, 0), databases: databases.length });
}

function isLocked(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : null;
  return cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_STATUS_LOCKED';
}
