/**
 * abstract-level's own suite once more, while one node after the other is killed and started again.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requireBuild, startDaemons, type DaemonCluster } from '../support/processes.ts';
import { registerAbstractLevelSuite } from './abstract-level-suite.ts';
import { NodeFailures } from './node-failures.ts';

const KILLS_MIN = 9;
const TESTS_BETWEEN = 20;

describe("abstract-level's suite while nodes fail in turn", () => {
  let cluster: DaemonCluster | null = null;
  let failures: NodeFailures | null = null;

  beforeAll(async () => {
    requireBuild();
    cluster = await startDaemons(3, 3);
    failures = new NodeFailures(cluster, { progress: () => counts().tests, step: TESTS_BETWEEN });
  });

  afterAll(async () => {
    await failures?.stop().catch(() => undefined);
    await cluster?.[Symbol.asyncDispose]();
  });

  const counts = registerAbstractLevelSuite(() => cluster?.urls ?? null);

  it('ran, all of it, and every node was killed several times meanwhile', async () => {
    const { tests, assertions, databases } = counts();
    await failures?.stop();
    process.stdout.write(`abstract-level's suite: ${tests} tests, ${assertions} assertions, ${databases} databases, ${failures?.kills} kills\n`);
    expect(tests).toBeGreaterThan(1_300);
    expect(assertions).toBeGreaterThan(4_000);
    expect(failures?.kills).toBeGreaterThanOrEqual(KILLS_MIN);
    expect(failures?.returns).toBe(failures?.kills);
  });
});
