/** This build against another commit, in turn. */
import { describeError } from '../../cli/errors.ts';
import { PROTOCOL_VERSION } from '../../wire/index.ts';
import { WORKLOAD_NAMES, type WorkloadName } from '../load/plan.ts';
import { RingServers } from '../peers/ring-servers.ts';
import { progress } from '../progress.ts';
import type { Settings } from '../settings.ts';
import { RECORDS, describeShape, shapeFrom } from '../suites/shape.ts';
import type { CompareOptions } from './compare.ts';
import type { ComparedLoad } from './figures.ts';
import { OtherBuild } from './other-build.ts';
import { THESE_TOOLS, type Tools } from './tools.ts';
import { measureInTurns, type Side, type TurnLoad } from './turns.ts';

const WORKLOADS: readonly WorkloadName[] = WORKLOAD_NAMES.filter((name) => name === 'put' || name === 'get' || name === 'ycsb-a' || name === 'ycsb-b');
const SHAPE = { clients: 1, inFlight: 64 };

export async function measureAgainstCommit(name: string, options: CompareOptions): Promise<{ readonly against: string; readonly loads: readonly ComparedLoad[] }> {
  const build = await OtherBuild.make(name, options.settings.directory);
  const servers: RingServers[] = [];
  try {
    const tools = await toolsFor(build, options.client);
    const before = await startOther(build, options.settings, tools);
    servers.push(before.servers);
    const after = await startSide('after', null, THESE_TOOLS, options.settings);
    servers.push(after.servers);
    return { against: build.commit, loads: await measureInTurns(before, after, loadsOf(options), options.rounds) };
  } finally {
    for (const one of servers) await one.stop();
    await build.remove();
  }
}

/** Throws when that which should measure the other build can't. */
async function toolsFor(build: OtherBuild, client: CompareOptions['client']): Promise<Tools> {
  if (client === 'own') {
    const tools = await build.tools();
    if (tools === null) throw new Error(`--own-client: ${build.commit} has no load generator that can be used from here (bench/load/load-process.ts); only this tree's client can measure it`);
    return tools;
  }
  const version = await build.protocolVersion();
  if (version !== null && version !== PROTOCOL_VERSION) {
    // The version is that of frames between nodes; what clients say changes far less often, and what fails is counted.
    progress(`compare: the daemons of ${build.commit} speak version ${version} of the protocol, this tree's client ${PROTOCOL_VERSION}; should there be errors: with --own-client that build's own client measures it, and then a difference may be the client's`);
  }
  return THESE_TOOLS;
}

async function startOther(build: OtherBuild, settings: Settings, tools: Tools): Promise<Side & { readonly servers: RingServers }> {
  try {
    return await startSide('before', build.main, tools, settings);
  } catch (error) {
    const advice = tools === THESE_TOOLS ? `; if this tree's client is the reason, try --own-client` : '';
    throw new Error(`the daemons of ${build.commit} could not be started and filled: ${describeError(error)}${advice}`, { cause: error });
  }
}

/** Filled and paused. */
async function startSide(name: Side['name'], main: string | null, tools: Tools, settings: Settings): Promise<Side & { readonly servers: RingServers }> {
  const servers = await RingServers.start(settings, { main, start: async (options) => tools.BenchCluster.start(options) });
  try {
    await tools.fillRecords(servers.target, settings.records ?? RECORDS, settings.keyBytes, settings.valueBytes);
  } catch (error) {
    await servers.stop();
    throw error;
  }
  servers.pause();
  return { name, servers, tools };
}

function loadsOf({ settings, workloads }: CompareOptions): readonly TurnLoad[] {
  const { keyBytes, valueBytes, warmUpSeconds, seconds, seed } = settings;
  const shape = shapeFrom(settings, SHAPE) ?? SHAPE;
  return (workloads ?? WORKLOADS).map((workload) => ({
    name: `${workload}, ${describeShape(shape)}`,
    plan: { workload, records: settings.records ?? RECORDS, keyBytes, valueBytes, ...shape, warmUpSeconds, seconds, ratePerSecond: null, seed },
  }));
}
