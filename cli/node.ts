/**
 * `ring-level node`: one daemon in the foreground.
 *
 * Standard output carries the ready line only; logs go to standard error. With --stop-with-parent the daemon ends when
 * its standard input does, so that a parent that dies, however it dies, leaves nobody behind; SIGINT is then left to
 * that parent, because a terminal's Ctrl-C reaches the whole group at once.
 */
import { loadNodeConfig, type FlagValue, type NodeConfig } from '../config/index.ts';
import { startNode, type RunningNode } from '../node/index.ts';
import { readArguments, type Arguments } from './arguments.ts';
import { EXIT, type Command, type CommandContext } from './command.ts';
import { UsageError, describeError } from './errors.ts';
import { StopRequest, withDeadline } from './signals.ts';

const STOP_TIMEOUT_MS = 15_000;

/** Flags with a name of their own, and the configuration key that each sets; `--set` reaches all the others. */
const KEY_BY_FLAG: ReadonlyMap<string, string> = new Map([
  ['id', 'nodeId'],
  ['dir', 'directory'],
  ['listen', 'listen'],
  ['peers', 'members'],
  ['replication-factor', 'replicationFactor'],
  ['cluster-id', 'clusterId'],
  ['durability', 'durability'],
  ['log-level', 'logLevel'],
]);

export const nodeCommand: Command = {
  name: 'node',
  summary: 'one daemon in the foreground',
  help: `ring-level node --config FILE [flags]
ring-level node --id 0 --dir DIR --listen HOST:PORT --peers 0=ws://…,1=ws://…,2=ws://… --replication-factor 3 [flags]

Creates DIR when it is new. Prints 'node 0 ready ws://127.0.0.1:7400' when it takes requests; logs go to standard
error. SIGTERM and SIGINT stop it in order. Exit status 2: the configuration or the command line is wrong; 1: it could
not start, or had to stop.

  --config FILE            JSON; then RING_LEVEL_* variables and then flags go over it
  --id N                   this node's id, one of the peers'
  --dir DIR                where its data lies
  --listen HOST:PORT       loopback only, until there is authentication
  --peers LIST             every node of the cluster, this one too: 0=ws://HOST:PORT,1=ws://HOST:PORT
  --replication-factor N   how many nodes keep each key
  --cluster-id NAME        the same on every node (default: derived from the peers)
  --durability MODE        fsync (default) or os
  --log-level LEVEL        silent, error, warn, info (default) or debug
  --set KEY=VALUE          any configuration key: --set sweep.intervalMs=1000
  --test-control           obey test controls (partition, skew); never on a node with data that matters
  --stop-with-parent       stop when standard input ends, and leave SIGINT to the parent`,
  async run(args, context) {
    const parsed = readArguments(args, {
      command: 'node',
      flags: {
        config: 'text',
        ...Object.fromEntries([...KEY_BY_FLAG.keys()].map((flag) => [flag, 'text' as const])),
        set: 'texts',
        'test-control': 'switch',
        'stop-with-parent': 'switch',
      },
      positionals: [],
    });
    const file = parsed.text('config');
    const config = loadNodeConfig({
      ...(file === null ? {} : { file }),
      environment: context.environment,
      flags: configFlags(parsed),
    });
    return serve(config, parsed.isOn('stop-with-parent') ? 'stop with parent' : 'alone', context);
  },
};

async function serve(config: NodeConfig, company: 'stop with parent' | 'alone', { output }: CommandContext): Promise<number> {
  using stop = new StopRequest(company === 'alone' ? ['SIGTERM', 'SIGINT', 'SIGHUP'] : ['SIGTERM', 'SIGHUP']);
  if (company === 'stop with parent') {
    process.on('SIGINT', () => undefined);
    stopWithStandardInput(stop);
  }
  let status: number = EXIT.ok;
  let node: RunningNode;
  try {
    node = await startNode(config, {
      onFatal: (reason) => {
        output.problem(`ring-level: node ${config.nodeId} stops: ${reason}`);
        status = EXIT.failed;
        stop.ask(reason);
      },
    });
  } catch (error) {
    output.problem(`ring-level: ${describeError(error)}`);
    return EXIT.failed;
  }
  output.line(`node ${node.nodeId} ready ${node.url}`);
  await stop.asked;
  try {
    await withDeadline(node.stop(), STOP_TIMEOUT_MS, 'stop');
  } catch (error) {
    output.problem(`ring-level: node ${node.nodeId} did not stop in order: ${describeError(error)}`);
    return EXIT.failed;
  }
  return status;
}

function stopWithStandardInput(stop: StopRequest): void {
  const ended = (): void => stop.ask('the parent is gone');
  process.stdin.on('end', ended).on('close', ended).on('error', ended).resume();
}

function configFlags(args: Arguments): readonly FlagValue[] {
  const flags: FlagValue[] = [];
  for (const assignment of args.texts('set')) {
    const at = assignment.indexOf('=');
    if (at <= 0) throw new UsageError(`node: --set is ${JSON.stringify(assignment)}; allowed: KEY=VALUE, such as sweep.intervalMs=1000`);
    const key = assignment.slice(0, at);
    if (key === 'testControl') throw new UsageError('node: test controls are turned on with --test-control, not with --set');
    flags.push({ flag: `--set ${assignment}`, key, text: assignment.slice(at + 1) });
  }
  for (const [flag, key] of KEY_BY_FLAG) {
    const text = args.text(flag);
    if (text !== null) flags.push({ flag: `--${flag}`, key, text });
  }
  if (args.isOn('test-control')) flags.push({ flag: '--test-control', key: 'testControl', text: 'on' });
  return flags;
}
