/**
 * A cluster of daemons on this machine: n `ring-level node` child processes, started, failed, paused and stopped.
 *
 * It restarts none by itself: what happens to a node is its caller's, or its user's, decision.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { Program } from './command.ts';
import { Daemon, describeExit } from './daemon.ts';
import { shellLine } from './shell-quoting.ts';

export interface LocalClusterOptions {
  readonly program: Program;
  /** Node i keeps its data in `node-i` below it. */
  readonly directory: string;
  readonly clusterId: string;
  readonly replicationFactor: number;
  /** One for each node. */
  readonly ports: readonly number[];
  /** More flags for every node: `['--log-level', 'warn']`. */
  readonly nodeFlags: readonly string[];
}

export interface LocalClusterEvents {
  /** In order of node id, once all are ready. */
  onReady?(node: number, daemon: { readonly url: string; readonly pid: number; readonly directory: string }): void;
  onLog?(node: number, line: string): void;
  /** A node ended that nobody had asked to. `restartCommand`: what starts it again by hand. */
  onDeath?(node: number, how: string, restartCommand: string): void;
}

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;

export class LocalCluster {
  readonly urls: readonly string[];
  private readonly options: LocalClusterOptions;
  private readonly events: LocalClusterEvents;
  private readonly daemons = new Map<number, Daemon>();
  private isStopping = false;

  /** Every node takes requests. When one can't start, those that did are stopped again. */
  static async start(options: LocalClusterOptions, events: LocalClusterEvents = {}): Promise<LocalCluster> {
    const cluster = new LocalCluster(options, events);
    process.once('exit', cluster.killAll);
    const started = await Promise.allSettled(options.ports.map((_, node) => cluster.startNode(node)));
    const failed = started.find((result) => result.status === 'rejected');
    if (failed !== undefined) {
      await cluster.stop();
      throw failed.reason;
    }
    for (const [node, daemon] of [...cluster.daemons].toSorted(([a], [b]) => a - b)) {
      events.onReady?.(node, { url: daemon.url, pid: daemon.pid, directory: cluster.directoryOf(node) });
    }
    return cluster;
  }

  private constructor(options: LocalClusterOptions, events: LocalClusterEvents) {
    this.options = options;
    this.events = events;
    this.urls = options.ports.map((port) => `ws://127.0.0.1:${port}`);
  }

  directoryOf(node: number): string {
    return join(this.options.directory, `node-${node}`);
  }

  /** null while the node does not run. */
  pidOf(node: number): number | null {
    return this.daemons.get(node)?.pid ?? null;
  }

  /** What a person types to start this node again. */
  restartCommand(node: number): string {
    return `${this.options.program.typed} ${shellLine(this.nodeArguments(node))}`;
  }

  /** Starts a node that does not run; resolves when it takes requests. */
  async startNode(node: number): Promise<void> {
    const args = [...this.nodeArguments(node), '--stop-with-parent'];
    const daemon = await Daemon.start(
      { node, program: this.options.program, args, readyTimeoutMs: READY_TIMEOUT_MS },
      {
        onLog: (line) => this.events.onLog?.(node, line),
        onExit: (exit) => {
          if (this.isStopping || !this.daemons.delete(node)) return;
          this.events.onDeath?.(node, describeExit(exit), this.restartCommand(node));
        },
      },
    );
    if (this.isStopping) {
      await daemon.stop(STOP_TIMEOUT_MS);
      return;
    }
    this.daemons.set(node, daemon);
  }

  /** SIGKILL; resolves when the process is gone. */
  async killNode(node: number): Promise<void> {
    const daemon = this.daemons.get(node);
    this.daemons.delete(node);
    await daemon?.kill();
  }

  pauseNode(node: number): void {
    this.daemons.get(node)?.signal('SIGSTOP');
  }

  resumeNode(node: number): void {
    this.daemons.get(node)?.signal('SIGCONT');
  }

  /** Kills the node, deletes all its data, starts it on an empty directory. */
  async wipeNode(node: number): Promise<void> {
    await this.killNode(node);
    await rm(this.directoryOf(node), { recursive: true, force: true });
    await this.startNode(node);
  }

  /** Stops the nodes in order of their ids and waits until all processes are gone. */
  async stop(): Promise<void> {
    this.isStopping = true;
    const daemons = [...this.daemons].toSorted(([a], [b]) => a - b);
    for (const [, daemon] of daemons) daemon.signal('SIGCONT');
    for (const [node, daemon] of daemons) {
      // One after the other: the order is the point.
      // oxlint-disable-next-line no-await-in-loop
      await daemon.stop(STOP_TIMEOUT_MS);
      this.daemons.delete(node);
    }
    process.off('exit', this.killAll);
  }

  private readonly killAll = (): void => {
    for (const daemon of this.daemons.values()) daemon.signal('SIGKILL');
  };

  private nodeArguments(node: number): readonly string[] {
    const { clusterId, ports, replicationFactor, nodeFlags } = this.options;
    return [
      'node',
      '--id',
      String(node),
      '--dir',
      this.directoryOf(node),
      '--listen',
      `127.0.0.1:${ports[node] ?? 0}`,
      '--peers',
      this.urls.map((url, id) => `${id}=${url}`).join(','),
      '--replication-factor',
      String(replicationFactor),
      '--cluster-id',
      clusterId,
      ...nodeFlags,
    ];
  }
}
