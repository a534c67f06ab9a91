/**
 * The directed way from one node to another, which the pipes of all their connections share. Why it exists: a fault
 * belongs to a pair of nodes and a direction, and outlives the connections that meet it. A link only says how things
 * are, and wakes what it stalled; each pipe applies that to its own frames.
 */
import type { SeededRandom } from '../support/seeded-random.ts';

/** `stalled`: bytes wait until it is healed, as TCP retransmits. `dropped`: frames vanish. */
export type Blocked = 'no' | 'stalled' | 'dropped';

export interface LinkSettings {
  readonly latencyMs: number;
  /** Up to so much more. */
  readonly jitterMs: number;
  /** How many frames are late by up to `tailMs`. */
  readonly tailProbability: number;
  readonly tailMs: number;
  readonly bytesPerMs: number;
  readonly lossProbability: number;
  readonly duplicateProbability: number;
  readonly reorderProbability: number;
  readonly blocked: Blocked;
}

export const USUAL_LINK: LinkSettings = {
  latencyMs: 0.2,
  jitterMs: 0.6,
  tailProbability: 0.005,
  tailMs: 60,
  bytesPerMs: Infinity,
  lossProbability: 0,
  duplicateProbability: 0,
  reorderProbability: 0,
  blocked: 'no',
};

/** What waits until the link is not stalled any more. */
export interface Stalled {
  goOn(): void;
}

export class VirtualLink {
  readonly from: string;
  readonly to: string;
  settings: LinkSettings;
  /** Changes whenever it is blocked or freed. */
  mark = 0;
  readonly stalled = new Set<Stalled>();

  constructor(from: string, to: string, settings: LinkSettings) {
    this.from = from;
    this.to = to;
    this.settings = settings;
  }

  set(settings: Partial<LinkSettings>): number {
    this.settings = { ...this.settings, ...settings };
    if (settings.blocked !== undefined) this.mark++;
    if (this.settings.blocked === 'stalled') return this.mark;
    const freed = [...this.stalled];
    this.stalled.clear();
    for (const pipe of freed) pipe.goOn();
    return this.mark;
  }

  /** How long the next frame is under way. */
  drawLatencyMs(random: SeededRandom): number {
    const { latencyMs, jitterMs, tailProbability, tailMs } = this.settings;
    const usual = latencyMs + jitterMs * random.next();
    return random.next() < tailProbability ? usual + tailMs * random.next() : usual;
  }
}
