/** Tells, on standard error, how far a benchmark is; its results go to standard output. */
export function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
