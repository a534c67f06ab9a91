/** Where a command writes. A port, so that commands can be tested without a terminal. */
import { once } from 'node:events';

export interface Output {
  /** One line on standard output. */
  line(text: string): void;
  /** Bytes on standard output, as they are, then a newline. */
  bytes(data: Uint8Array): void;
  /** One line on standard error. */
  problem(text: string): void;
  /** Resolves when standard output takes more. Left out where it always does. */
  room?(): Promise<void>;
}

export function processOutput(): Output {
  return {
    line: (text) => void process.stdout.write(`${text}\n`),
    bytes: (data) => void process.stdout.write(Buffer.concat([data, Buffer.from('\n')])),
    problem: (text) => void process.stderr.write(`${text}\n`),
    room: async () => {
      if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain');
    },
  };
}
