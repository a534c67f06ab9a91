/**
 * A slice of the campaigns of test/campaigns: power cuts of real daemons, made with a preloaded library that writes down
 * what was synced. SIGKILL alone proves nothing about fsync, as the page cache survives it (ARCHITECTURE F6); so the
 * control without fsync must lose something, or these cuts cut nothing.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { runCampaign, type Campaign, type Row } from '../campaigns/campaign.ts';
import { powerAll, powerAllControl, powerOne } from '../campaigns/kills.ts';
import { hasCompiler } from '../campaigns/shim.ts';
import { requireBuild } from '../support/processes.ts';

const CYCLES = 2;
const CONTROL_RUNS_MAX = 4;

const isPossible = hasCompiler();
const inCi = (process.env['CI'] ?? '') !== '';
if (!isPossible && !inCi) process.stdout.write('power cuts are skipped: they need Linux and a C compiler that is called as cc\n');

beforeAll(requireBuild);

async function run(campaign: Campaign, cycles: number): Promise<Row> {
  const seed = Math.floor(Math.random() * 1_000_000_000);
  const row = await runCampaign(campaign, { cycles, seed, replicationFactor: 3, onProgress: () => undefined });
  if (row.failures.length > 0) process.stdout.write(`${row.campaign}: run again with npm run campaign -- ${row.campaign} --cycles ${cycles} --seed ${seed}\n`);
  return row;
}

// In CI a machine without a compiler fails here, and does not pass by leaving the tests out.
describe.skipIf(!isPossible && !inCi)('a power cut', { timeout: 60_000 }, () => {
  it.each([powerOne, powerAll])('$name loses nothing that was acknowledged with an fsync', async (campaign) => {
    const row = await run(campaign, CYCLES);
    expect(row.failures).toStrictEqual([]);
    expect(row).toMatchObject({ lost: 0, wrong: 0, replicasEqual: 'yes' });
    expect(row.details['cutsThatCut']).toBeGreaterThan(0);
  });

  it('without an fsync loses something, so that these cuts are known to cut', async () => {
    let lost = 0;
    for (let count = 0; count < CONTROL_RUNS_MAX && lost === 0; count++) ({ lost } = await run(powerAllControl, 1));
    expect(lost).toBeGreaterThan(0);
  });
});
