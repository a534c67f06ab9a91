/** The generator's process: does what it is asked over IPC, tells the outcome, and is then ended by its parent. */
import { messageOf } from '../../cli/errors.ts';
import { REAL_CLOCK } from './clock.ts';
import { fill } from './fill.ts';
import type { FillPlan, GeneratorEvent, GeneratorRequest } from './generator-messages.ts';
import { Generator } from './generator.ts';
import type { LoadPlan } from './plan.ts';
import { connectStore, targetOfClient } from './store-client.ts';

let goOn: () => void = () => undefined;

process.on('disconnect', () => process.exit());
// Ctrl-C reaches the whole group at once; what it means is decided by the parent.
process.on('SIGINT', () => undefined);
process.on('message', (request: GeneratorRequest) => {
  if (request.kind === 'measure') {
    goOn();
    return;
  }
  (request.kind === 'load' ? load(request.plan) : fillStore(request.plan)).then(tell).catch((error: unknown) => tell({ kind: 'failed', message: messageOf(error) }));
});

async function load(plan: LoadPlan): Promise<GeneratorEvent> {
  const clients = await Promise.all(Array.from({ length: plan.clients }, async (_, index) => connectStore(targetOfClient(plan.target, index))));
  const result = await new Generator(plan, clients, REAL_CLOCK).run(async () => {
    await new Promise<void>((resolve) => {
      goOn = resolve;
      tell({ kind: 'warm' });
    });
  });
  await Promise.all(clients.map(async (client) => client.close()));
  return { kind: 'measured', result };
}

async function fillStore(plan: FillPlan): Promise<GeneratorEvent> {
  const client = await connectStore(plan.target);
  await fill(client, plan);
  await client.close();
  return { kind: 'filled' };
}

function tell(event: GeneratorEvent): void {
  process.send?.(event);
}
