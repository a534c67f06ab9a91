/** A store without a node around it, and short ways to say what is written to it. */
import { HybridClock, Store, encodeRecord, incarnation, nodeId, readCeiling, writerOf, type NodeId, type OrderedKv, type StoreEvent, type StoreOptions, type Version, type WriteIntent } from '../../data/index.ts';

export const WALL_MS = 1_764_000_000_000;
const OPTIONS: StoreOptions = {
  partitionCount: 4,
  hashSeed: 11,
  durability: 'os',
  groupBytesMax: 1 << 20,
  queueBytesMax: 8 << 20,
  hintBytesMax: 1 << 20,
  recentBytesMax: 0,
  reopenDelayMs: 1,
};
const ALL = { entriesMax: 100_000, bytesMax: 1 << 30 };

export interface LoneStore {
  readonly store: Store;
  readonly clock: HybridClock;
  readonly events: readonly StoreEvent[];
}

/** A store that remembers what it has committed; others here look everything up, as one does that was just opened. */
export const REMEMBERING: Partial<StoreOptions> = { recentBytesMax: 64 * 1024 };

export async function openLoneStore(kv: OrderedKv, wallMs: () => number = () => WALL_MS, options: Partial<StoreOptions> = {}): Promise<LoneStore> {
  const events: StoreEvent[] = [];
  const clock = new HybridClock(writerOf(nodeId(0), incarnation(1)), readCeiling(kv));
  const ports = { kv, clock, wallMs, sleep: async () => Promise.resolve(), report: (event: StoreEvent) => void events.push(event) };
  return { store: await Store.open(ports, { ...OPTIONS, ...options }), clock, events };
}

export async function scanAll(store: Store): Promise<void> {
  while (!(await store.scanSlice(ALL)));
}

/** The whole scrub in slices of so many entries. */
export async function scrubAll(store: Store, entriesMax = 3): Promise<number> {
  let bytes = 0;
  let from: Uint8Array | null = null;
  do {
    const slice = await store.scrubSlice(from, { entriesMax, bytesMax: 1 << 20 });
    bytes += slice.bytes;
    from = slice.next;
  } while (from !== null);
  return bytes;
}

export async function reopened(store: Store): Promise<void> {
  for (let turns = 0; store.state !== 'open'; turns++) {
    if (turns > 1_000) throw new Error('the store does not come back');
    await Promise.resolve();
  }
}

export const text = (value: string): Uint8Array => Uint8Array.from(Buffer.from(value));
export const at = (timestamp: number): Version => ({ timestamp, writer: writerOf(nodeId(1), incarnation(1)) });
export const put = (name: string, timestamp: number, ...hintFor: NodeId[]): WriteIntent => ({
  kind: 'record',
  key: text(name),
  record: encodeRecord(text(name), at(timestamp), text(`${name}@${timestamp}`)),
  hintFor,
});
export const hint = (target: NodeId, name: string, timestamp: number): WriteIntent => ({
  kind: 'hint',
  target,
  key: text(name),
  record: encodeRecord(text(name), at(timestamp), text(`${name}@${timestamp}`)),
});
