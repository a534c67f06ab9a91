/**
 * What this node remembers of how far each peer's database had got, so that a peer whose directory was put back from
 * an old copy, or lost what it had on disk, learns of it before its silence is believed.
 *
 * Every group of writes has a number, the sequence, that is committed with it; frames name the last one. A run of a
 * node is told apart by a number drawn at its start. When nodes greet each other, each says what it remembers of the
 * other: the sequence of the run that it last heard, and the greatest of the runs before.
 *
 * Invariants
 *  M1  What is remembered of a run was committed by it: it is told only in frames that leave after the commit.
 *  M2  A node that was opened at a sequence below what a peer remembers of an earlier run has lost groups.
 *  M3  What is remembered is on disk within some seconds; after a crash of this node it may be forgotten, never wrong.
 */
import { decodeCheckedNumbers, encodeCheckedNumbers, peerMetaName, type Incarnation, type NodeId, type Store, type WriteIntent } from '../data/index.ts';

export interface Remembered {
  readonly incarnation: number;
  readonly run: number;
  /** The last group of that run that was heard of. */
  readonly sequence: number;
  /** The last group of any earlier run. */
  readonly before: number;
}

/** As it stands in a greeting; null when the sender remembers nothing. */
export function parseMemory(numbers: readonly number[]): Remembered | null {
  const [incarnation, run, sequence, before] = numbers;
  if (incarnation === undefined || run === undefined || sequence === undefined || before === undefined) return null;
  return { incarnation, run, sequence, before };
}

/** One run of this node. */
export interface NodeRun {
  readonly incarnation: Incarnation;
  readonly run: number;
  /** The sequence that the database had when it was opened. */
  readonly openedAt: number;
}

/** Runs are numbered from 1 to this. */
export const RUN_MAX = 0xffff_fffe;

/** Whether a memory fits this run: `older` when the database has lost groups, `other` when it is not the last one that was used. */
export function judgeMemory(remembered: Remembered, run: NodeRun, known: number): 'as expected' | 'older' | 'other' {
  if (remembered.incarnation !== run.incarnation) return 'other';
  const furthest = remembered.run === run.run ? remembered.before : Math.max(remembered.before, remembered.sequence);
  return furthest > Math.max(run.openedAt, known) ? 'older' : 'as expected';
}

export class PeerMemory {
  readonly #store: Store;
  readonly #forgot: (node: NodeId) => void;
  readonly #byNode = new Map<NodeId, { -readonly [Field in keyof Remembered]: Remembered[Field] }>();
  readonly #changed = new Set<NodeId>();

  /** `forgot` is told of a node that came back with another directory. */
  constructor(store: Store, peers: readonly NodeId[], forgot: (node: NodeId) => void) {
    this.#store = store;
    this.#forgot = forgot;
    for (const node of peers) {
      const name = peerMetaName(node);
      const stored = store.readMeta(name);
      const numbers = stored === undefined ? null : decodeCheckedNumbers(name, stored);
      if (numbers === null) continue;
      const [incarnation = 0, run = 0, sequence = 0, before = 0] = numbers;
      this.#byNode.set(node, { incarnation, run, sequence, before });
    }
  }

  /** For a greeting: nothing, or incarnation, run, sequence, before. */
  tell(node: NodeId): readonly number[] {
    const remembered = this.#byNode.get(node);
    return remembered === undefined ? [] : [remembered.incarnation, remembered.run, remembered.sequence, remembered.before];
  }

  /** A frame of this run of `node` named this sequence. */
  heard(node: NodeId, incarnation: number, run: number, sequence: number): void {
    const last = this.#byNode.get(node);
    if (last !== undefined && last.run === run && last.incarnation === incarnation) {
      if (sequence > last.sequence) {
        last.sequence = sequence;
        this.#changed.add(node);
      }
      return;
    }
    const before = last === undefined || last.incarnation !== incarnation ? 0 : Math.max(last.before, last.sequence);
    this.#keep(node, { incarnation, run, sequence, before });
    if (last !== undefined && last.incarnation !== incarnation) this.#forgot(node);
  }

  /** Writes down what has changed. */
  save(): void {
    if (this.#changed.size === 0) return;
    const intents: WriteIntent[] = [];
    for (const node of this.#changed) {
      const remembered = this.#byNode.get(node);
      if (remembered !== undefined) intents.push({ kind: 'meta', name: peerMetaName(node), value: encode(node, remembered) });
    }
    this.#changed.clear();
    // What could not be written is written when it changes again (M3).
    this.#store.write(intents, () => undefined);
  }

  #keep(node: NodeId, remembered: Remembered): void {
    this.#byNode.set(node, remembered);
    this.#changed.add(node);
  }
}

function encode(node: NodeId, { incarnation, run, sequence, before }: Remembered): Uint8Array {
  return encodeCheckedNumbers(peerMetaName(node), [incarnation, run, sequence, before]);
}
