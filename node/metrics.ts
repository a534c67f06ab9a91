/** `/metrics`: what the node counts, for Prometheus. Read when asked; nothing on the hot path knows of it. */
import { Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import type { NodeStatus } from '../wire/index.ts';

export class NodeMetrics {
  readonly #registry = new Registry();
  readonly #gauges = new Map<string, Gauge>();
  readonly #status: () => NodeStatus;

  constructor(status: () => NodeStatus) {
    this.#status = status;
    collectDefaultMetrics({ register: this.#registry, prefix: 'ring_level_' });
  }

  async render(): Promise<{ readonly contentType: string; readonly body: string }> {
    const status = this.#status();
    for (const [name, value] of Object.entries(status.counters)) this.#set(name, value);
    this.#set('records', status.records);
    this.#set('damagedRecords', status.damagedRecords);
    this.#set('untrusted', status.untrusted === null ? 0 : 1);
    this.#set('hintsWaiting', status.peers.reduce((sum, peer) => sum + peer.hintsWaiting, 0));
    this.#set('peersAlive', status.peers.filter((peer) => peer.liveness === 'alive').length);
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  #set(name: string, value: number): void {
    let gauge = this.#gauges.get(name);
    if (gauge === undefined) {
      gauge = new Gauge({ name: `ring_level_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`, help: `${name} of this node`, registers: [this.#registry] });
      this.#gauges.set(name, gauge);
    }
    gauge.set(value);
  }
}
