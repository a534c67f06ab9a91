/** Runs before each test file: one seed for all its properties, printed once when a test of the file fails. */
import fc from 'fast-check';
import { afterEach } from 'vitest';

const seed = Number.parseInt(process.env['PROPERTY_SEED'] ?? '', 10);
if (!Number.isSafeInteger(seed)) throw new Error('PROPERTY_SEED must be a whole number');
fc.configureGlobal({ seed });

let isPrinted = false;

afterEach(({ task }) => {
  if (isPrinted || task.result?.state !== 'fail') return;
  isPrinted = true;
  process.stderr.write(`${task.file.name}: run again with PROPERTY_SEED=${seed}\n`);
});
