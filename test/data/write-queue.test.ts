import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WriteQueue, bytesOfAll } from '../../data/write-queue.ts';
import type { WriteIntent, WriteOutcome } from '../../data/write-group.ts';
import { put } from '../support/lone-store.ts';

const intents = (count: number, from = 0): WriteIntent[] => Array.from({ length: count }, (_, index) => put(`k${from + index}`, 1));
const push = (queue: WriteQueue, count: number, urgency: 'foreground' | 'background', done: (outcomes: readonly WriteOutcome[]) => void = () => undefined): void => {
  const all = intents(count);
  queue.push(all, bytesOfAll(all), done, urgency);
};
const sizes = (queue: WriteQueue): readonly number[] => queue.takeGroup().map((item) => item.intents.length);

describe('WriteQueue', () => {
  it('takes little of the background beside others and after them, and more when it is alone', () => {
    const queue = new WriteQueue(1 << 20);
    push(queue, 1_000, 'background');
    push(queue, 3, 'foreground');
    push(queue, 4, 'foreground');
    expect(sizes(queue)).toStrictEqual([3, 4, 64]);
    expect(sizes(queue)).toStrictEqual([64]);
    expect(sizes(queue)).toStrictEqual([64, 64, 64, 64, 64, 64, 64, 64]);
    push(queue, 1, 'foreground');
    expect(sizes(queue)).toStrictEqual([1, 64]);
  });

  it('takes no more than the limit of bytes, but always one', () => {
    const one = bytesOfAll(intents(1));
    const queue = new WriteQueue(2 * one);
    push(queue, 3, 'foreground');
    for (let count = 0; count < 3; count++) push(queue, 1, 'foreground');
    push(queue, 70, 'background');
    expect([sizes(queue), sizes(queue), sizes(queue), sizes(queue), sizes(queue), queue.isEmpty]).toStrictEqual([[3], [1, 1], [1], [64], [6], true]);
  });

  it('loses nothing, keeps order and bytes, and answers each write once with its own outcomes', () => {
    let groups = 0;
    fc.assert(
      fc.property(fc.array(fc.record({ count: fc.nat(200), isBackground: fc.boolean(), takes: fc.nat(2) }), { maxLength: 30 }), fc.boolean(), (writes, isDrained) => {
        const queue = new WriteQueue(40_000);
        const answers = writes.map(() => [] as (readonly WriteOutcome[])[]);
        const seen = { foreground: [] as number[], background: [] as number[] };
        const take = (): void => {
          for (const item of queue.takeGroup()) item.done(item.intents.map(outcomeOf));
          groups++;
        };
        for (const [index, { count, isBackground, takes }] of writes.entries()) {
          const all = intents(count, index * 1_000);
          const urgency = isBackground ? 'background' : 'foreground';
          queue.push(all, bytesOfAll(all), (outcomes) => {
            answers[index]?.push(outcomes);
            seen[count === 0 ? 'foreground' : urgency].push(index);
          }, urgency);
          for (let times = 0; times < takes; times++) take();
        }
        if (isDrained) for (const item of queue.drain()) item.done(item.intents.map(outcomeOf));
        else while (!queue.isEmpty) take();
        expect([queue.bytes, queue.isEmpty]).toStrictEqual([0, true]);
        for (const order of [seen.foreground, seen.background]) expect(order).toStrictEqual(order.toSorted((a, b) => a - b));
        for (const [index, { count }] of writes.entries()) expect(answers[index]).toStrictEqual([intents(count, index * 1_000).map(outcomeOf)]);
      }),
    );
    expect(groups).toBeGreaterThan(100);
  });
});

/** An outcome that says whose it is. */
function outcomeOf(intent: WriteIntent): WriteOutcome {
  if (intent.kind !== 'record') throw new Error('not a record');
  return { status: 'superseded', version: { timestamp: Number(Buffer.from(intent.key).toString().slice(1)), writer: 1 } };
}
