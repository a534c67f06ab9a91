/** Prints `N passed, N failed` alone on the last line, for people in a hurry and for scripts. */
import type { Reporter } from 'vitest/node';

type TestRunEnd = NonNullable<Reporter['onTestRunEnd']>;

export class PlainLineReporter implements Reporter {
  onTestRunEnd(...[modules, unhandledErrors]: Parameters<TestRunEnd>): void {
    let passed = 0;
    // An error outside every test, or a file that does not load, is a failure too.
    let failed = unhandledErrors.length;
    for (const module of modules) {
      failed += module.errors().length;
      for (const suite of module.children.allSuites()) failed += suite.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed++;
        if (state === 'failed') failed++;
      }
    }
    process.stdout.write(`${passed} passed, ${failed} failed\n`);
  }
}
