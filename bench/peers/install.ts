/** Whether the other stores' programs are here, and how they get here. */
import { spawn } from 'node:child_process';
import { isOnPath } from './on-path.ts';

export type Peer = 'redis' | 'etcd';

const PROGRAM: Readonly<Record<Peer, string>> = { redis: 'redis-server', etcd: 'etcd' };
const PACKAGE: Readonly<Record<Peer, string>> = { redis: 'redis-server', etcd: 'etcd-server' };

/** Debian starts a service when its package is installed; it does not when policy-rc.d says 101. */
const INSTALL_SCRIPT = `set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
fi
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
`;

export function isInstalled(peer: Peer): boolean {
  return isOnPath(PROGRAM[peer]);
}

/** What a person types to get them. */
export function installCommand(peers: readonly Peer[]): string {
  return `apt-get install --no-install-recommends ${peers.map((peer) => PACKAGE[peer]).join(' ')}`;
}

/** With Debian's packages, as root or through sudo. Throws with what to do when it can't. */
export async function install(peers: readonly Peer[]): Promise<void> {
  if (!isOnPath('apt-get')) throw new Error('there is no apt-get here; install redis-server and etcd in the way of this system');
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && !isOnPath('sudo')) throw new Error(`only root can install, and there is no sudo; as root: ${installCommand(peers)}`);
  const [program, ...leading] = isRoot ? ['sh'] : ['sudo', 'sh'];
  const child = spawn(program ?? 'sh', [...leading, '-c', INSTALL_SCRIPT, 'install', ...peers.map((peer) => PACKAGE[peer])], { stdio: ['inherit', process.stderr, process.stderr] });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  if (status !== 0) throw new Error(`apt-get failed (exit status ${status ?? 'unknown'}); by hand: apt-get update && ${installCommand(peers)}`);
}
