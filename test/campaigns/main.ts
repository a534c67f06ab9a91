/**
 * `npm run campaign -- [NAME …] [--cycles N] [--seed N] [--replication-factor N] [--json FILE]`: faults against real
 * daemons. Without a name: all campaigns, each with its own number of cycles. Exit status 1 when one of them failed.
 *
 * The seed decides which faults are made and when; how the daemons' threads meet them is the machine's choice, so a
 * seed makes a finding likely again, not certain.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runCampaign, type Campaign, type Row } from './campaign.ts';
import { bitFlips, damageFiles } from './damage.ts';
import { oldCopy, swapped } from './directories.ts';
import { diskFull, failNth } from './failing-disk.ts';
import { killAll, killOne, pause, powerAll, powerAllControl, powerOne } from './kills.ts';
import { clock, partition } from './network-and-clock.ts';
import { hasCompiler } from './shim.ts';
import { tableOf } from './table.ts';
import { untrusted } from './untrusted.ts';

const CAMPAIGNS: readonly Campaign[] = [killOne, killAll, powerOne, powerAll, powerAllControl, failNth, diskFull, bitFlips, damageFiles, untrusted, pause, clock, partition, oldCopy, swapped];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { cycles: { type: 'string' }, seed: { type: 'string' }, 'replication-factor': { type: 'string', default: '3' }, json: { type: 'string' } },
});
// What listens to `exit` kills the daemons and removes their directories.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
process.exitCode = await main();

async function main(): Promise<number> {
  const unknown = positionals.filter((name) => !CAMPAIGNS.some((campaign) => campaign.name === name));
  const numbers = [values.cycles, values.seed, values['replication-factor']].filter((text) => text !== undefined);
  if (unknown.length > 0 || numbers.some((text) => !/^\d{1,9}$/.test(text))) {
    process.stderr.write(`${unknown.length > 0 ? `no such campaign: ${unknown.join(', ')}` : 'cycles, seed and replication factor are whole numbers'}; there are:\n${CAMPAIGNS.map(({ name, promise }) => `  ${name.padEnd(22)}${promise}\n`).join('')}`);
    return 2;
  }
  if (!hasCompiler()) {
    process.stderr.write('campaigns need Linux and a C compiler that is called as cc (Debian: apt-get install gcc libc6-dev)\n');
    return 2;
  }
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000_000));
  process.stdout.write(`seed ${seed}\n`);
  const rows: Row[] = [];
  for (const campaign of CAMPAIGNS) {
    if (positionals.length > 0 && !positionals.includes(campaign.name)) continue;
    const row = await runCampaign(campaign, {
      cycles: Number(values.cycles ?? campaign.cycles),
      seed,
      replicationFactor: Number(values['replication-factor']),
      onProgress: (text) => process.stdout.write(`${text}\n`),
    });
    rows.push(row);
    process.stdout.write(`${row.failures.length === 0 ? 'passed' : 'FAILED'} ${row.campaign} ${JSON.stringify(row.details)}\n${[...row.failures, ...row.notes].map((text) => `  ${text}\n`).join('')}`);
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
  }
  process.stdout.write(`\n${tableOf(rows)}`);
  return rows.every(({ failures }) => failures.length === 0) ? 0 : 1;
}
