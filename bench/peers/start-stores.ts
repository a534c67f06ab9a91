/** Which stores a comparison has, and how each is started. */
import { createRequire } from 'node:module';
import { messageOf } from '../../cli/errors.ts';
import { progress } from '../progress.ts';
import type { NotRun } from '../result.ts';
import type { Settings } from '../settings.ts';
import { EtcdServers } from './etcd-servers.ts';
import { install, installCommand, isInstalled, type Peer } from './install.ts';
import { RedisServers } from './redis-servers.ts';
import { RingServers, THIS_BUILD } from './ring-servers.ts';
import type { StoreName, StoreServers } from './store-servers.ts';

/** Of etcd. */
const CLIENT_LIBRARY = '@grpc/grpc-js';

export interface Choice {
  readonly names: readonly StoreName[];
  /** Those that were asked for and are left out. */
  readonly missing: readonly NotRun[];
}

/** Installs what is missing when that was asked for; what still is missing is told and left out. */
export async function chooseStores(asked: readonly StoreName[], wish: { readonly installs: boolean }, { durability }: Settings): Promise<Choice> {
  const peers = asked.filter((name): name is Peer => name !== 'ring-level');
  const absent = peers.filter((peer) => !isInstalled(peer));
  if (wish.installs && absent.length > 0) await installOrTell(absent);
  const missing = peers.flatMap((peer) => {
    const reason = reasonAgainst(peer, durability);
    return reason === null ? [] : [{ kind: 'not-run' as const, suite: 'peers', name: peer, reason }];
  });
  return { names: asked.filter((name) => missing.every((one) => one.name !== name)), missing };
}

export async function startStore(name: StoreName, settings: Settings): Promise<StoreServers> {
  switch (name) {
    case 'ring-level':
      return RingServers.start(settings, THIS_BUILD);
    case 'redis':
      return RedisServers.start(settings.directory, settings.durability);
    case 'etcd':
      return EtcdServers.start(settings.directory);
  }
}

/** The run goes on with the stores that there are. */
async function installOrTell(peers: readonly Peer[]): Promise<void> {
  try {
    await install(peers);
  } catch (error) {
    progress(`peers: not installed: ${messageOf(error)}`);
  }
}

function isClientInstalled(): boolean {
  try {
    createRequire(import.meta.url).resolve(CLIENT_LIBRARY);
    return true;
  } catch {
    return false;
  }
}

/** null: nothing is against it. */
function reasonAgainst(peer: Peer, durability: Settings['durability']): string | null {
  if (!isInstalled(peer)) return `it is not installed; --install does it, or by hand: ${installCommand([peer])}`;
  if (peer === 'etcd' && !isClientInstalled()) return `its client needs ${CLIENT_LIBRARY}, a devDependency: run this from a clone`;
  if (peer === 'etcd' && durability === 'os') return 'it has no durability without fsync that is meant to be used';
  return null;
}
