/**
 * `npm run soak -- --seconds 75 --replication-factor 3`: 24 writers against three daemons that are killed (SIGKILL, one
 * or all), stopped (SIGSTOP) and started again at random; in the end every key is read through every node at level
 * `all` and must hold its last acknowledged write, or a later one of unknown outcome. Exit status 1 when one does not.
 *
 * Each writer has its own keys and awaits each write, so "last acknowledged" is a matter of order and not of luck.
 */
import { parseArgs } from 'node:util';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { RingClient, RingError } from '../client/index.ts';
import { startDaemons } from './bench-cluster.ts';

/** What one key may hold. `null` stands for deleted. */
interface KeyHistory {
  acknowledged: string | null;
  /** Writes after that whose outcome is not known. */
  readonly possible: Set<string | null>;
}

const NODES = 3;
const WRITERS = 24;
const KEYS_PER_WRITER = 50;
const DELETE_SHARE = 0.1;
const CONVERGE_MS = 120_000;

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '75' }, 'replication-factor': { type: 'string', default: '3' } } });
const replicationFactor = Number(values['replication-factor']);
const directory = await mkdtemp(join(tmpdir(), 'ring-level-soak-'));
const cluster = await startDaemons(directory, NODES, replicationFactor, []);
const histories = new Map<string, KeyHistory>();
const counts = { acknowledged: 0, unknown: 0, refused: 0, kills: 0, pauses: 0 };
const load = { isOver: false };

const writers = Array.from({ length: WRITERS }, (_, writer) => write(writer));
await disturb(performance.now() + Number(values.seconds) * 1000);
load.isOver = true;
await Promise.all(writers);
await waitConverged();
const wrong = await check();
process.stdout.write(`replication factor ${replicationFactor}, ${histories.size} keys: ${JSON.stringify({ ...counts, wrong })}\n`);
await cluster.stop();
await rm(directory, { recursive: true, force: true });
// A soak in which nothing happened shows nothing.
process.exitCode = wrong === 0 && counts.acknowledged > 0 && counts.kills > 0 ? 0 : 1;

async function write(writer: number): Promise<void> {
  const [first, ...others] = [0, 1, 2].map((i) => cluster.urls[(writer + i) % NODES] ?? '');
  const client = new RingClient([first ?? '', ...others]);
  for (let number = 1; !load.isOver; number++) {
    const key = `w${writer}-k${Math.floor(Math.random() * KEYS_PER_WRITER)}`;
    const history = historyOf(key);
    const value = Math.random() < DELETE_SHARE ? null : String(number);
    try {
      await (value === null ? client.delete(key) : client.put(key, value));
      history.acknowledged = value;
      history.possible.clear();
      counts.acknowledged++;
    } catch (error) {
      if (!(error instanceof RingError)) throw error;
      if (error.isOutcomeUnknown) {
        history.possible.add(value);
        counts.unknown++;
      } else {
        counts.refused++;
      }
    }
  }
  await client.close();
}

function historyOf(key: string): KeyHistory {
  const known = histories.get(key);
  if (known !== undefined) return known;
  const history: KeyHistory = { acknowledged: null, possible: new Set() };
  histories.set(key, history);
  return history;
}

async function disturb(untilMs: number): Promise<void> {
  while (performance.now() < untilMs) {
    const node = Math.floor(Math.random() * NODES);
    const choice = Math.random();
    if (choice < 0.25) {
      cluster.pauseNode(node);
      await delay(300 + Math.random() * 3000);
      cluster.resumeNode(node);
      counts.pauses++;
    } else {
      const nodes = choice < 0.85 ? [node] : [0, 1, 2];
      await Promise.all(nodes.map(async (one) => cluster.killNode(one)));
      counts.kills += nodes.length;
      await delay(nodes.length === 1 ? Math.random() * 1500 : 0);
      await Promise.all(nodes.map(async (one) => cluster.startNode(one)));
    }
    await delay(300 + Math.random() * 1000);
  }
}

async function waitConverged(): Promise<void> {
  const client = new RingClient(cluster.urls);
  const deadline = performance.now() + CONVERGE_MS;
  for (;;) {
    const { converged, reasons } = await client.converged();
    if (converged) break;
    if (performance.now() > deadline) throw new Error(`not converged: ${reasons.join('; ')}`);
    await delay(100);
  }
  await client.close();
}

/** How many keys hold, on some node, what they must not. */
async function check(): Promise<number> {
  const clients = cluster.urls.map((url) => new RingClient(url));
  let found = 0;
  for (const [key, { acknowledged, possible }] of histories) {
    const held = await Promise.all(clients.map(async (client) => client.get(key, { consistency: 'all' })));
    const texts = held.map((bytes) => (bytes === null ? null : Buffer.from(bytes).toString()));
    const [first = null] = texts;
    if (texts.every((text) => text === first) && (first === acknowledged || possible.has(first))) continue;
    found++;
    process.stdout.write(`${key}: ${JSON.stringify(texts)}, acknowledged ${acknowledged ?? 'deleted'}, possible ${JSON.stringify([...possible])}\n`);
  }
  await Promise.all(clients.map(async (client) => client.close()));
  return found;
}
