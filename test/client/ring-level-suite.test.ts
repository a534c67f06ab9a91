/** abstract-level's own suite on three daemons, replication factor 3. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requireBuild, startDaemons, type DaemonCluster } from '../support/processes.ts';
import { registerAbstractLevelSuite } from './abstract-level-suite.ts';

let cluster: DaemonCluster | null = null;

beforeAll(async () => {
  requireBuild();
  cluster = await startDaemons(3, 3);
});

afterAll(async () => cluster?.[Symbol.asyncDispose]());

describe("abstract-level's suite on a healthy cluster", () => {
  const counts = registerAbstractLevelSuite(() => cluster?.urls ?? null);

  it('ran, all of it', () => {
    const { tests, assertions, databases } = counts();
    process.stdout.write(`abstract-level's suite: ${tests} tests, ${assertions} assertions, ${databases} databases\n`);
    expect(tests).toBeGreaterThan(1_300);
    expect(assertions).toBeGreaterThan(4_000);
  });
});
