/** The options of the benchmark, from a command line. */
import { tmpdir } from 'node:os';
import { consistencyFlag, integerFlag, readArguments, seeHelp, type Arguments } from '../cli/arguments.ts';
import { clusterSize } from '../cli/cluster-size.ts';
import { UsageError } from '../cli/errors.ts';
import { nearestName } from '../config/index.ts';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX, type Consistency } from '../wire/index.ts';
import { keyBytesLeast } from './load/records.ts';

export interface Settings {
  /** null, here and below: what the suite takes by itself. */
  readonly records: number | null;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly runs: number;
  readonly nodes: number;
  readonly replicationFactor: number;
  readonly durability: Durability;
  readonly consistency: Consistency;
  readonly clients: number | null;
  readonly inFlight: number | null;
  readonly seed: number;
  /** All data lies below it; the whole of it is removed at the end. */
  readonly directory: string;
}

export type Durability = 'fsync' | 'os';

export interface BenchArguments {
  /** Names of suites, in the order in which they run. */
  readonly suites: readonly string[];
  /** But for the directory, which is made below `parentDirectory`. */
  readonly settings: Omit<Settings, 'directory'>;
  readonly parentDirectory: string;
  /** Where the report goes as JSON; null: nowhere. */
  readonly jsonFile: string | null;
}

const COMMAND = 'bench';
const FLAGS = ['records', 'key-bytes', 'value-bytes', 'seconds', 'warm-up', 'runs', 'nodes', 'replication-factor', 'durability', 'consistency', 'clients', 'in-flight', 'seed', 'json', 'dir'] as const;
const RECORDS_MAX = 100_000_000;
/** What a suite takes by itself is no more. */
const RECORDS_BY_DEFAULT_MAX = 5_000_000;
const SECONDS_MAX = 86_400;
const RUNS_MAX = 1_000;
const NODES_MAX = 100;
const CLIENTS_MAX = 1_000;
const IN_FLIGHT_MAX = 16_384;
const SEED_MAX = 0xffff_ffff;

/** Throws a `UsageError` for a suite that is none of `known` and for an option that cannot be. */
export function readSettings(args: readonly string[], known: readonly string[], defaultSuite: string): BenchArguments {
  const parsed = readArguments(args, { command: COMMAND, flags: Object.fromEntries(FLAGS.map((flag) => [flag, 'text' as const])), positionals: [], rest: 'allowed' });
  const suites = parsed.rest();
  for (const suite of suites) if (!known.includes(suite)) throw new UsageError(unknownSuite(suite, known));
  return {
    suites: suites.length === 0 ? [defaultSuite] : suites,
    settings: settingsFrom(parsed),
    parentDirectory: parsed.text('dir') ?? tmpdir(),
    jsonFile: parsed.text('json'),
  };
}

function settingsFrom(parsed: Arguments): Omit<Settings, 'directory'> {
  const integer = (flag: string, least: number, most: number): number | null => {
    const text = parsed.text(flag);
    return text === null ? null : integerFlag(COMMAND, flag, text, least, most);
  };
  const records = integer('records', 1, RECORDS_MAX);
  const keyBytes = integer('key-bytes', 1, KEY_BYTES_MAX) ?? 16;
  const recordsMost = records ?? RECORDS_BY_DEFAULT_MAX;
  const keyBytesNeeded = keyBytesLeast(recordsMost);
  if (keyBytes < keyBytesNeeded) throw new UsageError(`${COMMAND}: --key-bytes is ${keyBytes}; ${recordsMost} different keys need ${keyBytesNeeded}`);
  return {
    ...clusterSize(COMMAND, integer('nodes', 1, NODES_MAX), integer('replication-factor', 1, NODES_MAX)),
    records,
    keyBytes,
    valueBytes: integer('value-bytes', 1, VALUE_BYTES_MAX) ?? 100,
    seconds: secondsFlag('seconds', parsed.text('seconds'), 5, 0.01),
    warmUpSeconds: secondsFlag('warm-up', parsed.text('warm-up'), 1, 0),
    runs: integer('runs', 1, RUNS_MAX) ?? 3,
    durability: durabilityFlag(parsed.text('durability')),
    consistency: consistencyFlag(COMMAND, parsed.text('consistency')) ?? 'available',
    clients: integer('clients', 1, CLIENTS_MAX),
    inFlight: integer('in-flight', 1, IN_FLIGHT_MAX),
    seed: integer('seed', 0, SEED_MAX) ?? 1,
  };
}

function secondsFlag(flag: string, text: string | null, otherwise: number, least: number): number {
  if (text === null) return otherwise;
  const value = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= SECONDS_MAX) return value;
  throw new UsageError(`${COMMAND}: --${flag} is ${JSON.stringify(text)}; allowed: seconds from ${least} to ${SECONDS_MAX}`);
}

function durabilityFlag(text: string | null): Durability {
  if (text === null || text === 'fsync') return 'fsync';
  if (text === 'os') return 'os';
  throw new UsageError(`${COMMAND}: --durability is ${JSON.stringify(text)}; allowed: fsync, os`);
}

function unknownSuite(name: string, known: readonly string[]): string {
  if (known.length === 0) return `${COMMAND}: unexpected argument ${JSON.stringify(name)}; ${seeHelp(COMMAND)}`;
  const near = nearestName(name, known);
  return `${COMMAND}: unknown benchmark ${JSON.stringify(name)}${near === null ? ` (there are ${known.join(', ')})` : `; did you mean ${near}?`}; ${seeHelp(COMMAND)}`;
}
