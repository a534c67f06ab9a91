/** etcd for a comparison: three members with etcd's defaults, which sync the raft log of a majority before a Put answers. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findFreePorts } from '../../cli/free-ports.ts';
import type { TargetAddress } from '../load/plan.ts';
import { NO_COUNTERS, type MeasuredProcess, type StoreCounters } from '../resources.ts';
import { PeerProcess, waitUntil } from './peer-process.ts';
import type { StoreServers } from './store-servers.ts';

const MEMBERS = 3;
const READY_TIMEOUT_MS = 60_000;
const STATUS_TIMEOUT_MS = 1000;

interface Member {
  readonly name: string;
  readonly url: string;
  readonly peerUrl: string;
}

/** What a member says of itself. */
interface MemberStatus {
  readonly memberId: string;
  readonly leaderId: string;
}

export class EtcdServers implements StoreServers {
  readonly name = 'etcd';
  readonly version: string;
  readonly configuration = 'defaults; all clients are connected to the leader; reads are linearizable';
  readonly acknowledgement = 'fsync on 2 of 3 (raft)';
  readonly #members: readonly Member[];
  readonly #processes: readonly PeerProcess[];
  #leaderUrl = '';

  /** All members know the leader. When one can't start, those that did are stopped again. */
  static async start(directory: string): Promise<EtcdServers> {
    const version = await etcdVersion();
    const ports = await findFreePorts(2 * MEMBERS);
    const members = Array.from({ length: MEMBERS }, (_, index) => ({ name: `member-${index}`, url: localUrl(ports[2 * index]), peerUrl: localUrl(ports[2 * index + 1]) }));
    const processes = members.map((member) => PeerProcess.start('etcd', memberArguments(directory, member, members)));
    const servers = new EtcdServers(version, members, processes);
    try {
      await servers.#waitForLeader();
      return servers;
    } catch (error) {
      await servers.stop();
      throw error;
    }
  }

  private constructor(version: string, members: readonly Member[], processes: readonly PeerProcess[]) {
    this.version = version;
    this.#members = members;
    this.#processes = processes;
  }

  get target(): TargetAddress {
    return { store: 'etcd', urls: [this.#leaderUrl] };
  }

  processes(): readonly MeasuredProcess[] {
    return this.#processes.map(({ pid }, index) => ({ name: `etcd ${index}`, pid }));
  }

  async counters(): Promise<StoreCounters> {
    return NO_COUNTERS;
  }

  pause(): void {
    for (const one of this.#processes) one.pause();
  }

  async resume(): Promise<void> {
    for (const one of this.#processes) one.resume();
    await this.#waitForLeader();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map(async (one) => one.stop()));
  }

  /** Until all members name the same leader. */
  async #waitForLeader(): Promise<void> {
    const isLed = async (): Promise<boolean> => {
      const statuses = await Promise.all(this.#members.map(async ({ url }) => memberStatus(url)));
      const leader = leaderIndex(statuses);
      this.#leaderUrl = this.#members[leader]?.url ?? '';
      return leader >= 0;
    };
    await waitUntil(isLed, this.#processes, READY_TIMEOUT_MS, 'a leader of etcd');
  }
}

/** −1 while not all agree. */
export function leaderIndex(statuses: readonly (MemberStatus | null)[]): number {
  const leaderId = statuses[0]?.leaderId;
  if (!statuses.every((status) => status?.leaderId === leaderId)) return -1;
  return statuses.findIndex((status) => status !== null && status.memberId === leaderId);
}

function memberArguments(directory: string, { name, url, peerUrl }: Member, members: readonly Member[]): readonly string[] {
  const flags = {
    name,
    'data-dir': join(directory, name),
    'listen-client-urls': url,
    'advertise-client-urls': url,
    'listen-peer-urls': peerUrl,
    'initial-advertise-peer-urls': peerUrl,
    'initial-cluster': members.map((member) => `${member.name}=${member.peerUrl}`).join(','),
    'initial-cluster-state': 'new',
    'log-level': 'error',
  };
  return Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
}

function localUrl(port: number | undefined): string {
  return `http://127.0.0.1:${port ?? 0}`;
}

async function etcdVersion(): Promise<string> {
  const { stdout } = await promisify(execFile)('etcd', ['--version']);
  return /Version: (\S+)/.exec(stdout)?.[1] ?? 'unknown';
}

/** null while it does not answer or has no leader. */
async function memberStatus(url: string): Promise<MemberStatus | null> {
  try {
    const response = await fetch(`${url}/v3/maintenance/status`, { method: 'POST', body: '{}', signal: AbortSignal.timeout(STATUS_TIMEOUT_MS) });
    const status = (await response.json()) as { readonly header?: { readonly member_id?: string }; readonly leader?: string };
    const [memberId, leaderId] = [status.header?.member_id, status.leader];
    return memberId === undefined || leaderId === undefined || leaderId === '0' ? null : { memberId, leaderId };
  } catch {
    return null;
  }
}
