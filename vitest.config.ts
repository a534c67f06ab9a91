import { defineConfig } from 'vitest/config';
import { PlainLineReporter } from './test/plain-line-reporter.ts';

/** One seed for all property tests of a run; set PROPERTY_SEED to run again with that of a failure. */
const seed = process.env['PROPERTY_SEED'] ?? String(Math.floor(Math.random() * 0x7fff_ffff));

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    setupFiles: ['test/setup.ts'],
    env: { PROPERTY_SEED: seed },
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Clusters of processes: more at once than cores only makes each slower.
    maxWorkers: 2,
    maxConcurrency: 2,
    reporters: ['default', new PlainLineReporter()],
  },
});
