/** Python programs for tests, where there is a Python that has the packages which the examples use. */
import { execFileSync, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Ended } from './processes.ts';

const ANSWER_TIMEOUT_MS = 60_000;
const DRIVER = fileURLToPath(new URL('../examples/ring_level_driver.py', import.meta.url));
/** That of the distribution has its packages also where another one stands before it in PATH. */
const CANDIDATES = ['python3', '/usr/bin/python3'];

export const PYTHON_NEEDS = 'a python3 that can import websockets and msgpack (Debian: apt-get install python3-websockets python3-msgpack)';

/** A Python 3.9 or later that has them; null when there is none. */
export function findPython(): string | null {
  const has = 'import sys, websockets, msgpack; sys.exit(sys.version_info < (3, 9))';
  const works = (python: string): boolean => {
    try {
      execFileSync(python, ['-c', has], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  };
  return CANDIDATES.find(works) ?? null;
}

/** Runs a program to its end; one that does not end in time is killed. */
export async function runPython(python: string, programArguments: readonly string[], timeoutMs = 60_000): Promise<Ended> {
  const child = spawn(python, ['-B', ...programArguments], { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs, killSignal: 'SIGKILL' });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve({ status, signal, output }));
  });
}

export interface DriverError {
  readonly code: string;
  readonly message: string;
  readonly number: number;
  readonly retryable: boolean;
  readonly required: number;
  readonly received: number;
  readonly version: string | null;
  readonly isOutcomeUnknown: boolean;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: DriverError;
}

/** A client in Python that does what the test says: test/examples/ring_level_driver.py. */
export class PythonClient implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number, (answer: Answer | Error) => void>();
  readonly #ended: Promise<void>;
  #lastId = 0;
  #complaints = '';

  constructor(python: string, urls: readonly string[]) {
    this.#child = spawn(python, ['-B', DRIVER, ...urls]);
    this.#child.stderr.on('data', (chunk: Buffer) => (this.#complaints += chunk.toString('utf8')));
    this.#child.stdin.on('error', () => undefined);
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const answer = JSON.parse(line) as Answer;
      this.#waiting.get(answer.id)?.(answer);
      this.#waiting.delete(answer.id);
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', () => {
        for (const settle of this.#waiting.values()) settle(new Error(`the Python client ended: ${this.#complaints}`));
        resolve();
      });
    });
  }

  /** What the command gave. Throws when it ended in an error. */
  async ask(command: string, fields: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const { result, error } = await this.#send(command, fields);
    if (error !== undefined) throw new Error(`${command} in Python: ${JSON.stringify(error)}`);
    return result;
  }

  /** The error in which the command ended. Throws when it did not. */
  async errorOf(command: string, fields: Readonly<Record<string, unknown>> = {}): Promise<DriverError> {
    const { result, error } = await this.#send(command, fields);
    if (error === undefined) throw new Error(`${command} in Python did not fail: ${JSON.stringify(result)}`);
    return error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), ANSWER_TIMEOUT_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  async #send(command: string, fields: Readonly<Record<string, unknown>>): Promise<Answer> {
    const id = ++this.#lastId;
    const answer = new Promise<Answer>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the Python client did not answer ${command} in ${ANSWER_TIMEOUT_MS} ms: ${this.#complaints}`)), ANSWER_TIMEOUT_MS);
      this.#waiting.set(id, (answer) => {
        clearTimeout(timer);
        if (answer instanceof Error) reject(answer);
        else resolve(answer);
      });
    });
    this.#child.stdin.write(`${JSON.stringify({ id, do: command, ...fields })}\n`);
    return answer;
  }
}
