/** The rules that concern more than one key. Pure; each gives the keys that it is about, so that one with a bad key is left out. */
import type { Member, NodeConfig } from './schema.ts';

export interface BrokenRule {
  /** The key that is named; the first of `about`. */
  readonly key: string;
  readonly about: readonly string[];
  readonly found: unknown;
  readonly allowed: string;
}

/** Every rule that `config` breaks; empty when it is fit for use. */
export function crossCheck(config: NodeConfig): readonly BrokenRule[] {
  return [...membershipRules(config), ...orderRules(config)];
}

function* membershipRules({ members, nodeId, replicationFactor }: NodeConfig): Generator<BrokenRule> {
  const ids = members.map(({ id }) => id);
  const gapless = [...ids].toSorted((a, b) => a - b).every((id, index) => id === index);
  if (!gapless) {
    yield broken(['members'], `ids ${ids.join(', ')}`, `each of the ids 0 to ${members.length - 1} once, without a gap`);
  }
  const twice = repeatedAddress(members);
  if (twice !== null) yield broken(['members'], `address ${twice} twice`, 'an address of its own for each member');
  if (!ids.includes(nodeId)) {
    yield broken(['nodeId', 'members'], nodeId, `the id of one of the members (${ids.join(', ')})`);
  }
  if (replicationFactor > members.length) {
    const count = members.length === 1 ? '1 member' : `${members.length} members`;
    yield broken(
      ['replicationFactor', 'members'],
      replicationFactor,
      `at most the number of members: replicationFactor is ${replicationFactor}, but the cluster has ${count}`,
    );
  }
}

function* orderRules(config: NodeConfig): Generator<BrokenRule> {
  const { heartbeat, hints, store, requestTimeoutMs, hedgeAfterMs, replicaTimeoutMs } = config;
  if (heartbeat.suspectAfterMs <= heartbeat.intervalMs) {
    yield broken(
      ['heartbeat.suspectAfterMs', 'heartbeat.intervalMs'],
      heartbeat.suspectAfterMs,
      `more than heartbeat.intervalMs (${heartbeat.intervalMs})`,
    );
  }
  if (heartbeat.deadAfterMs <= heartbeat.suspectAfterMs) {
    yield broken(
      ['heartbeat.deadAfterMs', 'heartbeat.suspectAfterMs'],
      heartbeat.deadAfterMs,
      `more than heartbeat.suspectAfterMs (${heartbeat.suspectAfterMs})`,
    );
  }
  if (hints.maxBytes > 0 && hints.batchBytes > hints.maxBytes) {
    yield broken(['hints.batchBytes', 'hints.maxBytes'], hints.batchBytes, `at most hints.maxBytes (${hints.maxBytes})`);
  }
  if (store.groupBytesMax > store.queueBytesMax) {
    yield broken(['store.groupBytesMax', 'store.queueBytesMax'], store.groupBytesMax, `at most store.queueBytesMax (${store.queueBytesMax})`);
  }
  if (hedgeAfterMs > replicaTimeoutMs) {
    yield broken(['hedgeAfterMs', 'replicaTimeoutMs'], hedgeAfterMs, `at most replicaTimeoutMs (${replicaTimeoutMs})`);
  }
  if (replicaTimeoutMs > requestTimeoutMs) {
    yield broken(['replicaTimeoutMs', 'requestTimeoutMs'], replicaTimeoutMs, `at most requestTimeoutMs (${requestTimeoutMs})`);
  }
}

function broken(about: readonly [string, ...string[]], found: unknown, allowed: string): BrokenRule {
  return { key: about[0], about, found, allowed };
}

function repeatedAddress(members: readonly Member[]): string | null {
  const seen = new Set<string>();
  for (const { address } of members) {
    if (seen.has(address)) return address;
    seen.add(address);
  }
  return null;
}
