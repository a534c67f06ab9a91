/** Short ways to write down a history by hand, for the tests of the checker: 3 replicas of 5 nodes, key `k`. */
import { incarnation, nodeId, writerOf, type Version } from '../../data/index.ts';
import type { Consistency } from '../../wire/index.ts';
import { History, type HintPlace, type Outcome } from './history.ts';
import type { CheckedCluster, Rule, Violation } from './violation.ts';

export const KEY = 'k';
export const THREE_REPLICAS: CheckedCluster = { replicasOf: () => [0, 1, 2], majority: 2, replicationFactor: 3 };
export const NO_HINTS: readonly HintPlace[] = [];
const TIMEOUT_MS = 1_000;

export function version(timestamp: number, node = 0): Version {
  return { timestamp, writer: writerOf(nodeId(node), incarnation(1)) };
}

export function acknowledged(timestamp: number, durableOn: readonly number[] = [0, 1], hints = NO_HINTS): Outcome {
  return { kind: 'acknowledged', version: version(timestamp), durableOn, hints };
}

/** `timestamp` null: absent. `value` null with a timestamp: a tombstone. */
export function returned(timestamp: number | null, value: string | null, replied: readonly number[] = [0, 1]): Outcome {
  return { kind: 'read', version: timestamp === null ? null : version(timestamp), value, replied };
}

export const REFUSED: Outcome = { kind: 'refused', code: 'RING_UNAVAILABLE' };
export const LOST: Outcome = { kind: 'unknown', version: null };

export class Script {
  readonly history = new History();
  nowMs = 0;

  begin(kind: 'put' | 'delete' | 'get', value: string | null = null, level: Consistency = 'quorum', key = KEY): number {
    this.nowMs += 1;
    return this.history.invoke({ client: 1, key, kind, level, value, invokedMs: this.nowMs, deadlineMs: this.nowMs + TIMEOUT_MS });
  }

  end(id: number, outcome: Outcome): void {
    this.nowMs += 1;
    this.history.complete(id, this.nowMs, outcome);
  }

  put(value: string, outcome: Outcome, level: Consistency = 'quorum', key = KEY): void {
    this.end(this.begin('put', value, level, key), outcome);
  }

  remove(outcome: Outcome, level: Consistency = 'quorum'): void {
    this.end(this.begin('delete', null, level), outcome);
  }

  get(outcome: Outcome, level: Consistency = 'quorum', key = KEY): void {
    this.end(this.begin('get', null, level, key), outcome);
  }

  destroy(...nodes: readonly number[]): void {
    this.nowMs += 1;
    for (const node of nodes) this.history.destroyed(node, this.nowMs, 'wipe');
  }

  heal(node: number): void {
    this.nowMs += 1;
    this.history.healed(node, this.nowMs);
    this.nowMs += 1;
  }
}

export function rulesOf(violations: readonly Violation[]): readonly Rule[] {
  return violations.map(({ rule }) => rule);
}
