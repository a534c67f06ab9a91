/** What a replicated level can be told beside what abstract-level knows, and its defaults. */
import type {
  AbstractBatchOperation,
  AbstractBatchOptions,
  AbstractClearOptions,
  AbstractDatabaseOptions,
  AbstractDelOptions,
  AbstractGetManyOptions,
  AbstractGetOptions,
  AbstractHasManyOptions,
  AbstractHasOptions,
  AbstractIteratorOptions,
  AbstractKeyIteratorOptions,
  AbstractPutOptions,
  AbstractValueIteratorOptions,
} from 'abstract-level';
import { isClientOption, type RequestOptions, type RingClientOptions } from './options.ts';

/** Options of a database over a client that somebody else makes. */
export interface ReplicatedLevelOptions<K = string, V = string> extends AbstractDatabaseOptions<K, V> {
  /**
   * Databases with different keyspaces never see each other's keys. Text of 1 to 64 bytes in UTF-8 without NUL. Default:
   * none, which are the plain keys that `RingClient`, JSON scripts and the commands see.
   */
  readonly keyspace?: string;
}

/** Options of `RingLevel`: those of a database and those of a client. The defaults of `consistency` and of some others are not those of `RingClient`: `quorum`, and `always` for `retryWrites`. */
export interface RingLevelOptions<K = string, V = string> extends ReplicatedLevelOptions<K, V>, RingClientOptions {}

/**
 * What a program that was written for `level` expects and a client does not do by itself. `quorum`: what was written and
 * acknowledged is read, through whichever node, as long as both name no lower level. `always`: a put outlives the node that
 * it was sent to.
 */
export const RING_LEVEL_DEFAULTS = { consistency: 'quorum', retryWrites: 'always' } as const satisfies RingClientOptions;

/** What is for the client, with the defaults of a level, and the rest, which goes to `open` and its hooks as it is. */
export function splitOptions<K, V>(options: RingLevelOptions<K, V>): { readonly client: RingClientOptions; readonly level: ReplicatedLevelOptions<K, V> } {
  const entries = Object.entries(options);
  return {
    client: { ...RING_LEVEL_DEFAULTS, ...Object.fromEntries(entries.filter(([name]) => isClientOption(name))) },
    level: Object.fromEntries(entries.filter(([name]) => !isClientOption(name))),
  };
}

/** abstract-level's options of `get`, and those of every request. So are the next ones for their calls. */
export type LevelGetOptions<K, V> = AbstractGetOptions<K, V> & RequestOptions;
/** Of `getMany`. */
export type LevelGetManyOptions<K, V> = AbstractGetManyOptions<K, V> & RequestOptions;
/** Of `has`. */
export type LevelHasOptions<K> = AbstractHasOptions<K> & RequestOptions;
/** Of `hasMany`. */
export type LevelHasManyOptions<K> = AbstractHasManyOptions<K> & RequestOptions;
/** Of `put`. */
export type LevelPutOptions<K, V> = AbstractPutOptions<K, V> & RequestOptions;
/** Of `del`. */
export type LevelDelOptions<K> = AbstractDelOptions<K> & RequestOptions;
/** Of `batch`. */
export type LevelBatchOptions<K, V> = AbstractBatchOptions<K, V> & RequestOptions;
/** One operation of a batch: abstract-level's, and the options of a request. Its own options count before those of its batch. */
export type LevelBatchOperation<Database, K, V> = AbstractBatchOperation<Database, K, V> & RequestOptions;
/** Of `clear`. */
export type LevelClearOptions<K> = AbstractClearOptions<K> & RequestOptions;
/** Of `iterator`; `timeoutMs` is that of one slice. */
export type LevelIteratorOptions<K, V> = AbstractIteratorOptions<K, V> & RequestOptions;
/** Of `keys`; `timeoutMs` is that of one slice. */
export type LevelKeyIteratorOptions<K> = AbstractKeyIteratorOptions<K> & RequestOptions;
/** Of `values`; `timeoutMs` is that of one slice. */
export type LevelValueIteratorOptions<K, V> = AbstractValueIteratorOptions<K, V> & RequestOptions;
