/**
 * A node that does not belong to the cluster: it greets with another topology, another cluster, another epoch, and sends
 * a write behind its greeting without waiting for an answer. Its records must never be seen.
 */
import { encodeRecord, epoch, incarnation, nodeId, writerOf } from '../../data/index.ts';
import { PROTOCOL_VERSION, TYPE, decodePeerReplies, encodeFrame, type AnyMessage } from '../../wire/index.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { Coverage } from './coverage.ts';
import { CLUSTER, type SimNode } from './sim-node.ts';
import type { VirtualNetwork } from './virtual-network.ts';
import { WALL_START_MS, type VirtualProcess } from './virtual-time.ts';

const VISITS = 3;
const FAR_AHEAD_TICKS = (WALL_START_MS + 86_400_000) * 1024;

export class Intruder {
  readonly #process: VirtualProcess;
  readonly #network: VirtualNetwork;
  readonly #random: SeededRandom;
  readonly #coverage: Coverage;

  constructor(process: VirtualProcess, network: VirtualNetwork, random: SeededRandom, coverage: Coverage) {
    this.#process = process;
    this.#network = network;
    this.#random = random;
    this.#coverage = coverage;
  }

  /** Some visits within so many milliseconds. */
  visit(nodes: readonly SimNode[], withinMs: number): void {
    for (let i = 0; i < VISITS; i++) {
      const node = this.#random.pick(nodes);
      const cluster = this.#random.pick([CLUSTER, 'another']);
      this.#process.after(1 + this.#random.next() * withinMs, () => this.#knock(node, cluster));
    }
  }

  #knock(node: SimNode, cluster: string): void {
    const socket = this.#network.dial(this.#process, 'intruder', `ws://${node.name}/peer`);
    const header: AnyMessage = [TYPE.frameHeader, epoch(1), 0, 0];
    const from = nodeId(node.id === 0 ? 1 : 0);
    const key = Buffer.from(`key-${this.#random.below(8)}`);
    const record = encodeRecord(key, { timestamp: FAR_AHEAD_TICKS, writer: writerOf(from, incarnation(1)) }, Buffer.from('of nobody'));
    socket.on('open', () => {
      socket.send(encodeFrame([header, [TYPE.hello, 0, PROTOCOL_VERSION, cluster, 'another topology', from, nodeId(node.id), incarnation(1), 1, []]]));
      socket.send(encodeFrame([header, [TYPE.write, 2, key, record, []]]));
    });
    socket.on('message', (data) => {
      if (!(data instanceof Uint8Array)) return;
      for (const reply of decodePeerReplies(data).messages) if (reply[0] === TYPE.refused) this.#coverage.add('staleTopologyRefused');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => undefined);
  }
}
