/**
 * `ring-level bench`: the benchmark of `bench/`, as a program of its own.
 *
 * It is spawned and not imported, because `bench/` is made of parts of `cli/`. It is in a process group of its own, so
 * that Ctrl-C reaches it once, through this process; a channel between the two tells it when this one is gone.
 */
import { spawn } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXIT, type Command } from './command.ts';

const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

export const benchCommand: Command = {
  name: 'bench',
  summary: 'throughput and latency of a fresh local cluster, and of others beside it',
  help: `ring-level bench [BENCHMARK…] [flags]
ring-level bench peers|compare|growth|tails|profile|plots [flags]

Measures daemons on a temporary directory, with the load in a process of its own. Results go to standard output as a
table, progress to standard error. Ctrl-C stops all and removes the directory. Exit status 2: the command line is
wrong; 1: a benchmark failed or was stopped.

  throughput               put and get with 1, 64 and 1,024 in flight, and with several clients (the default)
  ycsb                     YCSB core workloads A to F
  rate                     the peak with 256 in flight, then latency at fixed rates of 25, 50 and 75 % of it
  start                    how long a new cluster takes
  restart                  how long a node takes after SIGKILL, with no, a tenth of, and all records
  million                  disk and memory, the cost of sweeps, the healing of a wiped node
  range                    range reads through RingLevel, beside the same records in level

  peers                    the same loads on Redis and etcd, too [--stores LIST] [--install]
  compare                  what became slower, beyond the noise: --with COMMIT, or --baseline FILE
                           [--workloads LIST] [--rounds N] [--own-client]
  growth                   with more records, nodes and bytes [--parts LIST] [--sizes LIST]
  tails                    while something goes on in the background, and under overload [--parts LIST]
  profile                  where the daemons' time goes: by parts of the code, as flame graphs, as .cpuprofile files
                           [--workload put|get] [--out DIR]
  plots FILE…              drawings of what --json wrote [--out DIR]

Flags of all but plots:

  --records N              records that are there when a load begins (default 100000; restart, million: 1000000)
  --key-bytes N            (default 16)
  --value-bytes N          of values that do not compress (default 100)
  --seconds S              how long each run of each load is measured (default 5)
  --warm-up S              before each (default 1)
  --runs N                 how often, interleaved; the medians are shown (default 3)
  --nodes N                (default 3)
  --replication-factor N   (default 3, or --nodes when that is less)
  --durability MODE        fsync (default) or os
  --consistency LEVEL      available (default), one, quorum, all
  --clients N              connections, instead of those of the benchmark
  --in-flight N            requests of each client, instead of those of the benchmark; of rate: of all together
  --seed N                 of the choice of keys and operations (default 1)
  --json FILE              the whole report, every run of it, as JSON too
  --dir DIR                where the data lies meanwhile (default the system's directory for temporary files)`,
  async run(args, { program }) {
    const script = fileURLToPath(new URL(`../bench/main${extname(import.meta.url)}`, import.meta.url));
    const child = spawn(program.executable, [...program.leadingArguments.slice(0, -1), script, ...args], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], detached: true });
    const passOn = (signal: NodeJS.Signals): void => void child.kill(signal);
    for (const signal of SIGNALS) process.on(signal, passOn);
    try {
      return await new Promise<number>((resolve, reject) => {
        child.once('error', reject);
        child.once('exit', (status) => resolve(status ?? EXIT.failed));
      });
    } finally {
      for (const signal of SIGNALS) process.off(signal, passOn);
    }
  },
};
