/**
 * One direction of one connection: frames under way from the end that sends to the end that takes. Why it exists: the
 * order, the loss and the delay of frames belong to a connection, though the faults that cause them belong to the link.
 *
 *   carry ─► lost? stalled? ─► depart: latency, in order ─► arrive: cut meanwhile? ─► receiver
 *
 * Invariant
 *  N1  What one end sends arrives at the other in order, once, whole, as its own bytes, unless a fault of the link says
 *      otherwise; each fault that took effect is in `counts`.
 *
 * Modelled: a reset cuts what was in flight at any frame; frames themselves arrive whole or not at all, as ws hands
 * them on.
 */
import type { SeededRandom } from '../support/seeded-random.ts';
import type { NetworkCounts } from './network-counts.ts';
import type { VirtualLink } from './virtual-link.ts';
import type { VirtualProcess, VirtualWorld } from './virtual-time.ts';

const CONTROL_BYTES = 64;

/** What a pipe needs of its network. */
export interface PipePorts {
  readonly world: VirtualWorld;
  readonly random: SeededRandom;
  readonly counts: NetworkCounts;
  readonly trace: (line: () => string) => void;
}

/** The end that takes what a pipe carries. */
export interface Receiver {
  readonly process: VirtualProcess;
  take(frame: Frame): void;
}

export type Encoding = 'binary' | 'text';
export type FrameKind = 'greeting' | 'refused' | 'accepted' | 'message' | 'close' | 'reset';

export interface Frame {
  readonly kind: FrameKind;
  /** Null for what is no message. */
  readonly bytes: Buffer | null;
  readonly encoding: Encoding;
  readonly number: number;
  /** The end that takes it; null when the network does. */
  readonly to: Receiver | null;
  readonly arrived: (() => void) | null;
  isCopy: boolean;
}

export class VirtualPipe {
  readonly #network: PipePorts;
  readonly #link: VirtualLink;
  #waiting: Frame[] = [];
  #lastArrivalMs = 0;
  #freeAtMs = 0;
  #sent = 0;
  #delivered = 0;
  /** Frames with these numbers are lost: first, and first no more. */
  #cutFrom = 0;
  #cutTo = 0;
  /** Bytes of messages that were sent and neither consumed nor lost. */
  unconsumedBytes = 0;

  constructor(network: PipePorts, link: VirtualLink) {
    this.#network = network;
    this.#link = link;
  }

  message(to: Receiver, bytes: Buffer, encoding: Encoding): void {
    const { counts, trace } = this.#network;
    counts.framesSent++;
    const { from, to: target } = this.#link;
    trace(() => `network: ${from} ${target} ${bytes.length} bytes`);
    this.#carry({ kind: 'message', bytes, encoding, number: this.#sent++, to, arrived: null, isCopy: false });
  }

  carry(kind: FrameKind, to: Receiver | null, encoding: Encoding, arrived: () => void): void {
    this.#carry({ kind, bytes: null, encoding, number: this.#sent++, to, arrived, isCopy: false });
  }

  /** What is under way is lost from some frame on; what is sent later is not. */
  cut(): void {
    if (this.#cutTo === Infinity) return;
    const first = this.#delivered + this.#network.random.below(this.#sent - this.#delivered + 1);
    // What an earlier cut took and is still under way stays taken.
    this.#cutFrom = this.#cutTo > this.#delivered ? Math.min(this.#cutFrom, first) : first;
    this.#cutTo = this.#sent;
  }

  /** As `cut`, and nothing gets through ever after. */
  sever(): void {
    this.cut();
    this.#cutTo = Infinity;
  }

  /** The link is not stalled any more. */
  goOn(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const frame of waiting) {
      if (this.#link.settings.blocked === 'dropped') this.#lose(frame, 'framesBlocked');
      else this.#depart(frame);
    }
  }

  #carry(frame: Frame): void {
    const { settings } = this.#link;
    this.unconsumedBytes += frame.bytes?.length ?? 0;
    if (settings.blocked === 'dropped') this.#lose(frame, 'framesBlocked');
    else if (settings.lossProbability > 0 && this.#network.random.isBelow(settings.lossProbability)) this.#lose(frame, 'framesLost');
    else if (settings.blocked === 'stalled') {
      this.#network.counts.stalls++;
      this.#waiting.push(frame);
      this.#link.stalled.add(this);
    } else this.#depart(frame);
  }

  #depart(frame: Frame): void {
    const { random, world } = this.#network;
    const { settings } = this.#link;
    const bytes = frame.bytes?.length ?? CONTROL_BYTES;
    if (settings.bytesPerMs !== Infinity) this.#freeAtMs = Math.max(this.#freeAtMs, world.nowMs) + bytes / settings.bytesPerMs;
    const onTimeMs = Math.max(this.#freeAtMs, world.nowMs) + this.#link.drawLatencyMs(random);
    const inOrderMs = Math.max(onTimeMs, this.#lastArrivalMs);
    const isFaulty = frame.kind === 'message';
    if (isFaulty && settings.reorderProbability > 0 && random.isBelow(settings.reorderProbability)) {
      // Others may overtake it. Whether one did is seen when it arrives.
      this.#schedule(frame, inOrderMs + (settings.latencyMs + settings.jitterMs + 1) * 4 * random.next());
    } else {
      this.#lastArrivalMs = inOrderMs;
      this.#schedule(frame, inOrderMs);
    }
    if (isFaulty && settings.duplicateProbability > 0 && random.isBelow(settings.duplicateProbability)) {
      this.unconsumedBytes += bytes;
      const copy = { ...frame, bytes: Buffer.from(frame.bytes ?? []), isCopy: true };
      this.#schedule(copy, inOrderMs + (settings.latencyMs + settings.jitterMs + 1) * 4 * random.next());
    }
  }

  #schedule(frame: Frame, atMs: number): void {
    const arrive = (): void => this.#arrive(frame);
    if (frame.to === null) this.#network.world.after(atMs - this.#network.world.nowMs, arrive);
    else frame.to.process.runAt(atMs, arrive);
  }

  #arrive(frame: Frame): void {
    const { counts } = this.#network;
    if (frame.number >= this.#cutFrom && frame.number < this.#cutTo) {
      this.#lose(frame, 'framesCut');
      return;
    }
    if (frame.kind === 'message') {
      if (frame.isCopy) counts.framesDuplicated++;
      else if (frame.number < this.#delivered - 1) counts.framesReordered++;
    }
    this.#delivered = Math.max(this.#delivered, frame.number + 1);
    if (frame.to === null) frame.arrived?.();
    else frame.to.take(frame);
  }

  #lose(frame: Frame, how: 'framesBlocked' | 'framesLost' | 'framesCut'): void {
    this.unconsumedBytes -= frame.bytes?.length ?? 0;
    this.#network.counts[how]++;
    this.#network.trace(() => `network: ${frame.kind} ${this.#link.from} ${this.#link.to} is lost (${how})`);
  }
}
