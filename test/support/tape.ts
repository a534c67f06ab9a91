/**
 * As much of tape as abstract-level's suite uses, each of its tests as one of vitest's, and as strict as tape: an assertion
 * that fails is noted and the test goes on; a planned number must be met exactly; a test ends with its plan or with `end`,
 * and no earlier than the promise it returned; what is asserted or ended after the end is a failure, of the whole file
 * when its test is over. What the suite does not call is not here, so that calling it fails.
 */
import { setImmediate as soon } from 'node:timers/promises';
import { inspect, isDeepStrictEqual } from 'node:util';

export interface TapeAssertions {
  plan(count: number): void;
  end(): void;
  is(actual: unknown, expected: unknown, message?: string): void;
  isNot(actual: unknown, expected: unknown, message?: string): void;
  same(actual: unknown, expected: unknown, message?: string): void;
  ok(value: unknown, message?: string): void;
  pass(message?: string): void;
  fail(message?: string): void;
  throws(work: () => unknown, expected?: RegExp | ((error: unknown) => boolean), message?: string): void;
  doesNotThrow(work: () => unknown, message?: string): void;
}

export type TapeBody = (t: TapeAssertions) => unknown;

/** One test from its start to its end, and what it asserts after that. */
export class TapeTest implements TapeAssertions {
  assertions = 0;
  readonly failures: string[] = [];
  /** What came after the end. */
  readonly lateFailures: string[] = [];
  #planned: number | null = null;
  #isEnded = false;
  #isOver = false;
  #ended: () => void = () => undefined;
  readonly #end = new Promise<void>((resolve) => (this.#ended = resolve));

  /** Resolves when the test is over: its failures are then final. Never resolves for a test that never ends. */
  async run(body: TapeBody): Promise<void> {
    const returned = body(this);
    if (isThenable(returned)) {
      await returned;
      // An assertion that its last callbacks still make comes before the end, as it does in tape.
      if (!this.#isEnded && !this.#isPlanMet()) this.end();
    }
    await this.#end;
    // One more than planned, made at once, is seen while the test is not over yet.
    await soon();
    this.#isOver = true;
    if (this.#planned !== null && this.assertions !== this.#planned) this.failures.push(`planned ${this.#planned} assertions, made ${this.assertions}`);
  }

  plan(count: number): void {
    this.#planned = count;
    if (count === this.assertions) this.#finish();
  }

  end(): void {
    if (this.#isEnded && this.#planned === null) this.#note('ended twice');
    this.#finish();
  }

  is(actual: unknown, expected: unknown, message = 'is'): void {
    this.#assert(Object.is(actual, expected), message, () => `${show(actual)} is not ${show(expected)}`);
  }

  isNot(actual: unknown, expected: unknown, message = 'isNot'): void {
    this.#assert(!Object.is(actual, expected), message, () => `both are ${show(actual)}`);
  }

  same(actual: unknown, expected: unknown, message = 'same'): void {
    this.#assert(isDeepStrictEqual(actual, expected), message, () => `${show(actual)} is not as ${show(expected)}`);
  }

  ok(value: unknown, message = 'ok'): void {
    this.#assert(Boolean(value), message, () => `${show(value)} is falsy`);
  }

  pass(message = 'pass'): void {
    this.#assert(true, message, () => '');
  }

  fail(message = 'fail'): void {
    this.#assert(false, message, () => 'must not be reached');
  }

  throws(work: () => unknown, expected?: RegExp | ((error: unknown) => boolean), message = 'throws'): void {
    const thrown = thrownBy(work);
    const fits = thrown !== null && (expected === undefined || (expected instanceof RegExp ? expected.test(String(thrown.error)) : expected(thrown.error)));
    this.#assert(fits, message, () => (thrown === null ? 'nothing was thrown' : `thrown was ${show(thrown.error)}`));
  }

  doesNotThrow(work: () => unknown, message = 'doesNotThrow'): void {
    const thrown = thrownBy(work);
    this.#assert(thrown === null, message, () => `thrown was ${show(thrown?.error)}`);
  }

  #assert(isTrue: boolean, message: string, why: () => string): void {
    this.assertions += 1;
    if (this.#isOver || (this.#isEnded && this.#planned === null)) this.#note(`asserted after the end: ${message}`);
    if (!isTrue) this.#note(`${message}: ${why()}`);
    if (this.#isPlanMet()) this.#finish();
  }

  #isPlanMet(): boolean {
    return this.#planned !== null && this.assertions >= this.#planned;
  }

  #note(failure: string): void {
    (this.#isOver ? this.lateFailures : this.failures).push(failure);
  }

  #finish(): void {
    this.#isEnded = true;
    this.#ended();
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function thrownBy(work: () => unknown): { readonly error: unknown } | null {
  try {
    work();
    return null;
  } catch (error) {
    return { error };
  }
}

function show(value: unknown): string {
  return inspect(value, { breakLength: Infinity, compact: true });
}
