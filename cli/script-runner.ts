/**
 * Runs a script's commands, in order, against a target.
 *
 *  R1  A line that brings a node or a link back (recover, resume, wipe, heal) ends when the running nodes that should see
 *      each other do; so what follows does not depend on how fast heartbeats are.
 *  R2  A line that takes something away (fail, pause, partition) ends at once: what follows meets nodes that don't know.
 *  R3  Requests go to a running node: that named by `via`, else the lowest id.
 *  R4  A partition and a skewed clock outlast a node's restart; they are applied anew when it is back. Between its start
 *      and that moment it has its true clock: a clock ahead is so set back over a restart.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { versionToString } from '../data/index.ts';
import type { RingClient } from '../client/index.ts';
import { codeOf, describeError, messageOf } from './errors.ts';
import { NodeStates } from './node-states.ts';
import type { Output } from './output.ts';
import { textOf } from './request.ts';
import type { RequestCommand, Route, ScriptCommand } from './script.ts';
import type { ScriptTarget } from './script-target.ts';
import { waitUntilSettled } from './settled.ts';

/** What a script needs of a client. */
export type ScriptClient = Pick<RingClient, 'put' | 'get' | 'delete' | 'status' | 'converged' | 'close'>;

export interface ScriptPorts {
  readonly target: ScriptTarget;
  readonly output: Output;
  /** A client of one node. */
  connect(url: string): ScriptClient;
}

const SETTLE_TIMEOUT_MS = 15_000;
const CONVERGE_TIMEOUT_MS = 30_000;
const CONVERGE_POLL_MS = 100;

/** Failed expectations are told and the script goes on; any other failure ends it. */
export async function runScript(commands: readonly ScriptCommand[], ports: ScriptPorts): Promise<'passed' | 'failed'> {
  const run = new ScriptRun(ports);
  try {
    await run.settle();
    for (const command of commands) {
      try {
        // Lines run one after the other.
        // oxlint-disable-next-line no-await-in-loop
        await run.execute(command);
      } catch (error) {
        ports.output.problem(`line ${command.line}: ${describeError(error)}`);
        return 'failed';
      }
    }
    return run.result;
  } finally {
    await run.close();
  }
}

class ScriptRun {
  result: 'passed' | 'failed' = 'passed';
  private readonly ports: ScriptPorts;
  private readonly states: NodeStates;
  private readonly skewByNode = new Map<number, number>();
  private readonly clientsByNode = new Map<number, ScriptClient>();

  constructor(ports: ScriptPorts) {
    this.ports = ports;
    this.states = new NodeStates(ports.target.urls.length);
  }

  async execute(command: ScriptCommand): Promise<void> {
    const { target, output } = this.ports;
    const [death] = target.deaths;
    if (death !== undefined) throw new Error(death);
    switch (command.kind) {
      case 'put':
      case 'get':
      case 'delete':
        output.line(await this.request(command));
        return;
      case 'expect':
        this.compare(command.line, command.key, command.value, await this.read(command.key, command.route));
        return;
      case 'expect-error':
        await this.expectError(command.line, command.code, command.request);
        return;
      case 'partition':
        await this.partition(command.groups);
        return;
      case 'heal':
        await this.partition(null);
        await this.settle();
        return;
      case 'skew':
        this.skewByNode.set(command.node, command.milliseconds);
        if (this.states.of(command.node) === 'running') await target.skew(command.node, command.milliseconds);
        return;
      case 'converge':
        await this.converge();
        return;
      case 'sleep':
        await sleep(command.milliseconds);
        return;
      case 'fail':
      case 'recover':
      case 'pause':
      case 'resume':
      case 'wipe':
      default:
        await this.changeNode(command.kind, command.node);
    }
  }

  /** Waits until all that should see each other do (R1). */
  async settle(): Promise<void> {
    const expected = new Map(this.states.running().map((node) => [node, { client: this.clientOf(node), peers: this.states.peersOf(node) }]));
    const missing = await waitUntilSettled(expected, SETTLE_TIMEOUT_MS);
    if (missing !== null) throw new Error(`after ${SETTLE_TIMEOUT_MS} ms ${missing}`);
  }

  async close(): Promise<void> {
    const clients = [...this.clientsByNode.values()];
    this.clientsByNode.clear();
    await Promise.all(clients.map((client) => client.close()));
  }

  /** What the line prints. */
  private async request(command: RequestCommand): Promise<string> {
    if (command.kind === 'get') return (await this.read(command.key, command.route)) ?? 'None';
    const client = this.coordinator(command.route);
    if (client === null) throw new UnavailableError();
    const options = optionsOf(command.route);
    const answer = command.kind === 'put' ? await client.put(command.key, command.value, options) : await client.delete(command.key, options);
    return `ok ${versionToString(answer.version)}`;
  }

  /** null: absent, or nobody is left to ask. */
  private async read(key: string, route: Route): Promise<string | null> {
    const client = this.coordinator(route);
    if (client === null) {
      if (route.consistency === null || route.consistency === 'available') return null;
      throw new UnavailableError();
    }
    const value = await client.get(key, optionsOf(route));
    return value === null ? null : textOf(value);
  }

  private compare(line: number, key: string, expected: string | null, found: string | null): void {
    if (found === expected) return;
    this.result = 'failed';
    this.ports.output.problem(`line ${line}: expected ${show(expected)}, found ${show(found)} (key ${key})`);
  }

  private async expectError(line: number, code: string, request: RequestCommand): Promise<void> {
    let found: string;
    try {
      found = await this.request(request);
    } catch (error) {
      if (codeOf(error) === code) return;
      found = describeError(error);
    }
    this.result = 'failed';
    this.ports.output.problem(`line ${line}: expected ${code}, found ${found}`);
  }

  private async changeNode(kind: 'fail' | 'recover' | 'pause' | 'resume' | 'wipe', node: number): Promise<void> {
    const state = this.states.of(node);
    const needed = { fail: 'running or paused', recover: 'failed', pause: 'running', resume: 'paused', wipe: state }[kind];
    if (!needed.split(' or ').includes(state)) throw new Error(`${kind} ${node}: node ${node} is ${state}; it must be ${needed}`);
    await this.dropClient(node);
    // First the state, so that nobody is asked who is about to go.
    this.states.set(node, kind === 'pause' ? 'paused' : 'failed');
    await this.ports.target[kind](node);
    if (kind === 'fail' || kind === 'pause') return;
    this.states.set(node, 'running');
    await this.applyConditions(node);
    await this.settle();
  }

  /** The partition and the clock of a node that is back (R4). */
  private async applyConditions(node: number): Promise<void> {
    const { target } = this.ports;
    await target.partition(this.states.groups, [node]);
    const skew = this.skewByNode.get(node);
    if (skew !== undefined) await target.skew(node, skew);
  }

  private async partition(groups: readonly (readonly number[])[] | null): Promise<void> {
    this.states.groups = groups;
    await this.ports.target.partition(groups, this.states.running());
  }

  private async converge(): Promise<void> {
    const client = this.coordinator({ via: null, consistency: null });
    if (client === null) throw new Error('converge: no node is left');
    const deadline = performance.now() + CONVERGE_TIMEOUT_MS;
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop
      const reasons = await reasonsAgainst(client);
      if (reasons === null) return;
      if (performance.now() >= deadline) throw new Error(`converge: not within ${CONVERGE_TIMEOUT_MS} ms: ${reasons.join('; ')}`);
      // oxlint-disable-next-line no-await-in-loop
      await sleep(CONVERGE_POLL_MS);
    }
  }

  /** null: nobody is left. */
  private coordinator({ via }: Route): ScriptClient | null {
    const [lowest] = this.states.running();
    if (via !== null && this.states.of(via) !== 'running') throw new Error(`via ${via}: node ${via} is ${this.states.of(via)}`);
    const node = via ?? lowest;
    return node === undefined ? null : this.clientOf(node);
  }

  private clientOf(node: number): ScriptClient {
    const known = this.clientsByNode.get(node);
    if (known !== undefined) return known;
    const client = this.ports.connect(this.ports.target.urls[node] ?? '');
    this.clientsByNode.set(node, client);
    return client;
  }

  private async dropClient(node: number): Promise<void> {
    const client = this.clientsByNode.get(node);
    this.clientsByNode.delete(node);
    await client?.close();
  }
}

/** No node runs that could be asked: the script's own form of what a client would say. */
class UnavailableError extends Error {
  readonly code = 'RING_UNAVAILABLE';

  constructor() {
    super('no node is left');
  }
}

/** null: converged. */
async function reasonsAgainst(client: ScriptClient): Promise<readonly string[] | null> {
  try {
    const { converged, reasons } = await client.converged();
    return converged ? null : reasons;
  } catch (error) {
    return [messageOf(error)];
  }
}

function optionsOf({ consistency }: Route): { readonly consistency?: NonNullable<Route['consistency']> } {
  return consistency === null ? {} : { consistency };
}

function show(value: string | null): string {
  return value ?? 'None';
}
