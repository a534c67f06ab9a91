/** Runs every step of the scenario and tells the server that brought the page what came of each. */
import type { Inputs, RingLevel } from './page.ts';
import { STEPS } from './scenario.ts';

export async function run(ringLevel: RingLevel): Promise<void> {
  const errors: string[] = [];
  addEventListener('error', ({ message }) => errors.push(message));
  addEventListener('unhandledrejection', ({ reason }) => errors.push(String(reason)));
  const inputs = (await (await fetch('/inputs')).json()) as Inputs;
  const steps: { name: string; error: string | null }[] = [];
  for (const [name, step] of Object.entries(STEPS)) {
    try {
      await step(ringLevel, inputs);
      steps.push({ name, error: null });
    } catch (error) {
      steps.push({ name, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  }
  await fetch('/report', { method: 'POST', body: JSON.stringify({ steps, errors, userAgent: navigator.userAgent }) });
}
