// The ten lines of the README. Needs a running cluster (npm start): node examples/quick-start.mjs
/* oxlint-disable no-console */
import { RingClient, versionToString } from 'ring-level';

const ring = new RingClient(process.argv[2]?.split(',') ?? ['ws://127.0.0.1:7400', 'ws://127.0.0.1:7401']);
const written = await ring.put('user1', 'alice', { consistency: 'quorum' });
console.log('version', versionToString(written.version), 'on the disks of nodes', written.durableOn);
const value = await ring.get('user1');
console.log(value === null ? 'absent' : new TextDecoder().decode(value));
await ring.delete('user1');
console.log(await ring.get('user1')); // null
await ring.close();
