/**
 * Nothing is invented: whatever is seen of a key, in an answer or on a disk, comes from a write of that key.
 *
 *  O1  A value tells its write (values are unique), and that write was invoked before the value was seen.
 *  O2  A version has one value: the one that it was first bound to, by an acknowledgement or when it was seen.
 *  O3  A write has at most two versions, as a coordinator writes at most twice; one that was acknowledged has no
 *      version above the acknowledged one, as the acknowledgement ends it.
 *  O4  A tombstone has no value that tells its write. One that no delete has named must be the other version of a
 *      delete that was invoked before: the first of an acknowledged one, either one of an unknown one. There are no more
 *      of them than such deletes could have made.
 *  O5  A refused write is never seen.
 */
import { compareVersions, versionToString, type Version } from '../../data/index.ts';
import type { Operation } from './history.ts';
import { describe, describeSeen, type Findings, type Rule } from './violation.ts';

const VERSIONS_PER_WRITE_MAX = 2;

export interface Sighting {
  readonly version: Version;
  /** null: a tombstone. */
  readonly value: string | null;
  /** When it was seen. */
  readonly sequence: number;
  /** The read that returned it, or the place where it lies. */
  readonly by: Operation | string;
}

interface Binding {
  readonly value: string | null;
  /** null: a tombstone that some delete explains (O4). */
  readonly writtenBy: Operation | null;
}

export class Origins {
  readonly #key: string;
  readonly #putByValue = new Map<string, Operation>();
  readonly #deletes: Operation[] = [];
  readonly #bindingByVersion = new Map<string, Binding>();
  /** The versions of a put beyond the first; most have none. */
  readonly #versionsByPut = new Map<Operation, Version[]>();
  #unnamedTombstones = 0;

  /** `operations`: all of one key. */
  constructor(key: string, operations: readonly Operation[]) {
    this.#key = key;
    for (const operation of operations) {
      if (operation.kind === 'get') continue;
      if (operation.kind === 'delete') this.#deletes.push(operation);
      else this.#addPut(operation);
      const version = versionToldOf(operation);
      // Two writes with one version are another rule's concern.
      if (version !== null && !this.#bindingByVersion.has(nameOf(version))) this.#bind(version, operation.value, operation);
    }
  }

  /** All that the reads returned; `operations` in the order of their completion. */
  seeReads(operations: readonly Operation[], findings: Findings): void {
    for (const read of operations) {
      const { outcome, completedSequence } = read;
      if (outcome.kind !== 'read' || completedSequence === null) continue;
      const { version, value } = outcome;
      if (version !== null) this.see({ version, value, sequence: completedSequence, by: read }, findings);
      else if (value !== null) findings.add('invented', this.#key, `${describe(read)} returned a value without a version`);
    }
  }

  see(sighting: Sighting, findings: Findings): void {
    if (sighting.value === null) this.#seeTombstone(sighting, findings);
    else this.#seeValue(sighting, sighting.value, findings);
  }

  #seeValue(sighting: Sighting, value: string, findings: Findings): void {
    const put = this.#putByValue.get(value);
    if (put === undefined) {
      this.#report('invented', sighting, 'nobody ever wrote that here', findings);
      return;
    }
    if (put.outcome.kind === 'refused') this.#report('refused-appears', sighting, `that is from ${describe(put)}`, findings);
    else if (put.invokedSequence > sighting.sequence) this.#report('invented', sighting, `that was before ${describe(put)}`, findings);
    const bound = this.#bindingByVersion.get(nameOf(sighting.version));
    if (bound === undefined) this.#addVersion(sighting, put, findings);
    else if (bound.value !== value) this.#reportTwoValues(sighting, bound, findings);
  }

  #addVersion(sighting: Sighting, put: Operation, findings: Findings): void {
    const { version, value } = sighting;
    this.#bind(version, value, put);
    const { outcome } = put;
    const versions = this.#versionsByPut.get(put) ?? [];
    if (outcome.kind === 'acknowledged' && compareVersions(version, outcome.version) > 0) {
      this.#report('too-many-versions', sighting, `that is newer than ${describe(put)}`, findings);
    } else if (versions.length > VERSIONS_PER_WRITE_MAX) {
      const others = versions.filter((other) => other !== version).map((other) => versionToString(other));
      this.#report('too-many-versions', sighting, `${others.join(' and ')} came from ${describe(put)} too`, findings);
    }
  }

  #seeTombstone(sighting: Sighting, findings: Findings): void {
    const { version, sequence } = sighting;
    const bound = this.#bindingByVersion.get(nameOf(version));
    if (bound === undefined) {
      this.#bind(version, null, null);
      this.#explainTombstone(sighting, findings);
    } else if (bound.value !== null) {
      this.#reportTwoValues(sighting, bound, findings);
    } else if (bound.writtenBy !== null && bound.writtenBy.invokedSequence > sequence) {
      this.#report('invented', sighting, `that was before ${describe(bound.writtenBy)}`, findings);
    }
  }

  /** O4. */
  #explainTombstone(sighting: Sighting, findings: Findings): void {
    const before = this.#deletes.filter((remove) => remove.invokedSequence < sighting.sequence);
    if (!before.some((remove) => mayHaveVersion(remove, sighting.version))) {
      const refused = before.find((remove) => remove.outcome.kind === 'refused');
      if (refused === undefined) this.#report('invented', sighting, 'no delete can have written that', findings);
      else this.#report('refused-appears', sighting, `only ${describe(refused)} can have written that`, findings);
      return;
    }
    this.#unnamedTombstones++;
    const explained = before.reduce((sum, remove) => sum + unnamedVersionsMax(remove), 0);
    if (this.#unnamedTombstones <= explained) return;
    this.#report('too-many-versions', sighting, `the ${before.length} deletes before can have written ${explained} tombstones that nobody was told of, not ${this.#unnamedTombstones}`, findings);
  }

  #addPut(put: Operation): void {
    const value = put.value ?? '';
    const other = this.#putByValue.get(value);
    if (other !== undefined) throw new RangeError(`values must be unique over a run: ${describe(put)} and ${describe(other)}`);
    this.#putByValue.set(value, put);
  }

  #bind(version: Version, value: string | null, writtenBy: Operation | null): void {
    this.#bindingByVersion.set(nameOf(version), { value, writtenBy });
    if (writtenBy === null || writtenBy.kind === 'delete') return;
    const versions = this.#versionsByPut.get(writtenBy);
    if (versions === undefined) this.#versionsByPut.set(writtenBy, [version]);
    else versions.push(version);
  }

  #reportTwoValues(sighting: Sighting, bound: Binding, findings: Findings): void {
    const writer = bound.writtenBy === null ? 'as it was seen before' : `from ${describe(bound.writtenBy)}`;
    this.#report('two-values', sighting, `that version is ${bound.value === null ? 'a tombstone' : JSON.stringify(bound.value)} ${writer}`, findings);
  }

  #report(rule: Rule, { version, value, by }: Sighting, why: string, findings: Findings): void {
    const place = typeof by === 'string' ? `${by} holds` : `${describe(by)} returned`;
    findings.add(rule, this.#key, `${place} ${describeSeen(version, value)}, but ${why}`);
  }
}

/** The version that the client was told of a write. */
export function versionToldOf({ kind, outcome }: Operation): Version | null {
  return kind !== 'get' && (outcome.kind === 'acknowledged' || outcome.kind === 'unknown') ? outcome.version : null;
}

/** O4: whether this delete can have written a tombstone with a version that nobody was told of. */
function mayHaveVersion({ outcome }: Operation, version: Version): boolean {
  return outcome.kind === 'unknown' || (outcome.kind === 'acknowledged' && compareVersions(version, outcome.version) < 0);
}

function unnamedVersionsMax(remove: Operation): number {
  if (remove.outcome.kind === 'refused') return 0;
  return VERSIONS_PER_WRITE_MAX - (versionToldOf(remove) === null ? 0 : 1);
}

function nameOf({ timestamp, writer }: Version): string {
  return `${timestamp}-${writer}`;
}
