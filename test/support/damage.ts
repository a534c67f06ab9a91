/** Bits that flip on a disk: under the store's feet, without any checksum written anew. */
import { KvBatch, type OrderedKv, type Store } from '../../data/index.ts';
import { hintKey, orderedKey, recordKey } from '../../data/layout.ts';
import type { NodeId } from '../../data/index.ts';

type Place = Pick<Store, 'hashOf' | 'partitionOf'>;

export function recordKeyOf(place: Place, key: Uint8Array): Uint8Array {
  const hash = place.hashOf(key);
  return recordKey(place.partitionOf(hash), hash, key);
}

export function hintKeyOf(place: Place, target: NodeId, key: Uint8Array): Uint8Array {
  return hintKey(target, place.partitionOf(place.hashOf(key)), key);
}

/** One bit of the value, counted from its end when `at` is negative. */
export async function flipValue(kv: OrderedKv, databaseKey: Uint8Array, at = -1): Promise<void> {
  const value = Uint8Array.from(valueAt(kv, databaseKey));
  const index = at < 0 ? value.length + at : at;
  value[index] = (value[index] ?? 0) ^ 1;
  await put(kv, databaseKey, value);
}

/** One bit of the key: the entry vanishes from its place and shows up at another, which is returned. */
export async function flipKey(kv: OrderedKv, databaseKey: Uint8Array, at: number, bit = 1): Promise<Uint8Array> {
  const value = valueAt(kv, databaseKey);
  const flipped = Uint8Array.from(databaseKey);
  const index = at < 0 ? flipped.length + at : at;
  flipped[index] = (flipped[index] ?? 0) ^ bit;
  const batch = new KvBatch();
  batch.delete(databaseKey);
  batch.put(flipped, value);
  await kv.write(batch, 'os');
  return flipped;
}

export async function removeIndexEntry(kv: OrderedKv, key: Uint8Array): Promise<void> {
  const batch = new KvBatch();
  batch.delete(orderedKey(key));
  await kv.write(batch, 'os');
}

export async function put(kv: OrderedKv, databaseKey: Uint8Array, value: Uint8Array): Promise<void> {
  const batch = new KvBatch();
  batch.put(databaseKey, value);
  await kv.write(batch, 'os');
}

function valueAt(kv: OrderedKv, databaseKey: Uint8Array): Uint8Array {
  const value = kv.get(databaseKey);
  if (value === undefined) throw new Error('there is nothing to damage');
  return value;
}
