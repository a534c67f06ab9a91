/** Ranges of one origin: one at a time, in order, and no more waiting than there may be. */
import { describe, expect, it } from 'vitest';
import { encodeRecord, nodeId } from '../../data/index.ts';
import { RangeQueue } from '../../node/range-queue.ts';
import { RANGE_STATUS, TYPE, type RangeMessage, type RangeRecordsMessage } from '../../wire/index.ts';
import { at, text } from '../support/lone-store.ts';
import { openStoreNode, placementOf, settle, type StoreNode } from '../support/store-node.ts';

const WAITING_MAX = 1_024;
const range = (id: number, entriesMax = 1_000): RangeMessage => [TYPE.range, id, null, null, entriesMax, 1_048_576, 0];

async function filledNode(records: number): Promise<StoreNode> {
  const node = await openStoreNode(nodeId(0), placementOf(1, 1));
  const names = Array.from({ length: records }, (_, index) => text(String(index).padStart(4, '0')));
  await node.store.writeAll(names.map((key) => ({ kind: 'record', key, record: encodeRecord(key, at(1), key), hintFor: [] })));
  return node;
}

interface Queue {
  readonly queue: RangeQueue;
  readonly replies: readonly RangeRecordsMessage[];
  /** Turns of the event loop that were waited for. */
  turns(): number;
}

function queueOf(node: StoreNode, isFull: () => boolean = () => false): Queue {
  const replies: RangeRecordsMessage[] = [];
  let turns = 0;
  const queue = new RangeQueue({
    ranges: node.ranges,
    time: {
      soon: (work) => {
        turns++;
        setImmediate(work);
      },
    },
    isFull,
    reply: (reply) => replies.push(reply),
    report: (error) => {
      throw error;
    },
  });
  return { queue, replies, turns: () => turns };
}

async function untilAnswered({ replies }: Queue, count: number): Promise<void> {
  for (let looks = 0; replies.length < count; looks++) {
    if (looks > 10_000) throw new Error('the ranges are not read');
    await settle();
  }
}

describe('a queue of ranges', () => {
  it('reads one after the other, with a turn between slices', async () => {
    const queue = queueOf(await filledNode(300));
    for (const id of [2, 4, 6]) queue.queue.push(range(id, id === 4 ? 64 : 1_000));
    await untilAnswered(queue, 3);
    expect(queue.replies.map(([, id, status, pairs, resume]) => [id, status, pairs.length / 2, resume === null])).toStrictEqual([
      [2, RANGE_STATUS.ok, 300, true],
      [4, RANGE_STATUS.ok, 64, false],
      [6, RANGE_STATUS.ok, 300, true],
    ]);
    expect(queue.turns()).toBe(4 + 0 + 4);
  });

  it('answers at once what is beyond those that may wait, and what nobody takes', async () => {
    const queue = queueOf(await filledNode(1));
    const count = WAITING_MAX + 10;
    for (let id = 0; id < count; id++) queue.queue.push(range(id));
    await untilAnswered(queue, count);
    expect(queue.replies.filter(([, , status]) => status === RANGE_STATUS.failed).map(([, id]) => id)).toStrictEqual(Array.from({ length: 9 }, (_, index) => WAITING_MAX + 1 + index));
    const full = queueOf(await filledNode(1), () => true);
    full.queue.push(range(8));
    await untilAnswered(full, 1);
    expect(full.replies).toStrictEqual([[TYPE.rangeRecords, 8, RANGE_STATUS.failed, [], null]]);
  });

  it('says that it failed when the store cannot be read, and goes on', async () => {
    const node = await filledNode(1);
    await node.store.close();
    const queue = queueOf(node);
    queue.queue.push(range(2));
    queue.queue.push(range(4));
    await untilAnswered(queue, 2);
    expect(queue.replies.map(([, id, status]) => [id, status])).toStrictEqual([[2, RANGE_STATUS.failed], [4, RANGE_STATUS.failed]]);
  });
});
