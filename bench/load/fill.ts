/** Writes the records that a load begins with. */
import type { FillPlan } from './generator-messages.ts';
import { ValueTable, keyOf } from './records.ts';
import type { StoreClient } from './store-client.ts';

const IN_FLIGHT_MAX = 2_048;
/** Of values on their way: far less than the client's queue holds. */
const OUTSTANDING_BYTES = 16 * 1_048_576;

/** Keys 0 … records−1, each once. Rejects with the first write that fails. */
export async function fill(client: StoreClient, { records, keyBytes, valueBytes }: Omit<FillPlan, 'target'>): Promise<void> {
  const values = new ValueTable(valueBytes);
  const inFlight = Math.max(1, Math.min(IN_FLIGHT_MAX, Math.floor(OUTSTANDING_BYTES / Math.max(1, valueBytes))));
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < records) await client.write(keyOf(next++, keyBytes), values.next());
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, records) }, worker));
}
