import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../bench/commands.ts';
import { readSettings, type BenchArguments } from '../../bench/settings.ts';
import { SUITES } from '../../bench/suites.ts';
import { benchCommand } from '../../cli/bench.ts';
import { UsageError } from '../../cli/errors.ts';

const NAMES = SUITES.map(({ name }) => name);
const read = (...args: readonly string[]): BenchArguments => readSettings(args, NAMES, 'throughput');

describe('the options of the benchmark', () => {
  it('have defaults', () => {
    const { suites, settings, jsonFile } = read();
    expect([suites, jsonFile]).toEqual([['throughput'], null]);
    expect(settings).toMatchObject({ records: null, keyBytes: 16, valueBytes: 100, seconds: 5, warmUpSeconds: 1, runs: 3, nodes: 3, replicationFactor: 3, durability: 'fsync', consistency: 'available', clients: null, inFlight: null });
  });

  it('are read, before and after the names of benchmarks', () => {
    const { suites, settings, parentDirectory, jsonFile } = read(
      ...['--records', '500', 'rate', '--seconds=0.2', '--warm-up', '0', '--runs', '1', '--nodes', '2', '--durability', 'os', '--consistency', 'quorum'],
      ...['ycsb', '--clients', '8', '--in-flight', '32', '--seed', '9', '--key-bytes', '24', '--value-bytes', '1000', '--json', 'a.json', '--dir', 'var/x'],
    );
    expect([suites, parentDirectory, jsonFile]).toEqual([['rate', 'ycsb'], 'var/x', 'a.json']);
    expect(settings).toMatchObject({ records: 500, seconds: 0.2, warmUpSeconds: 0, runs: 1, nodes: 2, replicationFactor: 2, durability: 'os', consistency: 'quorum', clients: 8, inFlight: 32, seed: 9, keyBytes: 24, valueBytes: 1_000 });
  });

  it.each([
    [['througput'], 'bench: unknown benchmark "througput"; did you mean throughput?'],
    [['--secnds', '1'], 'bench: unknown flag --secnds; did you mean --seconds?'],
    [['--seconds'], '--seconds needs a value'],
    [['--seconds', '0'], 'bench: --seconds is "0"; allowed: seconds from 0.01 to 86400'],
    [['--seconds', 'long'], 'allowed: seconds from'],
    [['--warm-up', '-1'], 'allowed: seconds from 0 to'],
    [['--runs', '0'], 'an integer from 1 to'],
    [['--records', '1.5'], 'an integer from 1 to'],
    [['--value-bytes', '1048577'], 'an integer from 1 to 1048576'],
    [['--key-bytes', '1025'], 'an integer from 1 to 1024'],
    [['--key-bytes', '4', '--records', '1000'], 'bench: --key-bytes is 4; 1000 different keys need 5'],
    [['--nodes', '2', '--replication-factor', '3'], 'there are only 2 nodes'],
    [['--durability', 'none'], 'allowed: fsync, os'],
    [['--consistency', 'most'], 'allowed: available, one, quorum, all'],
    [['--clients', '0'], 'an integer from 1 to'],
    [['--in-flight', '16385'], 'an integer from 1 to 16384'],
  ])('are refused in one line: %j', (args, message) => {
    expect(() => read(...args)).toThrow(UsageError);
    expect(() => read(...args)).toThrow(message);
    expect(() => read(...args)).not.toThrow('\n');
  });

  it('may stand alone, where no benchmark is named', () => {
    expect(() => readSettings(['growth'], [], 'growth')).toThrow('bench: unexpected argument "growth"');
    expect(readSettings(['--runs', '2'], [], 'growth').settings.runs).toBe(2);
  });

  it('are all in the help, as are the benchmarks', () => {
    for (const { name, summary } of SUITES) expect(benchCommand.help).toContain(`\n  ${name.padEnd(24)} ${summary}`);
    for (const { name } of COMMANDS) expect(benchCommand.help).toContain(`\n  ${name} `);
    for (const flag of ['records', 'key-bytes', 'value-bytes', 'seconds', 'warm-up', 'runs', 'nodes', 'replication-factor', 'durability', 'consistency', 'clients', 'in-flight', 'seed', 'json', 'dir']) {
      expect(benchCommand.help).toContain(`\n  --${flag} `);
    }
  });
});
