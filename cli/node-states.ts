/** What a script has done to its nodes so far, and so: who can be asked, who should see whom. Pure. */
import type { Groups } from './script-target.ts';

export type NodeState = 'running' | 'failed' | 'paused';

export class NodeStates {
  private readonly states: NodeState[];
  /** null: everybody hears everybody. */
  groups: Groups | null = null;

  constructor(nodes: number) {
    this.states = Array.from({ length: nodes }, () => 'running');
  }

  of(node: number): NodeState {
    return this.states[node] ?? 'failed';
  }

  set(node: number, state: NodeState): void {
    this.states[node] = state;
  }

  /** In order of node id. */
  running(): readonly number[] {
    return [...this.states.keys()].filter((node) => this.of(node) === 'running');
  }

  /** The running nodes that this one should hear. */
  peersOf(node: number): readonly number[] {
    const group = this.groups?.find((candidate) => candidate.includes(node));
    return this.running().filter((peer) => peer !== node && (group === undefined || group.includes(peer)));
  }
}
