import { describe, expect, it } from 'vitest';
import { leaderIndex } from '../../../bench/peers/etcd-servers.ts';
import { installCommand } from '../../../bench/peers/install.ts';
import { PeerProcess, waitUntil } from '../../../bench/peers/peer-process.ts';
import { onlineReplicas } from '../../../bench/peers/redis-servers.ts';

describe('the servers of other stores', () => {
  it('Redis is in sync when INFO calls every replica online', () => {
    const info = (states: readonly string[]): string => ['role:master', ...states.map((state, index) => `slave${index}:ip=127.0.0.1,port=1,state=${state},offset=14,lag=0`), 'master_failover_state:no-failover'].join('\r\n');
    expect(onlineReplicas(info(['online', 'wait_bgsave']))).toBe(1);
    expect(onlineReplicas(info(['online', 'online']))).toBe(2);
    expect(onlineReplicas('')).toBe(0);
  });

  it('etcd has a leader when all members name the same one', () => {
    const member = (memberId: string, leaderId: string) => ({ memberId, leaderId });
    expect(leaderIndex([member('a', 'b'), member('b', 'b'), member('c', 'b')])).toBe(1);
    expect(leaderIndex([member('a', 'b'), member('b', 'c'), member('c', 'b')])).toBe(-1);
    expect(leaderIndex([member('a', 'b'), null, member('c', 'b')])).toBe(-1);
    expect(leaderIndex([null, null, null])).toBe(-1);
  });

  it('what is missing is told with the command that installs it', () => {
    expect(installCommand(['redis', 'etcd'])).toBe('apt-get install --no-install-recommends redis-server etcd-server');
  });
});

describe('a process of another store', () => {
  const sleeper = (): PeerProcess => PeerProcess.start(process.execPath, ['-e', 'setInterval(() => 0, 1000)']);
  const isThere = (pid: number): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };

  it('is gone after it was stopped, even when it was paused', async () => {
    const one = sleeper();
    expect(isThere(one.pid)).toBe(true);
    one.pause();
    await one.stop();
    expect(isThere(one.pid)).toBe(false);
    await one.stop();
  });

  it('that ends while it is waited for is told with its last words', async () => {
    const one = PeerProcess.start(process.execPath, ['-e', 'console.error("no room"); process.exit(3)']);
    await expect(waitUntil(async () => false, [one], 20_000, 'ready')).rejects.toThrow(/ended: .*no room/);
    await one.stop();
  });

  it('that does not get ready in time is told', async () => {
    const one = sleeper();
    await expect(waitUntil(async () => false, [one], 50, 'ready')).rejects.toThrow('ready: not so after 50 ms');
    await one.stop();
  });
});
